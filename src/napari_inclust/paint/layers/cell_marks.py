"""What is said of single cells, over the genes of a section: those selected, their outlines, the one that is pinned; and a number of each below them."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Labels, Points
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from ..limits import PercentileLimits
from ..raster.borders import border_pyramid, cell_diameter_pixels, selection_pyramid
from ..raster.cell_raster import CellRaster
from ..raster.pyramids import LookupLevel
from ..values import CellValues
from . import canvas
from .cell_layers import DescribeCell, GeneLayer
from .layer_group import CellLayerGroup

SELECTED, OUTLINES, PINNED = "selected cells", "cell outlines", "pinned cell"
_VEIL_OPACITY = 0.75  # opacity of what covers the cells that are not selected
_OTHER_CODE, _SELECTED_CODE, _BORDER_CODE = 1, 2, 3


class CellMarks(CellLayerGroup):
    """Layers of one section. What the user removed is made anew when it is shown again."""

    def __init__(self, viewer: Any, raster: CellRaster, unit: str) -> None:
        super().__init__(viewer, raster, unit)
        self._selected: Labels | None = None
        self._outlines: Labels | None = None
        self._pin: Points | None = None
        self._column_layer: GeneLayer | None = None
        self._grid = canvas.grid(viewer)
        self._grid.events.enabled.connect(self._hide_in_grid)

    @property
    def selected(self) -> Labels | None:
        return self._selected if self._in_viewer(self._selected) else None

    @property
    def outlines(self) -> Labels | None:
        return self._outlines if self._in_viewer(self._outlines) else None

    @property
    def pin(self) -> Points | None:
        return self._pin if self._in_viewer(self._pin) else None

    @property
    def column_layer(self) -> GeneLayer | None:
        """The layer of a number that each cell has."""
        return self._column_layer if self._in_viewer(self._column_layer) else None

    @property
    def cell_diameter(self) -> float:
        """About the diameter of a cell, in micrometres."""
        return cell_diameter_pixels(self._raster, 0) * float(np.linalg.norm(self._raster.affine[:2, 0]))

    @property
    def top_layers(self) -> list[Any]:
        """The layers that lie over the genes."""
        return [layer for layer in (self.selected, self.outlines, self.pin) if layer is not None]

    def show_selected(self, selected: NDArray[np.bool_] | None, background: str, border_colour: str) -> None:
        """Veil all cells but those marked, so that these keep their colours; None: no veil.

        Parameters
        ----------
        marked : (cells,)
        background
            Colour of the canvas, which the veil takes.
        edge
            Colour of the border around what is marked.
        """
        if selected is None:
            self._selected = self._remove(self._selected)
            return
        data, veil = (
            selection_pyramid(self._raster, selected, _OTHER_CODE, _SELECTED_CODE, _BORDER_CODE),
            _rgba(background, _VEIL_OPACITY),
        )
        colours = _colormap({_OTHER_CODE: veil, _SELECTED_CODE: "transparent", _BORDER_CODE: border_colour})
        if self.selected is None:
            self._selected = self._add_labels_layer(data, SELECTED, colours)
        else:
            self._selected.data = data
            self._selected.colormap = colours

    def show_outlines(self, colour: str, *, on: bool) -> None:
        """The border of every cell, seen from where cells are large enough on the screen."""
        if not on:
            self._outlines = self._remove(self._outlines)
        elif self.outlines is None:
            self._outlines = self._add_labels_layer(
                border_pyramid(self._raster), OUTLINES, _colormap({1: _rgba(colour, 0.6)})
            )

    def show_pin(self, position: tuple[float, float] | None, size: float, colour: str) -> None:
        """A ring around a place (y, x) in micrometres; None removes it.

        Parameters
        ----------
        size
            Diameter of the ring in micrometres.
        """
        if position is None:
            self._pin = self._remove(self._pin)
        elif self.pin is None:
            self._pin = Points([position], name=PINNED, size=size, symbol="disc", face_color="transparent", border_color=colour, border_width=0.12, units=(self._unit, self._unit))  # fmt: skip
            self._insert(self._pin, [])
            self._hide_in_grid()
        else:
            self._pin.data = np.array([position])

    def show_column(
        self, cell_values: CellValues | None, describe: DescribeCell, colormap: str, below: list[Any]
    ) -> None:
        """A number of each cell, under the layers named (the genes); None removes it."""
        if cell_values is None:
            self._column_layer = self._remove(self._column_layer)
            return
        limits = PercentileLimits(low=1.0).get_limits(cell_values.values)
        if self.column_layer is None:
            self._column_layer = GeneLayer(
                self._raster, cell_values, limits, describe, unit=self._unit, colormap=colormap
            )
            self._insert(self._column_layer, below)
        else:
            self._column_layer.show_gene(cell_values, limits)

    def close(self) -> None:
        """Remove all."""
        self._grid.events.enabled.disconnect(self._hide_in_grid)
        self._selected, self._outlines = self._remove(self._selected), self._remove(self._outlines)
        self._pin, self._column_layer = self._remove(self._pin), self._remove(self._column_layer)

    def _add_labels_layer(self, data: list[LookupLevel], name: str, colours: DirectLabelColormap) -> Labels:
        layer = Labels(
            data,
            multiscale=True,
            affine=self._raster.affine,
            units=(self._unit, self._unit),
            name=name,
            colormap=colours,
            opacity=1.0,
        )
        self._insert(layer, [])
        self._hide_in_grid()
        return layer

    def _hide_in_grid(self, *_: Any) -> None:
        """Side by side every layer would have a place of its own: these are hidden then."""
        for layer in self.top_layers:
            canvas.set_visible(layer, not self._grid.enabled)


def _colormap(colours: dict[int, Any]) -> DirectLabelColormap:
    every: dict[int | None, Any] = {0: "transparent", None: "transparent"}
    return DirectLabelColormap(color_dict=every | colours)


def _rgba(colour: str, opacity: float) -> tuple[float, float, float, float]:
    from matplotlib.colors import to_rgba

    return to_rgba(colour, opacity)
