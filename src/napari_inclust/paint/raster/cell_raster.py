"""Cell rasters: pyramids of integer labels (0 background, i + 1 = row i), placed in micrometres."""

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
_MAX_COARSEST_PIXELS = 512  # longer side of the coarsest level, at most
_PIXELS_PER_RADIUS = 12


class CellRaster(ABC):
    """Labels of cells at several resolutions, finest first; each level is half the size of the one before.

    Attributes
    ----------
    shapes : list of (rows, columns)
    n_cells : int
    """

    shapes: list[tuple[int, int]]
    n_cells: int

    @abstractmethod
    def labels(self, level: int, rows: slice, columns: slice) -> LabelArray:
        """Return the labels of a rectangle of one level; slices have no negative ends and no step."""

    @property
    @abstractmethod
    def affine(self) -> NDArray[np.float64]:
        """(3, 3) homogeneous matrix from (row, column) of pixel centres of the finest level to micrometres (y, x)."""

    def cell_at(self, y: float, x: float) -> int | None:
        """Return the row of the cell drawn at a position in micrometres, None without a cell."""
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
        Number of cells; labels above it are drawn as background.
    """

    def __init__(self, image: NDArray[np.integer[Any]], affine: NDArray[np.float64] | None, n_cells: int) -> None:
        self._levels: list[NDArray[Any]] = [image]
        # at least two levels: napari would read a list of one level as an array of three dimensions
        while min(image.shape) > 1 and (len(self._levels) < 2 or max(image.shape) > _MAX_COARSEST_PIXELS):
            image = np.ascontiguousarray(image[::2, ::2])
            self._levels.append(image)
        self.shapes = [(int(a.shape[0]), int(a.shape[1])) for a in self._levels]
        self.n_cells = n_cells
        self._affine = np.eye(3) if affine is None else np.asarray(affine, dtype=np.float64)

    @property
    def affine(self) -> NDArray[np.float64]:
        """See `CellRaster.affine`."""
        return self._affine

    def labels(self, level: int, rows: slice, columns: slice) -> LabelArray:
        """See `CellRaster.labels`."""
        tile = np.asarray(self._levels[level][rows, columns])
        return np.where(tile <= self.n_cells, tile, 0).astype(np.int32)


class CentroidRaster(CellRaster):
    """Bounded Voronoi cells of centroids: each pixel belongs to the nearest cell within a radius.

    The radius follows the spacing of the cells. Tiles are computed on demand and cached up to a limit of memory, so
    that a section of a million cells opens at once and can be magnified until single cells are round.

    Parameters
    ----------
    xy : (cells, 2)
        Centroids in micrometres.
    radius
        Micrometres; default: median distance to the nearest neighbour, so that neighbours in dense tissue touch.
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
        while len(self.shapes) < 2 or max(self.shapes[-1]) > _MAX_COARSEST_PIXELS:  # two levels: as above
            self.shapes.append((max(2, -(-self.shapes[-1][0] // 2)), max(2, -(-self.shapes[-1][1] // 2))))
        self._bins = CellBins(self.xy, bin_size=max(4 * self.radius, float(max(high - low)) / 1024))
        self._cache: OrderedDict[tuple[int, int, int], LabelArray] = OrderedDict()
        self._cached_bytes = 0
        self._lock = Lock()  # napari may read tiles in a thread

    @property
    def affine(self) -> NDArray[np.float64]:
        """See `CellRaster.affine`."""
        return np.array([[self.pixel_size, 0, self.origin[0]], [0, self.pixel_size, self.origin[1]], [0, 0, 1.0]])

    def labels(self, level: int, rows: slice, columns: slice) -> LabelArray:
        """See `CellRaster.labels`."""
        height, width = self.shapes[level]
        r0, r1 = rows.start or 0, min(rows.stop or height, height)
        c0, c1 = columns.start or 0, min(columns.stop or width, width)
        out = np.zeros((max(0, r1 - r0), max(0, c1 - c0)), dtype=np.int32)
        for i in range(r0 // TILE_SIZE, -(-r1 // TILE_SIZE)):
            for j in range(c0 // TILE_SIZE, -(-c1 // TILE_SIZE)):
                tile = self._tile(level, i, j)
                a, b = max(r0, i * TILE_SIZE), min(r1, (i + 1) * TILE_SIZE)
                c, d = max(c0, j * TILE_SIZE), min(c1, (j + 1) * TILE_SIZE)
                tile_rows = slice(a - i * TILE_SIZE, b - i * TILE_SIZE)
                out[a - r0 : b - r0, c - c0 : d - c0] = tile[tile_rows, c - j * TILE_SIZE : d - j * TILE_SIZE]
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
            # as napari scales the levels
            step = np.array([self.shapes[0][0] / height, self.shapes[0][1] / width]) * self.pixel_size
            corner = np.array(self.origin) - self.pixel_size / 2 + np.array([i, j]) * TILE_SIZE * step
            cells = self._bins.rows_in_rectangle(corner - self.radius, corner + shape * step + self.radius)
            tile = draw_tile(self.xy[cells][:, ::-1], cells, corner, step, shape, self.radius)
            self._cache[key] = tile
            self._cached_bytes += tile.nbytes
            while self._cached_bytes > _CACHE_BYTES and len(self._cache) > 1:
                self._cached_bytes -= self._cache.popitem(last=False)[1].nbytes
            return tile


def default_radius(xy: NDArray[np.floating[Any]]) -> float:
    """Return the median distance to the nearest neighbour, in micrometres, of at most about 20,000 cells.

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
    """Make the raster of a section: its segmentation if it has one, else bounded Voronoi cells of its centroids."""
    if section.raster is not None:
        return SegmentationRaster(section.raster, section.raster_transform, section.n_cells)
    return CentroidRaster(section.xy)
