"""Tables and plots grow with napari's font size."""

from __future__ import annotations

from typing import Any

import pytest
from napari.settings import get_settings

from .fakes import FakeRun, small_reference, small_section


@pytest.fixture
def size() -> Any:
    """napari's setting of the font size, put back afterwards."""
    appearance = get_settings().appearance
    before = appearance.font_size
    yield appearance
    appearance.font_size = before


def test_twice_the_font_makes_rows_columns_and_plots_larger(opened: Any, qtbot: Any, size: Any) -> None:
    _, bench, dock = opened
    bench.session.open_section(small_section())
    bench.session.open_reference(small_reference())
    bench.session.add_run(FakeRun(bench.session.section, bench.session.reference))
    dock.tabs.setCurrentIndex(dock.titles.index("Genes"))
    dock.genes.histogram.toggleButton().click()
    qtbot.wait(50)
    table, plot = dock.genes.table, dock.genes.histogram.plot
    before = (
        table.verticalHeader().defaultSectionSize(),
        table.columnWidth(2),
        plot.minimum_height,
        dock.genes.search.fontMetrics().height(),
    )
    size.font_size = 2 * size.font_size
    qtbot.wait(100)
    after = (
        table.verticalHeader().defaultSectionSize(),
        table.columnWidth(2),
        plot.minimum_height,
        dock.genes.search.fontMetrics().height(),
    )
    assert all(a > 1.5 * b for a, b in zip(after, before, strict=True)), (before, after)
    assert plot.plot.minimumHeight() == plot.minimum_height
    assert plot.plot.getAxis("bottom").style["tickFont"].pointSizeF() == size.font_size
    assert plot.plot.getAxis("bottom").labelStyle["font-size"] == f"{float(size.font_size):.1f}pt"
