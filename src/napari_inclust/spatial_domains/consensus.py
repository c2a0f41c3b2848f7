"""Consensus clustering: Gaussian mixtures of several feature tables, aligned with each other and averaged."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from ..spatial.neighbors import IntArray

Matrix = NDArray[np.float32]
_ROW_CHUNK = 65_536
_MAX_ALIGN_ROUNDS = 8
_N_ALIGN_STARTS = 10  # members with which the others are aligned first
_CELLS_PER_DOMAIN = 10  # with fewer in a half, members are fitted on all rows


@dataclass(frozen=True, eq=False)
class Mixture:
    """A Gaussian mixture with a tied covariance, fitted on some rows of a table."""

    model: Any
    scale: float

    @classmethod
    def fit(cls, table: Matrix, n_clusters: int, seed: int, rows: IntArray) -> Mixture:
        """Fit `n_clusters` components on some rows of a table (cells, directions)."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        scale = float(np.sqrt(table.var(0).mean() + 1e-12))
        model = GaussianMixture(n_clusters, covariance_type="tied", reg_covar=1e-4, random_state=seed, max_iter=200)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # an unconverged mixture is as good a member
            try:
                model.fit(table[rows] / scale)
            except ValueError:  # directions without variance: rounding makes the covariance indefinite
                model.set_params(reg_covar=1e-2).fit(table[rows].astype(np.float64) / scale)
        return cls(model, scale)

    def membership(self, table: Matrix) -> Matrix:
        """Return the probabilities (rows, n_clusters) of the components."""
        probabilities: Matrix = self.model.predict_proba(table / self.scale).astype(np.float32)
        return probabilities


def pairwise_ari(labellings: Sequence[IntArray], n_clusters: int) -> NDArray[np.float64]:
    """Compute the adjusted Rand index of every two labellings (members, members), by one product of one-hot codes."""
    n, members = len(labellings[0]), len(labellings)
    one_hot = np.hstack([np.eye(n_clusters, dtype=np.float32)[y] for y in labellings])

    def pairs(count: NDArray[np.float64]) -> NDArray[np.float64]:
        return count * (count - 1) / 2

    both = pairs((one_hot.T @ one_hot).astype(np.float64).reshape(members, n_clusters, members, n_clusters)).sum((1, 3))
    own = pairs(one_hot.sum(0).astype(np.float64).reshape(members, n_clusters)).sum(1)
    chance = own[:, None] * own / max(float(n * (n - 1) / 2), 1.0)
    most = (own[:, None] + own) / 2
    out: NDArray[np.float64] = np.where(most - chance > 1e-9, (both - chance) / np.maximum(most - chance, 1e-9), 1.0)
    return out


def mean_ari(labellings: Sequence[IntArray], n_clusters: int) -> float:
    """Average the adjusted Rand index between members; 1 for a single one."""
    if len(labellings) < 2:
        return 1.0
    return float(pairwise_ari(labellings, n_clusters)[np.triu_indices(len(labellings), 1)].mean())


def match_columns(reference: NDArray[Any], other: NDArray[Any]) -> IntArray:
    """Order the columns of `other` (cells, k) so that they overlap most with those of `reference` (cells, k)."""
    order: IntArray = linear_sum_assignment(-(reference.T @ other))[1]
    return order


def align_columns(memberships: Sequence[Matrix], start: int) -> tuple[list[IntArray], Matrix]:
    """Order each member's columns, first by the member `start`, then by the mean of all; return orders and mean."""
    mean = memberships[start]
    for _ in range(_MAX_ALIGN_ROUNDS):
        orders = [match_columns(mean, q) for q in memberships]
        new: Matrix = np.stack([q[:, o] for q, o in zip(memberships, orders, strict=True)]).mean(0)
        changed = (new.argmax(1) != mean.argmax(1)).mean()
        mean = new
        if changed < 1e-3:
            break
    return [match_columns(mean, q) for q in memberships], mean


def best_alignment(memberships: Sequence[Matrix], labellings: Sequence[IntArray], n_clusters: int) -> list[IntArray]:
    """Order each member's columns by the alignment whose mean membership is the most confident.

    An alignment finds a local optimum: with many domains a single start made the result depend on the seed. Starts are
    members of high, middle and low agreement with the others.
    """
    ranked = np.argsort(-pairwise_ari(labellings, n_clusters).mean(1), kind="stable")
    starts = ranked[:: max(1, len(memberships) // _N_ALIGN_STARTS)][:_N_ALIGN_STARTS]
    alignments = [align_columns(memberships, int(start)) for start in starts]
    return max(alignments, key=lambda orders_mean: float(orders_mean[1].max(1).mean()))[0]


def consensus_membership(
    feature_tables: Sequence[Matrix],
    n_clusters: int,
    restarts: int,
    rng: np.random.Generator,
    fit_rows: IntArray,
    n_agreement_rows: int,
) -> Generator[float, None, tuple[Matrix, float]]:
    """Average the memberships of mixtures of every table: yields the fraction done.

    Parameters
    ----------
    feature_tables : each (cells, directions)
    n_clusters
    restarts
        Mixtures of each table.
    rng
    fit_rows
        Rows on which mixtures are fitted and aligned; those of the others are computed one member at a time, so that
        memory does not grow with the members. Each member is fitted on a random half of them, so that agreement is over
        subsamples as well as seeds; a single member on all.
    n_agreement_rows
        Number of these rows on which members are aligned and compared.

    Returns
    -------
    membership : (cells, n_clusters)
    agreement
        Mean adjusted Rand index between members.
    """
    fitted: list[tuple[int, Mixture]] = []
    all_fitted = len(fit_rows) == len(feature_tables[0])
    halves = len(feature_tables) * restarts > 1 and len(fit_rows) // 2 >= _CELLS_PER_DOMAIN * n_clusters
    for t, table in enumerate(feature_tables):
        for _ in range(restarts):
            rows = np.sort(rng.choice(fit_rows, len(fit_rows) // 2, replace=False)) if halves else fit_rows
            fitted.append((t, Mixture.fit(table, n_clusters, int(rng.integers(2**31)), rows)))
            yield len(fitted) / (len(feature_tables) * restarts) * (1 if all_fitted else 0.5)
    members = [mixture.membership(feature_tables[t][fit_rows]) for t, mixture in fitted]
    step = max(1, len(fit_rows) // n_agreement_rows)
    labels = [q[::step].argmax(1) for q in members]
    orders = best_alignment([q[::step] for q in members], labels, n_clusters)
    if all_fitted:
        mean = np.mean([q[:, order] for q, order in zip(members, orders, strict=True)], axis=0)
    else:
        mean = np.zeros((len(feature_tables[0]), n_clusters), dtype=np.float32)
        for i, ((t, mixture), order) in enumerate(zip(fitted, orders, strict=True)):
            yield 0.5 + 0.5 * i / len(fitted)
            for start in range(0, len(mean), _ROW_CHUNK):
                mean[start : start + _ROW_CHUNK] += mixture.membership(feature_tables[t][start : start + _ROW_CHUNK])[
                    :, order
                ]
        mean /= len(fitted)
    return mean, mean_ari(labels, n_clusters)
