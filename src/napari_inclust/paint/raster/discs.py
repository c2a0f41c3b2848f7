"""Draw cells into a tile: each pixel belongs to the nearest centroid within a radius.

The time is proportional to the number of pixels covered.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MAX_CELLS_PER_PIXEL = 4  # of more cells whose centroids share one pixel, the last one drawn is kept


class CellBins:
    """Cells sorted into square bins, for a fast search of the cells in a rectangle.

    Parameters
    ----------
    xy : (cells, 2)
        Micrometres.
    bin_size
        Side of a bin in micrometres.
    """

    def __init__(self, xy: NDArray[np.float64], bin_size: float) -> None:
        self._size = bin_size
        self._low = xy.min(0)
        grid = np.floor((xy - self._low) / bin_size).astype(np.int64)
        self._n = grid.max(0) + 1  # columns, rows
        code = grid[:, 1] * self._n[0] + grid[:, 0]
        self._order = np.argsort(code, kind="stable").astype(np.int32)
        self._start = np.searchsorted(code[self._order], np.arange(self._n[0] * self._n[1] + 1))

    def rows_in_rectangle(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.int32]:
        """Return the rows of the cells in the bins that a rectangle touches.

        Parameters
        ----------
        low, high : (2,)
            Corners (y, x) in micrometres.
        """
        first = np.clip(np.floor((low[::-1] - self._low) / self._size), 0, self._n).astype(int)
        last = np.clip(np.floor((high[::-1] - self._low) / self._size), -1, self._n - 1).astype(int)
        if (last < first).any():
            return np.empty(0, np.int32)
        if (first == 0).all() and (last == self._n - 1).all():
            return self._order
        rows = np.arange(first[1], last[1] + 1) * self._n[0]
        return np.concatenate([self._order[self._start[r + first[0]] : self._start[r + last[0] + 1]] for r in rows])


def draw_tile(
    yx: NDArray[np.float64],
    rows: NDArray[np.int32],
    corner: NDArray[np.float64],
    pixel_size: NDArray[np.float64],
    shape: tuple[int, int],
    radius: float,
) -> NDArray[np.int32]:
    """Draw the labels of one tile.

    Parameters
    ----------
    yx : (k, 2)
        Centroids in micrometres.
    rows : (k,)
        Rows of the cells: row i is written as i + 1.
    corner, pixel_size : (2,)
        Outer corner of the tile and size of a pixel, micrometres (y, x).
    shape
        Rows and columns of the tile.
    radius
        Micrometres; a cell smaller than a pixel still gets the pixel that it lies in.

    Returns
    -------
    (rows, columns) int32
        0 background, i + 1 = row i.
    """
    height, width = shape
    best = np.full(height * width, np.inf, dtype=np.float32)
    out = np.zeros(height * width, dtype=np.int32)
    if not len(rows):
        return out.reshape(shape)
    position = ((yx - corner) / pixel_size).astype(np.float32)  # in pixels: pixel r covers [r, r + 1)
    base = np.floor(position).astype(np.int32)
    reach = np.ceil(radius / pixel_size).astype(int) if radius >= pixel_size.min() / 2 else np.zeros(2, int)
    unit = (pixel_size / radius).astype(np.float32)
    for group in _groups_without_shared_pixels(base, height, width):
        p, b, label = position[group], base[group], rows[group] + 1
        offset = p - b - np.float32(0.5)  # of the centroid from the centre of its pixel
        for dy in range(-reach[0], reach[0] + 1):
            for dx in range(-reach[1], reach[1] + 1):
                if np.hypot(max(0.0, abs(dy) - 1) * unit[0], max(0.0, abs(dx) - 1) * unit[1]) > 1:
                    continue
                r, c = b[:, 0] + dy, b[:, 1] + dx
                distance = ((dy - offset[:, 0]) * unit[0]) ** 2 + ((dx - offset[:, 1]) * unit[1]) ** 2
                inside = (r >= 0) & (r < height) & (c >= 0) & (c < width)
                if dy or dx:
                    inside &= distance <= 1
                pixel = r[inside] * width + c[inside]
                nearer = distance[inside] < best[pixel]
                pixel = pixel[nearer]
                best[pixel] = distance[inside][nearer]
                out[pixel] = label[inside][nearer]
    return out.reshape(shape)


def _groups_without_shared_pixels(base: NDArray[np.int32], height: int, width: int) -> list[NDArray[np.intp]]:
    """Split cells into groups without shared pixels: of two written at once the last would be kept, not the nearest."""
    code = base[:, 0].astype(np.int64) * (2 * width + 4 * (height + width)) + base[:, 1]
    order = np.argsort(code, kind="stable")
    first = np.r_[True, np.diff(code[order]) != 0]
    start = np.flatnonzero(first)
    rank = np.arange(len(order)) - np.repeat(start, np.diff(np.r_[start, len(order)]))
    groups = [order[rank == k] for k in range(min(_MAX_CELLS_PER_PIXEL, int(rank.max()) + 1))]
    rest = order[rank >= _MAX_CELLS_PER_PIXEL]
    return [*groups, rest] if len(rest) else groups
