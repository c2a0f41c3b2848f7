"""Output folders of MERSCOPE and Xenium in their documented layout: values, centroids in micrometres, outlines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import DataError
from .tables import join_tables, to_str_index
from .tenx import is_mtx_folder, read_mtx_folder, read_tenx_h5

if TYPE_CHECKING:
    from anndata import AnnData


def is_merscope(path: Path) -> bool:
    """Whether a path is a MERSCOPE folder."""
    return (path / "cell_by_gene.csv").is_file()


def read_merscope(path: Path) -> AnnData:
    """Read cell_by_gene.csv, and cell_metadata.csv with centroids in micrometres."""
    counts = pd.read_csv(path / "cell_by_gene.csv", index_col=0, dtype={0: str})
    cells = pd.read_csv(path / "cell_metadata.csv", index_col=0, dtype={0: str})
    return join_tables(counts, cells, ("center_x", "center_y"), path)


def merscope_rings(path: Path, adata: AnnData) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Read the outlines from cell_boundaries.parquet, of each cell on the lowest z that has one."""
    file = next(
        (p for p in (path / "cell_boundaries.parquet", path / "cellpose_micron_space.parquet") if p.is_file()), None
    )
    if file is None:
        return
    import shapely

    from .outlines import outer_rings

    table = pd.read_parquet(file)
    if "ZIndex" in table:
        table = table[table["Geometry"].notna()].sort_values("ZIndex", kind="stable").drop_duplicates("EntityID")
    rows = adata.obs_names.get_indexer(table["EntityID"].astype(str))
    yield from outer_rings(rows, shapely.from_wkb(table["Geometry"].to_numpy()))


def is_xenium(path: Path) -> bool:
    """Whether a path is a Xenium folder."""
    return (path / "experiment.xenium").is_file()


def read_xenium(path: Path) -> AnnData:
    """Read cell_feature_matrix (.h5 or folder), and cells.parquet with centroids in micrometres."""
    folder = path / "cell_feature_matrix"
    adata = read_tenx_h5(path / "cell_feature_matrix.h5") if (path / "cell_feature_matrix.h5").is_file() else None
    if adata is None and is_mtx_folder(folder):
        adata = read_mtx_folder(folder)
    if adata is None:
        raise DataError(f"the Xenium folder {path} has no cell_feature_matrix.h5 and no folder cell_feature_matrix.")
    cells = (
        pd.read_parquet(path / "cells.parquet")
        if (path / "cells.parquet").is_file()
        else pd.read_csv(path / "cells.csv.gz")
    )
    cells = cells.set_index(to_str_index(cells.pop("cell_id"))).reindex(adata.obs_names)
    adata.obs = cells.drop(columns=["x_centroid", "y_centroid"])
    adata.obsm["spatial"] = cells[["x_centroid", "y_centroid"]].to_numpy(dtype=np.float64)
    adata.uns["spatial_unit"] = "micrometre"
    adata.uns["xenium"] = {
        k: v
        for k, v in json.loads((path / "experiment.xenium").read_text()).items()
        if isinstance(v, (str, int, float))
    }
    return adata


def xenium_rings(path: Path, adata: AnnData) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Read the outlines from cell_boundaries.parquet, whose vertices are in micrometres."""
    file = path / "cell_boundaries.parquet"
    if not file.is_file():
        return
    table = pd.read_parquet(file, columns=["cell_id", "vertex_x", "vertex_y"])
    rows = adata.obs_names.get_indexer(to_str_index(table["cell_id"]))
    points = table[["vertex_x", "vertex_y"]].to_numpy(dtype=np.float64)
    starts = np.flatnonzero(np.r_[True, rows[1:] != rows[:-1]])
    for start, ring in zip(starts, np.split(points, starts[1:]), strict=True):
        if rows[start] >= 0:
            yield int(rows[start]), ring
