"""Rows of a data set over the features that it measures, block by block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..data.normalize import lognormalise, scale_to_median

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class MeasuredBlock:
    """The features of one block that a data set measures.

    Attributes
    ----------
    values : (cells, columns) CSR or array, float32
        Before the logarithm.
    feature_indices : (columns,) int
        Position of each column among the plan's features, ascending.
    size_factors : (cells,) or None
        What each cell is divided by: its library size over everything measured, the geometric mean of its proteins, 1.
        None: its total over the features shown, so that a hidden feature leaves no trace in the scale of the others.
    prescaled
        Whether `values` are scaled already, and shown as they are.
    """

    block: str
    values: Any
    feature_indices: NDArray[np.intp]
    size_factors: NDArray[np.float64] | None = None
    prescaled: bool = False

    def scale_factors(self, hidden: Mask) -> NDArray[np.float32]:
        """(n, cells) median size / size, for n sets of hidden features (n, features); multiplied before log1p."""
        if self.size_factors is not None:
            return np.repeat(scale_to_median(self.size_factors)[None].astype(np.float32), len(hidden), 0)
        shown = ~hidden[:, self.feature_indices]
        totals = [np.asarray(self.values @ s.astype(np.float32), dtype=np.float64) for s in shown]
        return np.stack([scale_to_median(total) for total in totals]).astype(np.float32)

    def lognormalised(self) -> sp.csr_matrix:
        """(cells, columns) CSR float32: log1p of the values, scaled by the size factors or by their totals."""
        return lognormalise(self.values, "linear", self.size_factors)


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of one data set.

    Attributes
    ----------
    measured_blocks
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
        """Number of rows."""
        return len(self.labels)

    def measured_block(self, block: str) -> MeasuredBlock | None:
        """Return the data of a block; None where the data set does not measure it."""
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
