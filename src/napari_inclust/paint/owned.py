"""Layers that belong to one section in a viewer which may lose them, or itself, at any time."""

from __future__ import annotations

from typing import Any

from . import canvas
from .raster import CellRaster


class Owned:
    """The place of some layers: a viewer, and where the cells are.

    Parameters
    ----------
    viewer
        napari viewer (held weakly).
    raster
        Where the cells are.
    unit
        Of the coordinates.
    """

    def __init__(self, viewer: Any, raster: CellRaster, unit: str) -> None:
        self._viewer = canvas.reference(viewer)
        self._raster, self._unit = raster, unit

    def _alive(self, layer: Any) -> bool:
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
        canvas.scale_bar(viewer).visible = True
        if len(viewer.layers) == 1:
            viewer.reset_view()

    def _remove(self, layer: Any) -> None:
        viewer = self._viewer()
        if viewer is not None and layer is not None and layer in viewer.layers:
            viewer.layers.remove(layer)
