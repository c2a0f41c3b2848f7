"""Layers that belong to one section in a viewer which may lose them, or itself, at any time."""

from __future__ import annotations

from typing import Any

from ..raster.cell_raster import CellRaster
from . import canvas


class LayerGroup:
    """The place of some layers: a viewer, and its unit.

    Parameters
    ----------
    viewer
        napari viewer (held weakly).
    unit
        Of the coordinates.
    """

    def __init__(self, viewer: Any, unit: str) -> None:
        self._viewer, self._unit = canvas.weak_viewer(viewer), unit

    def _in_viewer(self, layer: Any) -> bool:
        """Whether a layer is still in the viewer."""
        viewer = self._viewer()
        return layer is not None and viewer is not None and layer in viewer.layers

    def _insert(self, layer: Any, below: list[Any]) -> None:
        """Add a layer under those named, else on top; what was active stays so, and the gene keeps napari's sliders."""
        viewer = self._viewer()
        if viewer is None:
            return
        active = viewer.layers.selection.active
        at = [viewer.layers.index(x) for x in below if x in viewer.layers]
        viewer.layers.insert(min(at, default=len(viewer.layers)), layer)
        if active is not None and active in viewer.layers:
            viewer.layers.selection.active = active
        self._prepare_viewer(viewer)

    def _prepare_viewer(self, viewer: Any) -> None:
        """With its first layer a viewer shows the whole of it, and a scale."""
        canvas.scale_bar(viewer).visible = True
        if len(viewer.layers) == 1:
            viewer.reset_view()

    def _remove(self, layer: Any) -> None:
        viewer = self._viewer()
        if viewer is not None and layer is not None and layer in viewer.layers:
            viewer.layers.remove(layer)


class CellLayerGroup(LayerGroup):
    """The place of layers over cells.

    Parameters
    ----------
    viewer, unit
        As of `Placed`.
    raster
        Where the cells are.
    """

    def __init__(self, viewer: Any, raster: CellRaster, unit: str) -> None:
        super().__init__(viewer, unit)
        self._raster = raster
