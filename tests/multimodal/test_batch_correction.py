"""The integrated latent: sets lie on each other in every type, types stay apart, and a type that others lack stays its own."""

from __future__ import annotations

import anndata
import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from napari_inclust.data.dataset import Dataset
from napari_inclust.multimodal.batch_correction import correct_batch_effects, corrected_latent
from napari_inclust.multimodal.integration_metrics import compare_integration, mixing_metrics, separation_metrics
from napari_inclust.training.build_plan import build_plan
from napari_inclust.training.config import Config
from napari_inclust.training.trained import fit_plan

from ..training.test_tasks import SMALL, cells

TYPES = 4


@pytest.fixture
def shifted():
    """Four types; the second set is moved, in each type elsewhere, and spread twice as wide: latent, data set, type."""
    random = np.random.default_rng(0)
    kind, sets = np.tile(np.arange(TYPES), 500), np.repeat([0, 1], [1500, 500])
    away = random.normal(size=(TYPES, 10))
    z = (
        10 * np.eye(10)[kind]
        + random.normal(size=(2000, 10)) * (0.5 + 0.5 * sets)[:, None]
        + 1.5 * away[kind] * sets[:, None]
    )
    return z.astype(np.float32), sets, kind


def share_of_type(z, mine):
    """Of the 30 nearest cells of the cells of a type, how many are of it."""
    near = NearestNeighbors(n_neighbors=30).fit(z).kneighbors(z[mine])[1]
    return float(mine[near].mean())


def metric(frame, name):
    return float(frame.set_index("metric").loc[name, "value"])


def test_sets_that_differ_by_type_are_mixed_and_types_stay_apart(shifted):
    z, sets, kind = shifted
    made = correct_batch_effects(z, np.eye(2)[sets], sets)
    assert metric(mixing_metrics(z, sets, kind), "iLISI") < 0.01
    assert metric(mixing_metrics(made, sets, kind), "iLISI") > 0.8 * float(mixing_metrics(made, sets, kind)["best"][0])
    assert metric(mixing_metrics(made, sets, kind), "batch silhouette") > 0.95
    assert metric(separation_metrics(made, kind), "cLISI") == pytest.approx(1)
    spread = [np.mean([made[(sets == s) & (kind == k)].var(0).mean() for k in range(TYPES)]) for s in (0, 1)]
    assert spread[1] == pytest.approx(spread[0], rel=0.2)  # four times before


def test_a_type_of_one_set_stays_its_own(shifted):
    z, sets, kind = shifted
    here = (kind > 0) | (sets == 0)
    z, sets, kind = z[here], sets[here], kind[here]
    made = correct_batch_effects(z, np.eye(2)[sets], sets)
    assert share_of_type(made, kind == 0) > 0.99
    assert metric(mixing_metrics(made[kind > 0], sets[kind > 0], kind[kind > 0]), "iLISI") > 0.3
    moved = (made - z)[kind == 0].mean(0)
    assert np.linalg.norm(moved) < 0.2 * np.linalg.norm((made - z)[(kind > 0) & (sets == 1)].mean(0))


def test_levels_of_a_covariate_are_brought_together_within_a_set(shifted):
    z, batch, kind = shifted
    made = correct_batch_effects(z, np.column_stack([np.ones(len(z)), np.eye(2)[batch]]), np.zeros(len(z), dtype=int))
    gaps = [
        [
            np.linalg.norm(x[(kind == k) & (batch == 0)].mean(0) - x[(kind == k) & (batch == 1)].mean(0))
            for k in range(TYPES)
        ]
        for x in (z, made)
    ]
    assert np.mean(gaps[1]) < 0.35 * np.mean(gaps[0])
    assert share_of_type(made, kind == 0) > 0.99


def test_the_same_seed_gives_the_same_and_nothing_to_correct_changes_nothing(shifted):
    z, sets, _ = shifted
    given = z.copy()
    one, two = (correct_batch_effects(z, np.eye(2)[sets], sets, seed=3) for _ in range(2))
    assert np.array_equal(one, two)
    assert np.array_equal(z, given)
    assert one.dtype == np.float32
    assert np.allclose(correct_batch_effects(z, np.ones((len(z), 1)), np.zeros(len(z), dtype=int)), z, atol=1e-2)
    assert np.isfinite(correct_batch_effects(np.zeros((25, 4)), np.eye(2)[np.arange(25) % 2], np.arange(25) % 2)).all()


def test_every_covariate_of_a_plan_is_corrected_and_the_network_stays_as_it_is():
    one, two = cells(200, 0, name="one"), cells(150, 1, name="two")
    trained = fit_plan(build_plan("integrate", [one, two], covariates=["batch"]), [one, two], SMALL)
    before = [trained.latent(s.name) for s in trained.datasets]
    made = corrected_latent(trained)
    assert made.shape == (350, before[0].shape[1])
    assert all(np.array_equal(z, trained.latent(s.name)) for z, s in zip(before, trained.datasets, strict=True))


NAMES = {
    "Inhibitory": "Inhibitory",
    "Excitatory": "Excitatory",
    "Astrocyte": "Astrocytes",
    "OD Mature 2": "Mature oligodendrocyte",
    "Endothelial 1": "Endothelial",
}


def two_platforms(shared, without=()):
    """A network trained on every fourth cell of a MERFISH section and on 10x cells, some of whose types are left out."""
    section = anndata.read_h5ad(shared / "data" / "merfish_hypothalamus.h5ad")[::4].copy()
    section.obs["type"] = section.obs["cell_class"].astype(str).map(NAMES).fillna("")
    reference = anndata.read_h5ad(shared / "data" / "scrna_hypothalamus.h5ad")
    reference.obs["type"] = [t if t in NAMES.values() else "" for t in reference.obs["cell_type"].astype(str)]
    reference = reference[~reference.obs["cell_type"].isin(without).to_numpy()].copy()
    sets = [Dataset.from_adata(section, name="section"), Dataset.from_adata(reference, name="reference")]
    return fit_plan(build_plan("integrate", sets), sets, Config(epochs=12, device="cpu", threads=1))


def test_two_real_platforms_are_mixed_better_and_their_types_hold(shared):
    trained = two_platforms(shared)
    plain, made = (
        compare_integration(trained, {"section": "type", "reference": "type"}, z).set_index("metric")
        for z in (None, corrected_latent(trained))
    )
    assert made.loc["iLISI", "after"] > 1.5 * plain.loc["iLISI", "after"]
    assert made.loc["iLISI", "after"] > 0.5 * made.loc["iLISI", "best"]
    assert made.loc["batch silhouette", "after"] > plain.loc["batch silhouette", "after"]
    assert made.loc["cLISI", "after"] > plain.loc["cLISI", "after"] - 0.01
    assert made.loc["silhouette", "after"] > plain.loc["silhouette", "after"] - 0.02
    assert (
        made.loc[["ARI", "NMI"], "after"] > plain.loc[["ARI", "NMI"], "after"] - 0.05
    ).all()  # of k-means, which jumps by as much


@pytest.mark.parametrize("missing", ["Mature oligodendrocyte", "Astrocytes"])
def test_a_real_type_that_the_reference_lacks_is_not_smeared_onto_others(shared, missing):
    trained = two_platforms(shared, [missing])
    mine = np.concatenate([s.obs["type"].to_numpy() == missing for s in trained.datasets])
    plain, made = np.concatenate([trained.latent(s.name) for s in trained.datasets]), corrected_latent(trained)
    assert (
        share_of_type(made, mine) > share_of_type(plain, mine) - 0.06
    )  # the reference's cells that the section lacks come a little nearer
