"""Domains of a small tissue in four bands, and of a real cortex."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from napari_inclust.data.section import Section
from napari_inclust.errors import ConfigError, DataError
from napari_inclust.spatial.neighbors import Graph
from napari_inclust.spatial_domains.find import METHODS, domain_steps, domains

from ..synthetic import N_SHARED, make_adata


@pytest.fixture(scope="module")
def tissue():
    return make_adata(400, 1, 1.0, slice(0, N_SHARED))


@pytest.fixture(scope="module")
def bands(tissue):
    return (tissue.obsm["spatial"][:, 0] // 100).astype(int)


def quick(data, n_domains=None, **options):
    return domains(data, n_domains, restarts=1, **options)


def valid(found, n):
    """What holds of every result."""
    for seg in found.solutions.values():
        assert seg.labels.shape == seg.confidence.shape == (n,)
        assert set(seg.labels) == set(range(seg.n_domains))
        assert np.isfinite(seg.confidence).all()
        assert ((seg.confidence >= 0) & (seg.confidence <= 1)).all()
        assert len(set(seg.names)) == len(set(seg.colours)) == len(seg.names) == seg.n_domains
    return found


def test_bands_are_found_and_differ_from_chance(tissue, bands):
    found = valid(quick(tissue, 4), 400)
    assert adjusted_rand_score(bands, found.labels) > 0.85
    assert adjusted_rand_score(bands, found.baseline.labels) > 0.7
    row = found.table.loc[4]
    assert row["stability"] > 0.8
    assert row["pas"] < 0.1
    assert {"baseline_chaos", "baseline_pas", "baseline_agreement"} <= set(found.table.columns)


def test_no_label_is_used(tissue):
    bare = tissue.copy()
    bare.obs = bare.obs[[]]
    np.testing.assert_array_equal(quick(tissue, 4).labels, quick(bare, 4).labels)


def test_the_callers_data_stay_as_they_were(tissue):
    before = tissue.copy()
    quick(tissue, 3)
    assert (tissue.X != before.X).nnz == 0
    assert list(tissue.obs.columns) == list(before.obs.columns)
    assert set(tissue.uns) == set(before.uns)
    assert set(tissue.obsp) == set(before.obsp)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_result(tissue, method):
    a, b = (quick(tissue, 4, method=method, seed=3) for _ in range(2))
    np.testing.assert_array_equal(a.labels, b.labels)
    np.testing.assert_array_equal(a.confidence, b.confidence)
    valid(a, 400)


def test_the_number_is_chosen_by_stability_with_its_curve(tissue, monkeypatch):
    monkeypatch.setattr("napari_inclust.spatial_domains.methods.MAX_DOMAINS", 7)
    found = valid(quick(tissue), 400)
    assert found.chosen == 4
    assert found.table["stability"].notna().all()
    assert list(found.table.index) == list(found.solutions) == list(range(2, 8))
    assert found.provenance["chosen_by"] == "stability"


@pytest.mark.parametrize("method", ["inclust+", "smoothed-pca"])
def test_a_resolution_gives_a_number_and_a_finer_one_more(tissue, method):
    coarse, fine = (valid(quick(tissue, resolution=r, method=method), 400) for r in (0.1, 1.0))
    assert 1 < coarse.chosen < fine.chosen
    assert coarse.provenance["chosen_by"] == "resolution 0.1"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"resolution": 0}, "above 0"),
        ({"resolution": 1, "n_domains": 3}, "in place"),
        ({"resolution": 1, "method": "inclust"}, "in place"),
    ],
)
def test_a_resolution_that_makes_no_sense_is_refused(tissue, options, said):
    with pytest.raises(ConfigError, match=said):
        quick(tissue, **options)


def test_the_published_network_uses_as_many_outputs_as_it_likes_or_merges_them(tissue):
    free = valid(quick(tissue, method="inclust"), 400)
    assert 1 < free.chosen <= 20
    assert valid(quick(tissue, 3, method="inclust"), 400).segmentation.n_domains == 3


def test_several_numbers_can_be_asked_for_and_chosen_from(tissue):
    found = valid(quick(tissue, [4, 2, 6]), 400)
    assert (found.chosen, sorted(found.solutions)) == (4, [2, 4, 6])
    assert found.choose(2).segmentation.n_domains == 2
    with pytest.raises(ConfigError, match="2, 4, 6"):
        found.choose(5)


def test_domains_keep_name_and_colour_when_their_number_changes(tissue):
    two, four = (quick(tissue, [2, 4]).solutions[k] for k in (2, 4))
    assert four.names[:2] == two.names
    assert four.colours[:2] == two.colours
    for i in range(2):
        assert np.bincount(two.labels[four.labels == i], minlength=2).argmax() == i


def test_sections_share_domains_and_no_neighbours(tissue, bands):
    other = make_adata(400, 5, 1.0, slice(0, N_SHARED))
    both = ad.concat([tissue, other], label="slice", index_unique="-")
    both.obsm["spatial"][400:] += [
        50,
        0,
    ]  # on top of each other, shifted: across sections the neighbours would be wrong
    found = valid(quick(both, 4, section_key="slice"), 800)
    types = both.obs["cell_type"].to_numpy()
    assert adjusted_rand_score(types, found.labels) > 0.8
    assert found.provenance["sections"] == 2


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("graph", [Graph("knn", 8), Graph("radius", radius=35), Graph("delaunay")])
def test_neighbourhoods_can_follow_a_graph(tissue, bands, method, graph):
    found = valid(quick(tissue, 4, method=method, graph=graph), 400)
    assert found.provenance["graph"] == str(graph)
    if method != "inclust":
        assert adjusted_rand_score(bands, found.labels) > 0.7
    if method == "inclust+":
        assert found.provenance["scale"] == pytest.approx({"knn": 9, "delaunay": 7}.get(graph.kind, 10), abs=1.5)


def test_a_graph_decides_who_is_averaged(tissue):
    """Cells of the upper and lower half are joined to their own half only: a wall runs through the tissue."""
    tissue = tissue.copy()
    tissue.obs["half"] = np.where(tissue.obsm["spatial"][:, 1] > 200, "up", "down")
    labels = [quick(tissue, 4, graph=graph, section_key="half").labels for graph in (Graph("knn", 6), Graph("knn", 20))]
    assert adjusted_rand_score(*labels) < 1


@pytest.mark.parametrize(("radius", "said"), [(0.1, "no neighbour"), (300, "neighbours")])
def test_a_radius_that_holds_no_cell_or_too_many_is_reported(tissue, radius, said):
    with pytest.raises(ConfigError, match=said):
        quick(tissue, 4, graph=Graph("radius", radius=radius))


def test_a_grid_where_there_is_none_is_reported(tissue):
    found = quick(tissue, 4, graph=Graph("grid", 6), method="inclust")
    assert any("not on a regular grid" in note for note in found.notes)


def test_three_dimensional_places_are_used_whole(tissue):
    solid = tissue.copy()
    solid.obsm["spatial"] = np.c_[tissue.obsm["spatial"][:, 0], np.zeros(400), tissue.obsm["spatial"][:, 1]]
    found = quick(solid, 4)
    np.testing.assert_array_equal(found.labels, quick(tissue, 4).labels)
    assert any("three-dimensional" in note for note in found.notes)


def test_the_search_reports_its_progress_and_can_be_stopped(tissue, monkeypatch):
    monkeypatch.setattr("napari_inclust.spatial_domains.methods.MAX_DOMAINS", 4)
    seen = list(domain_steps(tissue, restarts=1))
    done = [step.done for step in seen]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, 100)
    assert all(step.message and step.total == 100 for step in seen)
    search = domain_steps(tissue, 3)
    next(search)
    search.close()


def test_a_section_is_taken_as_an_anndata_is(tissue):
    np.testing.assert_array_equal(quick(Section.from_adata(tissue), 4).labels, quick(tissue, 4).labels)


def test_scores_against_a_truth_are_given_with_the_baselines(tissue):
    found = quick(tissue, 4)
    scores = found.against("cell_type")
    assert list(scores.columns) == ["ari", "nmi", "homogeneity", "completeness", "cells"]
    assert list(scores.index) == ["inclust+", "baseline (smoothed-pca)"]
    assert scores.loc["inclust+", "ari"] == pytest.approx(adjusted_rand_score(tissue.obs["cell_type"], found.labels))
    with pytest.raises(DataError, match="nothing"):
        found.against("nothing")


def test_a_real_cortex_is_layered_as_annotated(shared):
    mice = ad.read_h5ad(shared / "data" / "starmap_mpfc.h5ad")
    mouse = mice[mice.obs["sample"] == mice.obs["sample"].unique()[0]].copy()
    scores = quick(mouse, 4).against("layer")
    assert scores.loc["inclust+", "ari"] > 0.82


def test_a_run_adds_its_latent_and_must_be_of_the_same_cells(section, reference, config):
    from napari_inclust.errors import RunError
    from napari_inclust.imputation.fit import fit

    run = fit(section, reference, config)
    found = valid(quick(section, 4, run=run), 300)
    assert "latent" in found.provenance["views"]
    with pytest.raises(RunError, match="not on these 100"):
        quick(section.adata[:100].copy(), 4, run=run)
