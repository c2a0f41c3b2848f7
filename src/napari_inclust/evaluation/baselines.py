"""Baseline predictors, to be compared with every model: means and nearest neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..utils.pca import PCA

Matrix = NDArray[np.floating[Any]]
BASELINE_NAMES = {"pcc_gene_mean": "gene mean", "pcc_type_mean": "type mean", "pcc_knn": "kNN"}  # by column of scores
SCORE_COLUMNS = ("pcc", "spearman", "ssim", "rmse", "js", "pcc_within_type", *BASELINE_NAMES)  # of a table of scores
N_NEIGHBOURS = 50
N_COMPONENTS = 30


def knn_weights(target: Matrix, reference: Matrix, seed: int) -> sp.csr_matrix:
    """Compute Gaussian weights of the nearest reference cells: (target cells, reference cells), rows sum to 1.

    Neighbours are the 50 nearest in 30 joint principal components of the z-scored shared genes.

    Parameters
    ----------
    target, reference : (cells, shared genes)
        z-scored within each data set.
    """
    both = np.vstack([target, reference])
    pcs = PCA.fit(both, min(N_COMPONENTS, both.shape[1] - 1), seed).transform(both)
    return _gaussian_knn_weights(pcs[: len(target)], pcs[len(target) :])


def _gaussian_knn_weights(target: Matrix, reference: Matrix) -> sp.csr_matrix:
    """Weights (target cells, reference cells); the bandwidth of a cell is its median distance."""
    from sklearn.neighbors import NearestNeighbors

    k = min(N_NEIGHBOURS, len(reference))
    distance, index = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(reference).kneighbors(target)
    width = np.maximum(np.median(distance, axis=1, keepdims=True), 1e-12)
    weight = np.exp(-0.5 * (distance / width) ** 2)
    weight /= weight.sum(1, keepdims=True)
    rows = np.arange(0, k * len(target) + 1, k)
    return sp.csr_matrix((weight.ravel().astype(np.float32), index.ravel(), rows), shape=(len(target), len(reference)))


def type_means(reference: sp.csr_matrix, labels: NDArray[np.intp], n_types: int) -> Matrix:
    """Average the reference cells of each type: (types, genes); the overall mean where a type has no cell."""
    one_hot = sp.csr_matrix(
        (np.ones(int((labels >= 0).sum())), (labels[labels >= 0], np.flatnonzero(labels >= 0))),
        shape=(n_types, reference.shape[0]),
    )
    count = np.asarray(one_hot.sum(1)).ravel()
    means: Matrix = np.asarray((one_hot @ reference).todense()) / np.maximum(count, 1)[:, None]
    means[count == 0] = np.asarray(reference.mean(0)).ravel()
    return means
