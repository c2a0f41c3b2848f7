"""The shapes layer of the regions: drawn by the user, read as regions; created again when the user removed it."""

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
from ...spatial.regions import Region, shape_corners
from ..theme import font_size, theme_colours
from .lasso import DRAWING_MODES, call_weakly

LAYER_NAME = "regions"
_LINE_WIDTH_FRACTION = 1 / 200  # width of a drawn line, of the section's extent


class RegionLayer:
    """A layer of areas with names.

    Parameters
    ----------
    viewer
        napari viewer (held weakly).

    Signals
    -------
    shapes_changed
        The user drew, moved or removed a shape.
    tool_changed
        Another tool, or none.
    """

    shapes_changed = Signal()
    tool_changed = Signal()

    def __init__(self, viewer: Any) -> None:
        self._viewer = weakref.ref(canvas.unwrap(viewer))
        self._layer: Shapes | None = None
        self._emit_pending = False

    @property
    def layer(self) -> Shapes | None:
        """The layer, when it is in the viewer."""
        viewer = self._viewer()
        return self._layer if self._layer is not None and viewer is not None and self._layer in viewer.layers else None

    @property
    def tool(self) -> str:
        """The tool of `lasso.TOOLS` that draws now, or ""."""
        layer = self.layer
        return (
            "" if layer is None else next((tool for tool, mode in DRAWING_MODES.items() if str(layer.mode) == mode), "")
        )

    def start_drawing(self, tool: str) -> None:
        """Make the layer active, with a drawing tool."""
        layer, viewer = self.layer, self._viewer()
        if layer is None or viewer is None:
            return
        viewer.layers.selection.active = layer
        layer.mode = DRAWING_MODES[tool]

    def stop_drawing(self) -> None:
        """Put the tool away."""
        if self.layer is not None:
            self.layer.mode = "pan_zoom"

    def set_regions(self, regions: Sequence[Region], unit: str, xy: NDArray[np.floating[Any]]) -> None:
        """Other regions."""
        layer = self._ensure_layer(unit, xy)
        if layer is None:
            return
        with layer.events.data.blocker():
            layer.selected_data = set(range(len(layer.data)))
            layer.remove_selected()
            for region in regions:
                layer.add_polygons([region.corners[:, ::-1]])
        self.write_names(regions)

    def read_regions(self, previous: Sequence[Region]) -> list[Region]:
        """Return the shapes that have an area; unchanged ones are the same objects as before."""
        layer = self.layer
        if layer is None:
            return list(previous)
        found = []
        for i, corners in self._closed_shapes(layer):
            name = layer.features["name"].iloc[i]
            name = name if isinstance(name, str) else ""
            same = next(
                (
                    r
                    for r in previous
                    if r.name == name and r.corners.shape == corners.shape and (r.corners == corners).all()
                ),
                None,
            )
            found.append(same or Region(name, corners))
        return found

    def write_names(self, regions: Sequence[Region]) -> None:
        """Write the names beside the shapes."""
        layer = self.layer
        if layer is None:
            return
        names = [""] * len(layer.data)
        for (i, _), region in zip(self._closed_shapes(layer), regions, strict=True):
            names[i] = region.name
        layer.features = {"name": np.array(names, dtype=object)}
        layer.feature_defaults = {"name": [""]}
        layer.refresh_text()

    @staticmethod
    def _closed_shapes(layer: Shapes) -> list[tuple[int, NDArray[np.float64]]]:
        """Return number and corners (x, y) of each shape that has an area."""
        found = []
        for i, (data, kind) in enumerate(zip(layer.data, layer.shape_type, strict=True)):
            with contextlib.suppress(DataError):  # a line
                found.append((i, shape_corners(data[:, -2:], kind)[:, ::-1]))
        return found

    def restyle(self) -> None:
        """Lines and names in the colour and size of the text of napari's theme."""
        layer = self.layer
        if layer is not None:
            layer.edge_color = layer.current_edge_color = layer.text.color = theme_colours()[1]
            layer.text.size = font_size() + 2

    def remove(self) -> None:
        """Remove the layer."""
        layer, viewer = self.layer, self._viewer()
        self._layer = None
        if layer is not None and viewer is not None:
            viewer.layers.remove(layer)

    def close(self) -> None:
        """Disconnect from the layer; it stays."""
        if self._layer is not None:
            self._layer.events.data.disconnect(self._on_shapes_changed)
            self._layer.events.mode.disconnect(self._on_mode_changed)
            self._layer = None

    def _ensure_layer(self, unit: str, xy: NDArray[np.floating[Any]]) -> Shapes | None:
        viewer = self._viewer()
        if viewer is None or self.layer is not None:
            return self.layer
        width = float(np.ptp(xy, axis=0).max()) * _LINE_WIDTH_FRACTION or 1.0
        text = {"string": "{name}", "color": theme_colours()[1], "anchor": "upper_left", "size": font_size() + 2}
        self._layer = Shapes(
            name=LAYER_NAME,
            ndim=2,
            edge_color=theme_colours()[1],
            face_color=[0.0, 0.0, 0.0, 0.0],
            opacity=1.0,
            edge_width=width,
            units=(unit, unit),
            features={"name": np.empty(0, dtype=object)},
            text=text,
        )
        self._layer.feature_defaults = {"name": [""]}
        viewer.layers.append(self._layer)
        self._layer.events.data.connect(self._on_shapes_changed)
        self._layer.events.mode.connect(self._on_mode_changed)
        return self._layer

    def _on_shapes_changed(self, event: Any) -> None:
        if event.action in ("added", "changed", "removed") and not self._emit_pending:
            self._emit_pending = True
            QTimer.singleShot(0, call_weakly(self._emit_shapes_changed))  # napari is still drawing

    def _on_mode_changed(self, *_: Any) -> None:
        self.tool_changed()

    def _emit_shapes_changed(self) -> None:
        self._emit_pending = False
        if self.layer is not None:
            self.shapes_changed()
