"""What lies over and under the genes of a section: domains with their outlines, uncertainty, and the grey of cells that are faded."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Vectors
from numpy.typing import NDArray

from ..limits import PercentileLimits
from ..raster.cell_raster import CellRaster
from ..values import CellCategories, CellValues
from . import canvas
from .cell_layers import CategoryLayer, DescribeCell, GeneLayer, veil_colormap
from .domains import DomainLayer
from .layer_group import CellLayerGroup

OUTLINES, SWIPE_LINE = "domain outlines", "measured | imputed"
_GREY_COLOUR = np.array([[0.5, 0.5, 0.5, 0.5]])


class Overlays(CellLayerGroup):
    """Layers of one section beside its genes and categories. What the user removed is made anew when it is shown again."""

    def __init__(self, viewer: Any, raster: CellRaster, unit: str) -> None:
        super().__init__(viewer, raster, unit)
        self._domains: DomainLayer | None = None
        self._outlines: Vectors | None = None
        self._swipe_line: Vectors | None = None
        self._uncertainty: GeneLayer | None = None
        self._grey_layer: CategoryLayer | None = None

    @property
    def domains(self) -> DomainLayer | None:
        return self._domains if self._in_viewer(self._domains) else None

    @property
    def outlines(self) -> Vectors | None:
        return self._outlines if self._in_viewer(self._outlines) else None

    @property
    def swipe_line(self) -> Vectors | None:
        """The line of the swipe."""
        return self._swipe_line if self._in_viewer(self._swipe_line) else None

    @property
    def uncertainty(self) -> GeneLayer | None:
        return self._uncertainty if self._in_viewer(self._uncertainty) else None

    @property
    def grey_layer(self) -> CategoryLayer | None:
        return self._grey_layer if self._in_viewer(self._grey_layer) else None

    def show_domains(
        self,
        cell_categories: CellCategories | None,
        confidence: NDArray[np.floating[Any]] | None,
        describe: DescribeCell,
        selected: frozenset[int] = frozenset(),
        *,
        shaded: bool = False,
        below: list[Any],
    ) -> None:
        """Domains under the layers named (the genes); None removes them."""
        if cell_categories is None or confidence is None:
            self._domains = self._remove(self._domains)
            return
        layer = self.domains
        if layer is None:
            self._domains = layer = DomainLayer(self._raster, cell_categories, confidence, describe, unit=self._unit)
            self._insert(layer, below)
        layer.show_domains(cell_categories, confidence, selected, shaded=shaded)

    def show_outlines(self, lines: NDArray[np.float64] | None, colour: str) -> None:
        """Line segments (n, 2, 2) over everything; None removes them."""
        if lines is None or not len(lines):
            self._outlines = self._remove(self._outlines)
            return
        viewer, layer = self._viewer(), self.outlines
        if layer is None:
            self._outlines = layer = self._vectors_layer(lines, OUTLINES, colour)
            layer.visible = (
                viewer is None or not canvas.grid(viewer).enabled
            )  # side by side it would have a place of its own
            self._insert(layer, [])
        else:
            layer.data = lines
            layer.edge_color = colour

    def show_swipe_line(self, x: float | None, colour: str) -> None:
        """A line from top to bottom at x in micrometres, over everything; None removes it."""
        if x is None:
            self._swipe_line = self._remove(self._swipe_line)
            return
        height, width = self._raster.shapes[0]
        corners = self._raster.affine @ [[0, 0, height, height], [0, width, 0, width], [1, 1, 1, 1]]
        top, bottom = float(corners[0].min()), float(corners[0].max())
        line = np.array([[[top, x], [bottom - top, 0.0]]])
        if self.swipe_line is None:
            self._swipe_line = self._vectors_layer(line, SWIPE_LINE, colour, thick=4)
            self._insert(self._swipe_line, [])
        else:
            self._swipe_line.data = line

    def show_uncertainty(
        self, cell_values: CellValues | None, describe: DescribeCell, *, as_veil: bool = False
    ) -> None:
        """How far a gene's values may be off, on top; None removes it.

        Parameters
        ----------
        veil
            Not in colours of its own: a veil in the colour of the canvas, so that what is unsure is seen less.
        """
        if cell_values is None:
            self._uncertainty = self._remove(self._uncertainty)
            return
        limits = (0.0, max(PercentileLimits().get_limits(cell_values.values)[1], 1e-6))
        colormap = veil_colormap(canvas.background_colour()) if as_veil else "inferno"
        layer = self.uncertainty
        if layer is None:
            self._uncertainty = layer = GeneLayer(
                self._raster, cell_values, limits, describe, unit=self._unit, colormap=colormap
            )
            self._insert(layer, [])
        else:
            layer.show_gene(cell_values, limits)
            layer.colormap = colormap

    def show_grey(self, describe: DescribeCell, below: list[Any], *, on: bool) -> None:
        """All cells in grey under the genes: what is left out shows as tissue, not as nothing."""
        if not on:
            self._grey_layer = self._remove(self._grey_layer)
        elif self.grey_layer is None:
            every = CellCategories(
                "faded cells", np.zeros(self._raster.n_cells, dtype=np.int32), ("below a limit",), _GREY_COLOUR
            )
            self._grey_layer = CategoryLayer(self._raster, every, describe, unit=self._unit)
            self._insert(self._grey_layer, below)

    def close(self) -> None:
        """Remove all."""
        self._domains, self._outlines, self._swipe_line = (
            self._remove(self._domains),
            self._remove(self._outlines),
            self._remove(self._swipe_line),
        )
        self._uncertainty, self._grey_layer = self._remove(self._uncertainty), self._remove(self._grey_layer)

    def _vectors_layer(self, lines: NDArray[np.float64], name: str, colour: str, thick: float = 1) -> Vectors:
        """Line segments (n, 2, 2) that can be seen when the whole section is looked at, some times as thick as that needs."""
        (height, width), pixel = self._raster.shapes[0], float(np.abs(self._raster.affine[0, 0])) or 1.0
        wide = thick * max(4 * pixel, max(height, width) * pixel / 600)
        return Vectors(
            lines, name=name, units=(self._unit, self._unit), vector_style="line", edge_width=wide, edge_color=colour
        )
