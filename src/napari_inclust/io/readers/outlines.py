"""Cell outlines and label images as the raster of a section: 0 is background, i + 1 is row i."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_RASTER_SIDE = 8192  # pixels
PIXELS_PER_CELL = 24  # across a cell of median size

Raster = tuple[NDArray[np.int32], NDArray[np.float64]]
CellRings = Iterable[tuple[int, NDArray[np.float64]]]  # row of the cell, outline (points, xy) in micrometres


def rasterise(rings: CellRings) -> Raster | None:
    """Draw polygons as labels; where two overlap, the smaller one is on top.

    Parameters
    ----------
    rings
        Row of the cell and its outline (points, xy) in micrometres; a cell may have several.

    Returns
    -------
    raster : (rows, columns) int32
    transform : (3, 3)
        (row, column) of a pixel centre to micrometres (y, x); None when there is no outline at all.
    """
    from PIL import Image, ImageDraw

    drawable = [(row, ring) for row, ring in rings if len(ring) >= 3]
    if not drawable:
        return None
    stops = np.cumsum([len(ring) for _, ring in drawable])
    starts = np.concatenate([[0], stops[:-1]])
    points = np.concatenate([ring for _, ring in drawable]).astype(np.float64)
    lows, highs = np.minimum.reduceat(points, starts), np.maximum.reduceat(points, starts)
    low, high, sizes = lows.min(0), highs.max(0), np.prod(highs - lows, axis=1)
    pixel = max(
        float(np.median(np.sqrt(sizes))) / PIXELS_PER_CELL, float((high - low).max()) / (MAX_RASTER_SIDE - 2), 1e-9
    )
    width, height = (int(n) for n in np.ceil((high - low) / pixel) + 2)
    image = Image.new("I", (width, height), 0)
    draw = ImageDraw.Draw(image)
    points = (points - low) / pixel + 0.5
    for i in np.argsort(-sizes, kind="stable"):
        draw.polygon(points[starts[i] : stops[i]].ravel().tolist(), fill=drawable[i][0] + 1)
    return np.asarray(image, dtype=np.int32), np.array(
        [[pixel, 0, low[1] - 0.5 * pixel], [0, pixel, low[0] - 0.5 * pixel], [0, 0, 1]]
    )


def relabel(image: NDArray[Any], ids: NDArray[Any]) -> NDArray[np.int32]:
    """Replace the ids of cells in a label image by their rows: i + 1 where it has `ids[i]`, 0 elsewhere.

    Parameters
    ----------
    image : (rows, columns) int
    ids : (cells,) int
    """
    order = np.argsort(ids)
    position = np.clip(np.searchsorted(ids[order], image), 0, len(ids) - 1)
    return np.where((ids[order][position] == image) & (image != 0), order[position] + 1, 0).astype(np.int32)


def pixel_affine(xy_affine: NDArray[np.float64], factor: float = 1.0) -> NDArray[np.float64]:
    """Convert an affine of pixel corners in (x, y) to one of pixel centres: (row, column) to (y, x).

    Parameters
    ----------
    xy_affine : (3, 3)
        Pixel corners (x, y) of the finest level to micrometres (x, y).
    factor
        Pixels of the finest level across one of this level.
    """
    centre = np.array([[factor, 0, factor / 2], [0, factor, factor / 2], [0, 0, 1.0]])
    swap = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1.0]])
    return np.asarray(swap @ xy_affine @ centre @ swap)


def outer_rings(rows: NDArray[Any], shapes: Any) -> CellRings:
    """List the outer rings of the polygons and multipolygons of cells.

    Parameters
    ----------
    rows : (shapes,) int
        Row of the cell of each; those below 0 belong to no cell and are left out.
    shapes : (shapes,)
        Of shapely; None and empty ones have no ring.
    """
    import shapely

    rows, shapes = np.asarray(rows), np.asarray(shapes, dtype=object)
    parts, of = shapely.get_parts(shapes[rows >= 0], return_index=True)
    # all rings at once: one by one costs more than drawing them
    points, part = shapely.get_coordinates(shapely.get_exterior_ring(parts), return_index=True)
    stops = np.searchsorted(part, np.arange(len(parts) + 1))
    for row, start, stop in zip(rows[rows >= 0][of].tolist(), stops[:-1].tolist(), stops[1:].tolist(), strict=True):
        yield row, points[start:stop]
