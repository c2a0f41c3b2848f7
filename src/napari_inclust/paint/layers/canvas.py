"""The parts of a napari viewer that moved between versions, in one place."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any


def unwrap(viewer: Any) -> Any:
    """The viewer itself: plugins may be handed a proxy of it, which dies before it."""
    return getattr(viewer, "__wrapped__", viewer)


def weak_viewer(viewer: Any) -> Callable[[], Any]:
    """A weak reference to a viewer that gives None once its window is closed: what arrives late is not painted into a window that is being taken down."""
    held = weakref.ref(unwrap(viewer))

    def alive() -> Any:
        found = held()
        window = getattr(found, "window", None)
        return found if window is None or hasattr(window, "_qt_window") else None  # napari deletes it when it closes

    return alive


def grid(viewer: Any) -> Any:
    """The grid of linked views (napari 0.9 moved it to the canvas)."""
    return viewer.canvas.grid if hasattr(viewer, "canvas") else viewer.grid


def scale_bar(viewer: Any) -> Any:
    """The scale bar overlay."""
    return viewer.canvas.overlays.scale_bar if hasattr(viewer, "canvas") else viewer.scale_bar


def camera(viewer: Any) -> Any:
    """The camera."""
    return viewer.scene.camera if hasattr(viewer, "scene") else viewer.camera


def shows_whole_scene(viewer: Any) -> bool:
    """Whether the view is about as `reset_view` leaves it (a dock may have made the canvas narrower since); the view is not changed."""
    now = camera(viewer)
    before = now.zoom, now.center
    viewer.reset_view()
    same = before[0] < 1.2 * now.zoom
    now.zoom, now.center = before
    return same


def background_colour() -> str:
    """Colour of the canvas in napari's present theme, as hex."""
    from napari.settings import get_settings
    from napari.utils.theme import get_theme

    return str(get_theme(get_settings().appearance.theme).canvas.as_hex())


def update_colour_bars(viewer: Any) -> None:
    """Place colour bars now. napari does so while it draws, which makes it draw all of it twice; where it has no such step nothing is done."""
    seen = getattr(getattr(viewer, "window", None), "_qt_viewer", None)
    place = getattr(getattr(seen, "canvas", None), "_update_overlay_canvas_positions", None)
    if place is not None:
        place()


def set_visible(layer: Any, visible: bool) -> None:
    """Show or hide a layer; napari reads and uploads it anew even when it is so already."""
    if layer.visible != visible:
        layer.visible = visible
