"""Neighbour graphs, metrics, and what speaks for a domain."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from napari_inclust.errors import DataError
from napari_inclust.spatial.neighbors import Graph, graph_nearest, nearest_neighbours, spatial_graph
from napari_inclust.spatial_domains.edit import DomainSegmentation, rename
from napari_inclust.spatial_domains.markers import adjacency, composition, evidence, markers
from napari_inclust.spatial_domains.metrics import chaos, pas, truth_scores
from napari_inclust.spatial_domains.outlines import outlines

ONE = np.zeros(300, dtype=np.intp)


@pytest.fixture
def seg(section):
    bands = (section.xy[:, 0] // 100).astype(int)
    return DomainSegmentation.from_labels(bands, np.ones(300))


def test_nearest_are_squidpys(section):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import squidpy

        cells = ad.AnnData(shape=(300, 0), obsm={"spatial": section.xy})
        squidpy.gr.spatial_neighbors(cells, n_neighs=7, coord_type="generic")
    theirs = cells.obsp["spatial_connectivities"]
    ours = nearest_neighbours(section.xy, 7, ONE)
    assert all(set(theirs[i].indices) == set(ours[i, 1:]) for i in range(300))
    np.testing.assert_array_equal(ours[:, 0], np.arange(300))


@pytest.mark.parametrize("graph", [Graph(), Graph("radius", radius=40), Graph("delaunay")])
def test_graphs_join_neighbours_within_sections_only(section, graph):
    halves = np.arange(300) % 2
    edges = spatial_graph(section.xy, halves, graph)
    a, b = edges.nonzero()
    assert len(a) > 300
    assert (halves[a] == halves[b]).all()
    assert (a != b).all()
    if graph.kind == "radius":
        assert np.linalg.norm(section.xy[a] - section.xy[b], axis=1).max() <= 40


def test_a_visium_grid_has_six_neighbours():
    row, column = np.divmod(np.arange(400), 20)
    spots = np.c_[(column + 0.5 * (row % 2)) * 100, row * 100 * np.sqrt(3) / 2]
    degree = np.asarray(spatial_graph(spots, np.zeros(400, dtype=np.intp), Graph("grid", 6)).sum(1)).ravel()
    assert np.median(degree) == 6
    assert degree.max() == 6


@pytest.mark.parametrize("kind", ["knn", "radius", "delaunay", "grid"])
@pytest.mark.parametrize("places", [[[0, 0]], [[0, 0], [1, 0]], [[0, 0], [1, 0], [2, 0], [3, 0], [4, 0]]])
def test_graphs_of_very_few_cells_or_cells_on_a_line(kind, places):
    xy = np.array(places, dtype=float)
    edges = spatial_graph(xy, np.zeros(len(xy), dtype=np.intp), Graph(kind, 6, radius=1.5))
    assert edges.shape == (len(xy), len(xy))
    assert (edges.nnz == 0) == (len(xy) == 1)


def test_smooth_domains_have_lower_chaos_and_pas_than_random_ones(section, seg):
    near, mixed = nearest_neighbours(section.xy, 10, ONE), np.random.default_rng(0).permutation(seg.labels)
    assert chaos(section.xy, seg.labels, ONE) < chaos(section.xy, mixed, ONE)
    assert pas(seg.labels, near) < 0.1 < 0.5 < pas(mixed, near)


def test_cells_without_a_truth_do_not_count(seg):
    truth = np.where(np.arange(300) < 20, "nan", np.array(["x", "y", "z", "w"])[seg.labels])
    scores = truth_scores(truth, seg.labels)
    assert scores == {
        "ari": 1.0,
        "nmi": pytest.approx(1),
        "homogeneity": pytest.approx(1),
        "completeness": pytest.approx(1),
        "cells": 280,
    }


def test_composition_is_the_share_of_each_class(section, seg):
    table = composition(section, seg, "cell_type")
    np.testing.assert_allclose(table.to_numpy(), np.eye(4))
    assert list(table.index) == list(seg.names)
    with pytest.raises(DataError, match="'nothing'"):
        composition(section, seg, "nothing")


def test_markers_are_the_genes_of_the_band(section, seg):
    table = markers(section, rename(seg, 2, "Third"), n=5)
    assert set(table["kind"]) == {"measured"}
    for i, name in enumerate(("Domain 1", "Domain 2", "Third", "Domain 4")):
        genes = table.loc[table["domain"] == name, "gene"]
        assert len(genes) == 5
        assert all(int(g.removeprefix("Gene")) % 4 == i for g in genes)


def test_imputed_markers_are_ranked_apart(section, seg, truth):
    imputed = ad.AnnData(
        truth,
        obs=pd.DataFrame(index=section.adata.obs_names),
        var=pd.DataFrame(index=[f"New{i}" for i in range(truth.shape[1])]),
    )
    table = markers(section, seg, imputed, n=2)
    assert set(table.loc[table["kind"] == "imputed", "gene"]) == set(imputed.var_names)
    with pytest.raises(DataError, match="same section"):
        markers(section, seg, imputed[::-1].copy())


def test_a_run_ranks_the_genes_that_only_its_reference_has(section, reference, config, seg, monkeypatch):
    from napari_inclust.data.section import Section
    from napari_inclust.imputation.fit import fit
    from napari_inclust.spatial_domains import markers as domain_evidence

    run = fit(section, reference, config)
    whole = markers(section, seg, run, n=3)
    predicted = whole[whole["kind"] == "imputed"]
    assert set(predicted["gene"]) <= set(run.panel.reference_only)
    assert list(predicted["domain"].unique()) == list(seg.names)
    assert (predicted.groupby("domain")["score"].diff().dropna() <= 0).all()
    monkeypatch.setattr(domain_evidence, "_GENE_CHUNK", 3)
    pd.testing.assert_frame_equal(markers(section, seg, run, n=3), whole, rtol=1e-4)  # in several groups the same
    with pytest.raises(DataError, match="same section"):
        markers(
            Section.from_adata(section.adata[:100].copy()),
            DomainSegmentation.from_labels(seg.labels[:100], np.ones(100)),
            run,
        )


def test_one_domain_has_no_markers(section):
    assert markers(section, DomainSegmentation.from_labels(ONE, np.ones(300))).empty


def test_bands_adjoin_the_next_ones_only(section, seg):
    table = adjacency(seg, section.xy, ONE)
    assert (np.diag(table) > 2).all()
    np.testing.assert_allclose(table, table.T)
    assert table.iloc[0, 1] > 0 == table.iloc[0, 3]


def test_pairs_of_neighbours_are_squidpys(section, seg):
    import warnings

    edges = spatial_graph(section.xy, ONE, Graph("delaunay"))
    cells = ad.AnnData(
        shape=(300, 0),
        obs=pd.DataFrame({"domain": seg.to_categorical()}, index=section.adata.obs_names),
        obsp={"spatial_connectivities": edges},
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import squidpy

        theirs = squidpy.gr.interaction_matrix(cells, "domain", copy=True)
    ends = theirs.sum(1)
    np.testing.assert_allclose(
        adjacency(seg, section.xy, ONE, Graph("delaunay")), theirs / np.outer(ends, ends) * ends.sum(), rtol=1e-5
    )


def test_all_evidence_is_together(section, seg):
    from napari_inclust.spatial_domains.find import domains

    found = domains(section, 4, method="smoothed-pca").edited(seg)
    tables = evidence(found, labels="cell_type")
    assert list(tables) == ["domains", "adjacency", "markers", "composition"]
    np.testing.assert_array_equal(tables["domains"]["cells"], seg.sizes)
    assert tables["domains"]["confidence"].between(0, 1).all()
    assert "composition" not in evidence(found)


def test_walking_along_a_graph_goes_by_steps_then_by_distance():
    xy = np.array([[0, 0], [1, 0], [2, 0], [0.5, 5], [50, 50]])  # a chain 3 - 0 - 1 - 2; the last is alone
    edges = np.zeros((5, 5))
    for a, b in ((3, 0), (0, 1), (1, 2)):
        edges[a, b] = edges[b, a] = 1
    reached = graph_nearest(xy, 3, sp.csr_matrix(edges))
    np.testing.assert_array_equal(reached, [[0, 1, 3, 2], [1, 0, 2, 3], [2, 1, 0, 3], [3, 0, 1, 2], [4, 4, 4, 4]])


def test_outlines_hold_their_cells_and_do_not_overlap(section, seg):
    import shapely

    found = outlines(seg, section.xy, ONE)
    assert [o.n_cells for o in found] == list(seg.sizes)
    for o in found:
        inside = shapely.contains_xy(o.polygon.buffer(1e-6), section.xy)
        np.testing.assert_array_equal(inside, seg.labels == o.domain)
        assert shapely.is_valid(o.polygon)
    total = sum(o.polygon.area for o in found)
    assert shapely.union_all([o.polygon for o in found]).area == pytest.approx(total, rel=1e-6)


@pytest.mark.parametrize("places", [[[0, 0]], [[0, 0], [0, 0]], [[0, 0], [1, 0], [2, 0]]])
def test_outlines_of_very_few_cells(places):
    xy = np.array(places, dtype=float)
    n = len(xy)
    found = outlines(DomainSegmentation.from_labels(np.zeros(n, dtype=int), np.ones(n)), xy, np.zeros(n, dtype=np.intp))
    assert len(found) == 1
    assert found[0].polygon.area > 0
