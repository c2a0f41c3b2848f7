"""One latent for the cells of all data sets, in which each kind of cell lies at one place: what the covariate arithmetic leaves is taken off cluster by cluster.

The arithmetic moves all cells of a data set alike, but platforms differ by kind of cell, and in how far noise spreads cells of a kind. Only the latent that
`integrate` writes is corrected: whatever is decoded, classified or mapped starts from the network's own.

Sources: soft clusters and their ridge regression are Harmony's (Korsunsky et al., Nature Methods 2019, 16:1289), the spread is matched as in ComBat (Johnson et
al., Biostatistics 2007, 8:118).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..data.subsample import sample_uniform
from ..training.batches import row_chunks

if TYPE_CHECKING:
    from ..training.trained import Trained

MAX_CLUSTERS, CELLS_PER_CLUSTER = 100, 30  # at most; there is one for as many cells
CLUSTER_WIDTH = 0.1  # of a cluster, in units of 1 - cosine (sigma)
DIVERSITY_PENALTY = 1.0  # how strongly a cluster prefers the levels that it has few cells of (theta)
RIDGE_PENALTY = 1.0  # a level with no more than this many cells in a cluster is moved by half at most (lambda)
N_ITERATIONS = 10
MAX_INITIALISATION_CELLS = 20_000  # cells among which the first centres are chosen, drawn by the seed
CORRECTION_SETTINGS = {
    "clusters": MAX_CLUSTERS,
    "width": CLUSTER_WIDTH,
    "diversity": DIVERSITY_PENALTY,
    "ridge": RIDGE_PENALTY,
    "rounds": N_ITERATIONS,
}  # as results name them
_EPSILON = 1e-9

Matrix = NDArray[np.floating[Any]]
Codes = NDArray[np.intp]


def corrected_latent(trained: Trained) -> NDArray[np.float32]:
    """(cells of all data sets, latent) one after the other, corrected for the data set and every other covariate of the plan."""
    tables = trained.plan.tables
    z = np.concatenate([trained.latent(t.name) for t in tables])
    sets = np.repeat(np.arange(len(tables)), [t.n_cells for t in tables])
    return correct_batch_effects(z, np.concatenate([t.covariates for t in tables]), sets, trained.trainer.config.seed)


def correct_batch_effects(z: Matrix, covariates: Matrix, dataset_codes: Codes, seed: int = 0) -> NDArray[np.float32]:
    """Cells of a cluster get one mean whatever their covariates, and one spread whatever their data set.

    A cluster of one data set only stays where it is, so a type that others lack is not moved onto their cells on purpose.

    Parameters
    ----------
    z : (cells, latent)
    covariates : (cells, levels)
        Ones where a cell has a level.
    sets : (cells,) int
        Code of the data set.
    """
    middle = z.mean(0)
    first: Matrix = (z - middle).astype(np.float32)
    now, levels = first, covariates.astype(np.float32)
    centres = _initial_centres(_normalise_rows(first), seed)
    favour = np.zeros((levels.shape[1], len(centres)), dtype=np.float32)  # log odds of a level in a cluster
    for _ in range(N_ITERATIONS):
        place = _normalise_rows(now)
        r = _cluster_memberships(place, centres, levels, favour)
        centres = _normalise_rows(r.T @ place)
        found, expected = levels.T @ r, np.outer(levels.mean(0), r.sum(0))
        favour = ((favour + DIVERSITY_PENALTY * np.log((expected + 1) / (found + 1))) / 2).astype(np.float32)
        moved = first.copy()
        for level, effect in zip(levels.T, _covariate_effects(first, r, levels), strict=True):
            moved -= level[:, None] * (r @ effect)
        now = _equalise_spread(moved, r, dataset_codes)
    out: NDArray[np.float32] = (now + middle).astype(np.float32)
    return out


def _normalise_rows(x: Matrix) -> Matrix:
    out: Matrix = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), _EPSILON)
    return out


def _initial_centres(embedding: Matrix, seed: int) -> Matrix:
    """(clusters, latent) cells far from each other, as k-means++ starts."""
    from sklearn.cluster import kmeans_plusplus

    k = int(np.clip(len(embedding) // CELLS_PER_CLUSTER, 2, MAX_CLUSTERS))
    at = sample_uniform(len(embedding), MAX_INITIALISATION_CELLS, seed)
    chosen: Matrix = kmeans_plusplus(embedding[at], k, random_state=seed)[0]
    return chosen


def _cluster_memberships(embedding: Matrix, centres: Matrix, levels: Matrix, level_log_odds: Matrix) -> Matrix:
    """(cells, clusters) rows sum to 1: by the cosine with the centres, more where a cluster has few cells of the cell's levels."""
    r = np.empty((len(embedding), len(centres)), dtype=np.float32)
    for rows in row_chunks(len(embedding)):
        a = 2 / CLUSTER_WIDTH * (embedding[rows] @ centres.T) + levels[rows] @ level_log_odds
        r[rows] = np.exp(a - a.max(1, keepdims=True))
        r[rows] /= r[rows].sum(1, keepdims=True)
    return r


def _covariate_effects(z: Matrix, memberships: Matrix, levels: Matrix) -> Matrix:
    """(levels, clusters, latent) of each level beside the intercept, by ridge regression of the latent in each cluster."""
    design = np.column_stack([np.ones(len(z), dtype=np.float32), levels])
    gram = np.stack([memberships.T @ (d[:, None] * design) for d in design.T], 1).astype(np.float64)
    moment = np.stack([memberships.T @ (d[:, None] * z) for d in design.T], 1).astype(np.float64)
    penalty = np.diag([_EPSILON] + [RIDGE_PENALTY] * levels.shape[1])
    effects: Matrix = np.linalg.solve(gram + penalty, moment)[:, 1:].transpose(1, 0, 2).astype(np.float32)
    return effects


def _equalise_spread(z: Matrix, memberships: Matrix, dataset_codes: Codes) -> Matrix:
    """Distances from the clusters' means scaled by one factor a data set: its spread, relative to what its clusters usually have, becomes that of the others."""
    mass = memberships.sum(0) + _EPSILON
    mean = memberships @ ((memberships.T @ z) / mass[:, None])
    square = np.square(z - mean).mean(1)
    usual = memberships @ ((memberships.T @ square) / mass)
    of = np.eye(int(dataset_codes.max()) + 1)[dataset_codes]
    ratio = (of.T @ square + _EPSILON) / (of.T @ usual + _EPSILON)  # (sets,)
    scale = np.sqrt(np.exp(np.log(ratio).mean()) / ratio)
    out: Matrix = mean + (z - mean) * scale[dataset_codes, None].astype(np.float32)
    return out
