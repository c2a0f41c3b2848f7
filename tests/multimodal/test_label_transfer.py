"""Types given to a target: what is promised of their errors, and what is unlike every type."""

from __future__ import annotations

import anndata
import numpy as np
import pytest

from napari_inclust.data.dataset import Dataset
from napari_inclust.errors import ConfigError
from napari_inclust.multimodal.label_transfer import (
    apply_temperature,
    conformal_selection,
    fit_temperature,
    predict_clusters,
    transfer_labels,
)
from napari_inclust.multimodal.novelty import score_novelty
from napari_inclust.training.build_plan import build_plan
from napari_inclust.training.config import Config
from napari_inclust.training.trained import fit_plan

CONFIG = Config(latent=8, hidden=(32,), decoder_hidden=(32,), epochs=8, device="cpu", threads=1)


def typed(n, seed, kinds, depth=2.0):
    """Cells of some of the types "abcd"; every fourth of 40 genes is a marker of each."""
    random = np.random.default_rng(seed)
    code = random.integers(0, len(kinds), n)
    marker = np.arange(40) % 4 == np.array(["abcd".index(k) for k in kinds])[code][:, None]
    rate = depth * np.where(marker, 4.0, 0.7) * random.gamma(5, 0.2, (n, 1))
    adata = anndata.AnnData(random.poisson(rate).astype(np.float32))
    adata.obs_names, adata.var_names = [f"{seed}-{i}" for i in range(n)], [f"Gene{i}" for i in range(40)]
    adata.obs["kind"] = np.array(list(kinds))[code]
    return Dataset.from_adata(adata, name="reference" if seed == 0 else "target")


@pytest.fixture(scope="module")
def hidden():
    """A plan trained on a reference that lacks the type "d", which every fourth cell of the target has."""
    reference, target = typed(500, 0, "abc"), typed(400, 1, "abcd", depth=1.0)
    return fit_plan(
        build_plan("transfer", [target, reference], labels={"reference": "kind"}, members=2),
        [target, reference],
        CONFIG,
    )


def test_known_types_are_given_and_cells_of_a_missing_one_are_unknown(hidden):
    found = transfer_labels(hidden, "target")
    truth = hidden.dataset("target").obs["kind"].to_numpy().astype(str)
    score = found.score(truth)
    assert score["cells"] == (truth != "d").sum()
    assert score["accuracy"] > 0.9
    assert score["wrong"] < 0.1
    assert score["unknown"] < 0.3
    assert score["unknown_of_missing"] > 0.9
    assert np.allclose(found.probabilities.sum(1), 1)
    assert set(found.assigned_types[truth == "d"]) - {"unknown"} <= set("abc")


def test_cells_of_known_types_are_seldom_unlike_and_their_p_values_are_even():
    reference, target = typed(800, 0, "abc"), typed(800, 1, "abc")
    trained = fit_plan(
        build_plan("transfer", [target, reference], labels={"reference": "kind"}),
        [target, reference],
        CONFIG.replace(epochs=1),
    )
    found = score_novelty(trained, "target", ["reference"])
    assert found.is_novel.mean() < 0.1
    assert not score_novelty(trained, "target", ["reference"], level=0).is_novel.any()
    assert abs((found.p_value <= 0.2).mean() - 0.2) < 0.08
    assert found.thresholds[1] > np.median(found.novelty_score)


def test_the_promised_share_of_errors_is_kept_for_cells_like_the_held_out_ones():
    random, wrong_of_given, given = np.random.default_rng(0), [], []
    for _ in range(200):
        confidence = random.random(450)
        wrong = random.random(450) > 0.55 + 0.45 * confidence  # 22 % wrong over all
        keep = conformal_selection(confidence[150:], confidence[:150], wrong[:150], 0.1)
        given.append(keep.mean())
        wrong_of_given.append(wrong[150:][keep].mean() if keep.any() else 0.0)
    assert np.mean(wrong_of_given) < 0.1
    assert np.mean(given) > 0.2  # it does not keep the promise by giving nothing


def test_nothing_is_given_where_nothing_can_be_promised():
    assert not conformal_selection(
        np.ones(50), np.ones(5), np.zeros(5, bool), 0.1
    ).any()  # five cells, all right, promise no less than 1 in 6
    assert conformal_selection(np.ones(50), np.ones(50), np.zeros(50, bool), 0.1).all()
    assert not conformal_selection(np.ones(50), np.zeros(0), np.zeros(0, bool), 0.1).any()


def test_probabilities_are_calibrated_by_a_temperature():
    random = np.random.default_rng(0)
    q = apply_temperature(random.dirichlet(np.ones(4), 4000), 1.0)
    labels = np.array([random.choice(4, p=row) for row in q])
    assert fit_temperature(q, labels) == pytest.approx(1, abs=0.1)
    assert fit_temperature(apply_temperature(q, 0.5), labels) == pytest.approx(2, abs=0.2)  # too sure of itself
    assert fit_temperature(np.zeros((0, 4)), np.zeros(0, np.intp)) == 1
    assert np.allclose(apply_temperature(q, 0.5).sum(1), 1)


def test_without_labels_there_are_clusters_and_no_types():
    reference, target = typed(300, 0, "abc"), typed(200, 1, "abc")
    trained = fit_plan(build_plan("transfer", [target, reference]), [target, reference], CONFIG)
    names, probability = predict_clusters(trained, "target")
    assert len(set(names)) > 1
    assert ((probability > 0) & (probability <= 1)).all()
    with pytest.raises(ConfigError, match="nothing is labelled"):
        transfer_labels(trained, "target")


def test_a_promise_that_is_no_share_is_refused(hidden):
    with pytest.raises(ConfigError, match="expected a share"):
        transfer_labels(hidden, "target", error_rate=0)


@pytest.mark.parametrize("cells", [1, 2, 3, 6])
def test_a_few_labelled_cells_are_enough_to_go_on(cells):
    reference, target = typed(100, 0, "ab"), typed(100, 1, "ab")
    kind = reference.obs["kind"].to_numpy()
    chosen = np.concatenate([np.flatnonzero(kind == k)[:n] for k, n in (("a", cells), ("b", 1))])
    reference.adata.obs["some"] = np.where(np.isin(np.arange(100), chosen), kind, "unknown")
    trained = fit_plan(
        build_plan("transfer", [target, reference], labels={"reference": "some"}),
        [target, reference],
        CONFIG.replace(epochs=1),
    )
    found = transfer_labels(trained, "target")
    assert np.isfinite(found.novelty.novelty_score).all()
    assert ((found.novelty.p_value > 0) & (found.novelty.p_value <= 1)).all()


def test_of_a_single_type_nothing_is_unlike():
    reference, target = typed(100, 0, "a"), typed(100, 1, "ab")
    trained = fit_plan(
        build_plan("transfer", [target, reference], labels={"reference": "kind", "target": "kind"}),
        [target, reference],
        CONFIG.replace(epochs=1),
    )
    assert transfer_labels(trained, "target").novelty is None


def test_a_labelled_target_calibrates_too():
    reference, target = typed(300, 0, "abc"), typed(300, 1, "abcd")
    labels = {"reference": "kind", "target": "kind"}
    found = transfer_labels(
        fit_plan(build_plan("transfer", [target, reference], labels=labels), [target, reference], CONFIG), "target"
    )
    assert found.n_held_out == 60
    assert found.class_names == ("a", "b", "c", "d")


def test_real_blood_cells_get_their_types_and_the_promise_is_kept(shared):
    adata = anndata.read_h5ad(shared / "data" / "teaseq_pbmc_rna_adt.h5ad")
    del adata.obsm["protein_counts"]
    whole = Dataset.from_adata(adata, name="pbmc")
    order = np.random.default_rng(0).permutation(adata.n_obs)
    target, reference = whole.subset(np.sort(order[:400]), "target"), whole.subset(np.sort(order[400:]), "reference")
    plan = build_plan("transfer", [target, reference], labels={"reference": "cell_type"})
    found = transfer_labels(
        fit_plan(plan, [target, reference], Config(epochs=8, device="cpu", threads=1)), "target", error_rate=0.2
    )
    score = found.score(target.obs["cell_type"].astype(str).to_numpy())
    assert score["accuracy"] > 0.65
    assert score["wrong"] < 0.25
    assert found.novelty.is_novel.mean() < 0.2
