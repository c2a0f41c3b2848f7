"""Matrices of 10x Genomics: `.h5` files and mtx folders, read with h5py and scipy.

scanpy's readers are not used: they do not check that the indices of the matrix lie inside of it, refuse gene names
that are not ASCII, and know mtx folders only with the file names and compression of Cell Ranger.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
import scipy.sparse as sp

from ...errors import DataError
from .anndata_files import read_strings

if TYPE_CHECKING:
    from anndata import AnnData

GENE_EXPRESSION = "Gene Expression"


def is_tenx_h5(path: Path) -> bool:
    """Whether a path is an HDF5 file with the suffix of 10x matrices."""
    import h5py

    return path.suffix == ".h5" and h5py.is_hdf5(path)


def is_mtx_folder(path: Path) -> bool:
    """Whether a path is a folder with a matrix.mtx."""
    return path.is_dir() and _find_part(path, "matrix.mtx") is not None


def read_tenx_h5(path: Path) -> AnnData:
    """Read a `filtered_feature_bc_matrix.h5` or `cell_feature_matrix.h5`; only features of type "Gene Expression".

    Raises
    ------
    DataError
        HDF5 that is no 10x matrix, or of other dimensions than its names.
    """
    import h5py

    with h5py.File(path) as file:
        if "matrix" not in file:
            raise DataError(
                f"{path} is HDF5 but no 10x matrix (no group 'matrix'; it has {', '.join(file) or 'nothing'})."
            )
        m = file["matrix"]
        shape = tuple(int(n) for n in m["shape"][:])
        matrix = sp.csc_matrix((m["data"][:].astype(np.float32), m["indices"][:], m["indptr"][:]), shape=shape)
        matrix.check_format(full_check=True)
        columns = {"gene_ids": "id", "name": "name", "type": "feature_type"}
        features = pd.DataFrame({column: read_strings(m["features"][name]) for column, name in columns.items()})
        return _to_adata(matrix.T.tocsr(), read_strings(m["barcodes"]), features)


def read_mtx_folder(path: Path) -> AnnData:
    """Read a folder with matrix.mtx, features.tsv (or genes.tsv) and barcodes.tsv, gzipped or not.

    Raises
    ------
    DataError
        A file that is missing, or dimensions other than the names.
    """
    from scipy.io import mmread

    parts = {name: _find_part(path, name) for name in ("matrix.mtx", "barcodes.tsv")}
    parts["features.tsv"] = _find_part(path, "features.tsv") or _find_part(path, "genes.tsv")
    missing = [name for name, part in parts.items() if part is None]
    if missing:
        raise DataError(f"the 10x folder {path} lacks {' and '.join(missing)}.")
    files = cast(dict[str, Path], parts)
    features = pd.read_csv(files["features.tsv"], sep="\t", header=None, dtype=str)
    features.columns = ["gene_ids", "name", "type"][: features.shape[1]]
    barcodes = pd.read_csv(files["barcodes.tsv"], sep="\t", header=None, dtype=str)[0].to_numpy()
    opener: Any = gzip.open if files["matrix.mtx"].suffix == ".gz" else open
    with opener(files["matrix.mtx"], "rb") as file:
        matrix = sp.csr_matrix(mmread(file).T, dtype=np.float32)
    return _to_adata(matrix, barcodes, features)


def _to_adata(matrix: sp.csr_matrix, barcodes: Any, features: pd.DataFrame) -> AnnData:
    """Name genes by symbol, and those that share a symbol by their ids."""
    import anndata

    if matrix.shape != (len(barcodes), len(features)):
        raise DataError(
            f"the matrix is {matrix.shape[1]} features x {matrix.shape[0]} cells, but {len(features)} features and "
            f"{len(barcodes)} barcodes are named."
        )
    if "type" in features:
        expression = (features["type"] == GENE_EXPRESSION).to_numpy()
        matrix, features = matrix[:, expression], features[expression]
    names = features["name"] if "name" in features else features["gene_ids"]
    names = names.where(~names.duplicated(keep=False), features["gene_ids"])
    var = features[["gene_ids"]].set_axis(names.to_numpy(dtype=object), axis=0)
    return anndata.AnnData(matrix, obs=pd.DataFrame(index=np.asarray(barcodes, dtype=object)), var=var)


def _find_part(folder: Path, name: str) -> Path | None:
    return next((p for p in (folder / name, folder / f"{name}.gz") if p.is_file()), None)
