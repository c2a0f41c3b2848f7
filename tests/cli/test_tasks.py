"""`inclust plan`, `integrate` and `generate` on files."""

from __future__ import annotations

import json

import anndata
import numpy as np
import pytest
from typer.testing import CliRunner

from napari_inclust.cli.app import app

from ..training.test_tasks import cells

FAST = ["--epochs", "2", "--device", "cpu"]


@pytest.fixture
def files(tmp_path):
    cells(120, 0, name="a").adata.write_h5ad(tmp_path / "paired.h5ad")
    cells(80, 1, name="b", proteins=0).adata.write_h5ad(tmp_path / "target cells.h5ad")
    return tmp_path / "paired.h5ad", tmp_path / "target cells.h5ad", tmp_path / "out.h5ad"


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def test_a_plan_is_drawn_with_its_masks(files):
    paired, target, _ = files
    result = run("plan", "generate", f"tissue={target}", f"pbmc={paired}", "--labels", "pbmc:kind")
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["tissue", "o", "->", "x", "·", "->", "·"] in lines
    assert ["pbmc", "o", "->", "·", "·", "->", "x"] in lines
    assert "data set: tissue, data set: pbmc; classes: x, y" in result.stdout


def test_the_plan_of_an_imputation_is_drawn_with_its_folds(pair):
    spatial, reference, _ = pair
    result = run("plan", "impute", spatial, reference)
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["reference", "o", "->", "x", "·", "->", "x"] in lines
    assert ["section", "o", "->", "x", "·", "->", "·"] in lines
    assert "6 networks: 5 are each without one of 5 folds" in " ".join(result.stdout.split())
    assert run("plan", "impute", spatial).exit_code != 0


def test_the_plan_of_an_imputation_takes_names_and_labels_as_those_of_other_tasks(pair):
    spatial, reference, _ = pair
    for labels in ("cell_type", "atlas:cell_type"):
        result = run("plan", "impute", f"tissue={spatial}", f"atlas={reference}", "--labels", labels)
        assert result.exit_code == 0, result.output
        assert "classes: none" not in result.stdout
    for options, message in (
        (("--labels", "tissue:cell_type"), "--labels names a data set 'tissue'; expected atlas"),
        (("--labels", "none"), "atlas has no column 'none'"),
        (("--likelihood", "genes:nb"), "imputation has one likelihood"),
        (("--covariate", "a", "--covariate", "b"), "one --covariate"),
        (("--covariate", "none"), "'none'"),
    ):
        result = run("plan", "impute", f"tissue={spatial}", f"atlas={reference}", *options)
        assert result.exit_code in (2, 3), result.output
        assert message in result.output


def test_a_column_of_labels_is_given_alone_or_with_the_name_of_its_data_set(files):
    paired, target, _ = files
    plans = {}
    for labels in ("kind", "paired:kind"):
        plans[labels] = run("plan", "generate", target, paired, "--labels", labels)
        assert plans[labels].exit_code == 0, plans[labels].output
        assert "classes: x, y" in plans[labels].stdout
    assert plans["kind"].stdout == plans["paired:kind"].stdout


def test_a_missing_modality_is_written_with_its_scores_and_its_origin(files):
    paired, target, out = files
    result = run("generate", target, paired, "--modality", "protein", "--labels", "paired:kind", "-o", out, *FAST)
    assert result.exit_code == 0, result.output
    made = anndata.read_h5ad(out)
    assert made.shape == (80, 6)
    assert (made.var["kind"] == "generated").all()
    assert {"heldout_pcc", "q05", "q95", "sources"} <= set(made.var)
    assert made.layers["spread"].shape == made.shape
    types, best = made.obs["inclust_type"].astype(str), made.obs["inclust_type_best"].astype(str)
    assert set(best) == {"x", "y"}
    assert (types[types != "unknown"] == best[types != "unknown"]).all()
    assert made.obs["inclust_type_probability"].between(0.5, 1).all()
    assert made.uns["inclust"]["task"] == "generate"
    assert len(made.uns["inclust"]["data"]["paired"]["fingerprint"]) == 64


def test_sets_are_integrated_into_one_file(files):
    paired, target, out = files
    result = run("integrate", paired, target, "--covariate", "batch", "-o", out, *FAST)
    assert result.exit_code == 0, result.output
    made = anndata.read_h5ad(out)
    assert made.obs["inclust_data_set"].value_counts().to_dict() == {"paired": 120, "target cells": 80}
    assert made.obsm["X_inclust"].shape == (200, 32)
    assert np.isfinite(made.obsm["X_inclust"]).all()
    assert set(made.uns["inclust"]["metrics"]["of"]) == {"data set", "batch"}  # no types were given
    assert made.uns["inclust"]["correction"]["clusters"] == 100


def test_the_latent_of_the_network_itself_is_written_when_asked_for(files):
    paired, target, out = files
    made = []
    for option in ((), ("--uncorrected",)):
        assert run("integrate", paired, target, *option, "-o", out, *FAST).exit_code == 0
        made.append(anndata.read_h5ad(out))
    assert not np.allclose(made[0].obsm["X_inclust"], made[1].obsm["X_inclust"], atol=0.1)
    assert "correction" not in made[1].uns["inclust"]
    assert list(made[0].obs_names) == list(made[1].obs_names)


def test_an_integration_is_scored_before_and_after_with_types_that_train_nothing(files):
    paired, target, out = files
    latents = []
    for truth in ((), ("--truth", "paired:kind", "--truth", "target cells:kind")):
        result = run("integrate", paired, target, *truth, "-o", out, "--json", *FAST)
        assert result.exit_code == 0, result.output
        latents.append(anndata.read_h5ad(out).obsm["X_inclust"])
    assert np.array_equal(*latents)
    told = json.loads(result.stdout)["metrics"]
    assert [row["metric"] for row in told if row["of"] == "type"] == ["cLISI", "silhouette", "ARI", "NMI"]
    assert all(0 <= row[when] <= 1 for row in told for when in ("before", "after", "best"))
    written = anndata.read_h5ad(out).uns["inclust"]["metrics"]
    assert np.allclose(written["after"], [row["after"] for row in told])
    result = run("integrate", paired, target, "--labels", "paired:kind", "-o", out, *FAST)
    assert "the types are those that were trained on" in result.output
    assert "iLISI (data set)" in result.stdout


def test_what_cannot_be_run_is_told_and_nothing_is_written(files):
    paired, target, out = files
    for arguments, message in (
        (
            ("generate", paired, target, "--modality", "protein", "-o", out),
            "already measures protein. Beside what it measures the references have nothing else",
        ),
        (("generate", target, paired, "--modality", "atac", "-o", out), "no data set of this run measures 'atac'"),
        (("integrate", paired, target, "--labels", "none", "-o", out), "no data set has a column 'none'"),
        (("generate", target, paired, "--modality", "protein", "--labels", "none", "-o", out), "paired has no column"),
        (("plan", "generate", paired, target, "--likelihood", "rna"), "expected MODALITY:KIND"),
        (("integrate", paired, target, "--truth", "paired:none", "-o", out), "paired has no column 'none'"),
        (("integrate", paired, target, "--truth", "other:kind", "-o", out), "--truth names a data set 'other'"),
        (("plan", "foo", paired), "expected one of impute, integrate"),
        (("plan", "generate", paired, target.with_name("none.h5ad")), "none.h5ad"),
    ):
        result = run(*arguments, *(FAST if arguments[0] != "plan" else ()))
        assert result.exit_code in (2, 3), result.output
        assert message in result.output
        assert not out.exists()


def test_sets_that_share_no_feature_are_aligned_with_a_warning(files, tmp_path):
    paired, target, out = files
    other = anndata.read_h5ad(target)
    other.var_names = [f"Other{i}" for i in range(other.n_vars)]
    other.write_h5ad(target)
    refused = run("integrate", paired, target, "-o", out, *FAST)
    assert refused.exit_code != 0
    assert "share 0 features of rna" in refused.stderr
    result = run("integrate", paired, target, "--no-shared", "--labels", "paired:kind", "-o", out, *FAST)
    assert result.exit_code == 0, result.output
    assert "warning: no shared features" in result.stderr
    assert "hardly better than chance" in " ".join(result.stderr.split())
    made = anndata.read_h5ad(out)
    assert made.obsm["X_inclust"].shape == (200, 32)
    assert made.uns["inclust"]["task"] == "separate"
    assert made.uns["inclust"]["config"]["align_weight"] == 10
    assert "correction" not in made.uns["inclust"]  # clouds of which nobody knows what corresponds


def test_no_task_replaces_one_of_its_inputs(files, tmp_path):
    paired, target, _ = files
    (tmp_path / "plan.toml").write_text(
        f'task = "integrate"\n[data.a]\nfiles = "{paired.name}"\n[data.b]\nfiles = "{target.name}"\n'
    )
    before = paired.read_bytes()
    for arguments in (
        ("integrate", f"one={target}", f"two={paired}"),
        ("generate", target, paired, "--modality", "protein"),
        ("translate", paired, "--from", "rna", "--to", "protein"),
        ("transfer", target, paired, "--labels", "kind"),
        ("train", "--plan", tmp_path / "plan.toml"),
    ):
        result = run(*arguments, "-o", paired)
        assert result.exit_code == 5, result.output
        assert "is also an input" in result.output
    assert paired.read_bytes() == before
