"""Two gene panels become one ordering."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from napari_inclust.data.panel import align
from napari_inclust.data.section import Reference, Section
from napari_inclust.errors import PanelError

SHARED = [f"Gene{i}" for i in range(12)]


def make(genes, columns=None, cls=Reference):
    adata = ad.AnnData(np.ones((5, len(genes)), dtype=np.float32), var=pd.DataFrame(columns or {}, index=genes))
    adata.obsm["spatial"] = np.random.default_rng(0).uniform(0, 10, (5, 2))
    return cls.from_adata(adata, name="section" if cls is Section else "reference")


def panel(target, reference, /, **columns):
    return align(make(target, columns.get("target"), Section), make(reference, columns.get("reference")))


def test_shared_genes_come_first_then_target_only_then_reference_only():
    p = panel(["Only", *SHARED], [*SHARED[::-1], "New1", "New2"])
    assert p.shared == tuple(SHARED)
    assert p.target_only == ("Only",)
    assert p.reference_only == ("New1", "New2")
    assert [(["Only", *SHARED])[c] for c in p.target_columns] == [*SHARED, "Only"]
    assert [([*SHARED[::-1], "New1", "New2"])[c] for c in p.reference_columns] == [*SHARED, "New1", "New2"]


def test_names_that_differ_in_case_are_matched_and_reported():
    p = panel(SHARED, [g.upper() for g in SHARED])
    assert p.n_shared == 12
    assert p.notes == (
        "12 genes matched ignoring case (as in Gene0 = GENE0): check that both sets are of one species.",
    )


def test_an_exact_name_wins_over_one_that_differs_in_case():
    p = panel(SHARED, ["GENE0", *SHARED])
    assert p.reference_columns[0] == 1
    assert p.reference_only == ("GENE0",)


@pytest.mark.parametrize("side", ["target", "reference"])
def test_ensembl_ids_are_matched_to_symbols_by_a_column_of_either_side(side):
    ids = [f"ENSMUSG{i:011d}.3" for i in range(12)]
    if side == "target":
        p = panel(SHARED, ids, target={"gene_ids": [i.split(".")[0] for i in ids]})
        assert p.notes == ("genes matched by the Ensembl ids in var['gene_ids'] of section.",)
    else:
        p = panel(SHARED, ids, reference={"gene_symbol": SHARED})
        assert p.notes == ("genes matched by the symbols in var['gene_symbol'] of reference.",)
    assert p.shared == tuple(SHARED)


def test_ids_against_symbols_without_a_column_say_what_to_do():
    with pytest.raises(PanelError, match=r"share 0 genes; at least 10.*Gene0.*ENSMUSG.*gene_symbol"):
        panel(SHARED, [f"ENSMUSG{i:011d}" for i in range(12)])


def test_fewer_than_ten_shared_genes_are_refused():
    with pytest.raises(PanelError, match="share 9 genes; at least 10"):
        panel(SHARED[:9], SHARED)


def test_blank_and_control_probes_are_left_out_and_reported():
    p = panel([*SHARED, "Blank-1", "NegPrb3"], [*SHARED, "Blank-1"])
    assert p.controls == ("Blank-1", "NegPrb3")
    assert p.n_shared == 12
    assert p.n_target_only == 0
    assert p.n_reference_only == 0
    assert "2 control probes left out" in p.notes[0]


def test_a_gene_is_found_by_its_name_in_any_case_and_a_wrong_one_suggests_the_nearest():
    p = panel(SHARED, [*SHARED, "Sox2"])
    assert p.index("sox2") == 12
    with pytest.raises(PanelError, match=r"no gene 'Sox22'.*Did you mean Sox2"):
        p.index("Sox22")


def test_cells_and_genes_that_are_zero_everywhere_are_reported():
    target = make(SHARED, cls=Section)
    target.matrix[2] = 0
    target.matrix[:, 4] = 0
    assert align(target, make(SHARED)).notes == (
        "section: 1 cell and 1 shared gene without any count in the shared panel: kept, but nothing can be learnt from them.",
    )
