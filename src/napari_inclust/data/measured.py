"""Measured genes of a section, log-normalised, one at a time."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from . import normalize as val

_MAX_COPIED_VALUES = 20_000_000  # stored values up to which a copy by genes is worth its memory


class MeasuredExpression:
    """The values of one gene at once, in all cells.

    A small section keeps a copy ordered by genes, in which a gene is found in microseconds. Of a large one nothing is kept but the library sizes: a gene is
    searched in the cells (0.1 s in 100 million values), so that opening it costs no second copy.

    Parameters
    ----------
    matrix : (cells, genes) CSR
    kind
        What the values are.
    """

    def __init__(self, matrix: sp.csr_matrix, kind: val.ValueKind) -> None:
        self._matrix, self._kind = matrix, kind
        self._by_gene: sp.csc_matrix | None = None
        if matrix.nnz <= _MAX_COPIED_VALUES:
            self._by_gene = val.lognormalise(matrix, kind).tocsc()
        else:
            self._scale = val.scale_to_median(val.library_size(matrix))

    def lognormalised(self) -> sp.csc_matrix:
        """(cells, genes) CSC of all log-normalised values; of a large section it is made for this call."""
        return val.lognormalise(self._matrix, self._kind).tocsc() if self._by_gene is None else self._by_gene

    def column(self, gene: int) -> NDArray[np.float32]:
        """(cells,) log-normalised values of a gene, by its number."""
        if self._by_gene is not None:
            return np.asarray(self._by_gene[:, [gene]].toarray(), dtype=np.float32).ravel()
        at = np.flatnonzero(self._matrix.indices == gene)
        rows = np.searchsorted(self._matrix.indptr, at, side="right") - 1
        found = self._matrix.data[at].astype(np.float64)
        if self._kind != "lognorm":
            found = np.log1p(found * self._scale[rows])
        out = np.zeros(self._matrix.shape[0], dtype=np.float32)
        out[rows] = found
        return out
