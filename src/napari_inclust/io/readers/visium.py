"""Visium and Visium HD folders of Space Ranger: spots or square bins in micrometres, and the stained images."""

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
    """Whether a path is a Visium folder."""
    return _positions_file(path) is not None and _counts_path(path) is not None


def is_visium_hd(path: Path) -> bool:
    """Whether a path is a Visium HD folder."""
    return bool(bin_names(path))


def bin_names(path: Path) -> list[str]:
    """List the bin sizes of a Visium HD folder, such as square_008um."""
    return sorted(p.name for p in (path / "binned_outputs").glob("square_*") if p.is_dir())


def open_visium(path: Path, options: ReadOptions) -> LoadedCells:
    """Read the spots under tissue."""
    return _load_spots(path, options, "spot")


def open_visium_hd(path: Path, options: ReadOptions) -> LoadedCells:
    """Read the bins of one size: 8 micrometres unless another is chosen as `options.table`."""
    return _load_spots(_bin_folder(path, options.table), options, "bin")


def tissue_image_files(path: Path, pixel_size: float | None = None) -> Iterator[tuple[str, Path, NDArray[np.float64]]]:
    """List the stained images, the finer first.

    Yields
    ------
    name, file
    to_um : (3, 3) float64
        Pixel corners (x, y) to micrometres (x, y).
    """
    spots = path if is_visium(path) else _bin_folder(path, None)
    scales, size = _read_scale_factors(spots), pixel_size or _pixel_size(spots)
    for name, file, key in _TISSUE_IMAGES:
        image = next((p for p in (spots / "spatial" / file, path / "spatial" / file) if p.is_file()), None)
        if image is not None and key in scales:
            step = size / float(scales[key])
            yield name, image, np.diag([step, step, 1.0])


def _load_spots(path: Path, options: ReadOptions, spot_name: str) -> LoadedCells:
    """Read counts and positions; pixel positions become micrometres."""
    counts = _counts_path(path)
    if counts is None:
        raise DataError(f"{path} has no filtered_feature_bc_matrix.h5 and no folder of that name.")
    adata = read_mtx_folder(counts) if counts.is_dir() else read_tenx_h5(counts)
    positions = _read_positions(path).reindex(adata.obs_names)
    n_missing = int(positions[_XY_COLUMNS[0]].isna().sum())
    if n_missing:
        raise DataError(f"{n_missing} of {adata.n_obs} {spot_name}s of {path} are not in its table of positions.")
    size = options.pixel_size or _pixel_size(path)
    adata.obs = positions[[c for c in _POSITION_COLUMNS[:3] if c in positions]]
    adata.obsm["spatial"] = positions[_XY_COLUMNS].to_numpy(dtype=np.float64) * size
    origin = (
        "as given"
        if options.pixel_size
        else "as the folder says"
        if "microns_per_pixel" in _read_scale_factors(path)
        else f"as neighbouring spots are {SPOT_PITCH:g} um apart"
    )
    note = f"{size:.4g} um per pixel of the whole picture, {origin}; each {spot_name} is one row, not one cell"
    return LoadedCells(adata, None, note)


def _bin_folder(path: Path, requested: str | None) -> Path:
    names = bin_names(path)
    if requested is not None and requested not in names:
        raise DataError(f"{path} has no bins {requested!r}; it has {', '.join(names)}.")
    return path / "binned_outputs" / (requested or (DEFAULT_BIN if DEFAULT_BIN in names else names[-1]))


def _counts_path(path: Path) -> Path | None:
    folder = path / "filtered_feature_bc_matrix"
    return min(path.glob("*filtered_feature_bc_matrix.h5"), default=folder if folder.is_dir() else None)


def _positions_file(path: Path) -> Path | None:
    names = ("tissue_positions.parquet", "tissue_positions.csv", "tissue_positions_list.csv")
    return next((p for p in (path / "spatial" / n for n in names) if p.is_file()), None)


def _read_positions(path: Path) -> pd.DataFrame:
    """Read the table of positions, by barcode; that of older versions has no header."""
    file = _positions_file(path)
    if file is None:
        raise DataError(f"{path / 'spatial'} has no table of positions (tissue_positions).")
    if file.suffix == ".parquet":
        table = pd.read_parquet(file)
        return pd.DataFrame(table.set_index("barcode"))
    table = pd.read_csv(file, header=None, index_col=0, dtype=str)
    has_header = table.index[0] == "barcode"
    table.columns = list(table.iloc[0]) if has_header else _POSITION_COLUMNS
    return pd.DataFrame(table.iloc[int(has_header) :].apply(pd.to_numeric))


def _read_scale_factors(path: Path) -> dict[str, Any]:
    file = path / "spatial" / "scalefactors_json.json"
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else {}


def _pixel_size(path: Path) -> float:
    """Return the micrometres per pixel of the full-resolution image.

    From the scale factors of the folder; else from the grid of the spots, whose neighbours are `SPOT_PITCH` apart.
    """
    stated = _read_scale_factors(path).get("microns_per_pixel")
    if stated:
        return float(stated)
    positions = _read_positions(path)
    grid = np.c_[
        positions["array_col"] * SPOT_PITCH / 2,
        positions["array_row"] * SPOT_PITCH * np.sqrt(3) / 2,
        np.ones(len(positions)),
    ]  # micrometres
    to_pixel = np.linalg.lstsq(grid, positions[_XY_COLUMNS].to_numpy(dtype=np.float64), rcond=None)[0][:2]
    return 1 / float(np.sqrt(abs(np.linalg.det(to_pixel))))
