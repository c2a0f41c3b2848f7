"""Access to the parts of a napari viewer, which differ between versions of napari."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


def unwrap(viewer: Any) -> Any:
    """Return the viewer itself: plugins may be given a proxy, which can be deleted before the viewer."""
    return getattr(viewer, "__wrapped__", viewer)


def weak_viewer(viewer: Any) -> Callable[[], Any]:
    """Return a weak reference to a viewer that gives None once its window is closed.

    Results that arrive late are then not painted into a window that is being closed.
    """
    reference = weakref.ref(unwrap(viewer))

    def open_viewer() -> Any:
        viewer = reference()
        window = getattr(viewer, "window", None)
        return viewer if window is None or hasattr(window, "_qt_window") else None  # napari deletes it on closing

    return open_viewer


@contextmanager
def keep_active_layer(viewer: Any) -> Iterator[None]:
    """Select the active layer again afterwards, since napari selects each layer that is inserted."""
    active = viewer.layers.selection.active
    yield
    if active is not None and active in viewer.layers:
        viewer.layers.selection.active = active


def grid(viewer: Any) -> Any:
    """Return the grid of linked views (part of the canvas since napari 0.9)."""
    return viewer.canvas.grid if hasattr(viewer, "canvas") else viewer.grid


def scale_bar(viewer: Any) -> Any:
    """Return the scale bar overlay."""
    return viewer.canvas.overlays.scale_bar if hasattr(viewer, "canvas") else viewer.scale_bar


def camera(viewer: Any) -> Any:
    """Return the camera."""
    return viewer.scene.camera if hasattr(viewer, "scene") else viewer.camera


def shows_whole_scene(viewer: Any) -> bool:
    """Whether the view is about as `reset_view` leaves it; the view is not changed.

    A factor of 1.2 is allowed, since a dock may have made the canvas narrower.
    """
    view = camera(viewer)
    zoom, center = view.zoom, view.center
    viewer.reset_view()
    whole = bool(zoom < 1.2 * view.zoom)
    view.zoom, view.center = zoom, center
    return whole


def background_colour() -> str:
    """Return the colour of the canvas in napari's current theme, as hex."""
    from napari.settings import get_settings
    from napari.utils.theme import get_theme

    return str(get_theme(get_settings().appearance.theme).canvas.as_hex())


def update_colour_bars(viewer: Any) -> None:
    """Update the positions of colour bars now.

    napari does so while it draws, and then draws everything twice. Versions without such a step need nothing.
    """
    qt_viewer = getattr(getattr(viewer, "window", None), "_qt_viewer", None)
    update_positions = getattr(getattr(qt_viewer, "canvas", None), "_update_overlay_canvas_positions", None)
    if update_positions is not None:
        update_positions()


def set_visible(layer: Any, visible: bool) -> None:
    """Show or hide a layer only on a change: napari would read and upload its data again."""
    if layer.visible != visible:
        layer.visible = visible
