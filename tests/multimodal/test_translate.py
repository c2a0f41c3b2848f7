"""Translation between modalities, and a combination of levels that was left out of training."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest

from napari_inclust.data import normalize as val
from napari_inclust.data.dataset import Dataset
from napari_inclust.errors import ConfigError, DataError
from napari_inclust.evaluation.metrics import pearson
from napari_inclust.multimodal.translate import predict_counterfactual, translate
from napari_inclust.training.build_plan import build_plan
from napari_inclust.training.config import Config
from napari_inclust.training.trained import fit_plan

from ..training.test_tasks import SMALL, cells


def test_a_modality_is_reached_through_one_that_nobody_measured_beside_it():
    """One set has RNA and proteins, the other RNA and a second panel: proteins from the second panel alone."""
    one, other = cells(300, 0, name="one"), cells(300, 1, name="two")
    proteins = other.modality("protein")
    two = Dataset(
        "two",
        other.adata,
        (
            other.modality("rna"),
            type(proteins)("second", tuple(f"A{f}" for f in proteins.features), proteins.matrix, "clr"),
        ),
    )
    trained = fit_plan(build_plan("pair", [one, two]), [one, two], SMALL)
    found = translate(trained, "two", "second", "protein")
    truth = val.lognormalise(proteins.matrix, "counts", proteins.size_factors).toarray()
    assert np.median(pearson(truth, found.values)) > 0.3
    with pytest.raises(ConfigError, match="one does not measure 'second'; it has rna, protein"):
        translate(trained, "one", "second", "protein")
    with pytest.raises(ConfigError, match="no data set of this run measures 'atac'"):
        translate(trained, "one", "rna", "atac")


@pytest.fixture(scope="module")
def mice(shared):
    return ad.read_h5ad(shared / "data" / "starmap_mpfc.h5ad")


@pytest.mark.parametrize(("mouse", "layer", "other"), [("BZ9", "3", "BZ14"), ("BZ14", "4", "BZ5")])
def test_a_layer_of_a_mouse_that_was_left_out_is_nearer_than_the_other_mouse(mice, mouse, layer, other):
    left = ((mice.obs["sample"] == mouse) & (mice.obs["layer"].astype(str) == layer)).to_numpy()
    everything = (
        build_plan("integrate", [Dataset.from_adata(mice, name="all")], covariates=["sample"])
        .tables[0]
        .measured_blocks[0]
    )
    data = Dataset.from_adata(mice[~left].copy(), name="mice")
    trained = fit_plan(
        build_plan("integrate", [data], covariates=["sample"]), [data], Config(epochs=10, device="cpu", threads=1)
    )
    found = predict_counterfactual(trained, "mice", "rna", {f"sample: {other}": f"sample: {mouse}"})
    here = data.obs.iloc[found.rows]
    assert (here["sample"] == other).all()
    truth = everything.lognormalised()[left].toarray().mean(0)
    before = trained.plan.tables[0].measured_blocks[0].lognormalised()[found.rows].toarray()
    of_layer = (here["layer"].astype(str) == layer).to_numpy()
    unchanged, shifted = (np.linalg.norm(v[of_layer].mean(0) - truth) for v in (before, found.values))
    assert shifted < 0.8 * unchanged
    assert found.scores["pcc"].median() > 0.05


def test_levels_that_are_not_there_are_told():
    data = cells(100, 0, name="one", proteins=0)
    trained = fit_plan(build_plan("integrate", [data], covariates=["batch"]), [data], SMALL)
    with pytest.raises(
        ConfigError, match="no level 'batch: b9' in this run; it has data set: one; batch: b1; batch: b2"
    ):
        predict_counterfactual(trained, "one", "rna", {"batch: b1": "batch: b9"})
    with pytest.raises(DataError, match="no cell of one has batch: b1 and batch: b2"):
        predict_counterfactual(trained, "one", "rna", {"batch: b1": "batch: b2", "batch: b2": "batch: b1"})


def test_a_shift_of_a_modality_that_the_cells_lack_starts_from_the_generated_one():
    reference, target = cells(300, 0, name="reference"), cells(80, 1, name="target").without_modalities("protein")
    trained = fit_plan(build_plan("generate", [target, reference], covariates=["batch"]), [target, reference], SMALL)
    found = predict_counterfactual(trained, "target", "protein", {"batch: b1": "batch: b2"})
    assert found.values.shape == (40, 6)
    assert np.isfinite(found.values).all()
