"""Rows of a data set over the features that it measures, block by block: what a plan presents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class MeasuredBlock:
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
    feature_indices: NDArray[np.intp]
    size_factors: NDArray[np.float64] | None = None
    prescaled: bool = False

    def scale_factors(self, hidden: Mask) -> NDArray[np.float32]:
        """(n, cells) by which `values` are multiplied before log1p, for n sets of hidden features (n, features): median size / size."""
        if self.size_factors is not None:
            return np.repeat(_scale_factors(self.size_factors)[None], len(hidden), 0)
        shown = ~hidden[:, self.feature_indices]
        return np.stack(
            [_scale_factors(np.asarray(self.values @ s.astype(np.float32), dtype=np.float64)) for s in shown]
        )

    def lognormalised(self) -> sp.csr_matrix:
        """(cells, columns) log1p of everything shown, as the user sees it."""
        out = self.values.copy()
        factor = self.scale_factors(np.zeros((1, int(self.feature_indices.max()) + 1), dtype=bool))[0]
        out.data = np.log1p(out.data * np.repeat(factor, np.diff(out.indptr)))
        return out


def _scale_factors(size_factors: NDArray[np.float64]) -> NDArray[np.float32]:
    positive = size_factors > 0
    median = np.median(size_factors[positive]) if positive.any() else 1.0
    return np.where(positive, median / np.where(positive, size_factors, 1), 0).astype(np.float32)


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
    measured_blocks: tuple[MeasuredBlock, ...]
    covariates: NDArray[np.float32]
    labels: NDArray[np.intp]

    @property
    def n_cells(self) -> int:
        return len(self.labels)

    def measured_block(self, block: str) -> MeasuredBlock | None:
        """The part of a block; None where the data set does not measure it."""
        return next((p for p in self.measured_blocks if p.block == block), None)

    def measured_mask(self, n_features: int) -> Mask:
        """(features,) bool."""
        out = np.zeros(n_features, dtype=bool)
        for part in self.measured_blocks:
            out[part.feature_indices] = True
        return out

    @property
    def mean_covariate(self) -> NDArray[np.float32]:
        """(covariates,) mean of the rows' covariates."""
        mean: NDArray[np.float32] = self.covariates.mean(0, dtype=np.float32)
        return mean
