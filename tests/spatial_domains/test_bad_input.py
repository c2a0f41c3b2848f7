"""Bad input gives an error or a stated, sensible result: never a crash, never a cell without a domain."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from napari_inclust.errors import ConfigError, DataError
from napari_inclust.spatial.neighbors import Graph
from napari_inclust.spatial_domains.find import METHODS, domains

from ..synthetic import N_SHARED, make_adata
from .test_find import quick, valid


@pytest.fixture
def tissue():
    return make_adata(150, 1, 1.0, slice(0, N_SHARED))


def changed_values(adata, change):
    x = adata.X.toarray()
    change(x)
    adata.X = sp.csr_matrix(x)
    return adata


@pytest.mark.parametrize("k", [0, -1, 151, [3, 200]])
def test_a_number_of_domains_that_is_not_possible_is_refused(tissue, k):
    with pytest.raises(ConfigError, match="from 1 to 150"):
        domains(tissue, k)


def test_no_number_in_a_list_is_refused(tissue):
    with pytest.raises(ConfigError, match="at least one"):
        domains(tissue, [])


@pytest.mark.parametrize("method", METHODS)
def test_one_domain_is_everything(tissue, method):
    found = valid(quick(tissue, 1, method=method), 150)
    assert found.segmentation.n_domains == 1


def test_more_domains_than_the_cells_fall_into_are_reported(tissue):
    found = valid(quick(tissue, 100), 150)
    assert found.segmentation.n_domains == 100 or any("of 100 domains" in note for note in found.notes)


@pytest.mark.parametrize("n", [1, 2, 8, 19])
def test_too_few_cells_are_refused(tissue, n):
    with pytest.raises(DataError, match="at least 20"):
        domains(tissue[:n].copy(), min(2, n) if n > 1 else None)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [20, 40])
def test_fewer_cells_than_neighbours_use_those_there_are(tissue, method, n):
    valid(quick(tissue[:n].copy(), 3, method=method), n)


@pytest.mark.parametrize("method", METHODS)
def test_cells_that_share_their_position_are_reported(tissue, method):
    tissue.obsm["spatial"][:60] = tissue.obsm["spatial"][0]
    found = valid(quick(tissue, 4, method=method), 150)
    assert any("60 cells share their position" in note for note in found.notes)


def test_all_cells_in_one_place_have_domains_by_expression(tissue):
    tissue.obsm["spatial"][:] = 5
    valid(quick(tissue, 3), 150)


def test_cells_on_a_line_are_neighbours_along_it(tissue):
    tissue.obsm["spatial"][:, 1] = 0
    valid(quick(tissue, 3), 150)


def test_a_cell_far_away_is_reported_and_has_a_domain(tissue):
    tissue.obsm["spatial"][7] = 1e6
    found = valid(quick(tissue, 4), 150)
    assert any("1 cell lies far" in note for note in found.notes)


@pytest.mark.parametrize("method", METHODS)
def test_sections_of_one_cell_and_small_ones_are_no_obstacle(tissue, method):
    tissue.obs["slice"] = ["a"] * 120 + ["b"] + ["c"] * 10 + ["d"] * 19
    found = valid(quick(tissue, 4, method=method, section_key="slice"), 150)
    assert any("1 section has one cell" in note for note in found.notes)


def test_every_cell_its_own_section_still_has_a_domain(tissue):
    tissue.obs["slice"] = np.arange(150).astype(str)
    valid(quick(tissue, 4, section_key="slice"), 150)


@pytest.mark.parametrize("method", METHODS)
def test_all_zero_cells_take_part_by_their_neighbours(tissue, method):
    changed_values(tissue, lambda x: x.__setitem__(slice(0, 30), 0))
    valid(quick(tissue, 4, method=method), 150)


def test_constant_genes_do_not_matter(tissue):
    before = tissue.copy()
    changed_values(tissue, lambda x: x.__setitem__((slice(None), 3), 0))
    valid(quick(tissue, 4), 150)
    both = quick(before[:, [i for i in range(N_SHARED) if i != 3]].copy(), 4)
    np.testing.assert_array_equal(quick(tissue, 4).labels, both.labels)


def test_cells_that_are_all_equal_are_refused(tissue):
    changed_values(tissue, lambda x: x.__setitem__(slice(None), 1))
    with pytest.raises(DataError, match="no gene"):
        domains(tissue, 3)


@pytest.mark.parametrize("genes", [1, 2, 3])
def test_few_genes_are_enough_to_go_on(tissue, genes):
    valid(quick(tissue[:, :genes].copy(), 2), 150)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("width", [2, 3])
def test_places_that_are_no_numbers_are_refused(tissue, value, width):
    places = np.c_[tissue.obsm["spatial"], np.zeros(150)][:, :width]
    places[4, width - 1] = value
    tissue.obsm["spatial"] = places
    with pytest.raises(DataError, match=r"1 of 150|1 cell"):
        domains(tissue, 3)


def test_missing_places_and_columns_are_named(tissue):
    with pytest.raises(DataError, match="'slice'"):
        domains(tissue, 3, section_key="slice")
    del tissue.obsm["spatial"]
    with pytest.raises(DataError, match="obsm\\['spatial'\\] is missing"):
        domains(tissue, 3)


def test_an_unknown_method_is_refused_with_those_there_are(tissue):
    with pytest.raises(ConfigError, match="smoothed-pca"):
        domains(tissue, 3, method="kmeans")


@pytest.mark.parametrize(("factor", "word"), [(10, "pixels"), (0.001, "another unit"), (1, None)])
def test_coordinates_that_are_hardly_micrometres_are_reported_and_change_nothing(tissue, factor, word):
    plain = quick(tissue, 4)
    del tissue.uns["spatial_unit"]
    tissue.obsm["spatial"] *= factor
    found = quick(tissue, 4)
    np.testing.assert_array_equal(found.labels, plain.labels)
    assert [word in note for note in found.notes if "look like" in note] == ([True] if word else [])


@pytest.mark.parametrize(
    "options", [{"kind": "voronoi"}, {"kind": "radius"}, {"kind": "radius", "radius": -1}, {"neighbours": 0}]
)
def test_a_graph_that_makes_no_sense_is_refused(options):
    with pytest.raises(ConfigError):
        Graph(**options)
