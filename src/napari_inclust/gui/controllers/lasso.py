"""Drawing an area on the tissue once: a shapes layer that is there while one draws, and gone afterwards."""

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
from ...spatial.regions import outline

NAME, COLOUR = "lasso", "#E69F00"
TOOLS = {"lasso": "add_polygon_lasso", "polygon": "add_polygon", "rectangle": "add_rectangle"}


class Lasso:
    """One drawing tool of a viewer.

    Parameters
    ----------
    viewer
        napari viewer (held weakly).

    Signals
    -------
    changed
        Drawing began or ended.
    """

    changed = Signal()

    def __init__(self, viewer: Any) -> None:
        self._viewer = weakref.ref(viewer)
        self._layer: Shapes | None = None
        self._drawn: Callable[[NDArray[np.float64]], None] | None = None
        self._before: Any = None
        self.tool = ""
        viewer.layers.events.removed.connect(self._removed)

    def start(self, tool: str, unit: str, width: float, drawn: Callable[[NDArray[np.float64]], None]) -> None:
        """Draw with a tool of `TOOLS` until `stop`.

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
        self._before = viewer.layers.selection.active
        self._drawn = drawn
        self._layer = Shapes(name=NAME, ndim=2, edge_color=COLOUR, face_color="transparent", opacity=1.0, edge_width=width, units=(unit, unit))
        viewer.layers.append(self._layer)
        viewer.layers.selection.active = self._layer
        self._layer.mode = TOOLS[tool]
        self._layer.events.data.connect(self._changed)
        self.tool = tool
        self.changed()

    def stop(self) -> None:
        """Put the tool away."""
        layer, viewer = self._layer, self._viewer()
        if layer is None:
            return
        self._layer = self._drawn = None
        self.tool = ""
        layer.events.data.disconnect(self._changed)
        if viewer is not None:
            if layer in viewer.layers:
                viewer.layers.remove(layer)
            if self._before is not None and self._before in viewer.layers:
                viewer.layers.selection.active = self._before
        self._before = None
        self.changed()

    def close(self) -> None:
        """Let go of the viewer."""
        viewer = self._viewer()
        self.stop()
        if viewer is not None:
            viewer.layers.events.removed.disconnect(self._removed)

    def _changed(self, event: Any) -> None:
        if event.action == "added":
            me = weakref.ref(self)
            QTimer.singleShot(0, lambda: me() is not None and me()._take())  # napari is still drawing

    def _take(self) -> None:
        layer, drawn = self._layer, self._drawn
        if layer is None or drawn is None or not layer.data:
            return
        try:
            corners = outline(layer.data[-1][:, -2:], layer.shape_type[-1])[:, ::-1]
        except DataError:
            corners = None  # a click without a drag
        with layer.events.data.blocker():
            layer.selected_data = set(range(len(layer.data)))
            layer.remove_selected()
        if corners is not None:
            drawn(corners)

    def _removed(self, event: Any) -> None:
        if self._layer is not None and event.value is self._layer:
            self.stop()
