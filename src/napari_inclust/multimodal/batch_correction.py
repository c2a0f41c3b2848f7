"""Batch correction of the joint latent, cluster by cluster.

The covariate arithmetic of the network shifts all cells of a data set by the same vector, but platforms differ by cell
type, and in how far noise spreads the cells of a type. Only the latent that `integrate` writes is corrected: decoding,
classification and mapping use the network's own.

Soft clusters and their ridge regression are Harmony's [1]_; the spread is matched as in ComBat [2]_.

References
----------
.. [1] Korsunsky et al., Nature Methods 2019, 16:1289.
.. [2] Johnson et al., Biostatistics 2007, 8:118.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..data.subsample import sample_uniform
from ..training.batches import row_chunks
from ..utils.attention import normalise_rows

if TYPE_CHECKING:
    from ..training.trained import Trained

MAX_CLUSTERS, CELLS_PER_CLUSTER = 100, 30  # one cluster for every 30 cells, at most 100
CLUSTER_WIDTH = 0.1  # in units of 1 - cosine (Harmony's sigma)
DIVERSITY_PENALTY = 1.0  # preference of a cluster for levels with few of its cells (Harmony's theta)
RIDGE_PENALTY = 1.0  # a level with at most this many cells in a cluster is moved by at most a half (Harmony's lambda)
N_ITERATIONS = 10
MAX_INITIALISATION_CELLS = 20_000  # drawn by the seed; the first centres are chosen from them
CORRECTION_SETTINGS = {
    "clusters": MAX_CLUSTERS,
    "width": CLUSTER_WIDTH,
    "diversity": DIVERSITY_PENALTY,
    "ridge": RIDGE_PENALTY,
    "rounds": N_ITERATIONS,
}  # by the names used in result files
_EPSILON = 1e-9

Matrix = NDArray[np.floating[Any]]
Codes = NDArray[np.intp]


def corrected_latent(trained: Trained) -> NDArray[np.float32]:
    """Correct the latent for the data set and every other covariate of the plan.

    Returns
    -------
    (cells of all data sets, latent), in the order of the plan's tables
    """
    tables = trained.plan.tables
    z = np.concatenate([trained.latent(t.name) for t in tables])
    sets = np.repeat(np.arange(len(tables)), [t.n_cells for t in tables])
    return correct_batch_effects(z, np.concatenate([t.covariates for t in tables]), sets, trained.trainer.config.seed)


def correct_batch_effects(z: Matrix, covariates: Matrix, dataset_codes: Codes, seed: int = 0) -> NDArray[np.float32]:
    """Equalise the means of each cluster between covariates, and its spread between data sets.

    A cluster of one data set only is not moved, so a type that other data sets lack is not aligned with their cells.

    Parameters
    ----------
    z : (cells, latent)
    covariates : (cells, levels)
        1 where a cell has a level, else 0.
    dataset_codes : (cells,) int
    seed
        Of the first centres.

    Returns
    -------
    (cells, latent)
    """
    mean = z.mean(0)
    centred: Matrix = (z - mean).astype(np.float32)
    corrected, levels = centred, covariates.astype(np.float32)
    centres: Matrix = _initial_centres(normalise_rows(centred), seed)
    log_odds = np.zeros((levels.shape[1], len(centres)), dtype=np.float32)  # of a level in a cluster
    for _ in range(N_ITERATIONS):
        directions = normalise_rows(corrected)
        r = _cluster_memberships(directions, centres, levels, log_odds)
        centres = normalise_rows(r.T @ directions)
        observed, expected = levels.T @ r, np.outer(levels.mean(0), r.sum(0))
        log_odds = ((log_odds + DIVERSITY_PENALTY * np.log((expected + 1) / (observed + 1))) / 2).astype(np.float32)
        shifted = centred.copy()
        for level, effect in zip(levels.T, _covariate_effects(centred, r, levels), strict=True):
            shifted -= level[:, None] * (r @ effect)
        corrected = _equalise_spread(shifted, r, dataset_codes)
    out: NDArray[np.float32] = (corrected + mean).astype(np.float32)
    return out


def _initial_centres(embedding: Matrix, seed: int) -> Matrix:
    """Cells far from each other (clusters, latent), chosen by k-means++."""
    from sklearn.cluster import kmeans_plusplus

    k = int(np.clip(len(embedding) // CELLS_PER_CLUSTER, 2, MAX_CLUSTERS))
    rows = sample_uniform(len(embedding), MAX_INITIALISATION_CELLS, seed)
    centres: Matrix = kmeans_plusplus(embedding[rows], k, random_state=seed)[0]
    return centres


def _cluster_memberships(embedding: Matrix, centres: Matrix, levels: Matrix, level_log_odds: Matrix) -> Matrix:
    """Soft clusters (cells, clusters), rows sum to 1: by cosine, and higher where a cell's levels are rare."""
    r = np.empty((len(embedding), len(centres)), dtype=np.float32)
    for rows in row_chunks(len(embedding)):
        a = 2 / CLUSTER_WIDTH * (embedding[rows] @ centres.T) + levels[rows] @ level_log_odds
        r[rows] = np.exp(a - a.max(1, keepdims=True))
        r[rows] /= r[rows].sum(1, keepdims=True)
    return r


def _covariate_effects(z: Matrix, memberships: Matrix, levels: Matrix) -> Matrix:
    """Effects of levels (levels, clusters, latent) by ridge regression, with an intercept, in each cluster."""
    design = np.column_stack([np.ones(len(z), dtype=np.float32), levels])
    gram = np.stack([memberships.T @ (d[:, None] * design) for d in design.T], 1).astype(np.float64)
    moment = np.stack([memberships.T @ (d[:, None] * z) for d in design.T], 1).astype(np.float64)
    penalty = np.diag([_EPSILON] + [RIDGE_PENALTY] * levels.shape[1])
    effects: Matrix = np.linalg.solve(gram + penalty, moment)[:, 1:].transpose(1, 0, 2).astype(np.float32)
    return effects


def _equalise_spread(z: Matrix, memberships: Matrix, dataset_codes: Codes) -> Matrix:
    """Scale distances to the clusters' means by one factor for each data set, so that relative spreads become equal.

    The relative spread of a data set is that of its cells over the mean one of their clusters.
    """
    mass = memberships.sum(0) + _EPSILON
    mean = memberships @ ((memberships.T @ z) / mass[:, None])
    square = np.square(z - mean).mean(1)
    expected = memberships @ ((memberships.T @ square) / mass)
    one_hot = np.eye(int(dataset_codes.max()) + 1)[dataset_codes]
    ratio = (one_hot.T @ square + _EPSILON) / (one_hot.T @ expected + _EPSILON)  # (data sets,)
    scale = np.sqrt(np.exp(np.log(ratio).mean()) / ratio)
    out: Matrix = mean + (z - mean) * scale[dataset_codes, None].astype(np.float32)
    return out
