"""AnnData, MuData and loom files. A large dense X becomes sparse chunk by chunk, so memory never holds it dense."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
import scipy.sparse as sp

from ...errors import DataError

if TYPE_CHECKING:
    from anndata import AnnData

LARGE_DENSE_BYTES = 256 * 2**20  # of a dense X
_CHUNK_BYTES = 64 * 2**20  # of it in memory at once
_RNA_NAMES = ("rna", "gex", "spatial", "measured")  # usual names of the RNA modality; ours is "measured"


def read_h5ad(path: Path) -> AnnData:
    """Read a `.h5ad` file; a large dense X as CSR."""
    import anndata
    import h5py

    with h5py.File(path) as file:
        x = file.get("X")
        large = isinstance(x, h5py.Dataset) and x.ndim == 2 and x.nbytes > LARGE_DENSE_BYTES
        rows = _rows_per_chunk(x) if large else 0
    return anndata.read_h5ad(path, as_sparse=("X",), chunk_size=rows) if large else anndata.read_h5ad(path)


def read_zarr(path: Path) -> AnnData:
    """Read an AnnData zarr; a large dense X as CSR."""
    import anndata
    import zarr
    from anndata.experimental import read_dispatched

    group = zarr.open_group(path, mode="r")
    x = group.get("X")
    if not isinstance(x, zarr.Array) or x.ndim != 2 or x.nbytes <= LARGE_DENSE_BYTES:
        return anndata.read_zarr(path)

    def read(inner: Any, name: str, element: Any, iospec: Any) -> Any:
        return _to_csr(element) if name.strip("/") == "X" else inner(element)

    return cast("AnnData", read_dispatched(group, read))


def modality_names(path: Path) -> list[str]:
    """Return the names of the modalities of a MuData file."""
    import h5py

    with h5py.File(path) as file:
        return list(file["mod"])


def read_modality(path: Path, modality: str | None = None) -> AnnData:
    """Read one modality of a MuData file.

    Parameters
    ----------
    modality
        Its name; default the only one, or the one that is named as RNA ("rna", "gex", "spatial", in files of ours
        "measured").

    Raises
    ------
    DataError
        No such modality, or several and none named as RNA.
    """
    names = modality_names(path)
    if modality is not None and modality not in names:
        raise DataError(f"{path} has no modality {modality!r}; it has {', '.join(names)}.")
    usual = next((name for name in names if name.lower() in _RNA_NAMES), names[0] if len(names) == 1 else None)
    chosen = modality or usual
    if chosen is None:
        raise DataError(
            f"{path} holds the modalities {', '.join(names)}; expected one named rna. Choose one with --table, or save "
            "the one to use as .h5ad."
        )
    return read_modalities(path, [chosen])[chosen]


def read_modalities(path: Path, names: list[str] | None = None) -> dict[str, AnnData]:
    """Read some modalities of a MuData file, by default all."""
    import h5py
    from anndata.io import read_elem

    with h5py.File(path) as file:
        return {str(name): read_elem(file["mod"][name]) for name in names or file["mod"]}


def read_loom(path: Path) -> AnnData:
    """Read a loom file: genes x cells, with names in row_attrs and col_attrs.

    Raises
    ------
    DataError
        No names of genes or cells.
    """
    import anndata
    import h5py

    with h5py.File(path) as file:
        rows = {name: read_strings(values) for name, values in file["row_attrs"].items() if values.ndim == 1}
        columns = {name: read_strings(values) for name, values in file["col_attrs"].items() if values.ndim == 1}
        matrix = sp.csr_matrix(file["matrix"][:].T, dtype=np.float32)
    genes = next((rows[n] for n in ("Gene", "gene", "var_names", "Accession") if n in rows), None)
    cells = next((columns[n] for n in ("CellID", "cell_id", "obs_names") if n in columns), None)
    if genes is None or cells is None:
        raise DataError(f"{path} names no genes or cells: expected row_attrs/Gene and col_attrs/CellID.")
    return anndata.AnnData(matrix, obs=pd.DataFrame(columns, index=cells), var=pd.DataFrame(rows, index=genes))


def read_strings(dataset: Any) -> Any:
    """Read a one-dimensional HDF5 dataset; bytes are decoded."""
    array = dataset[:]
    if array.dtype.kind not in "SO":
        return array
    return np.array([value.decode() if isinstance(value, bytes) else value for value in array], dtype=object)


def _to_csr(x: Any) -> sp.csr_matrix:
    """Read a dense array on the disk as CSR, (rows, columns)."""
    step = _rows_per_chunk(x)
    chunks = [sp.csr_matrix(np.asarray(x[start : start + step])) for start in range(0, x.shape[0], step)]
    return sp.vstack(chunks, format="csr")


def _rows_per_chunk(x: Any) -> int:
    """Return how many rows of a dense array fill a chunk."""
    return max(1, _CHUNK_BYTES // max(1, int(x.shape[1]) * int(x.dtype.itemsize)))
