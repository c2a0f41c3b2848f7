"""Cells in a real viewer: selected by lasso, legend, domain and scatter plot, outlined, pinned, coloured by columns; and the canvas follows."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import pandas as pd
from qtpy.QtCore import QPoint, Qt

from napari_inclust.gui.docks.cells import CellsDock
from napari_inclust.gui.state.status import IDLE
from napari_inclust.paint.layers import canvas

from ..conftest import expected_colour, pixel_of, still_there
from ..fakes import FakeRun, fake_find, small_reference, small_section
from ..mouse import LEFT, at, click, drag, native


def ready(opened: Any, qtbot: Any, section: Any = None) -> tuple[Any, Any, CellsDock]:
    """The Cells tab of an open section."""
    viewer, bench, dock = opened
    bench.session.open_section(section or small_section())
    bar, tab = dock.tabs.tabBar(), dock.titles.index("Cells")
    bar.setCurrentIndex(tab)
    qtbot.wait(30)
    assert dock.tabs.currentIndex() == tab
    return viewer, bench, dock.cells


def square(row_from: int, row_to: int) -> list[tuple[float, float]]:
    """Places (y, x) around rows of the grid of `small_section` (8 cells of 20 um a row)."""
    top, bottom = 20.0 * row_from - 10, 20.0 * row_to + 10
    return [(top, -12.0), (top, 152.0), (bottom, 152.0), (bottom, -12.0)]


def pick(dock: CellsDock, row: int, qtbot: Any, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """A click on a name of the legend."""
    rect = dock.legend.visualItemRect(dock.legend.item(row))
    qtbot.mouseClick(dock.legend.viewport(), LEFT, modifier, QPoint(rect.left() + 60, rect.center().y()))


def test_a_lasso_on_the_tissue_selects_its_cells_and_veils_the_others(opened: Any, qtbot: Any) -> None:
    viewer, bench, dock = ready(opened, qtbot)
    x, y = bench.session.section.xy[59]
    before = pixel_of(viewer, y, x, qtbot)
    viewer.reset_view()
    qtbot.wait(50)
    qtbot.mouseClick(dock.selection_bar.tool_buttons["lasso"], LEFT)
    assert viewer.layers.selection.active.name == "lasso"
    drag(viewer, [*square(0, 1), square(0, 1)[0]], qtbot)
    qtbot.waitUntil(lambda: bench.selected_cells.current is not None, timeout=3000)
    assert set(np.flatnonzero(bench.selected_cells.current.mask)) == set(range(16))
    assert dock.selection_bar.summary.text() == "16 of 60 cells (26.7 %): lasso"
    assert len(viewer.layers["lasso"].data) == 0
    qtbot.mouseClick(dock.selection_bar.tool_buttons["lasso"], LEFT)  # away
    assert "lasso" not in viewer.layers
    assert viewer.layers.selection.active.name == "cell_type"
    veiled = pixel_of(viewer, y, x, qtbot)
    assert np.abs(veiled - 0.25 * before).max() <= 4  # a veil of 75 % in the colour of the canvas, which is black
    x, y = bench.session.section.xy[9]
    types = bench.session.cell_categories
    assert np.abs(pixel_of(viewer, y, x, qtbot) - np.round(types.colours[types.codes[9]][:3] * 255)).max() <= 3
    qtbot.mouseClick(dock.selection_bar.undo, LEFT)
    assert bench.selected_cells.current is None
    assert "selected cells" not in viewer.layers
    qtbot.mouseClick(dock.selection_bar.redo, LEFT)
    assert bench.selected_cells.current.n_cells == 16
    qtbot.mouseClick(dock.selection_bar.invert, LEFT)
    assert bench.selected_cells.current.n_cells == 44
    qtbot.mouseClick(dock.selection_bar.clear, LEFT)
    assert not dock.selection_bar.invert.isEnabled()


def test_a_polygon_and_a_rectangle_select_too(opened: Any, qtbot: Any) -> None:
    viewer, bench, dock = ready(opened, qtbot)
    viewer.reset_view()
    qtbot.wait(50)
    qtbot.mouseClick(dock.selection_bar.tool_buttons["rectangle"], LEFT)
    drag(viewer, [square(0, 0)[0], square(0, 0)[2]], qtbot)
    qtbot.waitUntil(lambda: bench.selected_cells.current is not None, timeout=3000)
    assert bench.selected_cells.current.n_cells == 8
    qtbot.mouseClick(dock.selection_bar.tool_buttons["polygon"], LEFT)
    dock.selection_bar.combine_mode.setCurrentIndex(1)
    dock.selection_bar.combine_mode.activated.emit(1)  # add
    for y, x in square(2, 2):
        click(viewer, y, x, qtbot)
        qtbot.wait(350)  # else two clicks are a double click
    qtbot.mouseDClick(native(viewer), LEFT, pos=at(viewer, *square(2, 2)[-1]))
    qtbot.wait(100)
    qtbot.waitUntil(lambda: bench.selected_cells.current.n_cells == 16, timeout=3000)
    assert bench.selected_cells.current.name == "rectangle + polygon"


def test_the_legend_and_domains_select(opened: Any, qtbot: Any) -> None:
    _, bench, dock = ready(opened, qtbot)
    pick(dock, 0, qtbot)
    assert bench.selected_cells.current.name == "glia"
    assert bench.selected_cells.current.n_cells == 20
    pick(dock, 1, qtbot, Qt.KeyboardModifier.ControlModifier)
    assert bench.selected_cells.current.n_cells == 40
    assert len(dock.legend.selectedItems()) == 2
    assert "Highlight domains first" in dock.selection_bar.select_domains.toolTip()
    bench.domain_controller.search = fake_find()
    bench.domain_controller.start(None)
    qtbot.waitUntil(
        lambda: bench.domain_controller.domains is not None and bench.domain_controller.state == IDLE, timeout=5000
    )
    bench.domain_controller.highlight(frozenset({0}))
    qtbot.mouseClick(dock.selection_bar.select_domains, LEFT)
    assert set(np.flatnonzero(bench.selected_cells.current.mask)) == set(range(20))
    assert dock.legend.selectedItems() == []  # something else is selected now


def test_selections_add_subtract_and_intersect(opened: Any) -> None:
    _, bench, _ = opened
    bench.session.open_section(small_section())
    a, b = np.arange(60) < 30, np.arange(60) >= 20
    s = bench.selected_cells
    s.select(a, "a")
    s.select(b, "b", "within")
    assert s.current.n_cells == 10
    s.select(a, "a", "add")
    assert s.current.n_cells == 30
    s.select(b, "b", "remove")
    assert s.current.n_cells == 20
    s.select(a, "a", "remove")
    assert s.current is None  # nothing is left
    s.undo()
    assert s.current.n_cells == 20
    bench.session.open_section(small_section(40))
    assert s.current is None
    assert not s.can_undo


def test_outlines_are_drawn_where_cells_are_large(opened: Any, qtbot: Any) -> None:
    viewer, bench, dock = ready(opened, qtbot)
    qtbot.mouseClick(dock.outlines, LEFT)
    raster = bench.canvas_controller.painter.raster
    x, y = bench.session.section.xy[9]
    edge = next(
        r for r in np.arange(0, 30, raster.pixel_size) if raster.cell_at(y, x + r + raster.pixel_size) != 9
    )  # the last pixel of the cell
    canvas.camera(viewer).zoom = 8 / raster.pixel_size
    types = bench.session.cell_categories
    colour = np.round(types.colours[types.codes[9]][:3] * 255)
    assert np.abs(pixel_of(viewer, y, x, qtbot) - colour).max() <= 3
    assert np.abs(pixel_of(viewer, y, x + edge, qtbot) - colour).max() > 20
    key = next(f for k, f in viewer.keymap.items() if str(k).lower() == "alt+c")
    key(viewer)
    assert "cell outlines" not in viewer.layers
    assert not dock.outlines.isChecked()


def test_a_click_pins_the_card_of_a_cell(opened: Any, qtbot: Any) -> None:
    viewer, bench, dock = ready(opened, qtbot)
    s = bench.session
    s.open_reference(small_reference())
    s.add_run(FakeRun(s.section, s.reference))
    s.select_gene("Gene30")
    qtbot.waitUntil(
        lambda: (
            bench.reliability_controller.gene_interval is not None
            and bench.reliability_controller.cell_reliability is not None
        ),
        timeout=5000,
    )
    viewer.reset_view()
    qtbot.wait(50)
    x, y = s.section.xy[10]
    click(viewer, y, x, qtbot)
    qtbot.waitUntil(lambda: bench.cell_selection.pinned_cell == 10, timeout=3000)
    qtbot.waitUntil(lambda: "Predicted type" in dict(bench.cell_selection.card_lines), timeout=3000)
    lines = dict(bench.cell_selection.card_lines)
    value = s.run.impute("Gene30").values[10]
    assert lines["Cell"] == "cell_10"
    assert lines["Place"] == f"x {x:.1f}, y {y:.1f} µm"
    assert lines["cell_type"] == "glia"
    assert lines["Predicted type"] == "glia, probability 0.80; next neuron, 0.15"
    assert (
        lines["Gene30"]
        == f"{value:.2f} ± 0.25 (90 % interval {value - 0.5:.2f} to {value + 1:.2f}) log-normalised, IMPUTED (no score)"
    )
    assert lines["Trust"].startswith(f"{bench.reliability_controller.cell_reliability[10]:.2f} (0:")
    assert "cell_10" in dock.card.text()
    ring = viewer.layers["pinned cell"]
    assert np.allclose(ring.data, [[y, x]])
    s.select_gene("Gene10")  # measured, shown measured
    assert dict(bench.cell_selection.card_lines)["Gene10"].endswith("log-normalised, measured")
    click(viewer, -200.0, -200.0, qtbot)  # beside the tissue
    assert bench.cell_selection.pinned_cell is None
    assert "pinned cell" not in viewer.layers
    assert "Click a cell" in dock.card.text()


def test_a_drag_moves_the_view_and_pins_nothing(opened: Any, qtbot: Any) -> None:
    viewer, bench, _ = ready(opened, qtbot)
    x, y = bench.session.section.xy[10]
    drag(viewer, [(y, x), (y + 40, x + 40)], qtbot)
    assert bench.cell_selection.pinned_cell is None


def test_cells_are_coloured_by_any_column(opened: Any, qtbot: Any) -> None:
    section = small_section()
    section.adata.obs["depth"] = np.arange(60.0)
    section.adata.obs["same"] = 1.0
    section.adata.obs["sex"] = pd.Categorical(["m", "f"] * 30)
    viewer, bench, dock = ready(opened, qtbot, section)
    assert [dock.colour_by.itemText(i) for i in range(dock.colour_by.count())] == [
        "cell_type",
        "sample",
        "sex",
        "depth (number)",
    ]
    bench.session.select_gene("Gene3")
    dock.colour_by.setCurrentIndex(3)
    dock.colour_by.activated.emit(3)
    layer = bench.canvas_controller.painter.cell_marks.column_layer
    assert layer.name == "depth · column of the section"
    assert layer.colorbar.visible
    assert not bench.canvas_controller.painter.gene_layer().visible
    for row in (0, 30, 59):
        x, y = section.xy[row]
        assert np.abs(pixel_of(viewer, y, x, qtbot) - expected_colour(layer, float(row))).max() <= 3
    assert "depth 9.00" in bench.canvas_controller.painter.cell_text(*section.xy[9][::-1])
    assert not dock.legend.isVisible()
    dock.colour_by.setCurrentIndex(2)
    dock.colour_by.activated.emit(2)
    assert bench.canvas_controller.painter.cell_marks.column_layer is None
    assert [dock.legend.item(i).text() for i in range(2)] == ["f  (30 cells)", "m  (30 cells)"]
    types = bench.session.cell_categories
    x, y = section.xy[5]
    assert np.abs(pixel_of(viewer, y, x, qtbot) - np.round(types.colours[types.codes[5]][:3] * 255)).max() <= 3
    bench.session.select_gene("Gene4")
    assert bench.canvas_controller.painter.gene_layer().visible


def test_the_legend_names_an_empty_category_and_hides_one_after_its_layer_was_removed(opened: Any, qtbot: Any) -> None:
    section = small_section()
    section.adata.obs["cell_type"] = pd.Categorical(np.resize(["", "glia"], 60))
    viewer, _, dock = ready(opened, qtbot, section)
    legend = dock.legend
    assert [legend.item(i).text() for i in range(2)] == ["(empty)  (30 cells)", "glia  (30 cells)"]
    viewer.layers.remove("cell_type")
    place = legend.visualItemRect(legend.item(0))
    qtbot.mouseClick(legend.viewport(), LEFT, pos=QPoint(place.left() + 8, place.center().y()))
    assert pixel_of(viewer, *section.xy[0][::-1], qtbot).max() == 0
    assert pixel_of(viewer, *section.xy[1][::-1], qtbot).max() > 0


def test_the_scatter_plot_selects_on_the_tissue_and_back(opened: Any, qtbot: Any) -> None:
    viewer, bench, dock = ready(opened, qtbot)
    view = dock.embedding_view
    qtbot.mouseClick(view.start, LEFT)
    qtbot.waitUntil(lambda: bench.embedding_controller.embedding is not None, timeout=20_000)
    assert view.message.text() == "PCA of the measured genes (no run yet), 60 cells."
    found = bench.embedding_controller.embedding
    target = int(np.argmax(found.xy[:, 0]))  # alone at the right
    x, y = found.xy[target]
    qtbot.wait(50)
    types = bench.session.cell_categories
    assert view.plot.colour_at(x, y)[:3] == tuple(np.round(types.colours[types.codes[target]][:3] * 255).astype(int))

    scene, port = view.plot.plot, view.plot.plot.viewport()
    place = lambda dx, dy: scene.mapFromScene(view.plot.view_box.mapViewToScene(point(x + dx, y + dy)))  # noqa: E731
    r = float(np.sort(np.hypot(*(found.xy - found.xy[target]).T))[1]) * 0.5  # half of the way to the nearest other
    way = [(-r, -r), (r, -r), (r, r), (-r, r)]
    qtbot.mousePress(port, LEFT, pos=place(*way[0]))
    for step in way[1:]:
        qtbot.mouseMove(port, place(*step))
        qtbot.wait(20)
    qtbot.mouseRelease(port, LEFT, pos=place(*way[-1]))
    qtbot.waitUntil(lambda: bench.selected_cells.current is not None, timeout=3000)
    assert list(np.flatnonzero(bench.selected_cells.current.mask)) == [target]
    assert bench.selected_cells.current.name == "PCA lasso"
    assert "selected cells" in viewer.layers
    other = int(np.argmin(found.xy[:, 0]))
    assert view.plot.colour_at(*found.xy[other])[3] < 100  # faint
    assert view.plot.colour_at(x, y)[3] == 255
    bench.selected_cells.select(np.arange(60) == other, "back")
    assert view.plot.colour_at(*found.xy[other])[3] == 255
    assert view.plot.colour_at(x, y)[3] < 100
    bench.session.select_gene("Gene3")
    view.colour_by.setCurrentIndex(2)
    view.colour_by.activated.emit(2)
    layer = bench.canvas_controller.painter.gene_layer()
    assert (
        np.abs(
            np.array(view.plot.colour_at(*found.xy[other])[:3])
            - expected_colour(layer, layer.cell_values.values[other])
        ).max()
        <= 2
    )


def point(x: float, y: float) -> Any:
    from qtpy.QtCore import QPointF

    return QPointF(x, y)


def test_a_layer_that_the_user_removed_comes_back(opened: Any, qtbot: Any) -> None:
    viewer, bench, _ = ready(opened, qtbot)
    bench.selected_cells.select(np.arange(60) < 5, "five")
    bench.cell_selection.pin(3)
    bench.cell_selection.start_drawing("lasso")
    viewer.layers.clear()
    assert bench.cell_selection.lasso.tool == ""
    bench.selected_cells.select(np.arange(60) < 6, "six")
    bench.cell_selection.pin(4)
    assert {layer.name for layer in viewer.layers} == {"selected cells", "pinned cell"}


def test_side_by_side_the_marks_are_hidden_and_colours_come_back_alone(opened: Any, qtbot: Any) -> None:
    viewer, bench, _ = ready(opened, qtbot)
    s = bench.session
    s.open_reference(small_reference())
    s.add_run(FakeRun(s.section, s.reference))
    s.select_gene("Gene10")
    bench.selected_cells.select(np.arange(60) < 5, "five")
    s.set_view("side by side")
    qtbot.waitUntil(lambda: canvas.grid(viewer).enabled, timeout=3000)
    assert not viewer.layers["selected cells"].visible
    bench.cell_selection.colour_by("cell_type")
    assert viewer.layers["selected cells"].visible
    assert viewer.layers["cell_type"].visible
    assert not bench.canvas_controller.painter.gene_layer().visible


def test_a_lasso_drawn_while_the_section_is_closed_changes_nothing(opened: Any, qtbot: Any) -> None:
    viewer, bench, dock = ready(opened, qtbot)
    qtbot.mouseClick(dock.selection_bar.tool_buttons["lasso"], LEFT)
    bench.session.close_section()
    assert "lasso" not in viewer.layers
    assert not dock.selection_bar.tool_buttons["lasso"].isEnabled()
    assert "Open a section first" in dock.selection_bar.tool_buttons["lasso"].toolTip()


def test_everything_of_the_cells_dies_with_the_viewer(make_napari_viewer: Any, qtbot: Any) -> None:
    viewer = make_napari_viewer(show=True)
    plugin = viewer.window.add_plugin_dock_widget("napari-inclust", "Cells")[1]
    bench, dock = plugin.context, plugin.dock
    bench.session.open_section(small_section())
    bench.embedding_controller.start("PCA")
    placing = weakref.proxy(bench.embedding_controller)
    qtbot.waitUntil(lambda: placing.embedding is not None, timeout=20_000)
    bench.selected_cells.select(np.arange(60) < 5, "five")
    bench.cell_selection.show_outlines(True)
    bench.cell_selection.pin(3)
    bench.cell_selection.start_drawing("lasso")
    assert dock.embedding_view.plot is not None
    gone = [
        weakref.ref(x)
        for x in (
            plugin,
            dock,
            dock.embedding_view,
            dock.embedding_view.plot,
            bench,
            bench.cell_selection,
            bench.selected_cells,
            bench.embedding_controller,
            bench.canvas_controller.painter.cell_marks,
        )
    ]
    del plugin, dock, bench
    viewer.close()
    del viewer
    qtbot.wait(100)
    assert still_there(gone, qtbot) == []
