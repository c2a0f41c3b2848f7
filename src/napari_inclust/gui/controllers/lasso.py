"""Drawing an area on the tissue: a temporary shapes layer."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
from napari.layers import Shapes
from numpy.typing import NDArray
from psygnal import Signal
from qtpy.QtCore import QTimer

from ...errors import DataError
from ...spatial.regions import shape_corners

LAYER_NAME, EDGE_COLOUR = "lasso", "#E69F00"
DRAWING_MODES = {"lasso": "add_polygon_lasso", "polygon": "add_polygon", "rectangle": "add_rectangle"}


def call_weakly(method: Callable[[], None]) -> Callable[[], None]:
    """Return a function that calls a method as long as its object lives, and does not keep it alive."""
    reference = weakref.WeakMethod(method)

    def call() -> None:
        live = reference()
        if live is not None:
            live()

    return call


class Lasso:
    """One drawing tool of a viewer.

    Parameters
    ----------
    viewer
        napari viewer (held weakly).

    Signals
    -------
    tool_changed
        Drawing began or ended.
    """

    tool_changed = Signal()

    def __init__(self, viewer: Any) -> None:
        self._viewer = weakref.ref(viewer)
        self._layer: Shapes | None = None
        self._on_drawn: Callable[[NDArray[np.float64]], None] | None = None
        self._previous_active_layer: Any = None
        self.tool = ""
        viewer.layers.events.removed.connect(self._on_layer_removed)

    def start(self, tool: str, unit: str, width: float, on_drawn: Callable[[NDArray[np.float64]], None]) -> None:
        """Draw with a tool of `DRAWING_MODES` until `stop`.

        Parameters
        ----------
        width
            Of the line, in the unit of the coordinates.
        drawn
            Called with the corners (n, 2) in micrometres (x, y) of each area.
        """
        viewer = self._viewer()
        if viewer is None:
            return
        self.stop()
        self._previous_active_layer = viewer.layers.selection.active
        self._on_drawn = on_drawn
        self._layer = Shapes(
            name=LAYER_NAME,
            ndim=2,
            edge_color=EDGE_COLOUR,
            face_color="transparent",
            opacity=1.0,
            edge_width=width,
            units=(unit, unit),
        )
        viewer.layers.append(self._layer)
        viewer.layers.selection.active = self._layer
        self._layer.mode = DRAWING_MODES[tool]
        self._layer.events.data.connect(self._on_shapes_changed)
        self.tool = tool
        self._emit_tool_changed()

    def stop(self) -> None:
        """Put the tool away."""
        layer, viewer = self._layer, self._viewer()
        if layer is None:
            return
        self._layer = self._on_drawn = None
        self.tool = ""
        layer.events.data.disconnect(self._on_shapes_changed)
        if viewer is not None:
            if layer in viewer.layers:
                viewer.layers.remove(layer)
            if self._previous_active_layer is not None and self._previous_active_layer in viewer.layers:
                viewer.layers.selection.active = self._previous_active_layer
        self._previous_active_layer = None
        self._emit_tool_changed()

    def close(self) -> None:
        """Disconnect from the viewer."""
        viewer = self._viewer()
        self.stop()
        if viewer is not None:
            viewer.layers.events.removed.disconnect(self._on_layer_removed)

    def _on_shapes_changed(self, event: Any) -> None:
        if event.action == "added":
            QTimer.singleShot(0, call_weakly(self._finish_shape))  # napari is still drawing

    def _finish_shape(self) -> None:
        layer, drawn = self._layer, self._on_drawn
        if layer is None or drawn is None or not layer.data:
            return
        try:
            corners = shape_corners(layer.data[-1][:, -2:], layer.shape_type[-1])[:, ::-1]
        except DataError:
            corners = None  # a click without a drag
        with layer.events.data.blocker():
            layer.selected_data = set(range(len(layer.data)))
            layer.remove_selected()
        if corners is not None:
            drawn(corners)

    def _emit_tool_changed(self) -> None:
        self.tool_changed()

    def _on_layer_removed(self, event: Any) -> None:
        if self._layer is not None and event.value is self._layer:
            self.stop()
