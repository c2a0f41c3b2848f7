"""Domains as polygons: the Voronoi cells of their cells joined, within the tissue. Neighbouring domains share their border."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import Voronoi

from ..spatial.neighbors import Codes, Float, nearest, parts, spacing
from .edit import Segmentation

REACH = 2.0  # median distances to the nearest cell that the tissue reaches beyond a cell
_FAR = 10.0  # extents


@dataclass(frozen=True, eq=False)
class Outline:
    """One domain in one section.

    Attributes
    ----------
    shape
        shapely MultiPolygon, in micrometres (x, y).
    """

    domain: int
    section: int
    cells: int
    shape: Any


def outlines(seg: Segmentation, xy: Float, sections: Codes) -> list[Outline]:
    """Polygons of every domain in every section, over the first two coordinates."""
    import shapely  # type: ignore[import-untyped]

    found = []
    for at in parts(sections):
        places, first = np.unique(xy[at, :2], axis=0, return_index=True)
        owner = seg.labels[at][first]
        unit = _unit(places)
        cells = shapely.polygons([shapely.linearrings(ring) for ring in _voronoi(places, unit)])
        tissue = shapely.union_all(shapely.buffer(shapely.points(places), REACH * unit, quad_segs=4))
        for d in np.unique(seg.labels[at]):
            inside = cells[owner == d]
            shape = shapely.intersection(shapely.union_all(inside), tissue) if len(inside) else shapely.MultiPolygon()
            kept = [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon"]
            found.append(Outline(int(d), int(sections[at[0]]), int((seg.labels[at] == d).sum()), shapely.multipolygons(kept)))
    return found


def _unit(places: Float) -> float:
    near = nearest(places, min(1, len(places) - 1), np.zeros(len(places), dtype=np.intp))
    return spacing(places, near)[0] or 1.0


def _voronoi(places: Float, unit: float) -> list[Float]:
    """Corners of each place's Voronoi cell; four far points close those at the rim."""
    middle = (places.min(0) + places.max(0)) / 2
    far = _FAR * max(float(np.ptp(places, axis=0).max()), unit)
    diagram = Voronoi(np.vstack([places, middle + far * np.array([[1, 0.1], [-0.1, 1], [-1, -0.1], [0.1, -1]])]))
    return [diagram.vertices[diagram.regions[diagram.point_region[i]]] for i in range(len(places))]
