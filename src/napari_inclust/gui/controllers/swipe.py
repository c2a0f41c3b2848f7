"""The line of the swipe, dragged with the mouse."""

from __future__ import annotations

import weakref
from collections.abc import Generator
from typing import Any

from ...paint.layers import canvas
from .scene import CanvasController

_GRAB_DISTANCE = 8.0  # pixels from the line at which a drag takes it


class SwipeController:
    """Moves the line between measured and imputed with the mouse.

    Parameters
    ----------
    viewer
        napari viewer (held weakly).
    canvas_controller
        Owner of the painter.
    """

    def __init__(self, viewer: Any, canvas_controller: CanvasController) -> None:
        viewer = canvas.unwrap(viewer)
        self._viewer, self._canvas_controller = weakref.ref(viewer), canvas_controller
        viewer.mouse_drag_callbacks.append(self._on_mouse_press)

    def close(self) -> None:
        """Disconnect from the viewer."""
        viewer = self._viewer()
        if viewer is not None and self._on_mouse_press in viewer.mouse_drag_callbacks:
            viewer.mouse_drag_callbacks.remove(self._on_mouse_press)

    def _on_mouse_press(self, viewer: Any, event: Any) -> Generator[None, None, None]:
        line, camera = self._canvas_controller.session.divider_x, canvas.camera(viewer)
        seen = (
            self._canvas_controller.painter is not None
            and (layer := self._canvas_controller.painter.overlays.swipe_line) is not None
            and layer.visible
        )
        if (
            event.button != 1
            or line is None
            or not seen
            or abs(viewer.cursor.position[-1] - line) * camera.zoom > _GRAB_DISTANCE
        ):
            return
        pans = camera.mouse_pan
        camera.mouse_pan = False  # the drag moves the line, not the view
        try:
            yield
            while event.type == "mouse_move":
                self._canvas_controller.session.move_divider(float(viewer.cursor.position[-1]))
                yield
        finally:
            camera.mouse_pan = pans
