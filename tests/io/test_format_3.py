"""Results saved in format 3 by an earlier version open, and give what they gave when they were written (tests/io/data/make_format_3.py)."""

from __future__ import annotations

import json
from pathlib import Path

import anndata as ad
import numpy as np
import pytest

from napari_inclust import Reference, Section, load_run, load_trained, read_section
from napari_inclust.data.dataset import Dataset

DATA = Path(__file__).parent / "data"
EXPECTED = json.loads((DATA / "expected.json").read_text())


def cells(name):
    return ad.read_h5ad(DATA / f"{name}.h5ad")


@pytest.fixture(scope="module")
def run():
    return load_run(
        DATA / "run.inclust", Section.from_adata(cells("section")), Reference.from_adata(cells("reference"))
    )


@pytest.fixture(scope="module")
def trained():
    sets = [Dataset.from_adata(cells("other"), name="paired"), Dataset.from_adata(cells("reference"), name="target")]
    return load_trained(DATA / "plan.inclust", sets)


def test_fingerprints_stay(run, trained):
    sets = [run.section, run.reference, trained.dataset("target"), trained.dataset("paired")]
    assert [s.fingerprint for s in sets] == EXPECTED["fingerprints"]


def test_a_saved_run_imputes_what_it_imputed(run):
    np.testing.assert_allclose(run.scores["pcc"], EXPECTED["pcc"], atol=1e-9)
    assert len(run.history) == EXPECTED["epochs"][0]
    for gene, (values, spread) in EXPECTED["genes"].items():
        imputed = run.impute(gene)
        np.testing.assert_allclose(imputed.values[:20], values, atol=2e-4)
        np.testing.assert_allclose(imputed.spread[:20], spread, atol=2e-4)
    predicted = run.predict_scores(list(EXPECTED["genes"])[:2]).table["predicted_pcc"]
    np.testing.assert_allclose(predicted, EXPECTED["foreseen"], atol=5e-3)  # regression trees amplify rounding


def test_a_saved_plan_has_the_latent_and_the_classes_that_it_had(trained):
    assert [s.name for s in trained.datasets] == ["target", "paired"]
    assert len(trained.history) == EXPECTED["epochs"][1]
    np.testing.assert_allclose(trained.latent("target")[:20], EXPECTED["latent"], atol=2e-4)
    np.testing.assert_allclose(trained.encode("target")[1][0, :20], EXPECTED["classes"], atol=2e-4)


def test_predicted_scores_under_the_old_key_are_read():
    predicted = read_section(DATA / "imputed.h5ad").predicted
    assert predicted is not None
    assert predicted.kinds == {"Gene23": "imputed", "Gene27": "imputed", "Gene3": "held-out"}
    scores = [predicted.predicted_scores[g] for g in ("Gene23", "Gene27")]
    np.testing.assert_allclose(np.array(scores, dtype=float), EXPECTED["foreseen"], atol=1e-6)
