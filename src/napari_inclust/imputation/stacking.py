"""One prediction from many: a weighted mean whose weights are chosen on genes that were hidden from what predicted them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..evaluation.metrics import zscore

Matrix = NDArray[np.floating[Any]]
ENTROPY_WEIGHT = 0.001  # weight of the entropy of the weights: keeps equally good predictions equally heavy


def fit_weights(truth_correlation: Matrix, prediction_correlation: Matrix) -> NDArray[np.float64]:
    """Weights (>= 0, sum 1) with the largest mean Pearson over genes of the weighted mean of standardised predictions.

    Parameters
    ----------
    agreement : (genes, predictions)
        Pearson of each held-out prediction with the truth.
    overlap : (genes, predictions, predictions)
        Pearson of the predictions with each other.
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
    """`agreement` and `overlap` of `choose_weights`, from standardised predictions (cells, genes) and the truth."""
    z = zscore(truth).astype(np.float32)
    stack = np.stack([np.asarray(p, dtype=np.float32) for p in predictions])  # (predictions, cells, genes)
    agreement = np.einsum("kng,ng->gk", stack, z) / len(z)
    by_gene = stack.transpose(2, 0, 1)
    overlap = by_gene @ by_gene.transpose(0, 2, 1) / len(z)
    return agreement.astype(np.float64), overlap.astype(np.float64)


def weights_by_fold(predictions: Sequence[Matrix], truth: Matrix, fold: NDArray[np.intp]) -> NDArray[np.float64]:
    """(folds + 1, predictions): row m chosen without the genes of fold m, the last row on all genes."""
    agreement, overlap = stacking_correlations(predictions, truth)
    rows = [fit_weights(agreement[fold != m], overlap[fold != m]) for m in range(int(fold.max()) + 1)]
    return np.array([*rows, fit_weights(agreement, overlap)])
