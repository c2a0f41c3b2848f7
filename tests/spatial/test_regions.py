"""Areas: which cells lie in them, what they hold, and the comparison of two."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from scipy import stats

from napari_inclust.errors import DataError
from napari_inclust.spatial.regions import (
    Region,
    category_counts,
    expression_summary,
    points_in_polygon,
    region_labels,
    region_sizes,
    row_shares,
    shape_corners,
    welch_test,
)

SQUARE = np.array([[0.0, 0], [100, 0], [100, 100], [0, 100]])


@pytest.fixture
def xy() -> np.ndarray:
    return np.random.default_rng(0).uniform(-50, 150, (2000, 2))


def test_cells_in_a_square_are_those_between_its_sides(xy):
    expected = ((xy > 0) & (xy < 100)).all(1)
    assert (points_in_polygon(SQUARE, xy) == expected).all()
    assert (
        points_in_polygon(SQUARE, np.c_[xy, np.ones(len(xy))]) == expected
    ).all()  # a third coordinate does not count
    assert (points_in_polygon(SQUARE[::-1], xy) == expected).all()  # either way round


def test_a_polygon_that_crosses_itself_holds_both_its_parts():
    bow = np.array([[0.0, 0], [10, 10], [10, 0], [0, 10]])
    assert list(points_in_polygon(bow, np.array([[1.0, 5], [9, 5], [5, 1], [5, 9]]))) == [True, True, False, False]
    assert Region("bow", bow).area == pytest.approx(50)


def test_an_ellipse_has_the_area_of_one_and_a_line_none():
    box = np.array([[0.0, 0], [0, 40], [20, 40], [20, 0]])
    assert Region("e", shape_corners(box, "ellipse")).area == pytest.approx(np.pi * 10 * 20, rel=0.005)
    assert (shape_corners(SQUARE, "rectangle") == SQUARE).all()
    for corners, kind in ((SQUARE, "path"), (SQUARE[[0, 1, 1, 0]], "polygon")):
        with pytest.raises(DataError, match="no area"):
            shape_corners(corners, kind)


def test_area_density_composition_and_expression(xy):
    codes = np.arange(len(xy)) % 3 - 1  # a third has no category
    regions = [Region("square", SQUARE), Region("far", SQUARE + 1e4)]
    masks = [r.contains(xy) for r in regions]
    table = region_sizes(regions, masks)
    n = int(masks[0].sum())
    assert list(table.loc["square"]) == [n, 10_000.0, pytest.approx(n / 0.01)]
    assert list(table.loc["far"]) == [0, 10_000.0, 0.0]
    made = category_counts(["square", "far"], masks, codes, ["a", "b"])
    assert made.loc["square", "a"] == int((masks[0] & (codes == 0)).sum())
    assert row_shares(made).loc["square"].sum() == pytest.approx(1)
    assert row_shares(made).loc["far"].isna().all()
    values = np.random.default_rng(1).poisson(1.0, len(xy)).astype(np.float32)
    out = expression_summary(["square", "far"], masks, {("Sox2", "measured"): values, ("Pax6", "imputed"): 2 * values})
    assert out.loc[0, "mean"] == pytest.approx(values[masks[0]].mean())
    assert out.loc[0, "share_above_0"] == pytest.approx((values[masks[0]] > 0).mean())
    assert np.isnan(out.loc[1, "mean"])
    assert list(out["imputed"]) == [False, False, True, True]


def test_the_region_drawn_last_names_a_cell_that_lies_in_two():
    masks = [np.array([True, True, False]), np.array([False, True, False])]
    column = region_labels([Region("a", SQUARE), Region("b", SQUARE)], masks, 3)
    assert list(column) == ["a", "b", "outside"]
    assert list(column.categories) == ["a", "b", "outside"]


def test_the_comparison_is_welchs_test_on_dense_and_sparse_values():
    random = np.random.default_rng(0)
    values = random.poisson(0.7, (300, 5)).astype(np.float32)
    a = np.arange(300) < 80
    values[a, 0] += 2
    values[:, 3] = 0  # never seen
    values[:, 4] = a  # constant in each group, and different
    names = ["up", "x", "y", "zero", "sure"]
    dense = welch_test(a, ~a, values, names, ["measured"] * 5).set_index("gene")
    sparse = welch_test(a, ~a, sp.csc_matrix(values), names, ["measured"] * 5).set_index("gene")
    for i in range(3):
        expected = stats.ttest_ind(values[a, i].astype(float), values[~a, i].astype(float), equal_var=False).pvalue
        assert dense.loc[names[i], "p"] == pytest.approx(expected, rel=1e-6)
        assert sparse.loc[names[i], "p"] == pytest.approx(expected, rel=1e-6)
    assert dense.loc["zero", "p"] == 1.0
    assert dense.loc["sure", "p"] == 0.0
    assert dense.loc["up", "difference"] == pytest.approx(values[a, 0].mean() - values[~a, 0].mean())
    assert (dense["p_adjusted"] >= dense["p"]).all()
    assert list(dense.index[:2]) == ["sure", "up"]


def test_a_group_of_one_cell_is_refused():
    a = np.arange(10) == 0
    with pytest.raises(DataError, match="group A has 1 cells"):
        welch_test(a, ~a, np.ones((10, 1)), ["g"], ["measured"])
