"""Generation on real cells whose truth is known: every way between paired modalities, three modalities, and accessibility for a tissue."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from napari_inclust.data import normalize as val
from napari_inclust.data.dataset import Dataset, Modality
from napari_inclust.data.feature_names import harmonise_feature_names
from napari_inclust.evaluation.metrics import pearson
from napari_inclust.multimodal.generate import generate
from napari_inclust.training.build_plan import build_plan
from napari_inclust.training.config import Config
from napari_inclust.training.trained import fit_plan

from ..training.test_tasks import SMALL, cells

QUICK = Config(epochs=6, device="cpu", threads=1)


def truth_of(data, block, features):
    m = data.modality(block)
    columns = [m.features.index(f) for f in features]
    if m.normalisation == "binary":
        return (m.matrix[:, columns].toarray() > 0).astype(np.float32)
    return val.lognormalise(m.matrix, "counts", m.size_factors)[:, columns].toarray()


def agreement(generated, data):
    """Median Pearson over the features that vary in the measured cells."""
    truth = truth_of(data, generated.block, generated.features)
    return float(np.median(pearson(truth, generated.values)[truth.std(0) > 0]))


def split(data, *sizes):
    """Random groups of cells, of the given sizes; the last takes the rest."""
    order = np.random.default_rng(0).permutation(data.n_cells)
    return [data.subset(np.sort(rows)) for rows in np.split(order, np.cumsum(sizes))]


@pytest.fixture(scope="module")
def snare(shared):
    rna, atac = (ad.read_h5ad(shared / "data" / f"snare_cortex_{m}.h5ad") for m in ("rna", "atac"))
    rows = np.sort(np.random.default_rng(0).permutation(rna.n_obs)[:1500])
    peaks = np.argsort(-np.asarray((atac.X > 0).mean(0)).ravel(), kind="stable")[:500]
    return Dataset.from_modalities(
        {"rna": rna[rows].copy(), "atac": atac[rows][:, np.sort(peaks)].copy()}, name="snare"
    )


@pytest.fixture(scope="module")
def teaseq(shared):
    return Dataset.from_adata(ad.read_h5ad(shared / "data" / "teaseq_pbmc_rna_adt.h5ad"), name="teaseq")


def every_way(whole, a, b, n_paired, n_each, covariates=()):
    """Paired cells and cells of each modality alone, trained together: {(from, to): agreement on the cells of one modality}."""
    paired, left, right, _ = split(whole, n_paired, n_each, n_each)
    sets = [
        paired.subset(np.arange(n_paired), "paired"),
        left.without_modalities(b).subset(np.arange(n_each), a),
        right.without_modalities(a).subset(np.arange(n_each), b),
    ]
    trained = fit_plan(build_plan("pair", sets, covariates=covariates), sets, QUICK)
    measured = {a: left, b: right}
    return {
        (one, other): agreement(generate(trained, one, other, inputs=(one,)), measured[one])
        for one in (a, b)
        for other in (a, b)
    }


def test_every_way_between_rna_and_proteins_with_batches(shared):
    whole = Dataset.from_adata(ad.read_h5ad(shared / "data" / "citeseq_pbmc_10x.h5ad"), name="citeseq")
    found = every_way(whole, "rna", "protein", 220, 80, covariates=["batch"])
    assert found["rna", "protein"] > 0.6
    assert found["protein", "rna"] > 0.12
    assert found["rna", "rna"] > 0.2
    assert found["protein", "protein"] > 0.7


def test_every_way_between_rna_and_accessibility_with_batches(snare):
    found = every_way(snare, "rna", "atac", 900, 300, covariates=["batch"])
    assert found["rna", "atac"] > 0.03
    assert found["atac", "rna"] > 0.008
    assert found["rna", "rna"] > 0.05
    assert found["atac", "atac"] > 0.05


def test_three_modalities_each_generated_where_it_was_not_measured(teaseq):
    """One set has proteins and half of the genes, the other both halves: proteins for the second, the other half for the first, both with a truth."""
    rna = teaseq.modality("rna")
    top = np.argsort(-np.asarray(rna.matrix.mean(0)).ravel(), kind="stable")[:1200]
    half = {"rna": top[::2], "other genes": top[1::2]}
    parts = tuple(
        Modality(name, tuple(rna.features[i] for i in columns), rna.matrix[:, columns], "library")
        for name, columns in half.items()
    )
    whole = Dataset("teaseq", teaseq.adata, (*parts, teaseq.modality("protein")))
    one, two = split(whole, 631)
    sets = [
        one.without_modalities("other genes").subset(np.arange(one.n_cells), "one"),
        two.without_modalities("protein").subset(np.arange(two.n_cells), "two"),
    ]
    trained = fit_plan(build_plan("bridge", sets, labels={"one": "cell_type"}), sets, QUICK)
    proteins, genes = generate(trained, "two", "protein"), generate(trained, "one", "other genes")
    assert agreement(proteins, two) > 0.5
    assert agreement(genes, one) > 0.18
    through = generate(trained, "two", "protein", inputs=("other genes",))  # its own modality alone, through the latent
    assert agreement(through, two) > 0.35
    called = np.array(trained.plan.classes)[trained.encode("two")[1].mean(0).argmax(1)]
    assert (called == two.obs["cell_type"].astype(str).to_numpy()).mean() > 0.7


def test_proteins_of_one_experiment_from_another(shared, teaseq):
    """TEA-seq to CITE-seq: other genes in part, other names of the proteins ("CD3" is "CD3_TotalSeqB" there)."""
    measured = Dataset.from_adata(ad.read_h5ad(shared / "data" / "citeseq_pbmc_10x.h5ad"), name="citeseq")
    target, reference = measured.without_modalities("protein"), teaseq
    trained = fit_plan(build_plan("generate", [target, reference]), [target, reference], QUICK)
    found = generate(trained, "citeseq", "protein")
    names, _ = harmonise_feature_names({"teaseq": teaseq, "citeseq": measured}, "protein")
    both = [f for f in found.features if f in names["citeseq"]]
    m = measured.modality("protein")
    truth = val.lognormalise(m.matrix, "counts", m.size_factors)[:, [names["citeseq"].index(f) for f in both]].toarray()
    assert len(both) >= 10
    assert np.median(pearson(truth, found.subset(both).values)) > 0.55


def test_accessibility_of_a_tissue_follows_its_cell_types(shared, snare):
    """Peaks that differ between excitatory and inhibitory nuclei differ the same way between such cells of a spatial section that has RNA only."""
    section = ad.read_h5ad(shared / "data" / "merfish_visp.h5ad")
    kind = section.obs["broad_class"].astype(str).to_numpy()
    tissue = Dataset.from_adata(section, name="tissue")
    trained = fit_plan(build_plan("generate", [tissue, snare]), [tissue, snare], QUICK)
    found = generate(trained, "tissue", "atac")
    opened = truth_of(snare, "atac", found.features)
    types = snare.obs["cell_type"].astype(str)
    excitatory, inhibitory = (
        types.str.match(r"L\d").to_numpy(),
        types.isin(["CGE", "MGC", "Npy", "Pvalb", "Sst"]).to_numpy(),
    )
    there = opened[excitatory].mean(0) - opened[inhibitory].mean(0)
    here = found.values[kind == "Ex"].mean(0) - found.values[kind == "Inh"].mean(0)
    assert pearson(there[:, None], here[:, None])[0] > 0.6


def test_weights_are_chosen_on_cells_that_they_are_not_scored_on():
    """With truth shuffled over the held-out cells nothing can be foreseen: a score on the cells that chose the weights would be above zero."""
    reference, target = cells(400, 0, name="reference"), cells(80, 1, name="target").without_modalities("protein")
    proteins = reference.adata.obsm["protein_counts"]
    mixed = pd.DataFrame(
        np.random.default_rng(5).permutation(proteins.to_numpy()), index=proteins.index, columns=proteins.columns
    )
    reference.adata.obsm["protein_counts"] = mixed
    reference = Dataset.from_adata(reference.adata, name="reference")
    trained = fit_plan(build_plan("generate", [target, reference]), [target, reference], SMALL)
    found = generate(trained, "target", "protein")
    assert found.scores["pcc"].abs().median() < 0.25
    assert np.isclose(found.weights["reference"].sum(), 1)


def test_a_target_of_few_cells_and_a_reference_with_too_few_held_out_ones():
    reference, target = cells(60, 0, name="reference"), cells(20, 1, name="target").without_modalities("protein")
    trained = fit_plan(build_plan("generate", [target, reference]), [target, reference], SMALL)
    found = generate(trained, "target", "protein")
    assert np.isfinite(found.values).all()
    assert np.ptp(found.weights["reference"]) == 0  # six cells choose nothing


def test_values_of_a_cell_barely_depend_on_how_many_others_there_are_in_its_file():
    reference, target = cells(400, 0, name="reference"), cells(5000, 1, name="target").without_modalities("protein")
    trained = fit_plan(build_plan("generate", [target, reference]), [target, reference], SMALL)
    found = generate(trained, "target", "protein")  # more than one chunk, more than the anchors
    assert found.values.shape == (5000, 6)
    assert (found.spread >= 0).all()
    assert pearson(found.values[:4096].std(0)[:, None], found.values[4096:].std(0)[:, None])[0] > 0.9
