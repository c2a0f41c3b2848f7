"""The Genes dock in a real viewer: swipe, flicker, difference, scale, threshold, completion, recent genes, gene sets; colours on the canvas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_inclust.paint.layers import canvas
from napari_inclust.paint.values import NORMALISED_COUNTS

from ..conftest import expected_colour, pixel_of
from ..fakes import FakeRun, small_reference, small_section
from ..mouse import at, drag

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def genes(opened: Any, qtbot: Any) -> Any:
    """Viewer, bench and the Genes dock with a fake run; Gene10 (measured and imputed) is shown."""
    viewer, bench, dock = opened
    bench.session.open_section(small_section())
    bench.session.open_reference(small_reference())
    bench.session.add_run(FakeRun(bench.session.section, bench.session.reference))
    dock.tabs.setCurrentIndex(dock.titles.index("Genes"))
    bench.session.select_gene("Gene10")
    qtbot.waitUntil(
        lambda: layer_of(bench) is not None and layer_of(bench).cell_values.name == "Gene10", timeout=30_000
    )
    return viewer, bench, dock.genes


def layer_of(bench: Any) -> Any:
    return bench.canvas_controller.painter.gene_layer()


def view(bench: Any, dock: Any, name: str, qtbot: Any) -> Any:
    """Click a view, and wait until it is painted."""
    qtbot.mouseClick(dock.compare_view.view_buttons[name], LEFT)
    qtbot.waitUntil(
        lambda: bench.session.effective_view == name and not bench.session.needs_imputation and not dock.message.text(),
        timeout=30_000,
    )
    return layer_of(bench)


def seen(viewer: Any, bench: Any, row: int, qtbot: Any) -> np.ndarray:
    x, y = bench.session.section.xy[row]
    return pixel_of(viewer, y, x, qtbot)


def test_swipe_shows_measured_left_and_imputed_right_with_equal_limits(genes: Any, qtbot: Any) -> None:
    viewer, bench, dock = genes
    s = bench.session
    assert not dock.compare_view.swipe_controls.isVisible()
    layer = view(bench, dock, "swipe", qtbot)
    assert dock.compare_view.swipe_controls.isVisible()
    assert layer.name.startswith("Gene10 · measured | imputed, held out (score ")
    measured, imputed = s.run.measured("Gene10"), s.run.impute("Gene10").values
    assert tuple(layer.contrast_limits) == (
        0.0,
        pytest.approx(max(np.percentile(measured, 99), np.percentile(imputed, 99)), rel=1e-4),
    )
    left, right = 0, 7  # first and last column of the grid of eight
    for row, values, mark in ((left, measured, "measured"), (right, imputed, "IMPUTED")):
        assert np.abs(seen(viewer, bench, row, qtbot) - expected_colour(layer, values[row])).max() <= 3
        assert mark in bench.canvas_controller.painter.cell_text(*s.section.xy[row][::-1])
    dock.compare_view.divider.setValue(100)
    assert np.abs(seen(viewer, bench, right, qtbot) - expected_colour(layer, measured[right])).max() <= 3
    assert layer.name == "Gene10 · measured"
    s.toggle_view()
    assert layer.name.startswith("Gene10 · imputed, held out")
    assert np.allclose(layer.cell_values.values, imputed)


def test_the_line_of_the_swipe_is_drawn_and_dragged(genes: Any, qtbot: Any) -> None:
    viewer, bench, dock = genes
    s = bench.session
    assert bench.canvas_controller.painter.overlays.swipe_line is None
    view(bench, dock, "swipe", qtbot)
    viewer.reset_view()
    qtbot.wait(50)
    line = bench.canvas_controller.painter.overlays.swipe_line
    assert line.name == "measured | imputed"
    assert line.data[0, 0, 1] == s.divider_x == pytest.approx(70)  # half of eight columns, 20 um apart
    shot = viewer.screenshot(canvas_only=True, flash=False)
    place = at(viewer, -30, 70)
    bright = np.flatnonzero(shot[place.y(), :, :3].astype(int).max(1) > 150)  # of a row of pixels above the cells
    assert abs(int(bright[np.abs(bright - place.x()) < 100].mean()) - place.x()) <= 3  # farther away is the colour bar
    centre = canvas.camera(viewer).center
    drag(viewer, [(60, 70), (60, 105)], qtbot)
    assert s.divider_fraction == pytest.approx(0.75, abs=0.03)
    assert canvas.camera(viewer).center == centre  # the line moved, not the view
    assert bench.canvas_controller.painter.overlays.swipe_line.data[0, 0, 1] == pytest.approx(105, abs=4)
    assert dock.compare_view.divider.value() == round(100 * s.divider_fraction)
    column = [bench.canvas_controller.painter.cell_text(60, x) for x in (100, 120)]
    assert ["IMPUTED" in text for text in column] == [False, True]
    drag(viewer, [(60, 30), (60, 50)], qtbot)  # far from the line: the view moves as ever
    assert s.divider_fraction == pytest.approx(0.75, abs=0.03)
    assert canvas.camera(viewer).center != centre
    view(bench, dock, "measured", qtbot)
    assert bench.canvas_controller.painter.overlays.swipe_line is None


def test_flicker_changes_by_itself_and_stops(genes: Any, qtbot: Any) -> None:
    _, bench, dock = genes
    view(bench, dock, "imputed", qtbot)
    dock.compare_view._flicker_timer.setInterval(30)
    seen_names = set()
    qtbot.mouseClick(dock.compare_view.flicker, LEFT)
    qtbot.waitUntil(lambda: not seen_names.add(layer_of(bench).name) and len(seen_names) == 2, timeout=30_000)
    assert any(n == "Gene10 · measured" for n in seen_names)
    bench.session.select_gene("Gene31")  # not measured: nothing to flicker with
    qtbot.waitUntil(lambda: layer_of(bench).cell_values.name == "Gene31", timeout=30_000)
    assert not dock.compare_view.flicker.isChecked()
    assert not dock.compare_view._flicker_timer.isActive()
    assert not dock.compare_view.flicker.isEnabled()
    assert "was not measured" in dock.compare_view.view_buttons["difference"].toolTip()


def test_difference_diverges_around_zero(genes: Any, qtbot: Any) -> None:
    viewer, bench, dock = genes
    layer = view(bench, dock, "difference", qtbot)
    s = bench.session
    wanted = s.run.impute("Gene10").values - s.run.measured("Gene10")
    assert np.allclose(layer.cell_values.values, wanted)
    low, high = layer.contrast_limits
    assert low == -high
    assert layer.name.startswith("Gene10 difference · imputed - measured (score ")
    for row in (int(wanted.argmin()), int(wanted.argmax())):
        colour = seen(viewer, bench, row, qtbot)
        assert np.abs(colour - expected_colour(layer, wanted[row])).max() <= 3
        assert (colour[0] > colour[2]) == (wanted[row] > 0)  # red above zero, blue below
    assert layer.colormap.map(np.array([0.5]))[0, :3].min() > 0.9  # white where equal
    view(bench, dock, "measured", qtbot)
    assert layer.colormap.name == "viridis"


def test_without_the_logarithm_values_are_counts_and_limits_by_hand_stay(genes: Any, qtbot: Any) -> None:
    viewer, bench, dock = genes
    layer = view(bench, dock, "measured", qtbot)
    layer.contrast_limits = (0.5, 1.0)
    qtbot.mouseClick(dock.look.log, LEFT, pos=dock.look.log.rect().center() - dock.look.log.rect().topRight() / 4)
    if bench.session.look.log:
        dock.look.log.click()
    values = np.expm1(bench.session.run.measured("Gene10"))
    assert np.allclose(layer.cell_values.values, values, rtol=1e-5)
    assert tuple(layer.contrast_limits) == pytest.approx((np.expm1(0.5), np.expm1(1.0)))
    assert layer.cell_values.unit == NORMALISED_COUNTS
    assert np.abs(seen(viewer, bench, 5, qtbot) - expected_colour(layer, values[5])).max() <= 3
    layer.contrast_limits = (1.0, 2.0)
    dock.look.log.click()
    assert tuple(layer.contrast_limits) == pytest.approx((np.log1p(1.0), np.log1p(2.0)))


def test_a_threshold_greys_the_cells_below_and_belongs_to_its_gene(genes: Any, qtbot: Any) -> None:
    viewer, bench, dock = genes
    layer = view(bench, dock, "measured", qtbot)
    values = layer.cell_values.values
    least = float(np.median(values)) + 0.01
    dock.look.threshold.setValue(least)
    below, above = int(values.argmin()), int(values.argmax())
    assert np.ptp(seen(viewer, bench, below, qtbot)) <= 3
    assert np.abs(seen(viewer, bench, above, qtbot) - expected_colour(layer, values[above])).max() <= 3
    bench.session.select_gene("Gene11")
    assert dock.look.threshold.text() == "off"
    assert layer.threshold is None
    assert bench.canvas_controller.painter.overlays.grey_layer is None
    bench.session.select_gene("Gene10")
    assert layer.threshold == pytest.approx(dock.look.threshold.value(), abs=0.01)
    dock.look.threshold.setValue(dock.look.threshold.minimum())
    assert layer.threshold is None


def test_tab_completes_and_recent_genes_come_last_first(genes: Any, qtbot: Any) -> None:
    _, bench, dock = genes
    dock.search.setFocus()
    qtbot.keyClicks(dock.search, "gene3")
    qtbot.keyClick(dock.search, Qt.Key.Key_Tab)
    assert dock.search.text() == "Gene3"
    qtbot.keyClicks(dock.search, ", gene22")
    qtbot.keyClick(dock.search, Qt.Key.Key_Tab)
    assert dock.search.text() == "Gene3, Gene22"
    dock.search.clear()
    for gene in ("Gene5", "Gene7", "Gene5"):
        bench.session.select_gene(gene)
    dock.kind_filter.setCurrentIndex(dock.kind_filter.findData("recent"))
    dock.kind_filter.activated.emit(dock.kind_filter.currentIndex())
    assert [dock.model.gene_at(r) for r in range(3)] == ["Gene5", "Gene7", "Gene10"]


def test_a_pasted_gene_set_is_scored_and_marked(genes: Any, qtbot: Any) -> None:
    viewer, bench, dock = genes
    s = bench.session
    qtbot.mouseClick(dock.gene_sets.toggleButton(), LEFT)
    qtbot.wait(50)
    qtbot.keyClicks(dock.gene_sets.gene_text, "gene6, Gene31 Unknown")
    qtbot.keyClicks(dock.gene_sets.score_name, "mine")
    qtbot.mouseClick(dock.gene_sets.paint_score, LEFT)
    qtbot.waitUntil(lambda: s.gene_set_score is not None, timeout=30_000)
    layer = layer_of(bench)
    assert layer.name == "mine (set) · score of 2 genes, imputed (1 of them)"
    parts = [s.run.measured("Gene6"), s.run.impute("Gene31").values]
    wanted = np.mean([(p - p.mean()) / p.std() for p in parts], axis=0)
    assert np.allclose(layer.cell_values.values, wanted, atol=1e-4)
    assert "Not found: Unknown" in dock.gene_sets.message.text()
    assert "IMPUTED" in bench.canvas_controller.painter.cell_text(*s.section.xy[3][::-1])
    assert np.abs(seen(viewer, bench, 5, qtbot) - expected_colour(layer, wanted[5])).max() <= 3
    assert not dock.compare_view.view_buttons["imputed"].isEnabled()
    s.select_gene("Gene10")
    assert s.gene_set_score is None
    assert layer_of(bench).cell_values.name == "Gene10"
    qtbot.keyClick(dock.gene_sets.gene_text, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClicks(dock.gene_sets.gene_text, "Nothing")
    qtbot.mouseClick(dock.gene_sets.paint_score, LEFT)
    assert "None of the 1 genes" in dock.gene_sets.message.text()


def test_gene_sets_from_a_file(genes: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, bench, dock = genes
    path = tmp_path / "sets.gmt"
    path.write_text("ONE\tx\tGene5\tGene6\nTWO\tx\tGene7\n")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a, **k: (str(path), ""))
    qtbot.mouseClick(dock.gene_sets.toggleButton(), LEFT)
    qtbot.wait(50)
    qtbot.mouseClick(dock.gene_sets.open_gmt, LEFT)
    assert dock.gene_sets.gene_set_choice.currentData() == "ONE"
    assert dock.gene_sets.gene_text.toPlainText() == "Gene5, Gene6"
    qtbot.mouseClick(dock.gene_sets.paint_score, LEFT)
    qtbot.waitUntil(lambda: bench.session.gene_set_score is not None, timeout=30_000)
    assert layer_of(bench).name == "ONE (set) · score of 2 genes, measured"
    path.write_text("broken")
    qtbot.mouseClick(dock.gene_sets.open_gmt, LEFT)
    assert "line 1" in dock.gene_sets.message.text()


def test_uncertainty_as_opacity_fades_what_is_unsure(genes: Any, qtbot: Any) -> None:
    viewer, bench, dock = genes
    layer = view(bench, dock, "imputed", qtbot)
    qtbot.waitUntil(lambda: bench.reliability_controller.gene_interval is not None, timeout=30_000)
    about = bench.reliability_controller.gene_interval
    n = len(about.low)
    object.__setattr__(
        about, "high", about.low + np.linspace(0, 1, n, dtype=np.float32)
    )  # the fake's intervals are all as wide
    bench.reliability_controller.set_uncertainty("width", as_veil=True)
    veil = bench.canvas_controller.painter.overlays.uncertainty
    high = veil.contrast_limits[1]
    for row in (0, n // 2, n - 1):
        alpha = min(1.0, (row / (n - 1)) / high)
        wanted = expected_colour(layer, layer.cell_values.values[row]) * (
            1 - alpha
        )  # the canvas is black in the dark theme
        assert np.abs(seen(viewer, bench, row, qtbot) - wanted).max() <= 4
