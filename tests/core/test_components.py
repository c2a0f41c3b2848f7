"""Leading principal axes, exact and randomised."""

from __future__ import annotations

import numpy as np
import pytest

from napari_inclust.core import components


def test_axes_of_many_features_are_those_of_few_and_the_same_for_the_same_seed(monkeypatch):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(300, 3)) * (9, 5, 3) @ rng.normal(size=(3, 80)) + 0.1 * rng.normal(size=(300, 80))
    values -= values.mean(0)
    exact = components.axes(values, 3, 0)
    monkeypatch.setattr(components, "EXACT", 10)
    found = components.axes(values, 3, 0)
    assert np.abs((exact * found).sum(0)) == pytest.approx(np.ones(3), abs=1e-3)
    assert np.array_equal(found, components.axes(values, 3, 0))


def test_there_are_never_more_axes_than_cells_or_features():
    assert components.axes(np.random.default_rng(0).normal(size=(4, 9)), 20, 0).shape == (9, 4)
