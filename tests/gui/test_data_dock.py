"""The Data dock says all that it found."""

from __future__ import annotations

from typing import Any

from napari_inclust.io.demo import demo_reference, demo_section


def test_what_was_found_is_shown_to_its_last_line(opened: Any, qtbot: Any) -> None:
    _, bench, dock = opened
    dock.tabs.setCurrentIndex(0)
    bench.session.open_section(demo_section())
    bench.session.open_reference(demo_reference(), "cell_type")
    data = dock.data
    qtbot.waitUntil(lambda: "To impute" in data.summary.text(), timeout=10_000)
    qtbot.waitUntil(lambda: data.summary.height() >= data.summary.heightForWidth(data.summary.width()) > 100, timeout=5_000)
    qtbot.waitUntil(lambda: data.found.height() >= data.summary.height(), timeout=5_000)
