"""Pyramids for napari with the borders of cells or of groups of cells, computed on demand."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cell_raster import CellRaster
from .pyramids import LookupLevel

_MIN_CELL_PIXELS = 6.0  # diameter of a cell, below which its border would cover it


class BorderLevel(LookupLevel):
    """One level of a pyramid in which the border pixels of groups of cells hold a separate code.

    Parameters
    ----------
    raster, level, table
        As of `LookupLevel`.
    border_code
        Code of border pixels.
    groups : (cells + 1,), optional
        Group of the background (0) and of each row: borders lie inside groups above 0, against another group.
        Default: each cell is a group.
    """

    def __init__(
        self,
        raster: CellRaster,
        level: int,
        table: NDArray[np.uint8],
        border_code: int,
        groups: NDArray[Any] | None = None,
    ) -> None:
        super().__init__(raster, level, table)
        self._border_code, self._groups = border_code, groups

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Look up the codes of a rectangle, with borders."""
        rows, columns, selection = self._parse_key(key)
        height, width = self.shape
        top, left = min(rows.start, 1), min(columns.start, 1)
        labels = self._raster.labels(
            self._level,
            slice(rows.start - top, min(rows.stop + 1, height)),
            slice(columns.start - left, min(columns.stop + 1, width)),
        )
        out = np.take(self._table, labels)
        out[border_pixels(labels if self._groups is None else np.take(self._groups, labels))] = self._border_code
        out = out[top : top + rows.stop - rows.start, left : left + columns.stop - columns.start]
        return np.asarray(out[selection])


def border_pixels(groups: NDArray[Any]) -> NDArray[np.bool_]:
    """Return a mask (rows, columns) of pixels of a group above 0 that touch another group at an edge."""
    out = np.zeros(groups.shape, dtype=bool)
    down, across = groups[1:] != groups[:-1], groups[:, 1:] != groups[:, :-1]
    out[1:] |= down
    out[:-1] |= down
    out[:, 1:] |= across
    out[:, :-1] |= across
    out &= groups > 0
    return out


def cell_diameter_pixels(raster: CellRaster, level: int) -> float:
    """Estimate the diameter of a cell in pixels of a level, from the covered share of the coarsest level."""
    coarsest = len(raster.shapes) - 1
    height, width = raster.shapes[coarsest]
    covered = float((raster.labels(coarsest, slice(0, height), slice(0, width)) > 0).mean())
    return float(np.sqrt(covered * np.prod(raster.shapes[level], dtype=float) / max(1, raster.n_cells)))


def selection_pyramid(
    raster: CellRaster, selected: NDArray[np.bool_], other_code: int, selected_code: int, border_code: int
) -> list[LookupLevel]:
    """Make a pyramid with one code for selected cells, one for the others, and one for the border of the selection.

    Parameters
    ----------
    selected : (cells,)
    """
    table = np.zeros(raster.n_cells + 1, dtype=np.uint8)
    table[1:] = np.where(selected, selected_code, other_code)
    groups = np.zeros(raster.n_cells + 1, dtype=np.uint8)
    groups[1:] = selected
    return _pyramid(raster, table, border_code, groups)


def border_pyramid(raster: CellRaster) -> list[LookupLevel]:
    """Make a pyramid with 1 on the border of each cell, 0 elsewhere."""
    return _pyramid(raster, np.zeros(raster.n_cells + 1, dtype=np.uint8), 1)


def _pyramid(
    raster: CellRaster, table: NDArray[np.uint8], border_code: int, groups: NDArray[Any] | None = None
) -> list[LookupLevel]:
    """Make levels with borders, but without them where the border of a cell would cover it."""
    diameter = cell_diameter_pixels(raster, 0)
    return [
        BorderLevel(raster, level, table, border_code, groups)
        if diameter * shape[0] / raster.shapes[0][0] >= _MIN_CELL_PIXELS
        else LookupLevel(raster, level, table)
        for level, shape in enumerate(raster.shapes)
    ]
