"""Stacking: which weights are chosen, and how standardised predictions are averaged."""

from __future__ import annotations

import numpy as np
import pytest

from napari_inclust.imputation.stacking import (
    blend,
    fit_weights,
    stacking_correlations,
    standardise_by,
    weights_by_fold,
)


def test_weights_favour_the_better_prediction_and_are_chosen_without_the_fold():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(200, 12))
    good, bad = truth + 0.5 * rng.normal(size=truth.shape), rng.normal(size=truth.shape)
    assert fit_weights(*stacking_correlations([good, bad], truth))[0] > 0.9
    fold = np.arange(12) % 3
    first = weights_by_fold([good, bad], truth, fold)
    swapped_good, swapped_bad = good.copy(), bad.copy()
    swapped_good[:, fold == 0], swapped_bad[:, fold == 0] = bad[:, fold == 0], good[:, fold == 0]
    again = weights_by_fold([swapped_good, swapped_bad], truth, fold)
    assert np.array_equal(first[0], again[0])
    assert not np.allclose(first[-1], again[-1])


def test_predictions_are_averaged_with_the_spread_around_their_mean():
    predictions = [np.full((3, 2), 1.0), np.full((3, 2), 3.0)]
    mean, spread = blend(predictions, [0.75, 0.25])
    np.testing.assert_allclose(mean, 1.5)
    np.testing.assert_allclose(spread, np.sqrt(0.75 * 0.25 + 0.25 * 2.25))


def test_values_are_in_standard_deviations_of_the_baseline_and_0_where_it_is_constant():
    baseline = np.array([[0.0, 5.0], [2.0, 5.0]])
    assert standardise_by(baseline, np.array([[3.0, 7.0]])) == pytest.approx(np.array([[2.0, 0.0]]))
