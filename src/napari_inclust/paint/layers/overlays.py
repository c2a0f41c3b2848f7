"""Layers over and under the genes of a section: domains, outlines, uncertainty, and cells that are left out."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Vectors
from numpy.typing import NDArray

from ..limits import PercentileLimits
from ..values import CellCategories, CellValues
from . import canvas
from .cell_layers import CategoryLayer, DescribeCell, GeneLayer, veil_colormap
from .domains import DomainLayer
from .layer_group import CellLayerGroup, OwnedLayer

OUTLINES, SWIPE_LINE = "domain outlines", "measured | imputed"
_GREY_COLOUR = np.array([[0.5, 0.5, 0.5, 0.5]])


class Overlays(CellLayerGroup):
    """Layers of one section that are neither its genes nor its categories nor marks of single cells.

    Attributes
    ----------
    domains
        Domains of the cells.
    outlines
        Outlines of the domains.
    swipe_line
        Line between measured and imputed values.
    uncertainty
        Uncertainty of a gene.
    grey_layer
        All cells in grey, below genes that leave out cells.
    """

    domains = OwnedLayer[DomainLayer]()
    outlines = OwnedLayer[Vectors]()
    swipe_line = OwnedLayer[Vectors]()
    uncertainty = OwnedLayer[GeneLayer]()
    grey_layer = OwnedLayer[CategoryLayer]()

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
        """Draw domains below some layers (the genes); None removes them.

        Parameters
        ----------
        cell_categories, confidence, selected, shaded
            As of `DomainLayer.show_domains`.
        describe
            As of `CategoryLayer`.
        below
            Layers above the domains.
        """
        if cell_categories is None or confidence is None:
            self.domains = None
            return
        layer = self.domains
        if layer is None:
            self.domains = layer = DomainLayer(self._raster, cell_categories, confidence, describe, unit=self._unit)
            self._insert(layer, below)
        layer.show_domains(cell_categories, confidence, selected, shaded=shaded)

    def show_outlines(self, lines: NDArray[np.float64] | None, colour: str) -> None:
        """Draw line segments (n, 2, 2), as of `outline_segments`, over all layers; None removes them."""
        if lines is None or not len(lines):
            self.outlines = None
            return
        viewer, layer = self._viewer(), self.outlines
        if layer is None:
            self.outlines = layer = self._vectors_layer(lines, OUTLINES, colour)
            # hidden side by side, where each layer would have a view of its own
            layer.visible = viewer is None or not canvas.grid(viewer).enabled
            self._insert(layer, [])
        else:
            layer.data = lines
            layer.edge_color = colour

    def show_swipe_line(self, x: float | None, colour: str) -> None:
        """Draw a line from top to bottom at x in micrometres, over all layers; None removes it."""
        if x is None:
            self.swipe_line = None
            return
        height, width = self._raster.shapes[0]
        corners = self._raster.affine @ [[0, 0, height, height], [0, width, 0, width], [1, 1, 1, 1]]
        top, bottom = float(corners[0].min()), float(corners[0].max())
        line = np.array([[[top, x], [bottom - top, 0.0]]])
        if self.swipe_line is None:
            layer = self._vectors_layer(line, SWIPE_LINE, colour, thickness=4)
            self.swipe_line = layer
            self._insert(layer, [])
        else:
            self.swipe_line.data = line

    def show_uncertainty(
        self, cell_values: CellValues | None, describe: DescribeCell, *, as_veil: bool = False
    ) -> None:
        """Draw the uncertainty of a gene over all layers; None removes it.

        Parameters
        ----------
        cell_values
            Uncertainty of each cell.
        describe
            As of `GeneLayer`.
        as_veil
            Draw a veil in the colour of the canvas, so that uncertain values are less visible, instead of colours.
        """
        if cell_values is None:
            self.uncertainty = None
            return
        limits = (0.0, max(PercentileLimits().get_limits(cell_values.values)[1], 1e-6))
        colormap = veil_colormap(canvas.background_colour()) if as_veil else "inferno"
        layer = self.uncertainty
        if layer is None:
            self.uncertainty = layer = GeneLayer(
                self._raster, cell_values, limits, describe, unit=self._unit, colormap=colormap
            )
            self._insert(layer, [])
        else:
            layer.show_gene(cell_values, limits)
            layer.colormap = colormap

    def show_grey(self, describe: DescribeCell, below: list[Any], *, on: bool) -> None:
        """Draw all cells in grey below the genes, so that cells which are left out show as tissue."""
        if not on:
            self.grey_layer = None
        elif self.grey_layer is None:
            codes = np.zeros(self._raster.n_cells, dtype=np.int32)
            all_cells = CellCategories("faded cells", codes, ("below a limit",), _GREY_COLOUR)
            layer = CategoryLayer(self._raster, all_cells, describe, unit=self._unit)
            self.grey_layer = layer
            self._insert(layer, below)

    def _vectors_layer(self, lines: NDArray[np.float64], name: str, colour: str, thickness: float = 1) -> Vectors:
        """Make a layer of line segments (n, 2, 2) that are visible in a view of the whole section."""
        pixel = float(np.abs(self._raster.affine[0, 0])) or 1.0
        width = thickness * max(4 * pixel, max(self._raster.shapes[0]) * pixel / 600)
        units = (self._unit, self._unit)
        return Vectors(lines, name=name, units=units, vector_style="line", edge_width=width, edge_color=colour)
