"""Types that the reference lacks are found as groups of the target's cells."""

from __future__ import annotations

from dataclasses import replace

import anndata
import numpy as np
import pytest

from napari_inclust.data.dataset import Dataset
from napari_inclust.errors import ConfigError
from napari_inclust.multimodal.label_transfer import transfer_labels
from napari_inclust.multimodal.novel_types import (
    _merge_similar_groups,
    _renumber_by_size,
    cell_communities,
    find_novel_types,
)
from napari_inclust.multimodal.novelty import score_novelty
from napari_inclust.training.build_plan import build_plan
from napari_inclust.training.config import Config
from napari_inclust.training.plan import Arrow
from napari_inclust.training.trained import fit_plan

from .test_label_transfer import CONFIG, typed


def trained(target, reference, **settings):
    plan = build_plan("transfer", [target, reference], labels={"reference": "kind"}, members=2)
    return fit_plan(plan, [target, reference], CONFIG.replace(**settings))


def test_a_missing_type_is_one_group_with_its_markers():
    reference, target = typed(500, 0, "abc"), typed(400, 1, "abcd")
    plan = trained(target, reference)
    found = find_novel_types(plan, "target", score_novelty(plan, "target", ["reference"]))
    missing = (target.obs["kind"] == "d").to_numpy()
    assert list(found.table.index) == ["new 1"]
    assert (found.group_codes[missing] == 0).mean() > 0.9
    assert (found.group_codes[~missing] == 0).mean() < 0.05
    row = found.table.loc["new 1"]
    assert row["cells"] == (found.group_codes == 0).sum()
    assert row["p"] < 0.05
    assert row["nearest"] in "abc"
    assert row["resemblance"] < 0.5
    assert 0 < row["stability"] <= 1
    assert set(row["markers"].split(", ")) == {f"Gene{i}" for i in range(40) if i % 4 == 3}
    assert (found.markers["p_adjusted"] < 0.01).all()
    assert found.type_names.isna().sum() == (found.group_codes < 0).sum()


def test_two_missing_types_are_two_groups():
    reference, target = typed(500, 0, "ab"), typed(600, 1, "abcd")
    plan = trained(target, reference, epochs=2)
    found = find_novel_types(plan, "target", score_novelty(plan, "target", ["reference"]))
    kind = target.obs["kind"].to_numpy().astype(str)
    best = {k: np.bincount(found.group_codes[(kind == k) & (found.group_codes >= 0)]).argmax() for k in "cd"}
    assert len(found.table) == 2
    assert best["c"] != best["d"]


def test_there_are_none_where_the_reference_has_all_and_none_below_the_least_size():
    reference, target = typed(500, 0, "abcd"), typed(400, 1, "abcd")
    plan = trained(target, reference, epochs=2)
    assert not len(find_novel_types(plan, "target", score_novelty(plan, "target", ["reference"])).table)
    few = typed(400, 1, "abcd")
    rare = few.subset(np.flatnonzero((few.obs["kind"] != "d") | (np.cumsum(few.obs["kind"] == "d") <= 15)), "target")
    plan = trained(rare, typed(500, 0, "abc"), epochs=2)
    unlike = score_novelty(plan, "target", ["reference"])
    found = find_novel_types(plan, "target", unlike)
    assert not len(found.table)
    assert found.markers.empty
    assert "raised" not in found.markers
    assert (found.group_codes == -1).all()
    assert len(find_novel_types(plan, "target", unlike, min_cells=10).table) == 1


def test_groups_with_one_profile_are_merged_and_numbered_by_size():
    random = np.random.default_rng(0)
    profile = random.normal(size=(2, 30))
    averaged = np.vstack([profile[0] + random.normal(0, 0.1, (80, 30)), profile[1] + random.normal(0, 0.1, (50, 30))])
    split = np.r_[np.zeros(40, int), np.ones(40, int), np.full(50, 2)]
    code = _merge_similar_groups(split, averaged)
    assert len(np.unique(code)) == 2
    assert len(set(code[:80])) == 1
    _renumber_by_size(code, 60)
    assert np.bincount(code + 1).tolist() == [50, 80]
    far = np.vstack([random.normal(size=(60, 30)) + 8 * np.eye(30)[k] for k in (0, 1)])
    assert len(set(zip(cell_communities(far, 0), np.repeat([0, 1], 60), strict=True))) == len(
        set(cell_communities(far, 0))
    )  # no community holds cells of both


def test_without_a_labelled_reference_there_is_nothing_to_be_unlike():
    reference, target = typed(100, 0, "abc"), typed(100, 1, "abc")
    plan = fit_plan(build_plan("transfer", [target, reference]), [target, reference], CONFIG.replace(epochs=1))
    with pytest.raises(ConfigError, match="only be found where the reference is labelled"):
        score_novelty(plan, "target", ["reference"])


def test_sets_without_a_common_modality_are_refused_but_get_types():
    reference, target = typed(200, 0, "abc"), typed(200, 1, "abc")
    other = Dataset("target", target.adata, (replace(target.modality("rna"), name="second"),))
    arrows = [Arrow("target", ("second",), ("second",)), Arrow("reference", ("rna",), ("rna",))]
    plan = build_plan("mine", [other, reference], arrows=arrows, labels={"reference": "kind"})
    plan = fit_plan(plan, [other, reference], CONFIG.replace(epochs=1))
    with pytest.raises(ConfigError, match="share no feature"):
        score_novelty(plan, "target", ["reference"])
    assert transfer_labels(plan, "target").novelty is None


@pytest.mark.parametrize(
    ("hidden", "classes", "recall", "precision"),
    [("Astrocytes", ["Astrocyte"], 0.8, 0.8), ("Endothelial", ["Endothelial 1"], 0.9, 0.5)],
)
def test_a_real_type_that_is_hidden_from_the_reference_is_found_in_the_section(
    shared, hidden, classes, recall, precision
):
    section = anndata.read_h5ad(shared / "data" / "merfish_hypothalamus.h5ad")[::2].copy()
    reference = anndata.read_h5ad(shared / "data" / "scrna_hypothalamus.h5ad")
    reference = reference[(reference.obs["cell_type"] != hidden).to_numpy()].copy()
    sets = [Dataset.from_adata(section, name="section"), Dataset.from_adata(reference, name="reference")]
    plan = build_plan("transfer", sets, labels={"reference": "cell_type"}, members=2)
    plan = fit_plan(plan, sets, Config(epochs=1, device="cpu", threads=1))
    code = find_novel_types(plan, "section", score_novelty(plan, "section", ["reference"])).group_codes
    mine = section.obs["cell_class"].isin(classes).to_numpy()
    group = code == np.bincount(code[mine & (code >= 0)]).argmax()
    assert group[mine].mean() > recall
    assert mine[group].mean() > precision


@pytest.mark.parametrize(("hidden", "cells"), [("Endo", 45), ("Oligo", 39)])
def test_a_small_type_that_the_other_mice_lack_is_found_by_what_varies_together(shared, hidden, cells):
    whole = anndata.read_h5ad(shared / "data" / "starmap_mpfc.h5ad")
    first, kept = (whole.obs["sample"] == "BZ5").to_numpy(), (whole.obs["cell_type"] != hidden).to_numpy()
    sets = [
        Dataset.from_adata(whole[first].copy(), name="section"),
        Dataset.from_adata(whole[~first & kept].copy(), name="reference"),
    ]
    plan = fit_plan(
        build_plan("transfer", sets, labels={"reference": "cell_type"}, members=2),
        sets,
        Config(epochs=1, device="cpu", threads=1),
    )
    found = score_novelty(plan, "section", ["reference"])
    mine = (whole.obs["cell_type"][first] == hidden).to_numpy()
    assert mine.sum() == cells
    assert found.is_novel[mine].mean() > 0.6
    assert found.is_novel[~mine].mean() < 0.25
    assert found.missing_covariation[mine].mean() > 3 * found.missing_covariation[~mine].mean()
    code = find_novel_types(plan, "section", found).group_codes
    group = code == np.bincount(code[mine & (code >= 0)]).argmax()
    assert group[mine].mean() > 0.5
    assert mine[group].mean() > 0.4
