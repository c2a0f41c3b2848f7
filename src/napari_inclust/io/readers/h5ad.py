"""AnnData from a file: what is large and dense becomes sparse on the way, block by block, so that memory never holds it dense."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

if TYPE_CHECKING:
    from anndata import AnnData

LARGE_DENSE_BYTES = 256 * 2**20  # bytes of a dense X
_CHUNK_BYTES = 64 * 2**20  # bytes of it that are held at once


def read_h5ad(path: Path) -> AnnData:
    """A `.h5ad` file; a large dense X as CSR."""
    import anndata
    import h5py

    with h5py.File(path) as file:
        x = file.get("X")
        large = isinstance(x, h5py.Dataset) and x.ndim == 2 and x.nbytes > LARGE_DENSE_BYTES
        rows = _rows_per_chunk(x) if large else 0
    return anndata.read_h5ad(path, as_sparse=("X",), chunk_size=rows) if large else anndata.read_h5ad(path)


def read_zarr(path: Path) -> AnnData:
    """An AnnData zarr; a large dense X as CSR."""
    import anndata
    import zarr
    from anndata.experimental import read_dispatched

    group = zarr.open_group(path, mode="r")
    x = group.get("X")
    if not isinstance(x, zarr.Array) or x.ndim != 2 or x.nbytes <= LARGE_DENSE_BYTES:
        return anndata.read_zarr(path)

    def read(inner: Any, name: str, element: Any, iospec: Any) -> Any:
        return _to_csr(element) if name.strip("/") == "X" else inner(element)

    whole: AnnData = read_dispatched(group, read)
    return whole


def _to_csr(x: Any) -> sp.csr_matrix:
    """(rows, columns) CSR of a dense array on the disk."""
    step = _rows_per_chunk(x)
    return sp.vstack(
        [sp.csr_matrix(np.asarray(x[start : start + step])) for start in range(0, x.shape[0], step)], format="csr"
    )


def _rows_per_chunk(x: Any) -> int:
    """How many rows of a dense array fill a block."""
    return max(1, _CHUNK_BYTES // max(1, x.shape[1] * x.dtype.itemsize))
