"""A scatter plot as a raster: each pixel holds the point drawn there, so that colours are a lookup table."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_RADIUS_BY_COUNT = ((3_000, 3), (20_000, 2), (200_000, 1))  # largest number of points, radius in pixels


class ScatterRaster:
    """Points in a plane.

    Parameters
    ----------
    xy : (points, 2)
        Any unit.
    """

    def __init__(self, xy: NDArray[np.floating]) -> None:
        self.xy = np.asarray(xy, dtype=np.float32)
        # in random order: else the last category would cover the others
        self._order = np.random.default_rng(0).permutation(len(self.xy)).astype(np.int32)
        self._shuffled = self.xy[self._order]
        self.radius = next((r for most, r in _RADIUS_BY_COUNT if len(self.xy) <= most), 0)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top of all points."""
        (left, bottom), (right, top) = self.xy.min(0), self.xy.max(0)
        return float(left), float(bottom), float(right), float(top)

    def labels(
        self, bounds: tuple[float, float, float, float], shape: tuple[int, int], on_top: NDArray[np.bool_] | None = None
    ) -> NDArray[np.int32]:
        """Draw the points of a rectangle.

        Parameters
        ----------
        bounds
            Left, bottom, right, top of the rectangle.
        shape
            Rows and columns.
        on_top : (points,), optional
            Points drawn over the others.

        Returns
        -------
        (rows, columns) int32
            0 for no point, i + 1 where point i is drawn; the first row is the bottom.
        """
        height, width = shape
        left, bottom, right, top = bounds
        r = self.radius
        across = (self._shuffled[:, 0] - left) * np.float32(width / max(right - left, 1e-12))
        up = (self._shuffled[:, 1] - bottom) * np.float32(height / max(top - bottom, 1e-12))
        seen = np.flatnonzero((across > -r) & (across < width + r) & (up > -r) & (up < height + r))
        if on_top is not None:
            over = on_top[self._order[seen]]
            seen = np.concatenate([seen[~over], seen[over]])
        wide = width + 4 * r + 1
        at = (np.floor(up[seen]).astype(np.int64) + 2 * r) * wide + np.floor(across[seen]).astype(np.int64) + 2 * r
        step = np.arange(-r, r + 1)
        disc = (step[:, None] * wide + step)[step[:, None] ** 2 + step**2 <= r * r + 1]
        out = np.zeros((height + 4 * r + 1) * wide, dtype=np.int32)
        out[(at[:, None] + disc).ravel()] = np.repeat(self._order[seen] + 1, len(disc))  # the last one written stays
        return out.reshape(-1, wide)[2 * r : 2 * r + height, 2 * r : 2 * r + width]
