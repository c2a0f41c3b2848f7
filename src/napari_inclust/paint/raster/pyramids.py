"""Arrays for napari whose tiles are made on demand: `table[labels[tile]]`."""

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
        Where the cells are.
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
        return self.shape[0] * self.shape[1]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> NDArray[Any]:
        rows, columns, taken = self._parse_key(key)
        return np.asarray(np.take(self._table, self._raster.labels(self._level, rows, columns))[taken])

    def _parse_key(self, key: Any) -> tuple[slice, slice, tuple[Any, ...]]:
        """Rows and columns that a key touches, and what it takes of that rectangle."""
        parts = list(key) if isinstance(key, tuple) else [key]
        dots = [i for i, p in enumerate(parts) if p is Ellipsis]
        at = dots[0] if dots else len(parts)
        parts[at : at + len(dots)] = [slice(None)] * (2 - len(parts) + len(dots))
        windows: list[slice] = []
        drop: list[Any] = []
        for part, length in zip(parts, self.shape, strict=True):
            if isinstance(part, slice):
                start, stop, step = part.indices(length)
                if step < 0:
                    raise IndexError("a slice of a cell raster cannot run backwards")
                windows.append(slice(start, max(start, stop)))
                drop.append(slice(None, None, step))
            else:
                i = int(part) + (length if part < 0 else 0)
                if not 0 <= i < length:
                    raise IndexError(f"index {part} is outside the raster ({length} pixels)")
                windows.append(slice(i, i + 1))
                drop.append(0)
        return windows[0], windows[1], tuple(drop)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        out = self[:, :]
        return out if dtype is None else out.astype(dtype, copy=False)


def value_pyramid(raster: CellRaster, values: ArrayLike) -> list[LookupLevel]:
    """A pyramid of float32 values; background is NaN, which napari draws transparent.

    Parameters
    ----------
    values : (cells,)
    """
    table = np.empty(raster.n_cells + 1, dtype=np.float32)
    table[0] = np.nan
    table[1:] = values
    return [LookupLevel(raster, level, table) for level in range(len(raster.shapes))]


def code_pyramid(raster: CellRaster, codes: ArrayLike) -> list[LookupLevel]:
    """A pyramid of category labels; background and missing categories are 0.

    Parameters
    ----------
    codes : (cells,) int
        -1 for none, else the category's number from 0.
    """
    codes = np.asarray(codes)
    table = np.zeros(raster.n_cells + 1, dtype=np.uint8 if codes.max(initial=0) < 255 else np.int32)
    table[1:] = codes + 1
    return [LookupLevel(raster, level, table) for level in range(len(raster.shapes))]
