"""Visium and Visium HD folders of Space Ranger: spots or square bins, placed in micrometres, and the stained picture."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import DataError
from .options import LoadedCells, ReadOptions
from .tenx import read_mtx_folder, read_tenx_h5

SPOT_PITCH = 100.0  # micrometres between the centres of neighbouring Visium spots
DEFAULT_BIN = "square_008um"
_POSITION_COLUMNS = ["in_tissue", "array_row", "array_col", "pxl_row_in_fullres", "pxl_col_in_fullres"]
_XY_COLUMNS = ["pxl_col_in_fullres", "pxl_row_in_fullres"]  # x, y
_TISSUE_IMAGES = (
    ("tissue (hires)", "tissue_hires_image.png", "tissue_hires_scalef"),
    ("tissue (lowres)", "tissue_lowres_image.png", "tissue_lowres_scalef"),
)


def is_visium(path: Path) -> bool:
    return _positions_file(path) is not None and _counts_path(path) is not None


def is_visium_hd(path: Path) -> bool:
    return bool(bin_names(path))


def bin_names(path: Path) -> list[str]:
    """Names of the bin sizes of a Visium HD folder, such as square_008um."""
    return sorted(p.name for p in (path / "binned_outputs").glob("square_*") if p.is_dir())


def open_visium(path: Path, options: ReadOptions) -> LoadedCells:
    """Spots under tissue."""
    return _load_spots(path, options, "spot")


def open_visium_hd(path: Path, options: ReadOptions) -> LoadedCells:
    """Bins of one size: 8 micrometres unless another is asked for."""
    return _load_spots(_bin_folder(path, options.table), options, "bin")


def tissue_image_files(path: Path, pixel_size: float | None = None) -> Iterator[tuple[str, Path, NDArray[np.float64]]]:
    """Name, file and (3, 3) from pixel corners (x, y) to micrometres (x, y) of the stained pictures, the finer first."""
    spots = path if is_visium(path) else _bin_folder(path, None)
    scales, size = _read_scale_factors(spots), pixel_size or _pixel_size(spots)
    for name, file, key in _TISSUE_IMAGES:
        found = next((p for p in (spots / "spatial" / file, path / "spatial" / file) if p.is_file()), None)
        if found is not None and key in scales:
            step = size / float(scales[key])
            yield name, found, np.diag([step, step, 1.0])


def _load_spots(path: Path, options: ReadOptions, spot_name: str) -> LoadedCells:
    counts = _counts_path(path)
    if counts is None:
        raise DataError(f"{path} has no filtered_feature_bc_matrix.h5 and no folder of that name.")
    adata = read_mtx_folder(counts) if counts.is_dir() else read_tenx_h5(counts)
    places = _read_positions(path).reindex(adata.obs_names)
    lost = int(places[_XY_COLUMNS[0]].isna().sum())
    if lost:
        raise DataError(f"{lost} of {adata.n_obs} {spot_name}s of {path} are not in its table of positions.")
    size = options.pixel_size or _pixel_size(path)
    adata.obs = places[[c for c in _POSITION_COLUMNS[:3] if c in places]]
    adata.obsm["spatial"] = places[_XY_COLUMNS].to_numpy(dtype=np.float64) * size
    said = (
        "as given"
        if options.pixel_size
        else "as the folder says"
        if "microns_per_pixel" in _read_scale_factors(path)
        else f"as neighbouring spots are {SPOT_PITCH:g} um apart"
    )
    return LoadedCells(
        adata, None, f"{size:.4g} um per pixel of the whole picture, {said}; each {spot_name} is one row, not one cell"
    )


def _bin_folder(path: Path, requested: str | None) -> Path:
    there = bin_names(path)
    if requested is not None and requested not in there:
        raise DataError(f"{path} has no bins {requested!r}; it has {', '.join(there)}.")
    return path / "binned_outputs" / (requested or (DEFAULT_BIN if DEFAULT_BIN in there else there[-1]))


def _counts_path(path: Path) -> Path | None:
    folder = path / "filtered_feature_bc_matrix"
    return min(path.glob("*filtered_feature_bc_matrix.h5"), default=folder if folder.is_dir() else None)


def _positions_file(path: Path) -> Path | None:
    names = ("tissue_positions.parquet", "tissue_positions.csv", "tissue_positions_list.csv")
    return next((p for p in (path / "spatial" / n for n in names) if p.is_file()), None)


def _read_positions(path: Path) -> pd.DataFrame:
    """The table of positions; the older one has no header."""
    file = _positions_file(path)
    if file is None:
        raise DataError(f"{path / 'spatial'} has no table of positions (tissue_positions).")
    if file.suffix == ".parquet":
        return pd.read_parquet(file).set_index("barcode")
    table = pd.read_csv(file, header=None, index_col=0, dtype=str)
    headed = table.index[0] == "barcode"
    table.columns = list(table.iloc[0]) if headed else _POSITION_COLUMNS
    return table.iloc[int(headed) :].apply(pd.to_numeric)


def _read_scale_factors(path: Path) -> dict[str, Any]:
    file = path / "spatial" / "scalefactors_json.json"
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else {}


def _pixel_size(path: Path) -> float:
    """Micrometres per pixel of the whole picture: as the folder says, else from the grid of the spots, whose neighbours are `PITCH` apart."""
    said = _read_scale_factors(path).get("microns_per_pixel")
    if said:
        return float(said)
    places = _read_positions(path)
    grid = np.c_[
        places["array_col"] * SPOT_PITCH / 2, places["array_row"] * SPOT_PITCH * np.sqrt(3) / 2, np.ones(len(places))
    ]  # micrometres
    to_pixel = np.linalg.lstsq(grid, places[_XY_COLUMNS].to_numpy(dtype=np.float64), rcond=None)[0][:2]
    return 1 / float(np.sqrt(abs(np.linalg.det(to_pixel))))
