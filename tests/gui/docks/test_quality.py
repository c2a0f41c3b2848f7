"""The Quality dock in a real viewer: scores true and foreseen, intervals, scatter, uncertainty, faded cells."""

from __future__ import annotations

import time
import weakref
from typing import Any

import numpy as np
from qtpy.QtCore import Qt

from napari_inclust.gui.controllers.reliability_controller import UNCERTAINTY_INTERVAL_WIDTH, UNCERTAINTY_SPREAD
from napari_inclust.gui.widgets.gene_table import SCORE

from ..conftest import expected_colour, pixel_of, still_there
from ..fakes import FakeRun, small_reference, small_section

LEFT = Qt.MouseButton.LeftButton


def ready(opened: Any, qtbot: Any) -> tuple[Any, Any, Any]:
    """The Quality tab with a fake run."""
    viewer, bench, dock = opened
    bench.session.open_section(small_section())
    bench.session.open_reference(small_reference())
    i = dock.titles.index("Quality")
    assert not dock.tabs.isTabEnabled(i)
    assert "Train first" in dock.tabs.tabToolTip(i)
    bench.session.add_run(FakeRun(bench.session.section, bench.session.reference))
    qtbot.mouseClick(dock.tabs.tabBar(), LEFT, pos=dock.tabs.tabBar().tabRect(i).center())
    assert dock.tabs.currentIndex() == i
    qtbot.waitUntil(lambda: bench.reliability_controller.cell_reliability is not None, timeout=10_000)
    return viewer, bench, dock.quality


def click_gene(dock: Any, gene: str, qtbot: Any) -> None:
    index = dock.model.index(dock.model.row_of(gene), 0)
    dock.table.scrollTo(index)
    qtbot.wait(10)
    qtbot.mouseClick(dock.table.viewport(), LEFT, pos=dock.table.visualRect(index).center())


def row(dock: Any, gene: str) -> list[str]:
    r = dock.model.row_of(gene)
    return [dock.model.data(dock.model.index(r, c)) for c in range(dock.model.columnCount())]


def known(bench: Any, gene: str, qtbot: Any) -> None:
    qtbot.waitUntil(
        lambda: (
            bench.reliability_controller.gene_interval is not None
            and bench.reliability_controller.gene_interval.imputed.name == gene
        ),
        timeout=5000,
    )


def test_true_and_foreseen_scores_are_told_apart(opened: Any, qtbot: Any) -> None:
    _, bench, dock = ready(opened, qtbot)
    foreseen = bench.reliability_controller.gene_reliability.table["predicted_pcc"]
    assert row(dock, "Gene4") == ["Gene4", "measured", "-0.20", "0.20", "0.10", "-", ""]
    assert row(dock, "Gene31")[1:4] == ["imputed", f"~{foreseen['Gene31']:.2f}", "-"]
    assert row(dock, "Gene30")[2] == "not predicted"
    assert [row(dock, g)[5] for g in ("Gene30", "Gene31")] == ["~0.30", "~0.30 !"]
    assert row(dock, "Gene30")[6] == "not predicted: unlike the scored genes in: detection"
    assert "mean error 0.08, rank correlation 0.66" in dock.summary.text()
    dock.model.sort(dock.model.columns.index(SCORE), Qt.SortOrder.DescendingOrder)
    scores = [float(dock.model.data(dock.model.index(r, 2)).lstrip("~")) for r in range(25)]
    assert scores == sorted(scores, reverse=True)
    qtbot.keyClicks(dock.search, "gene31")
    assert dock.model.rowCount() == 1


def test_the_genes_table_and_the_layer_carry_the_foreseen_score(opened: Any, qtbot: Any) -> None:
    _, bench, dock = ready(opened, qtbot)
    genes = opened[2].genes
    r = genes.model.row_of("Gene31")
    text = genes.model.data(genes.model.index(r, SCORE))
    assert text.startswith("~0.")
    click_gene(dock, "Gene31", qtbot)
    layer = bench.canvas_controller.painter.gene_layer()
    assert layer.name == f"Gene31 · imputed (predicted score {text})"
    assert layer.contrast_limits[0] == 0


def test_a_click_paints_and_scatters_measured_against_imputed(opened: Any, qtbot: Any) -> None:
    _, bench, dock = ready(opened, qtbot)
    click_gene(dock, "Gene10", qtbot)
    assert bench.canvas_controller.painter.gene_layer().cell_values.name == "Gene10"
    known(bench, "Gene10", qtbot)
    assert dock.scatter_plot.isVisible()
    assert dock.scatter_plot.point_count() == 60
    assert "held out (score" in dock.gene_message.text()
    click_gene(dock, "Gene31", qtbot)
    known(bench, "Gene31", qtbot)
    assert not dock.scatter_plot.isVisible()
    assert "was not measured" in dock.gene_message.text()


def test_calibration_by_stratum(opened: Any, qtbot: Any) -> None:
    _, bench, dock = ready(opened, qtbot)
    text = dock.calibration_label.text()
    assert "90.2 % of 24,000 held-out values lie inside their 90 % interval" in text
    assert text.count("<tr>") == 5
    assert "91.0 %" in text
    assert dock.calibration_plot is None
    qtbot.mouseClick(dock.calibration_box.toggleButton(), LEFT)
    assert sorted(dock.calibration_plot.drawn_coverage()[:, 1]) == sorted(
        bench.reliability_controller.calibration.coverage["coverage"][1:]
    )
    assert dock.calibration_plot.isVisible()


def test_uncertainty_is_a_layer_of_its_own(opened: Any, qtbot: Any) -> None:
    viewer, bench, dock = ready(opened, qtbot)
    click_gene(dock, "Gene31", qtbot)
    known(bench, "Gene31", qtbot)
    for what, value in ((UNCERTAINTY_SPREAD, 0.25), (UNCERTAINTY_INTERVAL_WIDTH, 1.5)):
        at = dock.uncertainty.findData(what)
        dock.uncertainty.setCurrentIndex(at)
        dock.uncertainty.activated.emit(at)
        layer = bench.canvas_controller.painter.overlays.uncertainty
        assert layer in viewer.layers
        assert dock.uncertainty.currentText() in layer.name
        assert np.allclose(layer.cell_values.values, value)
    click_gene(dock, "Gene32", qtbot)
    known(bench, "Gene32", qtbot)
    assert layer.name == "Gene32 · width of the 90 % interval"
    dock.uncertainty.setCurrentIndex(0)
    dock.uncertainty.activated.emit(0)
    assert bench.canvas_controller.painter.overlays.uncertainty is None
    assert layer not in viewer.layers


def test_cells_below_the_trust_are_grey(opened: Any, qtbot: Any) -> None:
    viewer, bench, dock = ready(opened, qtbot)
    click_gene(dock, "Gene31", qtbot)
    layer, xy = bench.canvas_controller.painter.gene_layer(), bench.session.section.xy
    dock.fade_below.setValue(50)
    assert "30 of 60 cells faded" in dock.faded_label.text()
    doubtful, trusted = pixel_of(viewer, xy[3, 1], xy[3, 0], qtbot), pixel_of(viewer, xy[50, 1], xy[50, 0], qtbot)
    assert np.ptp(doubtful) <= 3
    assert 20 < doubtful.max() < 90  # grey, and not nothing
    assert np.abs(trusted - expected_colour(layer, layer.cell_values.values[50])).max() <= 3
    bench.session.set_view("side by side")
    click_gene(dock, "Gene10", qtbot)
    assert bench.canvas_controller.painter.overlays.grey_layer is None
    dock.fade_below.setValue(0)
    click_gene(dock, "Gene31", qtbot)
    layer = bench.canvas_controller.painter.gene_layer()
    assert (
        np.abs(pixel_of(viewer, xy[3, 1], xy[3, 0], qtbot) - expected_colour(layer, layer.cell_values.values[3])).max()
        <= 3
    )


def test_cells_are_faded_by_the_width_of_their_interval(opened: Any, qtbot: Any) -> None:
    _, bench, dock = ready(opened, qtbot)
    bench.session.run.interval = lambda imputed: (
        imputed.values - np.linspace(0, 1, 60, dtype=np.float32),
        imputed.values,
    )
    click_gene(dock, "Gene31", qtbot)
    known(bench, "Gene31", qtbot)
    dock.fade_below.setValue(50)
    assert "trust 0.50" in dock.faded_label.text()
    at = dock.fade_by.findData("value")
    dock.fade_by.setCurrentIndex(at)
    dock.fade_by.activated.emit(at)
    assert dock.faded_label.text() == "sureness 0.50: 30 of 60 cells faded"
    assert bench.reliability_controller.faded_cells()[30:].all()
    bench.session.run.interval = lambda imputed: (imputed.values - 1, imputed.values)
    click_gene(dock, "Gene32", qtbot)
    known(bench, "Gene32", qtbot)
    assert dock.faded_label.text() == "sureness 0.50: 60 of 60 cells faded"
    bench.session.select_gene("Gene2")  # measured in the section alone: it has no interval
    qtbot.waitUntil(lambda: bench.reliability_controller.gene_interval is None, timeout=5000)
    assert dock.faded_label.text() == "no cell is faded: the interval of the gene is not known"


def test_a_failing_judgement_is_told_and_breaks_nothing(opened: Any, qtbot: Any, monkeypatch: Any) -> None:
    _, bench, dock = opened
    monkeypatch.setattr(FakeRun, "calibration", property(lambda self: 1 / 0))
    bench.session.open_section(small_section())
    bench.session.open_reference(small_reference())
    bench.session.add_run(FakeRun(bench.session.section, bench.session.reference))
    qtbot.waitUntil(lambda: bench.reliability_controller.is_error, timeout=5000)
    assert "ZeroDivisionError" in dock.quality.message.text()
    assert not dock.quality.fade_below.isEnabled()
    assert bench.canvas_controller.painter.gene_layer() is not None


def test_a_new_run_forgets_the_old_trust_and_closing_frees_everything(
    make_napari_viewer: Any, qtbot: Any, monkeypatch: Any
) -> None:
    viewer = make_napari_viewer(show=True)
    plugin = viewer.window.add_plugin_dock_widget("napari-inclust", "Quality")[1]
    bench = plugin.context
    bench.session.open_section(small_section())
    bench.session.open_reference(small_reference())
    bench.session.add_run(FakeRun(bench.session.section, bench.session.reference))
    judging = weakref.proxy(bench.reliability_controller)
    qtbot.waitUntil(lambda: judging.cell_reliability is not None)
    monkeypatch.setattr(FakeRun, "gene_trust", property(lambda self: time.sleep(0.3)))
    bench.session.add_run(FakeRun(bench.session.section, bench.session.reference))
    assert bench.reliability_controller.gene_reliability is None
    assert bench.session.predicted_scores is None
    gone = [weakref.ref(x) for x in (plugin, bench, bench.reliability_controller, bench.session)]
    del plugin, bench
    viewer.close()
    del viewer
    qtbot.wait(400)
    assert still_there(gone, qtbot) == []
