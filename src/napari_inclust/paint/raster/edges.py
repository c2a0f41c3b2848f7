"""Arrays for napari whose tiles are made on demand, with the borders of cells in them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cell_raster import CellRaster
from .tiles import TableLevel

_LEAST = 6.0  # pixels across a cell, below which its border would cover it


class EdgeLevel(TableLevel):
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

    def __init__(self, raster: CellRaster, level: int, table: NDArray[np.uint8], edge: int, group: NDArray[Any] | None = None) -> None:
        super().__init__(raster, level, table)
        self._edge, self._group = edge, group

    def __getitem__(self, key: Any) -> NDArray[Any]:
        rows, columns, taken = self._window(key)
        height, width = self.shape
        top, left = min(rows.start, 1), min(columns.start, 1)
        labels = self._raster.labels(
            self._level, slice(rows.start - top, min(rows.stop + 1, height)), slice(columns.start - left, min(columns.stop + 1, width))
        )
        out = np.take(self._table, labels)
        out[borders(labels if self._group is None else np.take(self._group, labels))] = self._edge
        return np.asarray(out[top : top + rows.stop - rows.start, left : left + columns.stop - columns.start][taken])


def borders(groups: NDArray[Any]) -> NDArray[np.bool_]:
    """(rows, columns) pixels of a group above 0 that touch another one, above, below, left or right."""
    out = np.zeros(groups.shape, dtype=bool)
    down, across = groups[1:] != groups[:-1], groups[:, 1:] != groups[:, :-1]
    out[1:] |= down
    out[:-1] |= down
    out[:, 1:] |= across
    out[:, :-1] |= across
    out &= groups > 0
    return out


def pixels_across(raster: CellRaster, level: int) -> float:
    """About how many pixels a cell measures across at a level, from the covered share of the coarsest one."""
    coarsest = len(raster.shapes) - 1
    height, width = raster.shapes[coarsest]
    covered = float((raster.labels(coarsest, slice(0, height), slice(0, width)) > 0).mean())
    return float(np.sqrt(covered * np.prod(raster.shapes[level], dtype=float) / max(1, raster.n_cells)))


def marked_pyramid(raster: CellRaster, marked: NDArray[np.bool_], rest: int, own: int, edge: int) -> list[TableLevel]:
    """Codes of cells that are marked (`own`), of the others (`rest`), and of the border of the marked (`edge`) where cells are large enough to have one.

    Parameters
    ----------
    marked : (cells,)
    """
    table = np.zeros(raster.n_cells + 1, dtype=np.uint8)
    table[1:] = np.where(marked, own, rest)
    group = np.zeros(raster.n_cells + 1, dtype=np.uint8)
    group[1:] = marked
    finest = pixels_across(raster, 0)
    return [
        EdgeLevel(raster, level, table, edge, group) if finest * raster.shapes[level][0] / raster.shapes[0][0] >= _LEAST else TableLevel(raster, level, table)
        for level in range(len(raster.shapes))
    ]


def outline_pyramid(raster: CellRaster) -> list[TableLevel]:
    """1 on the border of each cell, 0 elsewhere; nothing at levels where cells are too small to have one."""
    table = np.zeros(raster.n_cells + 1, dtype=np.uint8)
    finest = pixels_across(raster, 0)
    return [
        EdgeLevel(raster, level, table, 1) if finest * raster.shapes[level][0] / raster.shapes[0][0] >= _LEAST else TableLevel(raster, level, table)
        for level in range(len(raster.shapes))
    ]
