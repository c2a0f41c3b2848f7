"""Names mark what is imputed; limits; colours of types."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_inclust.paint.limits import ManualLimits, PercentileLimits, union_limits
from napari_inclust.paint.values import CellCategories, CellValues, category_palette


def test_titles_mark_imputed_genes_with_their_score() -> None:
    x = np.ones(3, dtype=np.float32)
    assert CellValues("Sox2", x).title == "Sox2 · measured"
    assert CellValues("Sox2", x, "imputed", x, 0.41).title == "Sox2 · imputed (score 0.41)"
    assert CellValues("Sox2", x, "held-out", x, float("nan")).title == "Sox2 · imputed, held out (no score)"
    assert (
        CellValues("Sox2", x, "imputed", x * 0.5).value_text(1) == "Sox2 1.00 ± 0.50 log-normalised, IMPUTED (no score)"
    )
    assert (
        CellValues("Sox2", x - 2, "imputed", x * 0.5).value_text(1)
        == "Sox2 -1.00 (absent) ± 0.50 log-normalised, IMPUTED (no score)"
    )


def test_limits() -> None:
    values = np.r_[np.zeros(99), np.full(1, 5.0)]
    assert PercentileLimits(0, 50).get_limits(values) == (0.0, 5.0)  # mostly zero: the upper end is taken above zero
    assert ManualLimits(2, 1).get_limits(values) == (2.0, 3.0)
    assert PercentileLimits().get_limits(np.zeros(5)) == (0.0, 1.0)
    assert PercentileLimits().get_limits(np.array([np.nan])) == (0.0, 1.0)
    assert union_limits((0, 2), (1, 4)) == (0, 4)
    low, high = PercentileLimits(1, 99).get_limits(np.r_[values, np.nan])
    assert low < high


def test_types_keep_missing_values_apart_and_use_the_colours_of_the_file() -> None:
    column = pd.Series(pd.Categorical(["b", None, "a"], categories=["a", "b"]))
    types = CellCategories.from_column("kind", column, ["#ff0000", "#0000ff"])
    assert types.codes.tolist() == [1, -1, 0]
    assert types.category_text(1) == "no kind"
    np.testing.assert_allclose(types.colours, [[1, 0, 0, 1], [0, 0, 1, 1]])
    assert CellCategories.from_column("text", pd.Series(["x", "y", "x"])).codes.tolist() == [0, 1, 0]


@pytest.mark.parametrize("n", [1, 8, 31, 120])
def test_colours_are_distinct(n: int) -> None:
    assert len(np.unique(category_palette(n).round(3), axis=0)) == n
    assert category_palette(n, ["not a colour"] * n).shape == (n, 4)
