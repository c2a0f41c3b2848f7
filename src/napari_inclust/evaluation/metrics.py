"""Metrics of a prediction: of each gene over cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

Matrix = NDArray[np.floating[Any]]


def zscore(a: Matrix) -> Matrix:
    """Standardise each column to mean 0 and standard deviation 1; a constant column becomes 0."""
    sd = a.std(0)
    varies = (sd > 1e-12) & (a != a[:1]).any(0)  # rounding of the mean gives a constant column a small sd
    out: Matrix = (a - a.mean(0)) / np.where(varies, sd, 1)
    return np.where(varies, out, 0)


def pearson(truth: Matrix, predicted: Matrix) -> Matrix:
    """Compute the Pearson correlation of each column; 0 where either is constant."""
    r: Matrix = (zscore(truth) * zscore(predicted)).mean(0)
    return r


def ssim(truth: Matrix, predicted: Matrix) -> Matrix:
    """Compute the structural similarity of each column, with one global window.

    Each column is divided by its maximum; C1 = 0.01^2, C2 = 0.03^2 (Li et al., Nature Methods 2022).
    """
    t = truth / np.maximum(truth.max(0), 1e-12)
    p = np.clip(predicted, 0, None)
    p = p / np.maximum(p.max(0), 1e-12)
    mt, mp, c1, c2 = t.mean(0), p.mean(0), 0.01**2, 0.03**2
    covariance = ((t - mt) * (p - mp)).mean(0)
    out: Matrix = (2 * mt * mp + c1) * (2 * covariance + c2) / ((mt**2 + mp**2 + c1) * (t.var(0) + p.var(0) + c2))
    return out


def jensen_shannon(truth: Matrix, predicted: Matrix) -> Matrix:
    """Compute the base-2 Jensen-Shannon divergence of each column, normalised to sum 1: 0 is equal, 1 is disjoint.

    As Li et al., Nature Methods 2022.
    """
    p = np.clip(truth, 0, None)
    q = np.clip(predicted, 0, None)
    p, q = p / np.maximum(p.sum(0), 1e-12), q / np.maximum(q.sum(0), 1e-12)
    m = 0.5 * (p + q)

    def kl(a: Matrix) -> Matrix:
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(a > 0, a * np.log2(a / m), 0)
        total: Matrix = terms.sum(0)
        return total

    return 0.5 * kl(p) + 0.5 * kl(q)


def subtract_type_means(a: Matrix, types: NDArray[np.intp]) -> Matrix:
    """Subtract from each column its mean within the cell's type."""
    n = np.bincount(types)
    means = np.zeros((len(n), a.shape[1]))
    np.add.at(means, types, a)
    out: Matrix = a - (means / np.maximum(n, 1)[:, None])[types]
    return out


def gene_metrics(truth: Matrix, predicted: Matrix, types: NDArray[np.intp] | None = None) -> pd.DataFrame:
    """Compute all metrics of each gene.

    Parameters
    ----------
    truth, predicted : (cells, genes)
        Log-normalised.
    types : (cells,) int, optional
        Cell types. `pcc_within_type` is the Pearson correlation after subtracting each type's mean; NaN without types.

    Returns
    -------
    DataFrame
        One row a gene: pcc, spearman, ssim, rmse (of z-scored values), js, pcc_within_type
    """
    truth, predicted = np.asarray(truth, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    columns = {
        "pcc": pearson(truth, predicted),
        "spearman": pearson(rankdata(truth, axis=0), rankdata(predicted, axis=0)),
        "ssim": ssim(truth, predicted),
        "rmse": np.sqrt(((zscore(truth) - zscore(predicted)) ** 2).mean(0)),
        "js": jensen_shannon(truth, predicted),
        "pcc_within_type": np.full(truth.shape[1], np.nan)
        if types is None
        else pearson(subtract_type_means(truth, types), subtract_type_means(predicted, types)),
    }
    return pd.DataFrame(columns)
