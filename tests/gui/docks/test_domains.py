"""Domains in a real viewer: found, switched, highlighted, renamed, merged, undone, and the canvas follows."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QLineEdit

from napari_inclust.gui.controllers.domain_controller import METHODS
from napari_inclust.gui.state.status import IDLE
from napari_inclust.gui.views.domain_parts import NAME
from napari_inclust.spatial_domains import find as core

from ..conftest import pixel_of, still_there
from ..fakes import fake_find, small_section

LEFT = Qt.MouseButton.LeftButton
BOX = QPoint(8, 8)  # of a check box: its middle may lie right of its text


def ready(opened: Any, qtbot: Any, **kwargs: Any) -> tuple[Any, Any, Any]:
    """The Domains tab of an open section, with a fake search."""
    viewer, bench, dock = opened
    bench.domain_controller.search = fake_find(**kwargs)
    bench.session.open_section(small_section())
    bar = dock.tabs.tabBar()
    tab = dock.titles.index("Domains")
    qtbot.mouseClick(bar, LEFT, pos=bar.tabRect(tab).center())
    qtbot.wait(20)
    assert dock.tabs.currentIndex() == tab
    return viewer, bench, dock.domains


def find(bench: Any, dock: Any, qtbot: Any) -> None:
    qtbot.mouseClick(dock.start, LEFT)
    qtbot.waitUntil(
        lambda: bench.domain_controller.domains is not None and bench.domain_controller.state == IDLE, timeout=60_000
    )


def click_domain(dock: Any, row: int, qtbot: Any) -> None:
    rect = dock.legend.visualItemRect(dock.legend.topLevelItem(row))
    qtbot.mouseClick(dock.legend.viewport(), LEFT, pos=rect.center())


def colour_at(viewer: Any, bench: Any, row: int, qtbot: Any) -> np.ndarray:
    x, y = bench.session.section.xy[row]
    return pixel_of(viewer, y, x, qtbot)


def rgb(text: str) -> np.ndarray:
    return np.array([int(text[i : i + 2], 16) for i in (1, 3, 5)])


def test_the_methods_are_those_of_the_core() -> None:
    assert METHODS == core.METHODS


def test_domains_need_no_run_and_are_painted_in_their_colours(opened: Any, qtbot: Any) -> None:
    viewer, bench, dock = ready(opened, qtbot)
    assert not dock.result_box.isVisible()
    assert "Nothing is running" in dock.cancel.toolTip()
    find(bench, dock, qtbot)
    layer = bench.canvas_controller.painter.overlays.domains
    assert layer.name == "domains (3)"
    seg = bench.domain_controller.segmentation
    for row in (0, 30, 59):
        assert np.abs(colour_at(viewer, bench, row, qtbot) - rgb(seg.colours[seg.labels[row]])).max() <= 3
        x, y = bench.session.section.xy[row]
        assert layer.get_value((y, x), world=True)[1] == seg.labels[row] + 1  # true labels
    assert [dock.legend.topLevelItem(i).text(NAME) for i in range(3)] == list(seg.names)
    assert dock.legend.topLevelItem(0).text(2) == "20"
    assert "Domain 1 (confidence" in layer.describe(0)
    assert "Domain 1" in bench.canvas_controller.painter.describe(0)
    qtbot.waitUntil(lambda: dock.composition.plot is not None)
    assert len(dock.composition.plot.bars) == 3  # neuron, glia, vessel
    assert "neuron" in dock.composition.category_legend.text()
    assert dock.stability_plot.curve_values() == pytest.approx([0.5, 0.9, 0.7])


def test_the_slider_switches_between_solutions_at_once(opened: Any, qtbot: Any) -> None:
    viewer, bench, dock = ready(opened, qtbot)
    find(bench, dock, qtbot)
    dock.number_slider.setFocus()
    qtbot.keyClick(dock.number_slider, Qt.Key.Key_Right)
    assert bench.domain_controller.domains.chosen == 4
    assert dock.number_label.text() == "4 domains"
    assert bench.canvas_controller.painter.overlays.domains.name == "domains (4)"
    seg = bench.domain_controller.segmentation
    assert np.abs(colour_at(viewer, bench, 59, qtbot) - rgb(seg.colours[seg.labels[59]])).max() <= 3
    dock.number_mode.setCurrentIndex(1)
    dock.number_mode.activated.emit(1)
    assert dock.n_domains.isVisible()
    dock.n_domains.setValue(6)
    qtbot.mouseClick(dock.start, LEFT)
    qtbot.waitUntil(lambda: bench.domain_controller.domains.chosen == 6, timeout=60_000)
    assert list(bench.domain_controller.domains.solutions) == [2, 3, 4, 6]  # those found before stay


def test_clicks_highlight_rename_merge_and_undo(opened: Any, qtbot: Any) -> None:
    viewer, bench, dock = ready(opened, qtbot)
    find(bench, dock, qtbot)
    full = colour_at(viewer, bench, 59, qtbot)
    assert "two or more" in dock.merge.toolTip()
    click_domain(dock, 0, qtbot)
    assert bench.domain_controller.highlighted == {0}
    assert colour_at(viewer, bench, 59, qtbot).max() < 0.5 * full.max()  # the others are faint
    click_domain(dock, 1, qtbot)
    labels = bench.domain_controller.segmentation.labels
    qtbot.mouseClick(dock.merge, LEFT)
    assert bench.domain_controller.segmentation.n_domains == 2
    assert dock.number_label.text() == "2 domains (3 found)"
    assert np.abs(colour_at(viewer, bench, 59, qtbot) - full).max() <= 3
    assert dock.legend.topLevelItemCount() == 2

    dock.legend.editItem(dock.legend.topLevelItem(1), NAME)
    field = dock.legend.findChild(QLineEdit)
    field.selectAll()
    qtbot.keyClicks(field, "Layer 1")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bench.domain_controller.segmentation.names[1] == "Layer 1")
    assert "Layer 1" in bench.canvas_controller.painter.overlays.domains.describe(59)
    dock.legend.topLevelItem(0).setText(NAME, "Layer 1")  # taken: refused with a reason
    qtbot.waitUntil(lambda: "called 'Layer 1' already" in dock.message.text())
    assert dock.legend.topLevelItem(0).text(NAME) != "Layer 1"

    qtbot.mouseClick(dock.undo, LEFT)
    qtbot.mouseClick(dock.undo, LEFT)
    assert bench.domain_controller.segmentation.labels is labels
    assert not dock.undo.isEnabled()
    qtbot.mouseClick(dock.redo, LEFT)
    assert bench.domain_controller.segmentation.n_domains == 2


def test_confidence_becomes_opacity_and_outlines_lie_over_genes(opened: Any, qtbot: Any) -> None:
    viewer, bench, dock = ready(opened, qtbot)
    find(bench, dock, qtbot)
    sure, unsure = colour_at(viewer, bench, 59, qtbot), colour_at(viewer, bench, 40, qtbot)
    assert np.abs(sure - unsure).max() <= 3
    qtbot.mouseClick(dock.confidence, LEFT, pos=BOX)
    assert np.abs(colour_at(viewer, bench, 59, qtbot) - sure).max() <= 3
    assert colour_at(viewer, bench, 40, qtbot).max() < 0.7 * unsure.max()
    qtbot.mouseClick(dock.confidence, LEFT, pos=BOX)
    qtbot.mouseClick(dock.outlines, LEFT, pos=BOX)
    overlays = bench.canvas_controller.painter.overlays
    qtbot.waitUntil(lambda: overlays.outlines is not None, timeout=60_000)
    bench.session.select_gene("Gene3")
    painter = bench.canvas_controller.painter
    qtbot.waitUntil(
        lambda: painter.gene_layer() is not None and painter.gene_layer().visible and not overlays.domains.visible,
        timeout=60_000,
    )
    assert overlays.outlines.visible
    assert viewer.layers.index(overlays.outlines) > viewer.layers.index(bench.canvas_controller.painter.gene_layer())
    click_domain(dock, 0, qtbot)  # back to the domains
    assert overlays.domains.visible
    assert not bench.canvas_controller.painter.gene_layer().visible
    qtbot.mouseClick(dock.outlines, LEFT, pos=BOX)
    assert overlays.outlines is None


def test_a_graph_is_chosen_with_its_unit(opened: Any, qtbot: Any) -> None:
    _, bench, dock = ready(opened, qtbot)
    assert not dock.radius.isVisible()
    assert not dock.neighbours.isVisible()
    for at, kind in enumerate([None, "knn", "radius", "delaunay", "grid"]):
        dock.graph_kind.setCurrentIndex(at)
        dock.graph_kind.activated.emit(at)
        assert dock.graph_kind.currentData() == kind
        assert dock.radius.isVisible() == (kind == "radius")
        assert dock.neighbours.isVisible() == (kind in ("knn", "grid"))
    dock.graph_kind.setCurrentIndex(2)
    dock.radius.setValue(35)
    assert dock.radius.text() == "35.00 µm"
    find(bench, dock, qtbot)
    assert bench.domain_controller.domains.provenance["graph"] == "radius of 35.0 um"
    dock.graph_kind.setCurrentIndex(3)
    dock.number_mode.setCurrentIndex(1)
    qtbot.mouseClick(dock.start, LEFT)
    qtbot.waitUntil(
        lambda: (
            bench.domain_controller.domains.provenance["graph"] == "delaunay" and bench.domain_controller.state == IDLE
        ),
        timeout=60_000,
    )
    assert list(bench.domain_controller.domains.solutions) == [7]  # those of another graph do not stand beside


def test_markers_and_adjacency_follow_the_domains(opened: Any, qtbot: Any) -> None:
    _, bench, dock = ready(opened, qtbot)
    find(bench, dock, qtbot)
    evidence = dock.evidence
    assert not evidence.marker_tree.isVisible()
    evidence.evidence_choice.setCurrentIndex(1)
    evidence.evidence_choice.activated.emit(1)
    qtbot.waitUntil(lambda: evidence.marker_tree.topLevelItemCount() > 0, timeout=30_000)
    domains = [evidence.marker_tree.topLevelItem(i).text(0) for i in range(evidence.marker_tree.topLevelItemCount())]
    assert list(dict.fromkeys(domains)) == list(bench.domain_controller.segmentation.names)
    assert evidence.marker_tree.topLevelItem(0).text(2) == "measured"
    click_domain(dock, 1, qtbot)
    assert {evidence.marker_tree.topLevelItem(i).text(0) for i in range(evidence.marker_tree.topLevelItemCount())} == {
        "Domain 2"
    }
    item = evidence.marker_tree.topLevelItem(0)
    qtbot.mouseClick(evidence.marker_tree.viewport(), LEFT, pos=evidence.marker_tree.visualItemRect(item).center())
    assert bench.session.gene == item.text(1)
    evidence.evidence_choice.setCurrentIndex(2)
    evidence.evidence_choice.activated.emit(2)
    assert not evidence.marker_tree.isVisible()
    assert len(evidence.plot.ratios()) == 9
    qtbot.mouseClick(dock.undo, LEFT)
    bench.domain_controller.select_solution(2)
    qtbot.waitUntil(lambda: len(evidence.plot.ratios()) == 4, timeout=60_000)


def test_a_click_splits_a_domain_and_undo_joins_it(opened: Any, qtbot: Any) -> None:
    _, bench, dock = ready(opened, qtbot)
    find(bench, dock, qtbot)
    assert "one domain" in dock.split.toolTip()
    click_domain(dock, 0, qtbot)
    qtbot.mouseClick(dock.split, LEFT)
    assert bench.domain_controller.segmentation.names == ("Domain 1", "Domain 2", "Domain 3", "Domain 1.2")
    assert dock.number_label.text() == "4 domains (3 found)"
    qtbot.mouseClick(dock.undo, LEFT)
    assert bench.domain_controller.segmentation.n_domains == 3


def test_cancel_and_errors_are_told(opened: Any, qtbot: Any) -> None:
    _, bench, dock = ready(opened, qtbot, steps=500, seconds=0.02)
    qtbot.mouseClick(dock.start, LEFT)
    qtbot.waitUntil(lambda: dock.message.text().startswith("3 domains"), timeout=60_000)
    assert dock.progress_bar.maximum() == 500
    qtbot.mouseClick(dock.cancel, LEFT)
    qtbot.waitUntil(lambda: bench.domain_controller.state == IDLE, timeout=60_000)
    assert "Cancelled" in dock.message.text()
    assert bench.domain_controller.domains is None
    bench.domain_controller.search = fake_find(fail=ValueError("singular"))
    qtbot.mouseClick(dock.start, LEFT)
    qtbot.waitUntil(lambda: bench.domain_controller.state == IDLE and "singular" in dock.message.text(), timeout=60_000)


def test_another_section_takes_the_domains_away(opened: Any, qtbot: Any) -> None:
    viewer, bench, dock = ready(opened, qtbot)
    find(bench, dock, qtbot)
    bench.session.open_section(small_section(40, seed=3))
    assert bench.domain_controller.domains is None
    assert not dock.result_box.isVisible()
    assert [layer.name for layer in viewer.layers] == ["cell_type"]


def test_domains_are_saved(opened: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from anndata import read_h5ad
    from qtpy.QtWidgets import QFileDialog

    _, bench, dock = ready(opened, qtbot)
    find(bench, dock, qtbot)
    for name in ("out.h5ad", "out.geojson", "out.shapes.zarr"):
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, name=name: (str(tmp_path / name), ""))
        dock.save.click()
        qtbot.waitUntil(lambda name=name: str(tmp_path / name) in dock.message.text(), timeout=20_000)
    saved = read_h5ad(tmp_path / "out.h5ad")
    assert list(saved.obs["domain"].cat.categories) == list(bench.domain_controller.segmentation.names)
    assert set(saved.uns["domain_inclust"]["evidence"]) == {"domains", "adjacency", "markers"}
    assert (tmp_path / "out.shapes.zarr" / "shapes" / "domains").is_dir()


def test_the_true_search_in_the_window(opened: Any, qtbot: Any) -> None:
    viewer, bench, dock = opened
    bench.session.open_section(small_section(120))
    dock.tabs.setCurrentIndex(dock.titles.index("Domains"))
    dock.domains.method.setCurrentIndex(2)
    dock.domains.number_mode.setCurrentIndex(1)
    dock.domains.n_domains.setValue(3)
    qtbot.mouseClick(dock.domains.start, LEFT)
    qtbot.waitUntil(
        lambda: (
            bench.domain_controller.state == IDLE
            and (bench.domain_controller.domains is not None or bench.domain_controller.wrong)
        ),
        timeout=60_000,
    )
    assert bench.domain_controller.domains is not None, bench.domain_controller.message
    assert bench.canvas_controller.painter.overlays.domains in viewer.layers


def test_closing_while_searching_lets_everything_die(make_napari_viewer: Any, qtbot: Any) -> None:
    viewer = make_napari_viewer(show=True)
    plugin = viewer.window.add_plugin_dock_widget("napari-inclust", "inClust+")[1]
    bench = plugin.context
    bench.domain_controller.search = fake_find()
    bench.session.open_section(small_section())
    plugin.dock.domains.start.click()
    finding = weakref.proxy(bench.domain_controller)
    qtbot.waitUntil(lambda: finding.domains is not None)
    qtbot.waitUntil(lambda: finding.state == IDLE)
    bench.domain_controller.search = fake_find(steps=1000, seconds=0.02)
    plugin.dock.domains.start.click()
    thread = bench.domain_controller._worker._thread
    qtbot.waitUntil(thread.is_alive)
    gone = [
        weakref.ref(x)
        for x in (
            plugin,
            plugin.dock,
            plugin.dock.domains,
            bench,
            bench.domain_controller,
            bench.canvas_controller.painter.overlays,
        )
    ]
    del plugin, bench
    viewer.close()
    del viewer
    qtbot.wait(100)
    assert not thread.is_alive()
    assert still_there(gone, qtbot) == []


def test_a_key_switches_the_outlines(opened: Any, qtbot: Any) -> None:
    viewer, bench, dock = ready(opened, qtbot)
    find(bench, dock, qtbot)
    viewer.window._qt_viewer.canvas.native.setFocus()
    for on in (True, False):
        qtbot.keyClick(viewer.window._qt_viewer.canvas.native, Qt.Key.Key_O, Qt.KeyboardModifier.AltModifier)
        qtbot.waitUntil(
            lambda on=on: (bench.canvas_controller.painter.overlays.outlines is not None) == on, timeout=10_000
        )
        assert dock.outlines.isChecked() == on
