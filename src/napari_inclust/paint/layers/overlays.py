"""What lies over and under the genes of a section: domains with their outlines, uncertainty, and the grey of cells that are faded."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Vectors
from numpy.typing import NDArray

from ..limits import Percentile
from ..raster.cell_raster import CellRaster
from ..values import CellTypes, CellValues
from . import canvas
from .cell_layers import Describe, GeneLayer, TypeLayer, veil_colormap
from .domains import DomainLayer
from .owned import Owned

OUTLINES, DIVIDE = "domain outlines", "measured | imputed"
_GREY = np.array([[0.5, 0.5, 0.5, 0.5]])


class Overlays(Owned):
    """Layers of one section beside its genes and categories. What the user removed is made anew when it is shown again."""

    def __init__(self, viewer: Any, raster: CellRaster, unit: str) -> None:
        super().__init__(viewer, raster, unit)
        self._domains: DomainLayer | None = None
        self._outlines: Vectors | None = None
        self._divide: Vectors | None = None
        self._uncertainty: GeneLayer | None = None
        self._grey: TypeLayer | None = None

    @property
    def domains(self) -> DomainLayer | None:
        return self._domains if self._alive(self._domains) else None

    @property
    def outlines(self) -> Vectors | None:
        return self._outlines if self._alive(self._outlines) else None

    @property
    def divide(self) -> Vectors | None:
        """The line of the swipe."""
        return self._divide if self._alive(self._divide) else None

    @property
    def uncertainty(self) -> GeneLayer | None:
        return self._uncertainty if self._alive(self._uncertainty) else None

    @property
    def grey(self) -> TypeLayer | None:
        return self._grey if self._alive(self._grey) else None

    def show_domains(
        self,
        types: CellTypes | None,
        confidence: NDArray[np.floating[Any]] | None,
        describe: Describe,
        selected: frozenset[int] = frozenset(),
        *,
        shaded: bool = False,
        below: list[Any],
    ) -> None:
        """Domains under the layers named (the genes); None removes them."""
        if types is None or confidence is None:
            self._domains = self._remove(self._domains)
            return
        layer = self.domains
        if layer is None:
            self._domains = layer = DomainLayer(self._raster, types, confidence, describe, unit=self._unit)
            self._insert(layer, below)
        layer.draw(types, confidence, selected, shaded=shaded)

    def show_outlines(self, lines: NDArray[np.float64] | None, colour: str) -> None:
        """Line segments (n, 2, 2) over everything; None removes them."""
        if lines is None or not len(lines):
            self._outlines = self._remove(self._outlines)
            return
        viewer, layer = self._viewer(), self.outlines
        if layer is None:
            self._outlines = layer = self._lines(lines, OUTLINES, colour)
            layer.visible = viewer is None or not canvas.grid(viewer).enabled  # side by side it would have a place of its own
            self._insert(layer, [])
        else:
            layer.data = lines
            layer.edge_color = colour

    def show_divide(self, x: float | None, colour: str) -> None:
        """A line from top to bottom at x in micrometres, over everything; None removes it."""
        if x is None:
            self._divide = self._remove(self._divide)
            return
        height, width = self._raster.shapes[0]
        corners = self._raster.affine @ [[0, 0, height, height], [0, width, 0, width], [1, 1, 1, 1]]
        top, bottom = float(corners[0].min()), float(corners[0].max())
        line = np.array([[[top, x], [bottom - top, 0.0]]])
        if self.divide is None:
            self._divide = self._lines(line, DIVIDE, colour, thick=4)
            self._insert(self._divide, [])
        else:
            self._divide.data = line

    def show_uncertainty(self, shown: CellValues | None, describe: Describe, *, veil: bool = False) -> None:
        """How far a gene's values may be off, on top; None removes it.

        Parameters
        ----------
        veil
            Not in colours of its own: a veil in the colour of the canvas, so that what is unsure is seen less.
        """
        if shown is None:
            self._uncertainty = self._remove(self._uncertainty)
            return
        limits = (0.0, max(Percentile().get_limits(shown.values)[1], 1e-6))
        colormap = veil_colormap(canvas.background()) if veil else "inferno"
        layer = self.uncertainty
        if layer is None:
            self._uncertainty = layer = GeneLayer(self._raster, shown, limits, describe, unit=self._unit, colormap=colormap)
            self._insert(layer, [])
        else:
            layer.show(shown, limits)
            layer.colormap = colormap

    def show_grey(self, describe: Describe, below: list[Any], *, on: bool) -> None:
        """All cells in grey under the genes: what is left out shows as tissue, not as nothing."""
        if not on:
            self._grey = self._remove(self._grey)
        elif self.grey is None:
            every = CellTypes("faded cells", np.zeros(self._raster.n_cells, dtype=np.int32), ("below a limit",), _GREY)
            self._grey = TypeLayer(self._raster, every, describe, unit=self._unit)
            self._insert(self._grey, below)

    def close(self) -> None:
        """Remove all."""
        self._domains, self._outlines, self._divide = self._remove(self._domains), self._remove(self._outlines), self._remove(self._divide)
        self._uncertainty, self._grey = self._remove(self._uncertainty), self._remove(self._grey)

    def _lines(self, lines: NDArray[np.float64], name: str, colour: str, thick: float = 1) -> Vectors:
        """Line segments (n, 2, 2) that can be seen when the whole section is looked at, some times as thick as that needs."""
        (height, width), pixel = self._raster.shapes[0], float(np.abs(self._raster.affine[0, 0])) or 1.0
        wide = thick * max(4 * pixel, max(height, width) * pixel / 600)
        return Vectors(lines, name=name, units=(self._unit, self._unit), vector_style="line", edge_width=wide, edge_color=colour)
