"""Domains as a labels layer: their codes over the cell raster, some of them highlighted, confidence as opacity."""

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
from .cell_layers import CategoryLayer, DescribeCell

FAINT_OPACITY = 0.15  # opacity of domains that are not selected while others are
CONFIDENCE_LEVELS = 8  # of confidence
_MIN_HOLE_AREA = 40.0  # squared spacings


class DomainLayer(CategoryLayer):
    """Domains of the cells. Labels are 1 to k; while confidence is shown, each is split in `LEVELS` shades.

    Parameters
    ----------
    confidence : (cells,)
        0 to 1; told by hovering, and drawn as opacity on demand.
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
        """Cell, its domain, and how sure that is."""
        return f"{super().describe(row)} (confidence {self.confidence[row]:.2f})"

    def show_domains(
        self,
        cell_categories: CellCategories,
        confidence: NDArray[np.floating[Any]],
        selected: frozenset[int] = frozenset(),
        *,
        shaded: bool = False,
    ) -> None:
        """Draw domains, in place; values are only replaced when they differ.

        Parameters
        ----------
        selected
            Codes that are highlighted: the others become faint. None: all are drawn in full.
        shaded
            Whether cells of low confidence are drawn transparent.
        """
        levels = min(CONFIDENCE_LEVELS, 254 // max(1, len(cell_categories.categories))) if shaded else 1
        shaded = levels > 1
        other = (
            cell_categories.codes is not self.cell_categories.codes
            or shaded != self._shaded
            or (shaded and confidence is not self.confidence)
        )
        self.cell_categories, self.confidence, self._shaded = cell_categories, confidence, shaded
        with self.pause_refresh() if other else nullcontext():
            self.colormap = _colormap(cell_categories, selected, levels)
        if other:
            codes = (
                cell_categories.codes * levels + np.minimum(confidence * levels, levels - 1).astype(np.int32)
                if shaded
                else cell_categories.codes
            )
            self.data = code_pyramid(self.raster, codes)  # type: ignore[assignment]
        self.name = cell_categories.name

    def hide_categories(self, hidden: set[int]) -> None:
        """Draw only the others in full."""
        self.show_domains(
            self.cell_categories,
            self.confidence,
            frozenset(range(len(self.cell_categories.categories))) - frozenset(hidden),
            shaded=self._shaded,
        )


def _colormap(cell_categories: CellCategories, selected: frozenset[int], levels: int) -> DirectLabelColormap:
    colours: dict[int | None, Any] = {0: "transparent", None: "transparent"}
    for i, (r, g, b, a) in enumerate(cell_categories.colours):
        faint = FAINT_OPACITY if selected and i not in selected else 1.0
        for level in range(levels):
            share = 1.0 if levels == 1 else 0.1 + 0.9 * level / (levels - 1)
            colours[1 + i * levels + level] = (r, g, b, a * faint * share)
    return DirectLabelColormap(color_dict=colours)


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
