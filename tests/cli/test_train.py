"""`inclust train --plan`: any plan from a file, kept and opened again."""

from __future__ import annotations

import json

import anndata as ad
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import napari_inclust
from napari_inclust.errors import InclustError, RunError
from napari_inclust.io.runs.load import load_trained, read_result
from napari_inclust.io.runs.plan_file import read_plan

from ..training.test_tasks import cells

PLAN = """
task = "proteins from genes"
covariates = ["batch"]

[data.blood]
files = "a blood.h5ad"
labels = "kind"

[data."other cells"]
files = ["b.h5ad"]

[likelihoods]
protein = "nb"

[[arrows]]
data = "blood"
inputs = ["rna"]
outputs = ["rna", "protein"]

[[arrows]]
data = "other cells"
inputs = ["rna"]
outputs = ["rna"]

[settings]
preset = "fast"
epochs = 2
device = "cpu"
threads = 1
"""


@pytest.fixture
def plan(tmp_path):
    cells(120, 0, name="a").adata.write_h5ad(tmp_path / "a blood.h5ad")
    cells(80, 1, name="b", proteins=0).adata.write_h5ad(tmp_path / "b.h5ad")
    path = tmp_path / "PLAN.toml"
    path.write_text(PLAN)
    return path


def test_a_plan_of_ones_own_is_trained_kept_and_opened_with_the_same_latent(plan, inclust, tmp_path):
    out, run = tmp_path / "out.h5ad", tmp_path / "plan.inclust"
    done = inclust("train", "--plan", plan, "-o", out, "--save-run", run)
    assert done.exit_code == 0, done.output
    made = ad.read_h5ad(out)
    assert made.obs["inclust_data_set"].value_counts().to_dict() == {"blood": 120, "other cells": 80}
    again = napari_inclust.load_trained(run)
    assert np.array_equal(np.vstack([again.latent(s.name) for s in again.datasets]), made.obsm["X_inclust"])
    assert again.plan.block("protein").likelihood == "nb"
    assert len(again.plan.presentations) == 2
    assert again.plan.classes == ("x", "y")
    assert again.plan.spec.to_dict() == read_plan(plan).recipe.to_dict()
    assert [e.number for e in again.history] == [1, 2]


def test_changed_data_and_other_files_are_refused(plan, inclust, tmp_path):
    run = tmp_path / "plan.inclust"
    assert inclust("train", "--plan", plan, "--save-run", run).exit_code == 0
    with pytest.raises(RunError, match=r"is a plan \(made by `inclust train`\), not a run"):
        read_result(run, "run")
    with pytest.raises(RunError, match="trained on a data set 'blood'"):
        load_trained(run, [])
    changed = ad.read_h5ad(tmp_path / "b.h5ad")[:70].copy()
    changed.write_h5ad(tmp_path / "b.h5ad")
    with pytest.raises(RunError, match="trained on another other cells"):
        napari_inclust.load_trained(run)
    (tmp_path / "b.h5ad").unlink()
    with pytest.raises(InclustError, match=r"b\.h5ad"):
        napari_inclust.load_trained(run)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('task = "proteins from genes"', "", "names no task"),
        ("[[arrows]]", "[[arrow]]", "has an entry 'arrow'"),
        ('inputs = ["rna"]', 'inputs = "rna"', "arrows of .* expected tables like"),
        ('inputs = ["rna"]', 'inputs = ["atac"]', "presents 'atac' of"),
        ('files = ["b.h5ad"]', "files = [1]", "expected files ="),
        ('files = ["b.h5ad"]', 'files = ["none.h5ad"]', r"none\.h5ad"),
        ('labels = "kind"', 'labels = "sort"', "no column 'sort'"),
        ("epochs = 2", "epoch = 2", "unknown setting 'epoch'"),
        ("[likelihoods]", "[likelihoods", "is not a TOML file"),
    ],
)
def test_a_wrong_plan_is_told_before_anything_trains(plan, inclust, tmp_path, old, new, message):
    plan.write_text(PLAN.replace(old, new))
    done = inclust("train", "--plan", plan, "--save-run", tmp_path / "plan.inclust")
    assert done.exit_code != 0
    assert not (tmp_path / "plan.inclust").exists()
    import re

    assert re.search(message, " ".join(done.stderr.split()))


def test_a_plan_without_a_place_to_keep_it_is_refused(plan, inclust):
    done = inclust("train", "--plan", plan)
    assert done.exit_code != 0
    assert "nothing would be kept" in done.stderr


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=4), x),
)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    from napari_inclust.training.build_plan import build_plan
    from napari_inclust.training.config import Config
    from napari_inclust.training.trained import fit_plan

    sets = [cells(60, 0, name="a"), cells(50, 1, name="b")]
    config = Config.preset(
        "fast", epochs=1, steps=2, hidden=(8,), decoder_hidden=(8,), latent=4, device="cpu", threads=1
    )
    return sets, fit_plan(build_plan("integrate", sets), sets, config).save(
        tmp_path_factory.mktemp("plan") / "a.inclust"
    )


@given(
    key=st.sampled_from(
        ["recipe", "provenance", "features", "format", "provenance/data", "provenance/config", "recipe/task"]
    ),
    value=JSON,
)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_saved_plan_whose_entries_are_something_else_is_told(saved, key, value):
    from ..io.hostile import parts_of, rewritten

    sets, path = saved
    about = json.loads(parts_of(path)["plan.json"])
    inner, (*way, last) = about, key.split("/")
    for step in way:
        inner = inner[step]
    same = inner[last] == value
    inner[last] = value
    odd = rewritten(path.with_name("odd.inclust"), parts_of(path) | {"plan.json": json.dumps(about)})
    try:
        got = load_trained(odd, sets)
    except InclustError:
        assert not same
    else:
        assert same or key in ("provenance/config",) or (key == "recipe/task" and isinstance(value, str))
        assert np.isfinite(got.latent("a")).all()
