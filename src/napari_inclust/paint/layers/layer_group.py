"""Layers of one section in a viewer, from which the user may remove them at any time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, Self, TypeVar, overload

from ..raster.cell_raster import CellRaster
from . import canvas

LayerT = TypeVar("LayerT")


class OwnedLayer(Generic[LayerT]):
    """Attribute of a `LayerGroup` that holds one layer.

    Reading it gives None once the layer has left the viewer. Setting it to None removes the layer from the viewer.
    """

    def __set_name__(self, owner: type[LayerGroup], name: str) -> None:
        """Remember the name of the attribute."""
        self._name = name

    @overload
    def __get__(self, group: None, owner: type[LayerGroup]) -> Self: ...

    @overload
    def __get__(self, group: LayerGroup, owner: type[LayerGroup]) -> LayerT | None: ...

    def __get__(self, group: LayerGroup | None, owner: type[LayerGroup]) -> Self | LayerT | None:
        """Return the layer when it is in the viewer."""
        if group is None:
            return self
        layer: LayerT | None = group._owned_layer(self._name)
        return layer

    def __set__(self, group: LayerGroup, layer: LayerT | None) -> None:
        """Hold another layer, or remove the layer."""
        if layer is None:
            group._remove_owned(self._name)
        else:
            group._owned[self._name] = layer


class LayerGroup:
    """Layers in a viewer; a layer that the user removed is made again when it is shown again.

    Parameters
    ----------
    viewer
        napari viewer (held weakly).
    unit
        Unit of the coordinates.
    """

    def __init__(self, viewer: Any, unit: str) -> None:
        self._viewer, self._unit = canvas.weak_viewer(viewer), unit
        self._owned: dict[Any, Any] = {}  # layers by key, also those that have left the viewer

    def close(self) -> None:
        """Remove all layers of the group."""
        for key in list(self._owned):
            self._remove_owned(key)

    def _in_viewer(self, layer: Any) -> bool:
        """Whether a layer is still in the viewer."""
        viewer = self._viewer()
        return layer is not None and viewer is not None and layer in viewer.layers

    def _owned_layer(self, key: Any) -> Any:
        """Return the layer of a key, None when it is not in the viewer."""
        layer = self._owned.get(key)
        return layer if self._in_viewer(layer) else None

    def _remove_owned(self, key: Any) -> None:
        """Forget the layer of a key and remove it from the viewer."""
        layer, viewer = self._owned.pop(key, None), self._viewer()
        if viewer is not None and layer is not None and layer in viewer.layers:
            viewer.layers.remove(layer)

    def _insert(self, layer: Any, below: Sequence[Any]) -> None:
        """Add a layer below all of some layers, else on top; the active layer stays active."""
        viewer = self._viewer()
        if viewer is None:
            return
        with canvas.keep_active_layer(viewer):
            index = [viewer.layers.index(x) for x in below if x in viewer.layers]
            viewer.layers.insert(min(index, default=len(viewer.layers)), layer)
        self._prepare_viewer(viewer)

    def _prepare_viewer(self, viewer: Any) -> None:
        """Show the scale bar; fit the view to the first layer of a viewer."""
        canvas.scale_bar(viewer).visible = True
        if len(viewer.layers) == 1:
            viewer.reset_view()


class CellLayerGroup(LayerGroup):
    """Layers over the cells of a section.

    Parameters
    ----------
    viewer, unit
        As of `LayerGroup`.
    raster
        Labels of the cells.
    """

    def __init__(self, viewer: Any, raster: CellRaster, unit: str) -> None:
        super().__init__(viewer, unit)
        self._raster = raster
