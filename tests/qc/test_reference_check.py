"""The check of a reference before training: real pairs, and mismatches made from them."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest

from napari_inclust.data.panel import align
from napari_inclust.data.section import Reference, Section
from napari_inclust.errors import DataError
from napari_inclust.io import demo
from napari_inclust.io.readers.dispatch import read_adata
from napari_inclust.qc.reference_check import ReferenceCheck, check_reference
from napari_inclust.qc.sanity import check_sanity_genes

from ..synthetic import N_EXTRA, N_SHARED, make_adata


@pytest.fixture(scope="module")
def hypothalamus() -> tuple[ad.AnnData, ad.AnnData]:
    return demo.demo_section(with_hidden=True).adata, demo.demo_reference().adata


def judged(section: ad.AnnData, reference: ad.AnnData, **words) -> ReferenceCheck:
    s, r = (
        Section.from_adata(section, plane=(0, 1) if section.obsm["spatial"].shape[1] == 3 else None),
        Reference.from_adata(reference),
    )
    return check_reference(s, r, align(s, r), **words)


def of(found: ReferenceCheck, what: str):
    return next(r for r in found.findings if r.what == what)


def shuffled(adata: ad.AnnData, share: float) -> tuple[ad.AnnData, list[str]]:
    """Some genes under each other's names."""
    adata, names = adata.copy(), np.array(adata.var_names)
    chosen = np.random.default_rng(0).permutation(len(names))[: int(share * len(names))]
    names[chosen] = np.roll(names[chosen], 1)
    adata.var_names = names
    return adata, list(names[chosen])


def test_a_pair_of_one_tissue_is_green_with_a_number_in_every_reason(hypothalamus):
    found = judged(*hypothalamus, labels="cell_type")
    assert found.light == "green"
    assert all(any(c.isdigit() for c in r.found) for r in found.findings)
    assert of(found, "gene correlations").found.startswith(
        "the shared genes' correlations with each other agree by 0.6"
    )
    assert "nothing speaks against" in found.summary


def test_genes_under_each_others_names_are_red_or_named(hypothalamus):
    section, reference = hypothalamus
    assert judged(section, shuffled(reference, 1)[0]).light == "red"
    some, swapped = shuffled(reference, 0.15)
    table = judged(section, some).table
    named = set(table.index[table["finding"] == "disagrees"])
    plain = judged(section, reference).table
    before = set(plain.index[plain["finding"] == "disagrees"])
    reliable = set(table.index[table["reliable"]]) & set(swapped)
    assert len(named & reliable) >= 0.5 * len(reliable)
    assert len(named - set(swapped) - before) <= 3


def test_a_reference_without_most_kinds_of_cells_is_not_green(hypothalamus):
    section, reference = hypothalamus
    glia = reference[reference.obs["cell_type"].isin(["Astrocytes", "Microglia"])].copy()
    found = judged(section, glia, labels="cell_type")
    assert found.light != "green"
    assert of(found, "kinds of cells").light != "green"
    neurons = found.groups[found.groups["finding"] == "unknown"]
    assert 0.3 < neurons["share"].sum() < 0.9


def test_a_missing_type_without_close_relatives_is_found_by_its_group(hypothalamus):
    section, reference = hypothalamus
    complete = judged(section, reference, labels="cell_type", section_labels="cell_class").groups
    without = reference[reference.obs["cell_type"] != "Endothelial"].copy()
    groups = judged(section, without, labels="cell_type", section_labels="cell_class").groups
    assert complete.loc["Endothelial 1", "finding"] == ""
    assert groups.loc["Endothelial 1", "resemblance"] < complete.loc["Endothelial 1", "resemblance"] - 0.3
    assert groups.loc["Endothelial 1", "finding"] in ("unknown", "doubtful")


def test_a_missing_type_with_a_similar_type_is_named_with_its_cells_and_genes(hypothalamus):
    section, reference = hypothalamus
    complete = judged(section, reference, labels="cell_type")
    assert not (complete.groups["finding"] == "missing").any()
    found = judged(
        section, reference[reference.obs["cell_type"] != "Mature oligodendrocyte"].copy(), labels="cell_type"
    )
    missing = found.groups[found.groups["finding"] == "missing"]
    true = section.obs["cell_class"].astype(str).str.startswith("OD Mature").mean()
    assert missing["share"].sum() == pytest.approx(true, abs=0.05)
    why = of(found, "kinds of cells")
    assert why.light == "amber"
    assert f"(about {missing['share'].sum() * section.n_obs:,.0f}) have no counterpart" in why.found
    assert "Opalin, Ermn" in why.found


def test_types_that_only_the_reference_has_are_named(hypothalamus):
    section, reference = hypothalamus
    complete = judged(section, reference, labels="cell_type").types
    few = judged(section[section.obs["cell_class"] != "Microglia"].copy(), reference, labels="cell_type").types
    assert complete.loc[["Microglia", "Astrocytes", "Inhibitory", "Endothelial"], "found"].all()
    assert not few.loc["Microglia", "found"]
    assert few.loc["Astrocytes", "found"]


def test_a_shallow_reference_is_reported_with_the_share_of_its_cells(hypothalamus):
    section, reference = hypothalamus
    thin = reference.copy()
    thin.X.data = np.random.default_rng(0).binomial(thin.X.data.astype(int), 0.1).astype(np.float32)
    thin.X.eliminate_zeros()
    depth = of(judged(section, thin), "depth of the reference")
    assert depth.light == "red"
    assert "% of cells have fewer than 5" in depth.found


def test_a_gene_silent_on_one_side_is_named(hypothalamus):
    section, reference = hypothalamus
    reference = reference.copy()
    dense = reference.X.toarray()
    dense[:, reference.var_names.get_loc("Gad1")] = 0
    reference.X = dense
    assert judged(section, reference).table.loc["Gad1", "finding"] == "silent in the reference"


def test_few_genes_and_one_labelled_type_are_reported(config):
    section, reference = (
        make_adata(300, 1, 1.0, slice(0, N_SHARED)),
        make_adata(240, 2, 2.0, slice(0, N_SHARED + N_EXTRA)),
    )
    found = judged(section, reference)
    assert found.light == "amber"
    assert f"{N_SHARED} shared genes" in of(found, "few shared genes").found
    reference.obs["cell_type"] = "one"
    with pytest.raises(DataError, match="labels need at least two"):
        judged(section, reference, labels="cell_type")


def test_constant_genes_and_empty_cells_give_numbers_and_no_nan_light():
    section, reference = (
        make_adata(300, 1, 1.0, slice(0, N_SHARED)),
        make_adata(240, 2, 2.0, slice(0, N_SHARED + N_EXTRA)),
    )
    for adata in (section, reference):
        dense = adata.X.toarray()
        dense[:, 0] = 0
        dense[:5] = 0
        adata.X = dense
    found = judged(section, reference)
    assert found.light in ("amber", "red")
    assert np.isnan(found.table.loc["Gene0", "agreement"])
    assert not found.table.loc["Gene0", "reliable"]
    assert np.isfinite(found.groups[["share", "resemblance", "chance"]].to_numpy()).all()


@pytest.mark.parametrize(
    ("section", "reference", "expected"),
    [
        ("insitu_drosophila", "scrna_drosophila", "green"), ("merfish_visp", "citeseq_pbmc_10x", "red"), ("merfish_visp", "scrna_hypothalamus", "red"),
        ("merfish_hypothalamus", "teaseq_pbmc_rna_adt", "red"), ("merfish_hypothalamus", "snare_cortex_rna", "red"), ("starmap_mpfc", "snare_cortex_rna", "amber"),
    ],
)  # fmt: skip
def test_the_light_of_real_pairs_and_mismatches(shared, section, reference, expected):
    assert judged(*(read_adata(shared / "data" / f"{name}.h5ad") for name in (section, reference))).light == expected


def test_sex_genes_and_controls_are_reported():
    section, reference = (
        make_adata(300, 1, 1.0, slice(0, N_SHARED)),
        make_adata(240, 2, 2.0, slice(0, N_SHARED + N_EXTRA)),
    )
    section.var_names = ["Xist", "Blank-1", *section.var_names[2:]]
    reference.var_names = ["Ddx3y", "Xist", *reference.var_names[2:]]
    dense = reference.X.toarray()
    dense[:, 1] = 0
    reference.X = dense
    s, r = Section.from_adata(section), Reference.from_adata(reference)
    found = check_sanity_genes(s, r, align(s, r))
    assert (found.section_sex, found.reference_sex, found.sexes_differ) == ("female", "male", True)
    assert set(found.sex_genes) == {"Xist", "Ddx3y"}
    assert found.controls == ("Blank-1",)
    assert "imputed Ddx3y show the sex of the reference" in found.note
    assert "never imputed" in found.note
    whole = check_reference(s, r, align(s, r))
    assert of(whole, "sanity genes").light == "amber"
