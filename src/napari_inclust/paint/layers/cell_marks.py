"""What is said of single cells, over the genes of a section: those selected, their outlines, the one that is pinned; and a number of each below them."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Labels, Points
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from ..limits import Percentile
from ..raster.cell_raster import CellRaster
from ..raster.edges import marked_pyramid, outline_pyramid, pixels_across
from ..raster.tiles import TableLevel
from ..values import CellValues
from . import canvas
from .cell_layers import Describe, GeneLayer
from .owned import Owned

SELECTED, OUTLINES, PINNED = "selected cells", "cell outlines", "pinned cell"
_VEIL = 0.75  # opacity of what covers the cells that are not selected
_REST, _OWN, _EDGE = 1, 2, 3


class CellLayers(Owned):
    """Layers of one section. What the user removed is made anew when it is shown again."""

    def __init__(self, viewer: Any, raster: CellRaster, unit: str) -> None:
        super().__init__(viewer, raster, unit)
        self._selected: Labels | None = None
        self._outlines: Labels | None = None
        self._pin: Points | None = None
        self._column: GeneLayer | None = None
        self._grid = canvas.grid(viewer)
        self._grid.events.enabled.connect(self._place)

    @property
    def selected(self) -> Labels | None:
        return self._selected if self._alive(self._selected) else None

    @property
    def outlines(self) -> Labels | None:
        return self._outlines if self._alive(self._outlines) else None

    @property
    def pin(self) -> Points | None:
        return self._pin if self._alive(self._pin) else None

    @property
    def column(self) -> GeneLayer | None:
        """The layer of a number that each cell has."""
        return self._column if self._alive(self._column) else None

    @property
    def width(self) -> float:
        """About the diameter of a cell, in micrometres."""
        return pixels_across(self._raster, 0) * float(np.linalg.norm(self._raster.affine[:2, 0]))

    @property
    def over(self) -> list[Any]:
        """The layers that lie over the genes."""
        return [layer for layer in (self.selected, self.outlines, self.pin) if layer is not None]

    def show_selected(self, marked: NDArray[np.bool_] | None, background: str, edge: str) -> None:
        """Veil all cells but those marked, so that these keep their colours; None: no veil.

        Parameters
        ----------
        marked : (cells,)
        background
            Colour of the canvas, which the veil takes.
        edge
            Colour of the border around what is marked.
        """
        if marked is None:
            self._selected = self._remove(self._selected)
            return
        data, veil = marked_pyramid(self._raster, marked, _REST, _OWN, _EDGE), _rgba(background, _VEIL)
        colours = _colormap({_REST: veil, _OWN: "transparent", _EDGE: edge})
        if self.selected is None:
            self._selected = self._codes(data, SELECTED, colours)
        else:
            self._selected.data = data
            self._selected.colormap = colours

    def show_outlines(self, colour: str, *, on: bool) -> None:
        """The border of every cell, seen from where cells are large enough on the screen."""
        if not on:
            self._outlines = self._remove(self._outlines)
        elif self.outlines is None:
            self._outlines = self._codes(outline_pyramid(self._raster), OUTLINES, _colormap({1: _rgba(colour, 0.6)}))

    def show_pin(self, place: tuple[float, float] | None, size: float, colour: str) -> None:
        """A ring around a place (y, x) in micrometres; None removes it.

        Parameters
        ----------
        size
            Diameter of the ring in micrometres.
        """
        if place is None:
            self._pin = self._remove(self._pin)
        elif self.pin is None:
            self._pin = Points([place], name=PINNED, size=size, symbol="disc", face_color="transparent", border_color=colour, border_width=0.12, units=(self._unit, self._unit))  # fmt: skip
            self._insert(self._pin, [])
            self._place()
        else:
            self._pin.data = np.array([place])

    def show_column(self, shown: CellValues | None, describe: Describe, colormap: str, below: list[Any]) -> None:
        """A number of each cell, under the layers named (the genes); None removes it."""
        if shown is None:
            self._column = self._remove(self._column)
            return
        limits = Percentile(low=1.0).get_limits(shown.values)
        if self.column is None:
            self._column = GeneLayer(self._raster, shown, limits, describe, unit=self._unit, colormap=colormap)
            self._insert(self._column, below)
        else:
            self._column.show(shown, limits)

    def close(self) -> None:
        """Remove all."""
        self._grid.events.enabled.disconnect(self._place)
        self._selected, self._outlines = self._remove(self._selected), self._remove(self._outlines)
        self._pin, self._column = self._remove(self._pin), self._remove(self._column)

    def _codes(self, data: list[TableLevel], name: str, colours: DirectLabelColormap) -> Labels:
        layer = Labels(data, multiscale=True, affine=self._raster.affine, units=(self._unit, self._unit), name=name, colormap=colours, opacity=1.0)
        self._insert(layer, [])
        self._place()
        return layer

    def _place(self, *_: Any) -> None:
        """Side by side every layer would have a place of its own: these are hidden then."""
        for layer in self.over:
            canvas.see(layer, not self._grid.enabled)


def _colormap(colours: dict[int, Any]) -> DirectLabelColormap:
    every: dict[int | None, Any] = {0: "transparent", None: "transparent"}
    return DirectLabelColormap(color_dict=every | colours)


def _rgba(colour: str, opacity: float) -> tuple[float, float, float, float]:
    from matplotlib.colors import to_rgba

    return to_rgba(colour, opacity)
