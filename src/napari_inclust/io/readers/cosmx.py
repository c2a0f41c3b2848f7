"""CosMx folders: tables with global centroids in pixels, and a label image and composite for each field of view."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import DataError
from .options import LoadedCells, ReadOptions
from .outlines import MAX_RASTER_SIDE, Raster, pixel_affine, relabel
from .tables import join_tables

if TYPE_CHECKING:
    from anndata import AnnData

DEFAULT_PIXEL_SIZE = 0.12028  # micrometres, the instrument's; early public data have 0.18
LOCAL_XY_COLUMNS, GLOBAL_XY_COLUMNS = (
    ["CenterX_local_px", "CenterY_local_px"],
    ["CenterX_global_px", "CenterY_global_px"],
)
_FIELD_FILE_PATTERN = re.compile(r".*_F(\d+)\.(tiff?|jpe?g|png)$", re.I)


def is_cosmx(path: Path) -> bool:
    """Whether a path is a CosMx folder."""
    return path.is_dir() and any(path.glob("*exprMat_file.csv*"))


def open_cosmx(path: Path, options: ReadOptions) -> LoadedCells:
    """Read the cells of all fields of view in one frame, with the label images in CellLabels as segmentation."""
    pixel = options.pixel_size or DEFAULT_PIXEL_SIZE
    adata = _read_cells(path, pixel)
    unit_note = (
        f"{pixel:g} um per pixel, as given"
        if options.pixel_size
        else f"{DEFAULT_PIXEL_SIZE:g} um per pixel, as CosMx instruments have; --pixel-size says otherwise"
    )
    return LoadedCells(adata, _stitch_label_images(path, adata, pixel), unit_note)


def field_images(
    path: Path, folder: str, pixel_size: float | None = None
) -> Iterator[tuple[int, Path, NDArray[np.float64], bool]]:
    """List the images of a folder ("CellComposite", "CellLabels"), by field of view.

    The position of a field follows from its cells, whose centroids are known in its own pixels and in global ones.

    Yields
    ------
    field : int
        Number of the field of view.
    file
    to_um : (3, 3) float64
        Pixel corners (x, y) to micrometres (x, y).
    upside_down : bool
        Whether the rows of the file run upwards.

    Raises
    ------
    DataError
        A table of cells without the columns that position the fields.
    """
    files = {int(m[1]): p for p in sorted((path / folder).glob("*")) if (m := _FIELD_FILE_PATTERN.match(p.name))}
    metadata = _metadata_file(path) if files else None
    if metadata is None:
        return
    cells = pd.read_csv(metadata)
    if not {*LOCAL_XY_COLUMNS, *GLOBAL_XY_COLUMNS} <= set(cells):
        raise DataError(
            f"{metadata} has no columns {', '.join(LOCAL_XY_COLUMNS)}, so the position of the images in {folder} is "
            "unknown."
        )
    upside_down = _rows_run_upwards(path, cells)
    scale = pixel_size or DEFAULT_PIXEL_SIZE
    for fov, table in cells.groupby("fov"):
        number = int(fov)  # type: ignore[arg-type]  # pandas types keys of groups loosely
        if number in files:
            yield number, files[number], np.diag([scale, scale, 1.0]) @ _local_to_global(table), upside_down


def _read_cells(path: Path, pixel_size: float) -> AnnData:
    """Read *exprMat_file.csv and *metadata_file.csv; transcripts outside of cells (cell_ID 0) are left out."""
    counts = pd.read_csv(min(path.glob("*exprMat_file.csv*")))
    metadata = _metadata_file(path)
    if metadata is None:
        raise DataError(f"the CosMx folder {path} has no *metadata_file.csv.")
    cells = pd.read_csv(metadata)
    for table in (counts, cells):
        table.index = pd.Index(
            [f"{cell}_{fov}" for cell, fov in zip(table["cell_ID"], table["fov"], strict=True)], dtype=object
        )
    counts = counts.drop(columns=[c for c in ("fov", "cell_ID", "cell") if c in counts])
    counts = counts[~counts.index.str.startswith("0_")]
    adata = join_tables(counts, cells, (GLOBAL_XY_COLUMNS[0], GLOBAL_XY_COLUMNS[1]), path)
    adata.obsm["spatial"] *= pixel_size
    return adata


def _metadata_file(path: Path) -> Path | None:
    return min(path.glob("*metadata_file.csv*"), default=None)


def _local_to_global(cells: pd.DataFrame) -> NDArray[np.float64]:
    """Estimate (3, 3) from local to global pixels (x, y) from the cells of a field: a shift, and mirrored axes."""
    local, world = (cells[names].to_numpy(dtype=np.float64) for names in (LOCAL_XY_COLUMNS, GLOBAL_XY_COLUMNS))
    out = np.eye(3)
    for axis in (0, 1):
        spread = local[:, axis] - local[:, axis].mean()
        out[axis, axis] = -1.0 if spread @ (world[:, axis] - world[:, axis].mean()) < 0 else 1.0
        out[axis, 2] = np.median(world[:, axis] - out[axis, axis] * local[:, axis])
    return out


def _rows_run_upwards(path: Path, cells: pd.DataFrame) -> bool:
    """Whether the rows of the images run upwards: then more centroids lie on their own label with the rows reversed.

    True, as the instrument writes them, when there are no label images.
    """
    votes = np.zeros(2, dtype=int)
    for file in sorted((path / "CellLabels").glob("*")):
        match = _FIELD_FILE_PATTERN.match(file.name)
        table = cells[cells["fov"] == int(match[1])] if match else cells[:0]
        if not len(table):
            continue
        image = _read_label_image(file)
        column, row = (
            np.clip(table[c].to_numpy(dtype=np.float64).astype(int), 0, n - 1)
            for c, n in zip(LOCAL_XY_COLUMNS, image.shape[::-1], strict=True)
        )
        votes += [int((image[r, column] == table["cell_ID"]).sum()) for r in (row, image.shape[0] - 1 - row)]
        if votes.max() > 100:
            break
    return bool(votes[1] >= votes[0])


def _read_label_image(file: Path) -> NDArray[Any]:
    from .image_pyramid import open_image_pyramid

    return np.asarray(open_image_pyramid(file).levels[0][0, 0])


def _stitch_label_images(path: Path, adata: AnnData, pixel_size: float) -> Raster | None:
    """Combine the label images of all fields in one raster of at most `MAX_RASTER_SIDE` pixels a side."""
    fields = [
        (fov, _read_label_image(file)[::-1] if flip else _read_label_image(file), to_um)
        for fov, file, to_um, flip in field_images(path, "CellLabels", pixel_size)
    ]
    if not fields:
        return None
    ends = [(to_um @ [[0, image.shape[1]], [0, image.shape[0]], [1, 1]])[:2].T for _, image, to_um in fields]
    low, high = np.min([e.min(0) for e in ends], axis=0), np.max([e.max(0) for e in ends], axis=0)
    step = max(pixel_size, float((high - low).max()) / MAX_RASTER_SIDE)
    width, height = (int(n) for n in np.ceil((high - low) / step))
    out = np.zeros((height, width), dtype=np.int32)
    for (fov, image, to_um), corners in zip(fields, ends, strict=True):
        (left, top), (right, bottom) = (
            np.clip(np.round((c - low) / step).astype(int), 0, (width, height))
            for c in (corners.min(0), corners.max(0))
        )
        back = np.linalg.inv(to_um)
        x, y = low[0] + (np.arange(left, right) + 0.5) * step, low[1] + (np.arange(top, bottom) + 0.5) * step
        columns = np.clip((back[0, 0] * x + back[0, 2]).astype(int), 0, image.shape[1] - 1)
        rows = np.clip((back[1, 1] * y + back[1, 2]).astype(int), 0, image.shape[0] - 1)
        own = np.flatnonzero(adata.obs["fov"].to_numpy() == fov)
        if len(own):
            labels = relabel(image[np.ix_(rows, columns)], adata.obs["cell_ID"].to_numpy()[own])
            window = out[top:bottom, left:right]
            window[labels > 0] = (own + 1)[labels[labels > 0] - 1]
    return out, pixel_affine(np.array([[step, 0, low[0]], [0, step, low[1]], [0, 0, 1.0]]))
