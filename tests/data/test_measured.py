"""One measured gene at a time gives what normalising the whole section does."""

from __future__ import annotations

import numpy as np
import pytest

from napari_inclust.data import measured
from napari_inclust.data import normalize as val


@pytest.mark.parametrize("kind", ["linear", "lognorm"])
@pytest.mark.parametrize("large", [False, True])
def test_a_gene_alone_is_the_column_of_the_whole(small_pair, monkeypatch, kind, large):
    matrix = small_pair[0].X.tocsr().astype(np.float32, copy=True)
    matrix.data[matrix.indptr[3] : matrix.indptr[4]] = 0  # a cell without values
    matrix.eliminate_zeros()
    if large:
        monkeypatch.setattr(measured, "_MAX_COPIED_VALUES", 0)
    genes = measured.MeasuredExpression(matrix, kind)
    whole = val.lognormalise(matrix, kind).toarray()
    for gene in (0, 7, matrix.shape[1] - 1):
        np.testing.assert_allclose(genes.column(gene), whole[:, gene], rtol=1e-6)
