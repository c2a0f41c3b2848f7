"""The comparison with other methods: the same cells, genes and judge for all; what cannot be run is told."""

from __future__ import annotations

import subprocess
import zipfile

import numpy as np
import pytest

from benchmarks import rivals


@pytest.fixture
def prepared(small_pair):
    return rivals.prepared(small_pair[0], small_pair[1], 150, 100, 5)


def test_folds_part_the_shared_genes_that_both_sides_express(prepared, small_pair):
    spatial, reference, folds = prepared
    genes = [g for fold in folds for g in fold]
    assert len(genes) == len(set(genes)) > 40
    assert max(map(len, folds)) - min(map(len, folds)) <= 1
    assert (spatial.n_obs, reference.n_obs) == (150, 100)
    for side in small_pair:
        assert ((side[:, genes].X > 0).sum(0) >= 10).all()


def test_a_method_never_sees_the_genes_of_its_fold(prepared, tmp_path, monkeypatch):
    spatial, reference, folds = prepared
    seen = []

    def run_fold(method, files, genes, labels, python):
        import anndata as ad

        seen.append(set(ad.read_h5ad(files["spatial"]).var_names) & set(genes))
        return np.zeros((spatial.n_obs, len(genes)))

    monkeypatch.setattr(rivals, "run_fold", run_fold)
    row = rivals.judge("knn", spatial, reference, folds, None, tmp_path)
    assert seen == [set()] * 5
    assert row["pcc"] == 0
    assert row["genes"] == sum(map(len, folds))


def test_simple_predictors_know_more_than_nothing(prepared, tmp_path):
    spatial, reference, folds = prepared
    for method in rivals.SIMPLE:
        assert rivals.judge(method, spatial, reference, folds, "cell_type", tmp_path)["pcc"] > 0.05


def test_the_truth_is_lognormalised_over_the_shared_genes(prepared, tmp_path, monkeypatch):
    spatial, reference, folds = prepared
    genes = [g for g in spatial.var_names if g in set(reference.var_names)]
    x = spatial[:, genes].X.toarray()
    truth = np.log1p(x / x.sum(1, keepdims=True) * np.median(x.sum(1)))
    at = {g: i for i, g in enumerate(genes)}
    monkeypatch.setattr(
        rivals, "run_fold", lambda method, files, wanted, labels, python: truth[:, [at[g] for g in wanted]]
    )
    assert rivals.judge("knn", spatial, reference, folds, None, tmp_path)["pcc"] == pytest.approx(1, abs=1e-5)


def test_what_cannot_be_installed_or_run_is_told(prepared, tmp_path, monkeypatch):
    spatial, reference, folds = prepared

    def refuse(*words, **_):
        raise subprocess.CalledProcessError(1, words, stderr="a note\nERROR: No matching distribution found\n")

    monkeypatch.setattr(rivals, "environment", refuse)
    assert rivals.judge("tangram", spatial, reference, folds, None, tmp_path) == {
        "method": "tangram",
        "genes": 0,
        "failed": "ERROR: No matching distribution found",
    }
    assert "--labels" in rivals.judge("type_mean", spatial, reference, folds, None, tmp_path)["failed"]


def test_an_environment_is_made_on_demand_and_only_once(tmp_path, monkeypatch):
    wheel = tmp_path / "tiny_method-1.0-py3-none-any.whl"
    about = "tiny_method-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as z:
        z.writestr("tiny_method.py", "said = 'here'")
        z.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: tiny-method\nVersion: 1.0\n")
        z.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        z.writestr(f"{about}/RECORD", "")
    monkeypatch.setitem(rivals.PACKAGES, "tiny", ["--no-index", str(wheel)])
    python = rivals.environment("tiny", tmp_path / "made")
    said = subprocess.run(
        [python, "-c", "import tiny_method; print(tiny_method.said)"], check=True, capture_output=True, text=True
    ).stdout
    assert said == "here\n"
    wheel.unlink()
    assert rivals.environment("tiny", tmp_path / "made") == python
