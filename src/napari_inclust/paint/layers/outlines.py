"""Outlines as line segments: one layer however many corners they have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..raster.cell_raster import default_radius

_MIN_HOLE_AREA = 40.0  # squared spacings


def outline_segments(polygons: Iterable[Any], xy: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """(segments, 2, 2) start and step (y, x) of every edge of shapely polygons, as napari's vectors are; an edge that two share comes once.

    Small holes are left out: they are gaps in the tissue, or drawn as the outline of what lies in them.

    Parameters
    ----------
    xy : (cells, 2 or 3)
        Places of the cells: their spacing says what is small.
    """
    import shapely  # type: ignore[import-untyped]

    least = _MIN_HOLE_AREA * default_radius(xy[:, :2]) ** 2
    parts = [part for shape in polygons for part in shapely.get_parts(shape)]
    rings = [part.exterior for part in parts] + [
        r for part in parts for r in part.interiors if shapely.area(shapely.polygons(r)) > least
    ]
    if not rings:
        return np.zeros((0, 2, 2))
    corners = [shapely.get_coordinates(ring)[:, ::-1] for ring in rings]
    ends = np.concatenate([np.hstack([c[:-1], c[1:]]) for c in corners]).round(6)
    turned = (ends[:, 0] > ends[:, 2]) | ((ends[:, 0] == ends[:, 2]) & (ends[:, 1] > ends[:, 3]))
    ends[turned] = ends[turned][:, [2, 3, 0, 1]]
    ends = np.unique(ends, axis=0)
    return np.stack([ends[:, :2], ends[:, 2:] - ends[:, :2]], axis=1)
