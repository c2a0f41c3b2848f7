"""10x matrices (`.h5`, mtx folders), loom and MuData files: cells without places, read with h5py and scipy alone."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
import scipy.sparse as sp

from ...errors import DataError

if TYPE_CHECKING:
    from anndata import AnnData

GENE_EXPRESSION = "Gene Expression"


def is_tenx_h5(path: Path) -> bool:
    import h5py

    return path.suffix == ".h5" and h5py.is_hdf5(path)


def is_mtx_folder(path: Path) -> bool:
    return path.is_dir() and _find_part(path, "matrix.mtx") is not None


def read_tenx_h5(path: Path) -> AnnData:
    """A `filtered_feature_bc_matrix.h5` or `cell_feature_matrix.h5`; only features of the type "Gene Expression"."""
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
        features = pd.DataFrame(
            {
                column: _read_text(m["features"][name])
                for column, name in (("gene_ids", "id"), ("name", "name"), ("type", "feature_type"))
            }
        )
        return _to_adata(matrix.T.tocsr(), _read_text(m["barcodes"]), features)


def read_mtx_folder(path: Path) -> AnnData:
    """A folder with matrix.mtx, features.tsv (or genes.tsv) and barcodes.tsv, gzipped or not."""
    from scipy.io import mmread

    parts = {name: _find_part(path, name) for name in ("matrix.mtx", "barcodes.tsv")}
    parts["features.tsv"] = _find_part(path, "features.tsv") or _find_part(path, "genes.tsv")
    missing = [name for name, part in parts.items() if part is None]
    if missing:
        raise DataError(f"the 10x folder {path} lacks {' and '.join(missing)}.")
    found = cast(dict[str, Path], parts)
    features = pd.read_csv(found["features.tsv"], sep="\t", header=None, dtype=str)
    features.columns = ["gene_ids", "name", "type"][: features.shape[1]]
    barcodes = pd.read_csv(found["barcodes.tsv"], sep="\t", header=None, dtype=str)[0].to_numpy()
    opener: Any = gzip.open if found["matrix.mtx"].suffix == ".gz" else open
    with opener(found["matrix.mtx"], "rb") as file:
        matrix = sp.csr_matrix(mmread(file).T, dtype=np.float32)
    return _to_adata(matrix, barcodes, features)


def read_loom(path: Path) -> AnnData:
    """A loom file: genes x cells, names in row_attrs and col_attrs."""
    import anndata
    import h5py

    with h5py.File(path) as file:
        rows = {name: _read_text(values) for name, values in file["row_attrs"].items() if values.ndim == 1}
        columns = {name: _read_text(values) for name, values in file["col_attrs"].items() if values.ndim == 1}
        matrix = sp.csr_matrix(file["matrix"][:].T, dtype=np.float32)
    genes = next((rows[n] for n in ("Gene", "gene", "var_names", "Accession") if n in rows), None)
    cells = next((columns[n] for n in ("CellID", "cell_id", "obs_names") if n in columns), None)
    if genes is None or cells is None:
        raise DataError(f"{path} names no genes or cells: expected row_attrs/Gene and col_attrs/CellID.")
    return anndata.AnnData(matrix, obs=pd.DataFrame(columns, index=cells), var=pd.DataFrame(rows, index=genes))


def modality_names(path: Path) -> list[str]:
    """Names of the modalities of a MuData file."""
    import h5py

    with h5py.File(path) as file:
        return list(file["mod"])


def read_h5mu(path: Path, modality: str | None = None) -> AnnData:
    """The RNA of a MuData file: the modality asked for, "rna", "gex", "spatial" or (in files of ours) "measured", or the only one."""
    import h5py
    from anndata.io import read_elem

    names = modality_names(path)
    if modality is not None and modality not in names:
        raise DataError(f"{path} has no modality {modality!r}; it has {', '.join(names)}.")
    chosen = modality or next(
        (n for n in names if n.lower() in ("rna", "gex", "spatial", "measured")), names[0] if len(names) == 1 else None
    )
    if chosen is None:
        raise DataError(
            f"{path} holds the modalities {', '.join(names)}; expected one named rna. Choose one with --table, or save the one to use as .h5ad."
        )
    with h5py.File(path) as file:
        return cast("AnnData", read_elem(file["mod"][chosen]))


def _to_adata(matrix: sp.csr_matrix, barcodes: Any, features: pd.DataFrame) -> AnnData:
    """Genes named by symbol; a symbol that stands for several genes is replaced by their ids."""
    import anndata

    if matrix.shape != (len(barcodes), len(features)):
        raise DataError(
            f"the matrix is {matrix.shape[1]} features x {matrix.shape[0]} cells, but {len(features)} features and {len(barcodes)} barcodes are named."
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


def _read_text(values: Any) -> Any:
    """A one-dimensional dataset; bytes become text."""
    array = values[:]
    return (
        np.array([v.decode() if isinstance(v, bytes) else v for v in array], dtype=object)
        if array.dtype.kind in "SO"
        else array
    )
