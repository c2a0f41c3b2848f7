"""The reference check in the Train dock, in a real viewer."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt

from napari_inclust.data.panel import align

from ..fakes import small_reference, small_section


def test_the_light_is_told_with_its_reasons_when_the_dock_is_looked_at(opened: Any, qtbot: Any) -> None:
    _, bench, dock = opened
    light = dock.train.reference_check
    bench.session.open_section(small_section())
    bench.session.open_reference(small_reference())
    assert light.text() == ""  # nobody looks at it
    i = dock.titles.index("Train")
    qtbot.mouseClick(dock.tabs.tabBar(), Qt.MouseButton.LeftButton, pos=dock.tabs.tabBar().tabRect(i).center())
    qtbot.waitUntil(lambda: light.result is not None, timeout=60_000)
    assert f"Reference check: <b>{light.result.light}</b>" in light.text()
    assert all(r.what in light.toolTip() for r in light.result.findings)
    assert f"{align(bench.session.section, bench.session.reference).n_shared} shared genes" in light.toolTip()
    first = light.result
    bench.session.open_reference(small_reference())
    qtbot.waitUntil(lambda: light.result is not None and light.result is not first, timeout=60_000)
    bench.session.close_section()
    assert light.text() == ""
