"""One prediction from several: standardised, and averaged with weights chosen on held-out features or cells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..evaluation.metrics import zscore
from .linear import FeatureMap, LinearPrediction, LinearTerm

Matrix = NDArray[np.floating[Any]]
ENTROPY_WEIGHT = 0.001  # of the weights' entropy in the objective: equally good predictions get equal weights
MIN_WEIGHT = 0.01  # weight of a base predictor below which it is left out


def fit_weights(truth_correlation: Matrix, prediction_correlation: Matrix) -> NDArray[np.float64]:
    """Find the weights with the largest mean Pearson of the weighted mean of standardised predictions.

    Parameters
    ----------
    truth_correlation : (features, predictions)
        Pearson correlation of each held-out prediction with the truth.
    prediction_correlation : (features, predictions, predictions)
        Pearson correlation of the predictions with each other.

    Returns
    -------
    (predictions,) weights, none negative, of sum 1.
    """
    from scipy.optimize import minimize

    def loss(v: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        w = np.exp(v - v.max())
        w /= w.sum()
        gw = prediction_correlation @ w
        size = np.sqrt(np.maximum(gw @ w, 1e-9))
        fit = truth_correlation @ w
        gradient = (truth_correlation / size[:, None] - (fit / size**3)[:, None] * gw).mean(0) - ENTROPY_WEIGHT * (
            np.log(w + 1e-12) + 1
        )
        value = (fit / size).mean() - ENTROPY_WEIGHT * (w * np.log(w + 1e-12)).sum()
        return -float(value), -(w * (gradient - (w * gradient).sum()))

    v = minimize(loss, np.zeros(truth_correlation.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 200}).x
    w = np.exp(v - v.max())
    out: NDArray[np.float64] = w / w.sum()
    return out


def stacking_correlations(predictions: Sequence[Matrix], truth: Matrix) -> tuple[Matrix, Matrix]:
    """Compute both arguments of `fit_weights` from standardised predictions and the truth, each (cells, features)."""
    z = zscore(truth).astype(np.float32)
    stack = np.stack([np.asarray(p, dtype=np.float32) for p in predictions])  # (predictions, cells, features)
    with_truth = np.einsum("kng,ng->gk", stack, z) / len(z)
    by_feature = stack.transpose(2, 0, 1)
    with_each_other = by_feature @ by_feature.transpose(0, 2, 1) / len(z)
    return with_truth.astype(np.float64), with_each_other.astype(np.float64)


def weights_by_fold(predictions: Sequence[Matrix], truth: Matrix, fold: NDArray[np.intp]) -> NDArray[np.float64]:
    """Choose weights for each fold of the features.

    Parameters
    ----------
    predictions, truth : (cells, features)
        The predictions standardised.
    fold : (features,)
        Fold of each feature, from 0.

    Returns
    -------
    (folds + 1, predictions): row m is chosen without the features of fold m, the last row on all.
    """
    with_truth, with_each_other = stacking_correlations(predictions, truth)
    rows = [fit_weights(with_truth[fold != m], with_each_other[fold != m]) for m in range(int(fold.max()) + 1)]
    return np.array([*rows, fit_weights(with_truth, with_each_other)])


def mean_and_inverse_sd(values: Matrix) -> tuple[Matrix, Matrix]:
    """Mean and 1 / standard deviation of each column, the latter 0 where the column is constant."""
    sd = values.std(0)
    return values.mean(0), np.where(sd > 1e-9, 1 / np.where(sd > 1e-9, sd, 1), 0)


def standardise_by(baseline: Matrix, values: Matrix) -> Matrix:
    """Express values in standard deviations of a baseline, column by column; 0 where the baseline is constant."""
    mean, scale = mean_and_inverse_sd(baseline)
    out: Matrix = ((values - mean) * scale).astype(np.float32)
    return out


def standardised_prediction(
    feature_map: FeatureMap, member: int, coefficients: Matrix, baseline: Matrix
) -> LinearPrediction:
    """Make the linear prediction of a feature map, standardised over the cells at which it is `baseline`.

    Parameters
    ----------
    coefficients : (d, features) float32
    baseline : (cells, features)
        The product of the map's design matrix at these cells and the coefficients.
    """
    mean, scale = mean_and_inverse_sd(baseline)
    return LinearPrediction({(feature_map, member): LinearTerm(coefficients, scale)}, -mean * scale)


def blend(predictions: Iterable[Matrix], weights: Iterable[float]) -> tuple[Matrix, Matrix]:
    """Average standardised predictions (cells, features).

    Returns
    -------
    Their weighted mean and their weighted standard deviation around it, each (cells, features).
    """
    first: Matrix | float = 0.0
    second: Matrix | float = 0.0
    for z, w in zip(predictions, weights, strict=True):
        first, second = first + w * z, second + w * np.square(z)
    return np.asarray(first), np.sqrt(np.maximum(second - np.square(first), 0))
