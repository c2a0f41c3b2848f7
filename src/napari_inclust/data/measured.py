"""Measured expression of a section, log-normalised, one gene at a time."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from .normalize import ValueKind, library_size, lognormalise, scale_to_median

_MAX_COPIED_VALUES = 20_000_000  # stored values up to which a copy by genes is worth its memory


class MeasuredExpression:
    """Columns of log-normalised values.

    Of a small section a copy ordered by genes is kept, for access in microseconds. Of a large one only the scale
    of each cell is kept: a gene is searched in the rows (0.1 s in 100 million values), so that opening it costs no
    second copy.

    Parameters
    ----------
    matrix : (cells, genes) CSR
    kind
        What the values are.
    """

    def __init__(self, matrix: sp.csr_matrix, kind: ValueKind) -> None:
        self._matrix, self._kind = matrix, kind
        self._by_gene: sp.csc_matrix | None = None
        if matrix.nnz <= _MAX_COPIED_VALUES:
            self._by_gene = lognormalise(matrix, kind).tocsc()
        else:
            self._scale = scale_to_median(library_size(matrix))

    def lognormalised(self) -> sp.csc_matrix:
        """Return all log-normalised values (cells, genes) as CSC; of a large section they are computed at each call."""
        return lognormalise(self._matrix, self._kind).tocsc() if self._by_gene is None else self._by_gene

    def column(self, gene: int) -> NDArray[np.float32]:
        """Return the log-normalised values (cells,) of a gene, given by its column."""
        if self._by_gene is not None:
            return np.asarray(self._by_gene[:, [gene]].toarray(), dtype=np.float32).ravel()
        positions = np.flatnonzero(self._matrix.indices == gene)
        rows = np.searchsorted(self._matrix.indptr, positions, side="right") - 1
        values = self._matrix.data[positions].astype(np.float64)
        if self._kind != "lognorm":
            values = np.log1p(values * self._scale[rows])
        out = np.zeros(self._matrix.shape[0], dtype=np.float32)
        out[rows] = values
        return out
