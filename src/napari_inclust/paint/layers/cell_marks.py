"""Marks of single cells over the genes of a section (selection, outlines, pinned cell), and a column of `obs` below."""

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
from .cell_layers import DescribeCell, GeneLayer, label_colormap
from .layer_group import CellLayerGroup, OwnedLayer

SELECTED, OUTLINES, PINNED = "selected cells", "cell outlines", "pinned cell"
_VEIL_OPACITY = 0.75  # of the veil over the cells that are not selected
_OUTLINE_OPACITY = 0.6
_OTHER_CODE, _SELECTED_CODE, _BORDER_CODE = 1, 2, 3


class CellMarks(CellLayerGroup):
    """Marks of the cells of one section.

    Attributes
    ----------
    selected
        Veil over the cells that are not selected, and the border of the selection.
    outlines
        Border of each cell.
    pin
        Ring around one cell.
    column_layer
        A number that each cell has.
    """

    selected = OwnedLayer[Labels]()
    outlines = OwnedLayer[Labels]()
    pin = OwnedLayer[Points]()
    column_layer = OwnedLayer[GeneLayer]()

    def __init__(self, viewer: Any, raster: CellRaster, unit: str) -> None:
        super().__init__(viewer, raster, unit)
        self._grid = canvas.grid(viewer)
        self._grid.events.enabled.connect(self._hide_in_grid)

    @property
    def cell_diameter(self) -> float:
        """Approximate diameter of a cell, in micrometres."""
        return cell_diameter_pixels(self._raster, 0) * float(np.linalg.norm(self._raster.affine[:2, 0]))

    @property
    def top_layers(self) -> list[Any]:
        """Layers that lie over the genes."""
        return [layer for layer in (self.selected, self.outlines, self.pin) if layer is not None]

    def show_selected(self, selected: NDArray[np.bool_] | None, background: str, border_colour: str) -> None:
        """Veil all cells that are not selected, so that only the selection keeps its colours; None removes the veil.

        Parameters
        ----------
        selected : (cells,)
        background
            Colour of the canvas and of the veil.
        border_colour
            Colour of the border around the selection.
        """
        if selected is None:
            self.selected = None
            return
        data = selection_pyramid(self._raster, selected, _OTHER_CODE, _SELECTED_CODE, _BORDER_CODE)
        veil = _rgba(background, _VEIL_OPACITY)
        colormap = label_colormap({_OTHER_CODE: veil, _SELECTED_CODE: "transparent", _BORDER_CODE: border_colour})
        if self.selected is None:
            self.selected = self._add_labels_layer(data, SELECTED, colormap)
        else:
            self.selected.data = data
            self.selected.colormap = colormap

    def show_outlines(self, colour: str, *, on: bool) -> None:
        """Draw the border of each cell where cells are large enough on the screen."""
        if not on:
            self.outlines = None
        elif self.outlines is None:
            colormap = label_colormap({1: _rgba(colour, _OUTLINE_OPACITY)})
            self.outlines = self._add_labels_layer(border_pyramid(self._raster), OUTLINES, colormap)

    def show_pin(self, position: tuple[float, float] | None, size: float, colour: str) -> None:
        """Draw a ring around a position (y, x) in micrometres; None removes it.

        Parameters
        ----------
        position
            Centre of the ring.
        size
            Diameter of the ring in micrometres.
        colour
            Of the ring.
        """
        if position is None:
            self.pin = None
        elif self.pin is None:
            layer = Points(
                [position],
                name=PINNED,
                size=size,
                symbol="disc",
                face_color="transparent",
                border_color=colour,
                border_width=0.12,
                units=(self._unit, self._unit),
            )
            self.pin = layer
            self._insert(layer, [])
            self._hide_in_grid()
        else:
            self.pin.data = np.array([position])

    def show_column(
        self, cell_values: CellValues | None, describe: DescribeCell, colormap: str, below: list[Any]
    ) -> None:
        """Draw a number of each cell, below some layers (the genes); None removes it."""
        if cell_values is None:
            self.column_layer = None
            return
        limits = PercentileLimits(low=1.0).get_limits(cell_values.values)
        layer = self.column_layer
        if layer is None:
            layer = GeneLayer(self._raster, cell_values, limits, describe, unit=self._unit, colormap=colormap)
            self.column_layer = layer
            self._insert(layer, below)
        else:
            layer.show_gene(cell_values, limits)

    def close(self) -> None:
        """Remove all layers."""
        self._grid.events.enabled.disconnect(self._hide_in_grid)
        super().close()

    def _add_labels_layer(self, data: list[LookupLevel], name: str, colormap: DirectLabelColormap) -> Labels:
        layer = Labels(
            data,
            multiscale=True,
            affine=self._raster.affine,
            units=(self._unit, self._unit),
            name=name,
            colormap=colormap,
            opacity=1.0,
        )
        self._insert(layer, [])
        canvas.set_visible(layer, not self._grid.enabled)
        return layer

    def _hide_in_grid(self, *_: Any) -> None:
        """Hide the layers over the genes side by side, where each layer would have a view of its own."""
        for layer in self.top_layers:
            canvas.set_visible(layer, not self._grid.enabled)


def _rgba(colour: str, opacity: float) -> tuple[float, float, float, float]:
    from matplotlib.colors import to_rgba

    return to_rgba(colour, opacity)
