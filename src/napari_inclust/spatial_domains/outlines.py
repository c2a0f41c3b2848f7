"""Outlines of domains: unions of the Voronoi polygons of their cells, within the tissue; neighbours share borders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import Voronoi

from ..spatial.neighbors import FloatArray, IntArray, nearest_distances, nearest_neighbours, section_rows
from .edit import DomainSegmentation

TISSUE_MARGIN = 2.0  # reach of the tissue around a cell, in median distances to the nearest cell
_FAR_EXTENTS = 10.0  # distance of the points that close the outer polygons, in extents of the tissue


@dataclass(frozen=True, eq=False)
class DomainOutline:
    """Polygon of one domain in one section.

    Attributes
    ----------
    domain, section, n_cells
        Number of the domain, code of the section, cells of the domain in it.
    polygon
        Shapely MultiPolygon, in micrometres (x, y).
    """

    domain: int
    section: int
    n_cells: int
    polygon: Any


def outlines(seg: DomainSegmentation, xy: FloatArray, sections: IntArray) -> list[DomainOutline]:
    """Compute the polygon of every domain in every section, from the first two coordinates."""
    import shapely

    out = []
    for at in section_rows(sections):
        positions, first = np.unique(xy[at, :2], axis=0, return_index=True)
        labels = seg.labels[at][first]
        spacing = _median_spacing(positions)
        cells = shapely.polygons([shapely.linearrings(ring) for ring in _voronoi_polygons(positions, spacing)])
        tissue = shapely.union_all(shapely.buffer(shapely.points(positions), TISSUE_MARGIN * spacing, quad_segs=4))
        for d in np.unique(seg.labels[at]):
            inside = cells[labels == d]
            shape = shapely.intersection(shapely.union_all(inside), tissue) if len(inside) else shapely.MultiPolygon()
            parts = [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon"]
            n_cells = int((seg.labels[at] == d).sum())
            out.append(DomainOutline(int(d), int(sections[at[0]]), n_cells, shapely.multipolygons(parts)))
    return out


def _median_spacing(xy: FloatArray) -> float:
    near = nearest_neighbours(xy, min(1, len(xy) - 1), np.zeros(len(xy), dtype=np.intp))
    return nearest_distances(xy, near)[0] or 1.0


def _voronoi_polygons(xy: FloatArray, median_spacing: float) -> list[FloatArray]:
    """Corners of the Voronoi polygon of each position; four distant points close the outer ones."""
    middle = (xy.min(0) + xy.max(0)) / 2
    far = _FAR_EXTENTS * max(float(np.ptp(xy, axis=0).max()), median_spacing)
    diagram = Voronoi(np.vstack([xy, middle + far * np.array([[1, 0.1], [-0.1, 1], [-1, -0.1], [0.1, -1]])]))
    return [diagram.vertices[diagram.regions[diagram.point_region[i]]] for i in range(len(xy))]
