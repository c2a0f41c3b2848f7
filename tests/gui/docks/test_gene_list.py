"""The list of genes: keys paint, the gene that is painted is in view and can be chosen again, stars are there in every dock."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget

from napari_inclust.gui.widgets.gene_table import GENE
from napari_inclust.paint.layers import canvas

from ..fakes import FakeRun, fake_find, small_reference, small_section
from ..mouse import LEFT


@pytest.fixture
def trained(opened: Any, qtbot: Any) -> Any:
    """A section with a run, its genes in view."""
    viewer, bench, dock = opened
    bench.session.open_section(small_section())
    bench.session.open_reference(small_reference())
    bench.session.add_run(FakeRun(bench.session.section, bench.session.reference))
    dock.tabs.setCurrentIndex(dock.titles.index("Genes"))
    qtbot.wait(50)
    return viewer, bench, dock


def click(dock: Any, gene: str, qtbot: Any, column: int = GENE) -> None:
    """A click on a gene that is in view."""
    table = dock.genes.table
    place = table.visualRect(dock.genes.model.index(dock.genes.model.row_of(gene), column)).center()
    assert table.viewport().rect().contains(place)
    qtbot.mouseClick(table.viewport(), LEFT, pos=place)
    qtbot.wait(30)


def find(dock: Any, text: str, qtbot: Any) -> None:
    """What stands in the search field, typed."""
    dock.genes.search.selectAll()
    qtbot.keyClick(dock.genes.search, Qt.Key.Key_Backspace)
    qtbot.keyClicks(dock.genes.search, text)
    qtbot.wait(30)


def test_after_the_search_the_arrow_keys_paint(trained: Any, qtbot: Any) -> None:
    _, bench, dock = trained
    qtbot.keyClicks(dock.genes.search, "Gene1")
    qtbot.keyClick(dock.genes.search, Qt.Key.Key_Return)
    first = bench.session.gene
    qtbot.keyClick(dock.genes.search, Qt.Key.Key_Down)
    qtbot.keyClick(dock.genes.table, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: bench.session.gene == dock.genes.model.gene_at(1) != first, timeout=5_000)
    assert bench.canvas_controller.painter.gene_layer().cell_values.name == bench.session.gene


def test_the_painted_gene_stays_in_view_when_the_search_is_cleared(trained: Any, qtbot: Any) -> None:
    _, bench, dock = trained
    find(dock, "Gene40", qtbot)
    click(dock, "Gene40", qtbot)
    find(dock, "", qtbot)
    table, row = dock.genes.table, dock.genes.model.row_of("Gene40")
    assert row > 20
    assert table.viewport().rect().contains(table.visualRect(dock.genes.model.index(row, GENE)).center())
    assert bench.session.gene == "Gene40"


def test_a_click_on_the_painted_gene_brings_it_back(trained: Any, qtbot: Any) -> None:
    viewer, bench, dock = trained
    find(dock, "Gene10", qtbot)
    click(dock, "Gene10", qtbot)
    viewer.layers.remove(bench.canvas_controller.painter.gene_layer())  # by hand
    click(dock, "Gene10", qtbot)
    assert bench.canvas_controller.painter.gene_layer().cell_values.name == "Gene10"
    bench.domain_controller.search = fake_find()
    bench.domain_controller.start(3)
    qtbot.waitUntil(lambda: bench.domain_controller.domains is not None, timeout=20_000)
    assert not bench.canvas_controller.painter.gene_layer().visible
    dock.tabs.setCurrentIndex(dock.titles.index("Quality"))
    qtbot.wait(30)
    table = dock.quality.table
    qtbot.mouseClick(
        table.viewport(),
        LEFT,
        pos=table.visualRect(dock.quality.model.index(dock.quality.model.row_of("Gene10"), 0)).center(),
    )
    assert bench.canvas_controller.painter.gene_layer().visible


def test_stars_are_there_when_the_dock_is_opened_again(trained: Any, qtbot: Any) -> None:
    viewer, bench, dock = trained
    bench.session.toggle_star("Gene12")
    around = dock
    while not isinstance(around, QDockWidget):
        around = around.parent()
    viewer.window.remove_dock_widget(around)
    _, plugin = viewer.window.add_plugin_dock_widget("napari-inclust", "inClust+")
    qtbot.wait(50)
    assert plugin.dock.genes.model.stars == plugin.dock.quality.model.stars == {"Gene12"}


def test_side_by_side_fills_the_canvas_when_cells_are_left_out(trained: Any, qtbot: Any) -> None:
    viewer, _, dock = trained
    find(dock, "Gene10", qtbot)
    click(dock, "Gene10", qtbot)
    buttons = dock.genes.compare_view.view_buttons
    qtbot.mouseClick(buttons["side by side"], LEFT)
    qtbot.wait(50)
    whole = canvas.camera(viewer).zoom
    qtbot.mouseClick(buttons["imputed"], LEFT)
    qtbot.wait(50)
    box = dock.genes.look.threshold.lineEdit()
    box.selectAll()
    qtbot.keyClicks(box, "1.5")
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert "faded cells" in viewer.layers
    qtbot.mouseClick(buttons["side by side"], LEFT)
    qtbot.wait(50)
    assert canvas.camera(viewer).zoom == pytest.approx(whole, rel=0.05)
