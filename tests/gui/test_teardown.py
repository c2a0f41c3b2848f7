"""Every dock by itself: opened from the menu, closed, and gone; what it watched goes on without it."""

from __future__ import annotations

import gc
import weakref
from typing import Any

from napari_inclust.gui.viewer_context import get_viewer_context

from .fakes import FakeRun, small_reference, small_section

DOCKS = (
    "Data",
    "Train",
    "Genes",
    "Quality",
    "Cells",
    "Scatter plot",
    "Domains",
    "Regions",
    "Figure",
    "Session",
    "Export",
)


def test_a_dock_that_is_closed_dies(viewer: Any, qtbot: Any) -> None:
    gone = {}
    for name in DOCKS:
        docked, widget = viewer.window.add_plugin_dock_widget("napari-inclust", name)
        qtbot.wait(20)
        gone[name] = weakref.ref(widget.dock if hasattr(widget, "dock") else widget)
        viewer.window.remove_dock_widget(docked)
        del docked, widget
    qtbot.wait(50)
    gc.collect()
    session = get_viewer_context(viewer).session
    session.open_section(small_section())
    session.open_reference(small_reference())
    session.add_run(FakeRun(session.section, session.reference))
    session.select_gene("Gene7")
    qtbot.wait(50)
    gc.collect()
    assert [name for name, dock in gone.items() if dock() is not None] == []
