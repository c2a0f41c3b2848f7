"""The shapes layer of the regions: drawn by the user, read as regions; made anew when the user removed it."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.layers import Shapes
from numpy.typing import NDArray
from psygnal import Signal
from qtpy.QtCore import QTimer

from ...errors import DataError
from ...paint.layers import canvas
from ...spatial.regions import Region, outline
from ..theme import font_size, theme_colours
from .lasso import TOOLS

NAME = "regions"
_LINE = 1 / 200  # width of a drawn line, of the section's extent


class RegionLayer:
    """A layer of areas with names.

    Parameters
    ----------
    viewer
        napari viewer (held weakly).

    Signals
    -------
    changed
        The user drew, moved or removed a shape.
    tool_changed
        Another tool, or none.
    """

    changed = Signal()
    tool_changed = Signal()

    def __init__(self, viewer: Any) -> None:
        self._viewer = weakref.ref(canvas.unwrapped(viewer))
        self._layer: Shapes | None = None
        self._waiting = False

    @property
    def layer(self) -> Shapes | None:
        """The layer, when it is in the viewer."""
        viewer = self._viewer()
        return self._layer if self._layer is not None and viewer is not None and self._layer in viewer.layers else None

    @property
    def tool(self) -> str:
        """The tool of `lasso.TOOLS` that draws now, or ""."""
        layer = self.layer
        return "" if layer is None else next((tool for tool, mode in TOOLS.items() if str(layer.mode) == mode), "")

    def draw(self, tool: str) -> None:
        """Make the layer active, with a drawing tool."""
        layer, viewer = self.layer, self._viewer()
        if layer is None or viewer is None:
            return
        viewer.layers.selection.active = layer
        layer.mode = TOOLS[tool]

    def rest(self) -> None:
        """Put the tool away."""
        if self.layer is not None:
            self.layer.mode = "pan_zoom"

    def show(self, regions: Sequence[Region], unit: str, xy: NDArray[np.floating[Any]]) -> None:
        """Other regions."""
        layer = self._made(unit, xy)
        if layer is None:
            return
        with layer.events.data.blocker():
            layer.selected_data = set(range(len(layer.data)))
            layer.remove_selected()
            for region in regions:
                layer.add_polygons([region.corners[:, ::-1]])
        self.name_all(regions)

    def regions(self, before: Sequence[Region]) -> list[Region]:
        """The shapes that have an area; one that did not change is the same object as before. Without the layer: those before."""
        layer = self.layer
        if layer is None:
            return list(before)
        found = []
        for i, corners in self._areas(layer):
            name = layer.features["name"].iloc[i]
            name = name if isinstance(name, str) else ""
            same = next((r for r in before if r.name == name and r.corners.shape == corners.shape and (r.corners == corners).all()), None)
            found.append(same or Region(name, corners))
        return found

    def name_all(self, regions: Sequence[Region]) -> None:
        """Write the names beside the shapes."""
        layer = self.layer
        if layer is None:
            return
        names = [""] * len(layer.data)
        for (i, _), region in zip(self._areas(layer), regions, strict=True):
            names[i] = region.name
        layer.features = {"name": np.array(names, dtype=object)}
        layer.feature_defaults = {"name": [""]}
        layer.refresh_text()

    @staticmethod
    def _areas(layer: Shapes) -> list[tuple[int, NDArray[np.float64]]]:
        """Number and corners (x, y) of each shape that has an area."""
        found = []
        for i, (data, kind) in enumerate(zip(layer.data, layer.shape_type, strict=True)):
            with contextlib.suppress(DataError):  # a line
                found.append((i, outline(data[:, -2:], kind)[:, ::-1]))
        return found

    def restyle(self) -> None:
        """Lines and names in the colour and size of the text of napari's theme."""
        layer = self.layer
        if layer is not None:
            layer.edge_color = layer.current_edge_color = layer.text.color = theme_colours()[1]
            layer.text.size = font_size() + 2

    def clear(self) -> None:
        """Remove the layer."""
        layer, viewer = self.layer, self._viewer()
        self._layer = None
        if layer is not None and viewer is not None:
            viewer.layers.remove(layer)

    def close(self) -> None:
        """Let go of the layer; it stays."""
        if self._layer is not None:
            self._layer.events.data.disconnect(self._changed)
            self._layer.events.mode.disconnect(self._mode)
            self._layer = None

    def _made(self, unit: str, xy: NDArray[np.floating[Any]]) -> Shapes | None:
        viewer = self._viewer()
        if viewer is None or self.layer is not None:
            return self.layer
        width = float(np.ptp(xy, axis=0).max()) * _LINE or 1.0
        text = {"string": "{name}", "color": theme_colours()[1], "anchor": "upper_left", "size": font_size() + 2}
        self._layer = Shapes(name=NAME, ndim=2, edge_color=theme_colours()[1], face_color=[0.0, 0.0, 0.0, 0.0], opacity=1.0, edge_width=width, units=(unit, unit), features={"name": np.empty(0, dtype=object)}, text=text)  # fmt: skip
        self._layer.feature_defaults = {"name": [""]}
        viewer.layers.append(self._layer)
        self._layer.events.data.connect(self._changed)
        self._layer.events.mode.connect(self._mode)
        return self._layer

    def _changed(self, event: Any) -> None:
        if event.action in ("added", "changed", "removed") and not self._waiting:
            self._waiting = True
            me = weakref.ref(self)
            QTimer.singleShot(0, lambda: me() is not None and me()._tell())  # napari is still drawing

    def _mode(self, *_: Any) -> None:
        self.tool_changed()

    def _tell(self) -> None:
        self._waiting = False
        if self.layer is not None:
            self.changed()
