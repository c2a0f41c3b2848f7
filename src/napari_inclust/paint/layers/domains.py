"""Domains as layers: labels over the cell raster, with confidence as opacity, and outlines as line segments."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from ..raster.cell_raster import CellRaster, default_radius
from ..raster.pyramids import code_pyramid
from ..values import CellCategories
from .cell_layers import CategoryLayer, DescribeCell, label_colormap

FAINT_OPACITY = 0.15  # of domains that are not selected while others are
CONFIDENCE_LEVELS = 8  # shades of a colour, at most
_MIN_HOLE_AREA = 40.0  # squared distances between neighbouring cells


class DomainLayer(CategoryLayer):
    """Domains of the cells.

    Labels are 1 to k; while confidence is drawn, each is split into at most `CONFIDENCE_LEVELS` shades.

    Parameters
    ----------
    raster, cell_categories, describe, unit, **kwargs
        As of `CategoryLayer`.
    confidence : (cells,)
        0 to 1; shown by hovering, and drawn as opacity on demand.
    """

    def __init__(
        self,
        raster: CellRaster,
        cell_categories: CellCategories,
        confidence: NDArray[np.floating[Any]],
        describe: DescribeCell,
        unit: str = "um",
        **kwargs: Any,
    ) -> None:
        self.confidence = confidence
        self._shaded = False
        super().__init__(raster, cell_categories, describe, unit, **kwargs)

    def describe(self, row: int) -> str:
        """Describe a cell, its domain and the confidence in it."""
        return f"{super().describe(row)} (confidence {self.confidence[row]:.2f})"

    def show_domains(
        self,
        cell_categories: CellCategories,
        confidence: NDArray[np.floating[Any]],
        selected: frozenset[int] = frozenset(),
        *,
        shaded: bool = False,
    ) -> None:
        """Draw domains in this layer; the labels are replaced only when they differ.

        Parameters
        ----------
        cell_categories
            Domains and their colours.
        confidence : (cells,)
            0 to 1.
        selected
            Codes that are highlighted: the others become faint. Empty: all are drawn in full.
        shaded
            Whether cells of low confidence are drawn transparent.
        """
        levels = min(CONFIDENCE_LEVELS, 254 // max(1, len(cell_categories.categories))) if shaded else 1
        shaded = levels > 1
        replaced = (
            cell_categories.codes is not self.cell_categories.codes
            or shaded != self._shaded
            or (shaded and confidence is not self.confidence)
        )
        self.cell_categories, self.confidence, self._shaded = cell_categories, confidence, shaded
        with self.pause_refresh() if replaced else nullcontext():
            self.colormap = _domain_colormap(cell_categories, selected, levels)
        if replaced:
            codes = cell_categories.codes
            if shaded:
                codes = codes * levels + np.minimum(confidence * levels, levels - 1).astype(np.int32)
            self.data = code_pyramid(self.raster, codes)
        self.name = cell_categories.name

    def hide_categories(self, hidden: set[int]) -> None:
        """Draw only the other categories in full."""
        shown = frozenset(range(len(self.cell_categories.categories))) - frozenset(hidden)
        self.show_domains(self.cell_categories, self.confidence, shown, shaded=self._shaded)


def _domain_colormap(cell_categories: CellCategories, selected: frozenset[int], levels: int) -> DirectLabelColormap:
    colours = {}
    for code, (r, g, b, a) in enumerate(cell_categories.colours):
        opacity = FAINT_OPACITY if selected and code not in selected else 1.0
        for level in range(levels):
            share = 1.0 if levels == 1 else 0.1 + 0.9 * level / (levels - 1)
            colours[1 + code * levels + level] = (r, g, b, a * opacity * share)
    return label_colormap(colours)


def outline_segments(polygons: Iterable[Any], xy: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Split polygons into their edges, as napari's vectors; an edge of two polygons is kept once.

    Small holes are left out: they are gaps in the tissue, or the outline of the domain that fills them.

    Parameters
    ----------
    polygons
        Shapely polygons or multipolygons.
    xy : (cells, 2 or 3)
        Positions of the cells; the distance between neighbours says which holes are small.

    Returns
    -------
    (segments, 2, 2)
        Start and step (y, x) of each edge.
    """
    import shapely

    min_area = _MIN_HOLE_AREA * default_radius(xy[:, :2]) ** 2
    parts = [part for polygon in polygons for part in shapely.get_parts(polygon)]
    holes = [ring for part in parts for ring in part.interiors if shapely.area(shapely.polygons(ring)) > min_area]
    rings = [part.exterior for part in parts] + holes
    if not rings:
        return np.zeros((0, 2, 2))
    corners = [shapely.get_coordinates(ring)[:, ::-1] for ring in rings]
    ends = np.concatenate([np.hstack([c[:-1], c[1:]]) for c in corners]).round(6)
    # both directions of an edge in one order, so that its copies are equal
    reversed_ = (ends[:, 0] > ends[:, 2]) | ((ends[:, 0] == ends[:, 2]) & (ends[:, 1] > ends[:, 3]))
    ends[reversed_] = ends[reversed_][:, [2, 3, 0, 1]]
    ends = np.unique(ends, axis=0)
    return np.stack([ends[:, :2], ends[:, 2:] - ends[:, :2]], axis=1)
