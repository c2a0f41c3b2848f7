"""Rows of a data set over the features that it measures, block by block: what a plan presents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Part:
    """The features of one block that a data set measures.

    Attributes
    ----------
    values : (cells, columns) CSR or array, float32
        Before the logarithm; `ready`: scaled already, and shown as they are.
    features : (columns,) int
        Position of each column among the plan's features, ascending.
    size : (cells,) or None
        What each cell is divided by: its library size over everything measured, the geometric mean of its proteins, 1. None: its total over the features
        shown, so that a hidden feature leaves no trace in the scale of the others.
    """

    block: str
    values: Any
    features: NDArray[np.intp]
    size: NDArray[np.float64] | None = None
    ready: bool = False

    def factors(self, hidden: Mask) -> NDArray[np.float32]:
        """(n, cells) by which `values` are multiplied before log1p, for n sets of hidden features (n, features): median size / size."""
        if self.size is not None:
            return np.repeat(_factor(self.size)[None], len(hidden), 0)
        shown = ~hidden[:, self.features]
        return np.stack([_factor(np.asarray(self.values @ s.astype(np.float32), dtype=np.float64)) for s in shown])

    def lognormalised(self) -> sp.csr_matrix:
        """(cells, columns) log1p of everything shown, as the user sees it."""
        out = self.values.copy()
        factor = self.factors(np.zeros((1, int(self.features.max()) + 1), dtype=bool))[0]
        out.data = np.log1p(out.data * np.repeat(factor, np.diff(out.indptr)))
        return out


def _factor(size: NDArray[np.float64]) -> NDArray[np.float32]:
    positive = size > 0
    median = np.median(size[positive]) if positive.any() else 1.0
    return np.where(positive, median / np.where(positive, size, 1), 0).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of one data set.

    Attributes
    ----------
    parts
        One for each block that the data set measures; no two share a feature.
    covariates : (cells, covariates) float32
        One-hot or multi-hot; for a network with a shared encoder a feature vector (the mean of the neighbours).
    labels : (cells,) int
        Class of each row, -1 where there is none.
    """

    name: str
    parts: tuple[Part, ...]
    covariates: NDArray[np.float32]
    labels: NDArray[np.intp]

    @property
    def n_cells(self) -> int:
        return len(self.labels)

    def part(self, block: str) -> Part | None:
        """The part of a block; None where the data set does not measure it."""
        return next((p for p in self.parts if p.block == block), None)

    def measured(self, n_features: int) -> Mask:
        """(features,) bool."""
        out = np.zeros(n_features, dtype=bool)
        for part in self.parts:
            out[part.features] = True
        return out

    @property
    def covariate(self) -> NDArray[np.float32]:
        """(covariates,) mean of the rows' covariates."""
        mean: NDArray[np.float32] = self.covariates.mean(0, dtype=np.float32)
        return mean
