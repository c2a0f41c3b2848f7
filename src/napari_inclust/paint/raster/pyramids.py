"""Pyramids for napari whose tiles are looked up on demand: `table[labels[tile]]`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .cell_raster import CellRaster


class LookupLevel:
    """One level of a pyramid as an array: a lookup table over the labels of a raster.

    Parameters
    ----------
    raster
        Labels of the cells.
    level
        Level of the raster.
    table : (cells + 1,)
        Entry 0 is the background, entry i + 1 that of row i.
    """

    ndim = 2

    def __init__(self, raster: CellRaster, level: int, table: NDArray[Any]) -> None:
        self._raster, self._level, self._table = raster, level, table
        self.shape = raster.shapes[level]
        self.dtype = table.dtype

    @property
    def size(self) -> int:
        """Number of pixels."""
        return self.shape[0] * self.shape[1]

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.shape[0]

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Look up the entries of a rectangle; integers, slices that do not run backwards, and an ellipsis."""
        rows, columns, selection = self._parse_key(key)
        return np.asarray(np.take(self._table, self._raster.labels(self._level, rows, columns))[selection])

    def _parse_key(self, key: Any) -> tuple[slice, slice, tuple[Any, ...]]:
        """Split a key into the rows and columns that it touches, and what it selects from that rectangle."""
        parts = list(key) if isinstance(key, tuple) else [key]
        dots = [i for i, p in enumerate(parts) if p is Ellipsis]
        position = dots[0] if dots else len(parts)
        parts[position : position + len(dots)] = [slice(None)] * (2 - len(parts) + len(dots))
        windows: list[slice] = []
        within: list[Any] = []
        for part, length in zip(parts, self.shape, strict=True):
            if isinstance(part, slice):
                start, stop, step = part.indices(length)
                if step < 0:
                    raise IndexError("a slice of a cell raster cannot run backwards")
                windows.append(slice(start, max(start, stop)))
                within.append(slice(None, None, step))
            else:
                i = int(part) + (length if part < 0 else 0)
                if not 0 <= i < length:
                    raise IndexError(f"index {part} is outside the raster ({length} pixels)")
                windows.append(slice(i, i + 1))
                within.append(0)
        return windows[0], windows[1], tuple(within)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """Look up the whole level."""
        out = self[:, :]
        return out if dtype is None else out.astype(dtype, copy=False)


def value_pyramid(raster: CellRaster, values: ArrayLike) -> list[LookupLevel]:
    """Make a pyramid of float32 values; background is NaN, which napari draws transparent.

    Parameters
    ----------
    values : (cells,)
    """
    table = np.empty(raster.n_cells + 1, dtype=np.float32)
    table[0] = np.nan
    table[1:] = values
    return [LookupLevel(raster, level, table) for level in range(len(raster.shapes))]


def code_pyramid(raster: CellRaster, codes: ArrayLike) -> list[LookupLevel]:
    """Make a pyramid of category labels; background and missing categories are 0.

    Parameters
    ----------
    codes : (cells,) int
        Category of each cell from 0; -1 for none.
    """
    codes = np.asarray(codes)
    table = np.zeros(raster.n_cells + 1, dtype=np.uint8 if codes.max(initial=0) < 255 else np.int32)
    table[1:] = codes + 1
    return [LookupLevel(raster, level, table) for level in range(len(raster.shapes))]
