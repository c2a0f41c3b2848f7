"""The line of the swipe, dragged on the tissue. No widgets here."""

from __future__ import annotations

import weakref
from collections.abc import Generator
from typing import Any

from ...paint.layers import canvas
from .scene import Scene

_NEAR = 8.0  # pixels from the line at which a drag takes it


class Swiping:
    """Moves the line between measured and imputed with the mouse.

    Parameters
    ----------
    viewer
        napari viewer (held weakly).
    scene
        What is painted.
    """

    def __init__(self, viewer: Any, scene: Scene) -> None:
        viewer = canvas.unwrapped(viewer)
        self._viewer, self._scene = weakref.ref(viewer), scene
        viewer.mouse_drag_callbacks.append(self._pressed)

    def close(self) -> None:
        """Let go of the viewer."""
        viewer = self._viewer()
        if viewer is not None and self._pressed in viewer.mouse_drag_callbacks:
            viewer.mouse_drag_callbacks.remove(self._pressed)

    def _pressed(self, viewer: Any, event: Any) -> Generator[None, None, None]:
        line, camera = self._scene.session.line, canvas.camera(viewer)
        seen = self._scene.painter is not None and (layer := self._scene.painter.overlays.divide) is not None and layer.visible
        if event.button != 1 or line is None or not seen or abs(viewer.cursor.position[-1] - line) * camera.zoom > _NEAR:
            return
        pans = camera.mouse_pan
        camera.mouse_pan = False  # the drag moves the line, not the view
        try:
            yield
            while event.type == "mouse_move":
                self._scene.session.move_line(float(viewer.cursor.position[-1]))
                yield
        finally:
            camera.mouse_pan = pans
