"""Arrays for napari whose tiles are made on demand, with the borders of cells in them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cell_raster import CellRaster
from .pyramids import LookupLevel

_MIN_CELL_PIXELS = 6.0  # pixels across a cell, below which its border would cover it


class BorderLevel(LookupLevel):
    """One level of a pyramid in which pixels at the border of a group of cells hold a code of their own.

    Parameters
    ----------
    raster
        Where the cells are.
    level
        Level of the raster.
    table : (cells + 1,) uint8
        Code of the background, then of each row.
    edge
        Code of the border.
    group : (cells + 1,), optional
        Group of the background (0) and of each row: borders lie inside groups above 0, against another group. Without it every cell is its own group.
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
        rows, columns, taken = self._parse_key(key)
        height, width = self.shape
        top, left = min(rows.start, 1), min(columns.start, 1)
        labels = self._raster.labels(
            self._level,
            slice(rows.start - top, min(rows.stop + 1, height)),
            slice(columns.start - left, min(columns.stop + 1, width)),
        )
        out = np.take(self._table, labels)
        out[border_pixels(labels if self._groups is None else np.take(self._groups, labels))] = self._border_code
        return np.asarray(out[top : top + rows.stop - rows.start, left : left + columns.stop - columns.start][taken])


def border_pixels(groups: NDArray[Any]) -> NDArray[np.bool_]:
    """(rows, columns) pixels of a group above 0 that touch another one, above, below, left or right."""
    out = np.zeros(groups.shape, dtype=bool)
    down, across = groups[1:] != groups[:-1], groups[:, 1:] != groups[:, :-1]
    out[1:] |= down
    out[:-1] |= down
    out[:, 1:] |= across
    out[:, :-1] |= across
    out &= groups > 0
    return out


def cell_diameter_pixels(raster: CellRaster, level: int) -> float:
    """About how many pixels a cell measures across at a level, from the covered share of the coarsest one."""
    coarsest = len(raster.shapes) - 1
    height, width = raster.shapes[coarsest]
    covered = float((raster.labels(coarsest, slice(0, height), slice(0, width)) > 0).mean())
    return float(np.sqrt(covered * np.prod(raster.shapes[level], dtype=float) / max(1, raster.n_cells)))


def selection_pyramid(
    raster: CellRaster, selected: NDArray[np.bool_], other_code: int, selected_code: int, border_code: int
) -> list[LookupLevel]:
    """Codes of cells that are marked (`own`), of the others (`rest`), and of the border of the marked (`edge`) where cells are large enough to have one.

    Parameters
    ----------
    marked : (cells,)
    """
    table = np.zeros(raster.n_cells + 1, dtype=np.uint8)
    table[1:] = np.where(selected, selected_code, other_code)
    group = np.zeros(raster.n_cells + 1, dtype=np.uint8)
    group[1:] = selected
    finest = cell_diameter_pixels(raster, 0)
    return [
        BorderLevel(raster, level, table, border_code, group)
        if finest * raster.shapes[level][0] / raster.shapes[0][0] >= _MIN_CELL_PIXELS
        else LookupLevel(raster, level, table)
        for level in range(len(raster.shapes))
    ]


def border_pyramid(raster: CellRaster) -> list[LookupLevel]:
    """1 on the border of each cell, 0 elsewhere; nothing at levels where cells are too small to have one."""
    table = np.zeros(raster.n_cells + 1, dtype=np.uint8)
    finest = cell_diameter_pixels(raster, 0)
    return [
        BorderLevel(raster, level, table, 1)
        if finest * raster.shapes[level][0] / raster.shapes[0][0] >= _MIN_CELL_PIXELS
        else LookupLevel(raster, level, table)
        for level in range(len(raster.shapes))
    ]
