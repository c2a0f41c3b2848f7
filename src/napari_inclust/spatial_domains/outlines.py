"""Domains as polygons: the Voronoi cells of their cells joined, within the tissue. Neighbouring domains share their border."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import Voronoi

from ..spatial.neighbors import FloatArray, IntArray, nearest_distances, nearest_neighbours, section_rows
from .edit import DomainSegmentation

TISSUE_MARGIN = 2.0  # median distances to the nearest cell that the tissue reaches beyond a cell
_FAR_EXTENTS = 10.0  # extents


@dataclass(frozen=True, eq=False)
class DomainOutline:
    """One domain in one section.

    Attributes
    ----------
    shape
        shapely MultiPolygon, in micrometres (x, y).
    """

    domain: int
    section: int
    n_cells: int
    polygon: Any


def outlines(seg: DomainSegmentation, xy: FloatArray, sections: IntArray) -> list[DomainOutline]:
    """Polygons of every domain in every section, over the first two coordinates."""
    import shapely

    found = []
    for at in section_rows(sections):
        places, first = np.unique(xy[at, :2], axis=0, return_index=True)
        owner = seg.labels[at][first]
        unit = _median_spacing(places)
        cells = shapely.polygons([shapely.linearrings(ring) for ring in _voronoi_polygons(places, unit)])
        tissue = shapely.union_all(shapely.buffer(shapely.points(places), TISSUE_MARGIN * unit, quad_segs=4))
        for d in np.unique(seg.labels[at]):
            inside = cells[owner == d]
            shape = shapely.intersection(shapely.union_all(inside), tissue) if len(inside) else shapely.MultiPolygon()
            kept = [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon"]
            found.append(
                DomainOutline(
                    int(d), int(sections[at[0]]), int((seg.labels[at] == d).sum()), shapely.multipolygons(kept)
                )
            )
    return found


def _median_spacing(xy: FloatArray) -> float:
    near = nearest_neighbours(xy, min(1, len(xy) - 1), np.zeros(len(xy), dtype=np.intp))
    return nearest_distances(xy, near)[0] or 1.0


def _voronoi_polygons(xy: FloatArray, median_spacing: float) -> list[FloatArray]:
    """Corners of each place's Voronoi cell; four far points close those at the rim."""
    middle = (xy.min(0) + xy.max(0)) / 2
    far = _FAR_EXTENTS * max(float(np.ptp(xy, axis=0).max()), median_spacing)
    diagram = Voronoi(np.vstack([xy, middle + far * np.array([[1, 0.1], [-0.1, 1], [-1, -0.1], [0.1, -1]])]))
    return [diagram.vertices[diagram.regions[diagram.point_region[i]]] for i in range(len(xy))]
