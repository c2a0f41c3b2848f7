"""One prediction from many readouts: a weighted mean whose weights are chosen on the genes hidden from the members."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .latent import Cells
from .readout import Readout
from .score import zscore

Matrix = NDArray[np.floating[Any]]
EVENNESS = 0.01  # weight of the entropy of the weights: keeps them from resting on one readout


def choose_weights(agreement: Matrix, overlap: Matrix) -> NDArray[np.float64]:
    """Weights (>= 0, sum 1) with the largest mean Pearson over genes of the weighted mean of standardised predictions.

    Parameters
    ----------
    agreement : (genes, readouts)
        Pearson of each readout's held-out prediction with the truth.
    overlap : (genes, readouts, readouts)
        Pearson of the readouts with each other.
    """
    from scipy.optimize import minimize

    def loss(v: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        w = np.exp(v - v.max())
        w /= w.sum()
        gw = overlap @ w
        size = np.sqrt(np.maximum(gw @ w, 1e-9))
        fit = agreement @ w
        gradient = (agreement / size[:, None] - (fit / size**3)[:, None] * gw).mean(0) - EVENNESS * (np.log(w + 1e-12) + 1)
        value = (fit / size).mean() - EVENNESS * (w * np.log(w + 1e-12)).sum()
        return -float(value), -(w * (gradient - (w * gradient).sum()))

    v = minimize(loss, np.zeros(agreement.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 200}).x
    w = np.exp(v - v.max())
    out: NDArray[np.float64] = w / w.sum()
    return out


def correlations(predictions: Sequence[Matrix], truth: Matrix) -> tuple[Matrix, Matrix]:
    """`agreement` and `overlap` of `choose_weights` from standardised predictions (cells, genes) and the truth."""
    stack = np.stack([np.asarray(p, dtype=np.float32) for p in predictions])  # (readouts, cells, genes)
    z = zscore(truth).astype(np.float32)
    agreement = np.einsum("kng,ng->gk", stack, z) / len(z)
    by_gene = stack.transpose(2, 0, 1)
    overlap = by_gene @ by_gene.transpose(0, 2, 1) / len(z)
    return agreement.astype(np.float64), overlap.astype(np.float64)


@dataclass(frozen=True, eq=False)
class Stack:
    """Readouts, each standardised per gene and member over the anchor cells, averaged with weights.

    Attributes
    ----------
    weights : (members + 1, readouts)
        Row m: chosen without the genes of fold m, for their honest prediction. Last row: chosen on all, for genes that are not measured.
    anchors
        The cells over which a gene is standardised.
    """

    readouts: list[Readout]
    weights: NDArray[np.float64]
    anchors: Cells
    members: int

    def predict(self, member: int, features: NDArray[np.intp], cells: Cells | None = None, *, honest: bool) -> Matrix:
        """One member's prediction (cells, features) in standard deviations over the anchors."""
        weights = self.weights[member if honest else -1]
        out: Matrix = np.zeros(((cells or self.anchors).n, len(features)), dtype=np.float32)
        for w, readout in zip(weights, self.readouts, strict=True):
            if w > 1e-3:
                at = readout.predict(self.anchors, member, features)
                mean, sd = at.mean(0), at.std(0)
                p = at if cells is None else readout.predict(cells, member, features)
                out += (w * np.where(sd > 1e-12, (p - mean) / np.where(sd > 1e-12, sd, 1), 0)).astype(np.float32)
        return out
