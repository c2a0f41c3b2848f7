"""From latents to values: every readout is a matrix over cells times coefficients of the wanted genes, so a gene costs one product.

The members' held-out genes say how much of each readout goes into the blend.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from .score import pearson, zscore

Matrix = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Readout:
    """values = bases[m] @ coefficients(m, features): log-normalised, on the reference's scale.

    Attributes
    ----------
    bases
        One (cells, d) matrix a member, dense or sparse.
    coefficients
        (member, features) -> (d, features).
    """

    name: str
    bases: list[Any]
    coefficients: Callable[[int, NDArray[np.intp]], Matrix]

    def predict(self, member: int, features: NDArray[np.intp]) -> Matrix:
        """(cells, features)."""
        out: Matrix = np.asarray(self.bases[member] @ self.coefficients(member, features))
        return out


@dataclass(frozen=True, eq=False)
class Blend:
    """Readouts, each standardised per gene and member, averaged with weights, and put back on the reference's scale.

    Attributes
    ----------
    weights : (readouts,)
        Sum to 1.
    mean, sd : (features,)
        Of the reference's log-normalised values.
    """

    readouts: list[Readout]
    weights: NDArray[np.float64]
    mean: NDArray[np.float32]
    sd: NDArray[np.float32]
    members: int

    def by_member(self, features: NDArray[np.intp], member: int) -> Matrix:
        """One member's prediction (cells, features)."""
        z = np.zeros(0)
        spread = np.zeros(0)
        for w, readout in zip(self.weights, self.readouts, strict=True):
            if w == 0:
                continue
            p = readout.predict(member, features)
            part, part_spread = w * zscore(p), w * np.log(np.maximum(p.std(0), 1e-6))
            z, spread = (part, part_spread) if not z.size else (z + part, spread + part_spread)
        out: Matrix = np.clip(self.mean[features] + z * np.minimum(np.exp(spread), self.sd[features]), 0, None)
        return out

    def predict(self, features: NDArray[np.intp]) -> tuple[Matrix, Matrix]:
        """Mean of the members and their standard deviation, each (cells, features) float32."""
        total, square = np.zeros(0), np.zeros(0)
        for m in range(self.members):
            p = self.by_member(features, m)
            total, square = (p, p**2) if not total.size else (total + p, square + p**2)
        mean = total / self.members
        return mean.astype(np.float32), np.sqrt(np.maximum(square / self.members - mean**2, 0)).astype(np.float32)

    def held_out(self, features: NDArray[np.intp], fold: NDArray[np.intp]) -> Matrix:
        """Each feature from the one member that it was hidden from."""
        out = np.zeros((self.readouts[0].bases[0].shape[0], len(features)), dtype=np.float32)
        for m in np.unique(fold):
            out[:, fold == m] = self.by_member(features[fold == m], int(m))
        return out


def choose_weights(held_out: list[Matrix], truth: Matrix, shrink: float = 0.3) -> NDArray[np.float64]:
    """Weights of the readouts from their held-out predictions: coordinate ascent on the mean Pearson over genes, shrunk towards equal weights.

    Parameters
    ----------
    held_out
        One (cells, shared genes) a readout.
    truth : (cells, shared genes)
    """
    standard = [zscore(p) for p in held_out]
    n = len(standard)
    equal = np.full(n, 1 / n)
    weights = equal.copy()

    def value(w: NDArray[np.float64]) -> float:
        return float(np.median(pearson(truth, sum(wi * s for wi, s in zip(w, standard, strict=True)))))  # type: ignore[arg-type]

    best = value(weights)
    for step in (0.5, 0.25, 0.1):
        for i in range(n):
            for change in (step, -step):
                w = weights.copy()
                w[i] = max(0.0, w[i] + change)
                if w.sum() == 0:
                    continue
                w /= w.sum()
                v = value(w)
                if v > best:
                    best, weights = v, w
    return (1 - shrink) * weights + shrink * equal


def dense_or_sparse(matrix: sp.csr_matrix, columns: NDArray[np.intp]) -> Matrix:
    """The columns of a sparse matrix as a dense one."""
    out: Matrix = matrix[:, columns].toarray()
    return out
