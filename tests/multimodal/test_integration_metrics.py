"""Metrics of integration on cells whose answer is known, and on a trained latent."""

from __future__ import annotations

import anndata
import numpy as np
import pytest

from napari_inclust.data.dataset import Dataset
from napari_inclust.errors import DataError
from napari_inclust.multimodal.integration_metrics import (
    _perplexity_weights,
    compare_integration,
    lisi,
    mixing_metrics,
    separation_metrics,
)
from napari_inclust.training.build_plan import build_plan
from napari_inclust.training.config import Config
from napari_inclust.training.trained import fit_plan

from ..training.test_tasks import SMALL, cells


def value(frame, metric):
    return float(frame.set_index("metric").loc[metric, "value"])


@pytest.fixture
def clouds():
    """Two types far apart, each from two data sets of equal size that lie on each other: coordinates, data set, type."""
    random = np.random.default_rng(0)
    kind, batch = np.repeat([0, 1], 600), np.tile([0, 1], 600)
    return random.normal(size=(1200, 5)) + 30 * kind[:, None], batch, kind


def test_mixed_sets_and_separate_types_are_near_one(clouds):
    x, batch, kind = clouds
    mixed, apart = mixing_metrics(x, batch, kind), separation_metrics(x, kind)
    assert value(mixed, "iLISI") > 0.9  # a finite neighbourhood is never quite even
    assert value(mixed, "batch silhouette") > 0.97
    assert value(apart, "cLISI") == pytest.approx(1)
    assert value(apart, "silhouette") > 0.9
    assert value(apart, "ARI") == pytest.approx(1)
    assert value(apart, "NMI") == pytest.approx(1)
    assert value(mixed.drop(columns="value").rename(columns={"best": "value"}), "iLISI") == pytest.approx(
        value(mixed, "iLISI"), abs=0.02
    )


def test_sets_that_lie_apart_and_types_that_do_not_are_near_zero(clouds):
    x, batch, kind = clouds
    assert value(mixing_metrics(x, kind), "iLISI") == pytest.approx(0, abs=1e-9)
    assert value(mixing_metrics(x, kind), "batch silhouette") < 0.2
    blended = separation_metrics(x, batch)  # data sets taken for types
    assert value(blended, "cLISI") < 0.1
    assert value(blended, "silhouette") == pytest.approx(0.5, abs=0.01)
    assert abs(value(blended, "ARI")) < 0.01
    assert value(blended, "NMI") < 0.01


def test_the_best_that_sets_of_different_sizes_can_reach_is_said():
    x, batch = np.random.default_rng(1).normal(size=(2000, 4)), (np.arange(2000) % 10 == 0).astype(int)
    found = mixing_metrics(x, batch).set_index("metric")
    assert found.loc["iLISI", "best"] < 1 / (0.9**2 + 0.1**2) - 1
    assert found.loc["iLISI", "value"] == pytest.approx(found.loc["iLISI", "best"], abs=0.03)


def test_neighbours_are_weighted_by_a_kernel_of_the_published_perplexity():
    distance = np.sort(np.random.default_rng(2).gamma(3, size=(50, 90)), 1)
    weights = _perplexity_weights(distance, np.log(30))
    assert np.allclose(weights.sum(1), 1)
    assert np.allclose(np.exp(-(weights * np.log(weights)).sum(1)), 30, rtol=1e-4)
    assert np.allclose(
        np.diff(np.log(weights[0])) / np.diff(distance[0]),
        np.log(weights[0, 0] / weights[0, 1]) / (distance[0, 0] - distance[0, 1]),
    )
    assert (lisi(np.zeros((40, 2)), np.arange(40) % 2) > 1.9).all()  # cells at one place weigh the same


def test_only_labelled_cells_count_for_types_and_one_group_has_no_mixing(clouds):
    x, _, kind = clouds
    x = x.copy()
    x[:100] += 1000 * np.random.default_rng(0).normal(size=(100, 5))
    partly = np.where(np.arange(1200) < 100, -1, kind)
    assert value(separation_metrics(x, partly), "ARI") == pytest.approx(1)
    assert np.isnan(value(mixing_metrics(x, np.zeros(1200, int)), "iLISI"))
    assert np.isnan(value(mixing_metrics(x, kind, kind), "batch silhouette"))  # no type is in two sets


def test_a_trained_latent_is_compared_with_what_was_measured():
    one, two = cells(200, 0, name="one"), cells(150, 1, name="two")
    two.modality("rna").matrix.data[:] *= np.random.default_rng(5).choice([1, 4], 30)[
        two.modality("rna").matrix.indices
    ]  # another platform's gains
    trained = fit_plan(build_plan("integrate", [one, two], covariates=["batch"]), [one, two], SMALL)
    found = compare_integration(trained, {"one": "kind", "two": "kind"})
    assert list(found.columns) == ["metric", "of", "before", "after", "best"]
    rows = found.set_index(["of", "metric"])
    assert set(found["of"]) == {"data set", "batch", "type"}
    assert rows.loc[("data set", "iLISI"), "after"] > rows.loc[("data set", "iLISI"), "before"] + 0.3
    assert rows.loc[("type", "cLISI"), "after"] > 0.9
    assert found[["before", "after", "best"]].to_numpy().min() >= 0
    assert found[["before", "after", "best"]].to_numpy().max() <= 1
    assert set(compare_integration(trained)["of"]) == {"data set", "batch"}
    with pytest.raises(DataError, match="no column 'none'"):
        compare_integration(trained, {"one": "none"})


def test_sets_without_a_common_feature_have_no_before():
    one, other = cells(100, 0, name="one").without_modalities("protein"), cells(100, 1, name="two")
    two = Dataset("two", other.adata, (other.modality("protein"),))
    found = compare_integration(fit_plan(build_plan("separate", [one, two]), [one, two], SMALL.replace(epochs=1)))
    assert found["before"].isna().all()
    assert found["after"].notna().all()


def test_three_real_mice_are_mixed_and_their_types_part(shared):
    whole = anndata.read_h5ad(shared / "data" / "starmap_mpfc.h5ad")
    del whole.obsm["spatial"]
    sets = [Dataset.from_adata(whole[whole.obs["sample"] == name].copy(), name=name) for name in ("BZ5", "BZ9", "BZ14")]
    trained = fit_plan(build_plan("integrate", sets), sets, Config(epochs=12, device="cpu", threads=1))
    rows = compare_integration(trained, {s.name: "cell_type" for s in sets}).set_index("metric")
    assert rows.loc["iLISI", "before"] < 0.5 * rows.loc["iLISI", "best"]
    assert rows.loc["iLISI", "after"] > 0.6 * rows.loc["iLISI", "best"]
    assert rows.loc["batch silhouette", "after"] > rows.loc["batch silhouette", "before"]
    assert (rows.loc[["cLISI", "ARI", "NMI"], "after"] > rows.loc[["cLISI", "ARI", "NMI"], "before"]).all()


def test_a_real_section_and_its_reference_are_mixed_more_than_before_and_keep_their_types(shared):
    names = {"Inhibitory": "Inhibitory", "Excitatory": "Excitatory", "Astrocyte": "Astrocytes", "OD Mature 2": "Mature oligodendrocyte", "Endothelial 1": "Endothelial"}  # fmt: skip
    section = anndata.read_h5ad(shared / "data" / "merfish_hypothalamus.h5ad")
    section.obs["type"] = section.obs["cell_class"].astype(str).map(names).fillna("")
    reference = anndata.read_h5ad(shared / "data" / "scrna_hypothalamus.h5ad")
    reference.obs["type"] = [t if t in names.values() else "" for t in reference.obs["cell_type"].astype(str)]
    sets = [Dataset.from_adata(section[::4].copy(), name="section"), Dataset.from_adata(reference, name="reference")]
    trained = fit_plan(build_plan("integrate", sets), sets, Config(epochs=12, device="cpu", threads=1))
    rows = compare_integration(trained, {"section": "type", "reference": "type"}).set_index("metric")
    assert rows.loc["iLISI", "before"] < 0.01  # two platforms
    assert rows.loc["iLISI", "after"] > rows.loc["iLISI", "before"] + 0.05
    assert rows.loc["cLISI", "after"] > 0.95
    assert (
        rows.loc[["batch silhouette", "ARI", "NMI"], "after"] > rows.loc[["batch silhouette", "ARI", "NMI"], "before"]
    ).all()
