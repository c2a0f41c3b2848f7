"""The cell raster: a pyramid of integer labels (0 background, i + 1 = row i) with its place in micrometres."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .discs import CellBins, draw_tile

if TYPE_CHECKING:
    from ...data.section import Section

LabelArray = NDArray[np.int32]
TILE_SIZE = 512
_CACHE_BYTES = 192 * 2**20
_MAX_COARSEST_PIXELS = 512  # pixels of the coarsest level, at most, on the longer side
_PIXELS_PER_RADIUS = 12


class CellRaster(ABC):
    """Labels of cells at several resolutions, finest first; each level is half the one before.

    Attributes
    ----------
    shapes : list of (rows, columns)
    n_cells : int
    """

    shapes: list[tuple[int, int]]
    n_cells: int

    @abstractmethod
    def labels(self, level: int, rows: slice, columns: slice) -> LabelArray:
        """Labels of a rectangle of one level; rows and columns are slices without negative ends."""

    @property
    @abstractmethod
    def affine(self) -> NDArray[np.float64]:
        """(3, 3): finest-level (row, column) of a pixel centre to micrometres (y, x), homogeneous."""

    def cell_at(self, y: float, x: float) -> int | None:
        """Row of the cell drawn at a place in micrometres, or None where there is no cell."""
        row, column, _ = np.linalg.inv(self.affine) @ (y, x, 1.0)
        r, c = int(np.floor(row + 0.5)), int(np.floor(column + 0.5))
        if not (0 <= r < self.shapes[0][0] and 0 <= c < self.shapes[0][1]):
            return None
        label = int(self.labels(0, slice(r, r + 1), slice(c, c + 1))[0, 0])
        return label - 1 if label else None


class SegmentationRaster(CellRaster):
    """Labels from a segmentation image.

    Parameters
    ----------
    image : (rows, columns) int
        0 background, i + 1 = row i.
    affine : (3, 3)
        (row, column) to micrometres (y, x); identity when not given.
    n_cells
        Labels above it are drawn as background.
    """

    def __init__(self, image: NDArray[np.integer[Any]], affine: NDArray[np.float64] | None, n_cells: int) -> None:
        self._levels: list[NDArray[Any]] = [image]
        while (len(self._levels) < 2 or max(self._levels[-1].shape) > _MAX_COARSEST_PIXELS) and min(
            self._levels[-1].shape
        ) > 1:  # napari takes one level for an array
            self._levels.append(np.ascontiguousarray(self._levels[-1][::2, ::2]))
        self.shapes = [(int(a.shape[0]), int(a.shape[1])) for a in self._levels]
        self.n_cells = n_cells
        self._affine = np.eye(3) if affine is None else np.asarray(affine, dtype=np.float64)

    @property
    def affine(self) -> NDArray[np.float64]:
        return self._affine

    def labels(self, level: int, rows: slice, columns: slice) -> LabelArray:
        tile = np.asarray(self._levels[level][rows, columns])
        return np.where(tile <= self.n_cells, tile, 0).astype(np.int32)


class CentroidRaster(CellRaster):
    """Bounded Voronoi cells of centroids: each pixel belongs to the nearest cell within a radius.

    The radius follows the spacing of the cells. Tiles are made when they are looked at and kept while memory allows,
    so a section of a million cells opens at once and may be zoomed until single cells are round.

    Parameters
    ----------
    xy : (cells, 2)
        Centroids in micrometres.
    radius
        Micrometres; default the median distance to the nearest neighbour, so that neighbours in dense tissue touch.
    """

    def __init__(self, xy: NDArray[np.float64], radius: float | None = None) -> None:
        self.xy = np.asarray(xy, dtype=np.float64)
        self.n_cells = len(self.xy)
        self.radius = float(radius) if radius else default_radius(self.xy)
        low, high = self.xy.min(0) - 2 * self.radius, self.xy.max(0) + 2 * self.radius
        self.pixel_size = self.radius / _PIXELS_PER_RADIUS
        self.origin = (float(low[1]), float(low[0]))
        shape = tuple(max(2, int(np.ceil(s / self.pixel_size))) for s in (high - low)[::-1])
        self.shapes = [(shape[0], shape[1])]
        while (
            len(self.shapes) < 2 or max(self.shapes[-1]) > _MAX_COARSEST_PIXELS
        ):  # napari takes one level for an array
            self.shapes.append((max(2, -(-self.shapes[-1][0] // 2)), max(2, -(-self.shapes[-1][1] // 2))))
        self._bins = CellBins(self.xy, bin_size=max(4 * self.radius, float(max(high - low)) / 1024))
        self._cache: OrderedDict[tuple[int, int, int], LabelArray] = OrderedDict()
        self._cached_bytes = 0
        self._lock = Lock()  # napari may slice in a thread

    @property
    def affine(self) -> NDArray[np.float64]:
        return np.array([[self.pixel_size, 0, self.origin[0]], [0, self.pixel_size, self.origin[1]], [0, 0, 1.0]])

    def labels(self, level: int, rows: slice, columns: slice) -> LabelArray:
        height, width = self.shapes[level]
        r0, r1, c0, c1 = (
            rows.start or 0,
            min(rows.stop or height, height),
            columns.start or 0,
            min(columns.stop or width, width),
        )
        out = np.zeros((max(0, r1 - r0), max(0, c1 - c0)), dtype=np.int32)
        for i in range(r0 // TILE_SIZE, -(-r1 // TILE_SIZE)):
            for j in range(c0 // TILE_SIZE, -(-c1 // TILE_SIZE)):
                tile = self._tile(level, i, j)
                a, b = max(r0, i * TILE_SIZE), min(r1, (i + 1) * TILE_SIZE)
                c, d = max(c0, j * TILE_SIZE), min(c1, (j + 1) * TILE_SIZE)
                out[a - r0 : b - r0, c - c0 : d - c0] = tile[
                    a - i * TILE_SIZE : b - i * TILE_SIZE, c - j * TILE_SIZE : d - j * TILE_SIZE
                ]
        return out

    def _tile(self, level: int, i: int, j: int) -> LabelArray:
        key = (level, i, j)
        with self._lock:
            tile = self._cache.get(key)
            if tile is not None:
                self._cache.move_to_end(key)
                return tile
            height, width = self.shapes[level]
            shape = (min(TILE_SIZE, height - i * TILE_SIZE), min(TILE_SIZE, width - j * TILE_SIZE))
            step = (
                np.array([self.shapes[0][0] / height, self.shapes[0][1] / width]) * self.pixel_size
            )  # as napari scales the levels
            corner = np.array(self.origin) - self.pixel_size / 2 + np.array([i, j]) * TILE_SIZE * step
            cells = self._bins.rows_in_rectangle(corner - self.radius, corner + shape * step + self.radius)
            tile = draw_tile(self.xy[cells][:, ::-1], cells, corner, step, shape, self.radius)
            self._cache[key] = tile
            self._cached_bytes += tile.nbytes
            while self._cached_bytes > _CACHE_BYTES and len(self._cache) > 1:
                self._cached_bytes -= self._cache.popitem(last=False)[1].nbytes
            return tile


def default_radius(xy: NDArray[np.float64]) -> float:
    """The median distance to the nearest neighbour, in micrometres, from at most 20,000 cells.

    Parameters
    ----------
    xy : (cells, 2)
        Centroids in micrometres.
    """
    from scipy.spatial import cKDTree

    if len(xy) < 2:
        return 5.0
    sample = xy[:: max(1, len(xy) // 20_000)]
    distance = cKDTree(xy).query(sample, k=2)[0][:, 1]
    distance = distance[distance > 0]
    return float(np.median(distance)) if distance.size else 5.0


def section_raster(section: Section) -> CellRaster:
    """The raster of a section: its segmentation when it has one, else the bounded Voronoi cells of its centroids."""
    if section.raster is not None:
        return SegmentationRaster(section.raster, section.raster_transform, section.n_cells)
    return CentroidRaster(section.xy)
