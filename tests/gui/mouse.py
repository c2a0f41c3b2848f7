"""The mouse on the canvas, at places in micrometres."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication

from napari_inclust.paint.layers import canvas

LEFT = Qt.MouseButton.LeftButton


def native(viewer: Any) -> Any:
    """The widget of the canvas."""
    return viewer.window._qt_viewer.canvas.native


def at(viewer: Any, y: float, x: float) -> QPoint:
    """Where a place is on the canvas, in pixels."""
    camera, widget = canvas.camera(viewer), native(viewer)
    cy, cx = camera.center[-2:]
    return QPoint(
        round(widget.width() / 2 + (x - cx) * camera.zoom), round(widget.height() / 2 + (y - cy) * camera.zoom)
    )


def click(viewer: Any, y: float, x: float, qtbot: Any) -> None:
    """A click with the left button, after the pointer came there in steps."""
    end = at(viewer, y, x)
    for away in (12, 6, 0):
        qtbot.mouseMove(native(viewer), end + QPoint(away, away))
        qtbot.wait(20)
    qtbot.mouseClick(native(viewer), LEFT, pos=at(viewer, y, x))
    qtbot.wait(30)


def drag(viewer: Any, path: Sequence[tuple[float, float]], qtbot: Any, steps: int = 6) -> None:
    """The left button held along places (y, x)."""
    widget = native(viewer)
    start = at(viewer, *path[0])
    qtbot.mouseMove(widget, start)
    qtbot.mousePress(widget, LEFT, pos=start)
    for (y0, x0), (y1, x1) in pairwise(path):
        for i in range(1, steps + 1):
            qtbot.mouseMove(widget, at(viewer, y0 + (y1 - y0) * i / steps, x0 + (x1 - x0) * i / steps))
            qtbot.wait(5)
    qtbot.mouseRelease(widget, LEFT, pos=at(viewer, *path[-1]))
    qtbot.wait(40)


def pick(box: Any, text: str, qtbot: Any) -> None:
    """An item of a combo box: the list is opened, and the item clicked."""
    qtbot.waitUntil(box.isVisible, timeout=5_000)
    box.showPopup()
    items = box.view()
    qtbot.waitUntil(items.isVisible, timeout=5_000)
    index = items.model().index(box.findText(text), box.modelColumn())
    items.scrollTo(index)
    qtbot.mouseMove(items.viewport(), items.visualRect(index).center())
    qtbot.wait(QApplication.doubleClickInterval() + 50)  # a combo box takes no click that comes right after it opened
    qtbot.mouseClick(items.viewport(), LEFT, pos=items.visualRect(index).center())
    qtbot.waitUntil(lambda: box.currentText() == text, timeout=5_000)
