"""`inclust transfer` on files."""

from __future__ import annotations

import json

import anndata
import numpy as np
import pytest
from typer.testing import CliRunner

from napari_inclust.cli.app import app

from ..multimodal.test_label_transfer import typed

FAST = ["--epochs", "6", "--members", "2", "--device", "cpu"]


@pytest.fixture
def files(tmp_path):
    """A reference with three types, a target with four."""
    reference, target = typed(400, 0, "abc"), typed(300, 1, "abcd")
    reference.adata.write_h5ad(tmp_path / "reference.h5ad")
    target.adata.write_h5ad(tmp_path / "target.h5ad")
    return tmp_path / "target.h5ad", tmp_path / "reference.h5ad", tmp_path / "out.h5ad"


def run(*arguments):
    return CliRunner().invoke(app, ["transfer", *map(str, arguments)])


def test_types_and_new_types_are_written_beside_what_the_target_held(files):
    target, reference, out = files
    result = run(target, reference, "--labels", "kind", "--truth", "kind", "--new-types", "-o", out, *FAST)
    assert result.exit_code == 0, result.output
    made, before = anndata.read_h5ad(out), anndata.read_h5ad(target)
    assert np.array_equal(made.X, before.X)
    assert set(before.obs) < set(made.obs)
    missing = (before.obs["kind"] == "d").to_numpy()
    assert (made.obs["inclust_type"][missing] == "unknown").mean() > 0.9
    assert (made.obs["inclust_type"][~missing].astype(str) == before.obs["kind"][~missing].astype(str)).mean() > 0.8
    assert made.obs["inclust_new_type"][missing].notna().mean() > 0.9
    assert made.obs["inclust_new_type"][~missing].notna().mean() < 0.1
    assert made.obsm["inclust_type_probability"].shape == (300, 3)
    about = made.uns["inclust"]
    assert about["task"] == "transfer"
    assert list(about["transfer"]["classes"]) == ["a", "b", "c"]
    assert about["transfer"]["error"] == 0.1
    assert about["score"]["unknown_of_missing"] > 0.9
    assert int(about["new_types"]["cells"].iloc[0]) == made.obs["inclust_new_type"].notna().sum()
    assert set(about["new_type_markers"]["gene"]) <= {
        f"Gene{i}" for i in range(40) if i % 4 == 3
    }  # those of the missing type
    assert "at most 10% wrong" in result.stdout
    assert "1 new type:" in result.stdout
    assert "have a true type that no reference names (d)" in result.stderr


def test_the_summary_is_one_json_object(files):
    target, reference, out = files
    result = run(target, reference, "--labels", "kind", "--truth", "kind", "-o", out, "--json", *FAST)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert sum(told["types"].values()) == told["cells"] == 300
    assert 0 <= told["score"]["accuracy"] <= 1
    assert told["held_out_cells"] == 40


def test_a_score_that_cannot_be_told_is_left_out():
    from napari_inclust.cli.commands.transfer import _score_line

    assert (
        _score_line({"accuracy": 0.7, "wrong": float("nan"), "unknown": 1.0})
        == "against the truth: most probable type right 0.700, unknown 1.000"
    )


def test_the_targets_own_labels_change_nothing_unless_they_are_asked_for(files):
    target, reference, out = files
    results = []
    for corrupted in (False, True):
        if corrupted:
            adata = anndata.read_h5ad(target)
            adata.obs["kind"] = np.random.default_rng(3).permutation(adata.obs["kind"].astype(str))
            adata.write_h5ad(target)
        assert (
            run(target, reference, "--labels", "kind", "--new-types", "--truth", "kind", "-o", out, *FAST).exit_code
            == 0
        )
        results.append(anndata.read_h5ad(out))
    one, two = results
    for column in (
        "inclust_type",
        "inclust_type_best",
        "inclust_type_probability",
        "inclust_unlike_p",
        "inclust_new_type",
    ):
        assert one.obs[column].equals(two.obs[column])
    assert np.array_equal(one.obsm["X_inclust"], two.obsm["X_inclust"])
    assert one.uns["inclust"]["score"] != two.uns["inclust"]["score"]
    assert run(target, reference, "--labels", "kind", "--labels", "target:kind", "-o", out, *FAST).exit_code == 0
    assert not np.array_equal(anndata.read_h5ad(out).obsm["X_inclust"], two.obsm["X_inclust"])


def test_every_mode_and_weight_is_reached(files):
    target, reference, out = files
    result = run(target, reference, "-o", out, "--json", *FAST)  # unsupervised
    assert result.exit_code == 0, result.output
    made = anndata.read_h5ad(out)
    assert json.loads(result.stdout)["clusters"] == made.obs["inclust_cluster"].nunique() > 1
    weights = (
        "--label-weight",
        "3",
        "--prior-weight",
        "0.5",
        "--reconstruction-weight",
        "2",
        "--entropy-weight",
        "0.5",
    )
    result = run(target, reference, "--labels", "reference:kind", "--spare", "2", *weights, "-o", out, *FAST)
    assert result.exit_code == 0, result.output
    made = anndata.read_h5ad(out)
    assert list(made.uns["inclust"]["transfer"]["classes"]) == ["a", "b", "c", "spare 1", "spare 2"]
    config = made.uns["inclust"]["config"]
    assert (
        config["label_weight"],
        config["kl_weights"][0],
        config["reconstruction_weight"],
        config["entropy_weight"],
    ) == (3, 0.5, 2, 0.5)


def test_what_cannot_be_run_is_told_and_nothing_is_written(files):
    target, reference, out = files
    for options, message in (
        (("--labels", "none"), "no column 'none'"),
        (("--labels", "other:kind"), "--labels names a data set 'other'"),
        (("--new-types",), "--new-types needs types"),
        (("--truth", "kind"), "--truth needs types"),
        (("--labels", "kind", "--truth", "none"), "target has no column 'none'"),
        (("--labels", "kind", "--error", "1.5"), "expected a share between 0 and 1"),
        (("--labels", "target:kind", "--new-types"), "only target is labelled"),
    ):
        result = run(target, reference, *options, "-o", out, *FAST)
        assert result.exit_code in (2, 3), result.output
        assert message in " ".join(result.output.split())
        assert not out.exists()
    result = run(target, reference, "--labels", "kind", "-o", target, *FAST)
    assert "also an input" in result.output
