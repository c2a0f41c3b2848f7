"""Every task as arrows between masked modalities: what the plan shows and trains, and what the trained network gives on real cells."""

from __future__ import annotations

import anndata
import numpy as np
import pytest

from napari_inclust.data import normalize as val
from napari_inclust.data.dataset import Dataset
from napari_inclust.errors import ConfigError, DataError
from napari_inclust.evaluation.metrics import pearson
from napari_inclust.multimodal.generate import generate
from napari_inclust.training.build_plan import build_plan
from napari_inclust.training.config import Config
from napari_inclust.training.plan import Arrow, bridging_arrows, mask_segments, pairing_arrows
from napari_inclust.training.plan import generation_arrows as generating
from napari_inclust.training.trained import fit_plan

SMALL = Config(latent=8, hidden=(32,), decoder_hidden=(32,), epochs=8, device="cpu", threads=1)


def cells(n, seed, proteins=6, genes=30, name="a"):
    """Cells of two kinds, whose genes and proteins follow the kind and one gradient."""
    random = np.random.default_rng(seed)
    kind, slope = random.integers(0, 2, n), random.random(n)
    load = np.random.default_rng(1).normal(size=(3, genes + 12))
    rate = np.exp(1 + np.stack([kind, 1 - kind, slope], 1) @ load)
    adata = anndata.AnnData(random.poisson(rate[:, :genes]).astype(np.float32))
    adata.obs_names, adata.var_names = [f"{name}{i}" for i in range(n)], [f"Gene{i}" for i in range(genes)]
    adata.obs["kind"], adata.obs["batch"] = np.array(["x", "y"])[kind], np.array(["b1", "b2"])[np.arange(n) % 2]
    if proteins:
        import pandas as pd

        adata.obsm["protein_counts"] = pd.DataFrame(
            random.poisson(10 * rate[:, genes : genes + proteins]),
            index=adata.obs_names,
            columns=[f"CD{i}" for i in range(proteins)],
        )
    return Dataset.from_adata(adata, name=name)


def test_tasks_differ_in_their_arrows_alone():
    sets = {"one": ("a", "b"), "two": ("b", "c")}
    assert generating(sets) == [
        Arrow("one", ("b",), ("a",)),
        Arrow("one", ("b",), ("b",)),
        Arrow("two", ("b",), ("b",)),
        Arrow("two", ("b",), ("c",)),
    ]
    assert bridging_arrows(sets)[4:] == [Arrow("one", ("a",), ("a",)), Arrow("two", ("c",), ("c",))]
    assert [(a.inputs[0], a.outputs[0]) for a in pairing_arrows({"one": ("a", "b")})] == [
        ("a", "a"),
        ("a", "b"),
        ("b", "a"),
        ("b", "b"),
    ]
    with pytest.raises(ConfigError, match="no modality is measured by every data set"):
        generating({"one": ("a",), "two": ("c",)})


def test_inputs_are_what_all_share_and_outputs_what_each_measures():
    one, two = cells(60, 0, proteins=0, genes=30, name="one"), cells(60, 1, proteins=0, genes=24, name="two")
    plan = build_plan("integrate", [one, two])
    first, second = plan.presentations
    assert first.input_mask.sum() == second.input_mask.sum() == second.output_mask.sum() == 24
    assert first.output_mask.sum() == 30
    assert [(s.n_features, s.inputs, s.outputs) for s in mask_segments(plan)] == [
        (24, (True, True), (True, True)),
        (6, (False, False), (True, False)),
    ]


def test_only_the_named_sets_give_labels_and_levels_are_covariates():
    one, two = cells(60, 0, name="one"), cells(60, 1, name="two")
    plan = build_plan("integrate", [one, two], labels={"one": "kind"}, covariates=["batch"], spare=2)
    assert plan.classes == ("x", "y")
    assert plan.n_classes == 4
    assert (plan.table("one").labels >= 0).all()
    assert (plan.table("two").labels == -1).all()
    assert plan.covariates == ("data set: one", "data set: two", "batch: b1", "batch: b2")
    assert (plan.table("two").covariates.sum(1) == 2).all()


def test_plans_that_cannot_train_are_refused_before_they_do():
    one, two = cells(60, 0, name="one"), cells(60, 1, name="two", proteins=0)
    with pytest.raises(ConfigError, match="'protein' of two, which does not measure it"):
        build_plan("mine", [one, two], arrows=[Arrow("two", ("protein",), ("rna",))])
    with pytest.raises(ConfigError, match="names a data set 'three'"):
        build_plan("mine", [one, two], arrows=[Arrow("three", ("rna",), ("rna",))])
    with pytest.raises(ConfigError, match="unknown task 'fly'"):
        build_plan("fly", [one, two])
    with pytest.raises(ConfigError, match="a likelihood is chosen for 'atac'"):
        build_plan("integrate", [one, two], likelihoods={"atac": "nb"})
    with pytest.raises(ConfigError, match="expected one of squared, gaussian, nb, bernoulli"):
        build_plan("integrate", [one, two], likelihoods={"rna": "guess"})
    two.adata.obs["lane"] = "L1"
    with pytest.raises(DataError, match="covariate 'lane' has one level"):
        build_plan("integrate", [one, two], covariates=["lane"])
    with pytest.raises(ConfigError, match="no presentation shows two"):
        build_plan("mine", [one, two], arrows=[Arrow("one", ("rna",), ("rna", "protein"))])


@pytest.mark.parametrize("likelihood", ["squared", "gaussian", "nb", "bernoulli"])
def test_every_likelihood_trains_and_predicts_proteins_never_seen(likelihood):
    reference, whole = cells(300, 0, name="reference"), cells(120, 1, name="target")
    target = whole.without_modalities("protein")
    if likelihood == "bernoulli":  # proteins as open or closed, by their median
        for d in (reference, whole):
            m = d.modality("protein").matrix
            m.data = (m.data > 30).astype(np.float32)
            m.eliminate_zeros()
    trained = fit_plan(
        build_plan("generate", [target, reference], likelihoods={"protein": likelihood}), [target, reference], SMALL
    )
    found = generate(trained, "target", "protein")
    protein = whole.modality("protein")
    truth = val.lognormalise(protein.matrix, "counts", protein.size_factors).toarray()
    varied = truth.std(0) > 0.1
    assert np.isfinite(found.values).all()
    assert found.values.shape == truth.shape
    assert np.median(pearson(truth, found.values)[varied]) > 0.5
    assert found.scores["pcc"].notna().all()
    assert set(found.scores["sources"]) == {"reference"}


def test_quantiles_hold_what_they_say_on_cells_never_seen():
    reference, whole = cells(600, 0, name="reference"), cells(300, 1, name="target")
    target, protein = whole.without_modalities("protein"), whole.modality("protein")
    trained = fit_plan(build_plan("generate", [target, reference]), [target, reference], SMALL)
    found = generate(trained, "target", "protein")
    truth = val.lognormalise(protein.matrix, "counts", protein.size_factors).toarray()
    assert 0.8 < ((truth >= found.quantile(0.05)) & (truth <= found.quantile(0.95))).mean() < 0.97


def test_three_modalities_meet_in_the_shared_one():
    one, other = cells(300, 0, name="one"), cells(300, 1, name="two")
    proteins = other.modality("protein")
    two = Dataset(
        "two", other.adata, (other.modality("rna"), type(proteins)("second", proteins.features, proteins.matrix, "clr"))
    )
    trained = fit_plan(build_plan("bridge", [one, two]), [one, two], SMALL)
    found = generate(trained, "two", "protein")  # through rna
    truth = val.lognormalise(proteins.matrix, "counts", proteins.size_factors).toarray()
    assert np.median(pearson(truth, found.values)) > 0.4
    through = generate(trained, "two", "protein", inputs=("second",))  # two's own other modality, then the latent
    assert np.isfinite(through.values).all()


def test_panels_that_differ_in_part_are_predicted_in_their_union():
    one, two, whole = cells(200, 0, name="one"), cells(200, 1, name="two"), cells(100, 2, name="target")
    part = two.modality("protein")
    two = Dataset(
        "two", two.adata, (two.modality("rna"), type(part)("protein", part.features[2:], part.matrix[:, 2:], "clr"))
    )
    target = whole.without_modalities("protein")
    trained = fit_plan(build_plan("generate", [target, one, two]), [target, one, two], SMALL)
    found = generate(trained, "target", "protein")
    assert sorted(found.features) == [f"CD{i}" for i in range(6)]
    assert found.scores.loc["CD0", "sources"] == "one"
    assert found.scores.loc["CD3", "sources"] == "one, two"


def test_transport_brings_together_sets_that_share_nothing():
    one = cells(300, 0, name="one").without_modalities("protein")
    other = cells(300, 1, name="two")
    two = Dataset("two", other.adata, (other.modality("protein"),))
    distance = {}
    for weight in (0.0, 30.0):
        trained = fit_plan(build_plan("separate", [one, two]), [one, two], SMALL.replace(align_weight=weight))
        a, b = trained.latent("one"), trained.latent("two")
        between = np.linalg.norm(a[:, None] - b[None], axis=-1).min(1)  # from each cell to the nearest of the other set
        distance[weight] = between.mean() / np.sqrt(a.var(0).sum() + b.var(0).sum())
    assert distance[30.0] < 0.5 * distance[0.0]


def test_the_same_seed_gives_the_same_latent():
    one, two = cells(100, 0, name="one"), cells(100, 1, name="two")
    a, b = (fit_plan(build_plan("integrate", [one, two]), [one, two], SMALL).latent("one") for _ in range(2))
    assert np.array_equal(a, b)


def test_generated_proteins_of_real_cells_follow_the_measured_ones(shared):
    adata = anndata.read_h5ad(shared / "data" / "teaseq_pbmc_rna_adt.h5ad")
    whole = Dataset.from_adata(adata, name="pbmc")
    order = np.random.default_rng(0).permutation(adata.n_obs)
    reference, held = whole.subset(np.sort(order[:800]), "reference"), whole.subset(np.sort(order[800:]), "target")
    target = held.without_modalities("protein")
    config = Config(epochs=12, device="cpu")
    trained = fit_plan(
        build_plan("generate", [target, reference], labels={"reference": "cell_type"}), [target, reference], config
    )
    found = generate(trained, "target", "protein")
    protein = held.modality("protein")
    truth = val.lognormalise(protein.matrix, "counts", protein.size_factors).toarray()
    assert np.median(pearson(truth, found.values)) > 0.55  # nearest neighbours in principal components reach .63
    called = np.array(trained.plan.classes)[trained.encode("target")[1].mean(0).argmax(1)]
    assert (called == held.obs["cell_type"].astype(str).to_numpy()).mean() > 0.7


def test_real_cells_that_share_no_feature_meet_where_a_tenth_is_labelled(shared):
    adata = anndata.read_h5ad(shared / "data" / "teaseq_pbmc_rna_adt.h5ad")
    random = np.random.default_rng(0)
    adata.obs["few"] = np.where(random.random(adata.n_obs) < 0.1, adata.obs["cell_type"].astype(str), "unknown")
    order = random.permutation(adata.n_obs)
    whole = Dataset.from_adata(adata, name="pbmc")
    genes, proteins = (
        whole.subset(order[:600], "genes").without_modalities("protein"),
        whole.subset(order[600:], "proteins").without_modalities("rna"),
    )
    plan = build_plan("separate", [genes, proteins], labels={"genes": "cell_type", "proteins": "few"})
    trained = fit_plan(plan, [genes, proteins], Config(epochs=12, align_weight=10.0, device="cpu"))
    called = np.array(plan.classes)[trained.encode("proteins")[1].mean(0).argmax(1)]
    asked = (proteins.obs["few"] == "unknown").to_numpy()
    truth = proteins.obs["cell_type"].astype(str).to_numpy()
    assert (called == truth)[asked].mean() > 0.6  # the largest type has .22
