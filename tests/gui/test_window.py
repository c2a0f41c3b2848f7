"""Real clicks in a real viewer: load, train, paint; and the canvas shows the right colours."""

from __future__ import annotations

import gc
import sys
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari._qt.widgets.qt_progress_bar import QtLabeledProgressBar
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

from napari_inclust.data.section import Reference
from napari_inclust.errors import InclustError
from napari_inclust.gui.state.status import CRASHED, DONE, STOPPED
from napari_inclust.gui.widgets.gene_table import GENE, STAR
from napari_inclust.paint.layers import canvas

from .conftest import expected_colour, pixel_of, still_there
from .fakes import fake_steps, small_reference, small_section

LEFT = Qt.MouseButton.LeftButton


def write(folder: Path, **kwargs: Any) -> tuple[Path, Path]:
    """The small pair as files."""
    section, reference = folder / "section.h5ad", folder / "reference.h5ad"
    small_section(**kwargs).adata.write_h5ad(section)
    small_reference().adata.write_h5ad(reference)
    return section, reference


def click_gene(dock: Any, gene: str, qtbot: Any, column: int = GENE) -> None:
    """A click on a row of the table."""
    table = dock.genes.table
    index = dock.genes.model.index(dock.genes.model.row_of(gene), column)
    table.scrollTo(index)
    qtbot.wait(10)
    qtbot.mouseClick(table.viewport(), LEFT, pos=table.visualRect(index).center())


def show(dock: Any, tab: int, qtbot: Any) -> None:
    """A click on a tab."""
    bar = dock.tabs.tabBar()
    qtbot.mouseClick(bar, LEFT, pos=bar.tabRect(tab).center())
    qtbot.wait(20)
    assert dock.tabs.currentIndex() == tab


def load(dock: Any, bench: Any, folder: Path, qtbot: Any, **kwargs: Any) -> None:
    """Type both file names."""
    for field, path in zip((dock.data.section, dock.data.reference), write(folder, **kwargs), strict=True):
        qtbot.keyClicks(field.line_edit, str(path))
        qtbot.keyClick(field.line_edit, Qt.Key.Key_Return)
        qtbot.waitUntil(
            lambda: not bench.loading_controller.busy, timeout=10_000
        )  # one after the other: catch_warnings in a thread would disturb the filters here
    qtbot.waitUntil(lambda: bench.session.panel is not None, timeout=10_000)


def train(dock: Any, bench: Any, qtbot: Any) -> None:
    """Click Train and wait for the run."""
    show(dock, 1, qtbot)
    qtbot.mouseClick(dock.train.start, LEFT)
    qtbot.waitUntil(lambda: bench.session.run is not None, timeout=10_000)
    qtbot.waitUntil(
        lambda: bench.canvas_controller.painter.gene_layer() is not None, timeout=10_000
    )  # a finished run paints at once


def test_load_train_click_a_gene_paints_the_right_colours(opened: Any, qtbot: Any, tmp_path: Path) -> None:
    viewer, bench, dock = opened
    assert not dock.tabs.isTabEnabled(1)
    assert "section" in dock.tabs.tabToolTip(1).lower()
    load(dock, bench, tmp_path, qtbot)
    s = bench.session
    assert [layer.name for layer in viewer.layers] == ["cell_type"]  # painted as soon as it is open
    text = dock.data.summary.text()
    assert "60 cells" in text
    assert "<b>20</b> genes" in text  # shared and to impute
    assert "raw counts (detected)" in text
    assert dock.data.labels.currentData() == "cell_type"

    x, y = s.section.xy[7]
    types = viewer.layers["cell_type"]
    assert (
        np.abs(
            pixel_of(viewer, y, x, qtbot)
            - np.round(types.cell_categories.colours[types.cell_categories.codes[7]][:3] * 255)
        ).max()
        <= 3
    )

    train(dock, bench, qtbot)
    assert dock.tabs.currentIndex() == 2  # the first finished run shows its genes
    assert dock.train.loss_plot.curve_values("loss") == pytest.approx([1 / n + 0.3 for n in range(1, 6)])
    assert "Median held-out Pearson 0.350" in dock.train.status.text()

    qtbot.keyClicks(dock.genes.search, "gene30")
    assert dock.genes.model.rowCount() == 1
    click_gene(dock, "Gene30", qtbot)
    layer = bench.canvas_controller.painter.gene_layer()
    assert layer.name == "Gene30 · imputed (no score)"
    assert layer.metadata["kind"] == "imputed"
    for row in (0, 25, 59):
        x, y = s.section.xy[row]
        assert (
            np.abs(pixel_of(viewer, y, x, qtbot) - expected_colour(layer, s.run.impute("Gene30").values[row])).max()
            <= 3
        )
    outside = pixel_of(viewer, -300.0, -300.0, qtbot)
    assert outside.max() == 0  # no cell: not painted as zero
    assert str(layer.units[0]) == "micrometer"
    assert canvas.scale_bar(viewer).visible
    assert layer.colorbar.visible


def test_measured_beside_imputed_has_equal_limits_in_linked_views(opened: Any, qtbot: Any, tmp_path: Path) -> None:
    viewer, bench, dock = opened
    load(dock, bench, tmp_path, qtbot)
    train(dock, bench, qtbot)
    click_gene(dock, "Gene10", qtbot)
    assert bench.canvas_controller.painter.gene_layer().name == "Gene10 · measured"
    assert dock.genes.compare_view.view_buttons["measured"].isChecked()
    qtbot.mouseClick(dock.genes.compare_view.view_buttons["imputed"], LEFT)
    assert bench.canvas_controller.painter.gene_layer().name.startswith("Gene10 · imputed, held out (score ")
    qtbot.mouseClick(dock.genes.compare_view.view_buttons["side by side"], LEFT)
    left, right = bench.canvas_controller.painter.gene_layer(0), bench.canvas_controller.painter.gene_layer(1)
    assert left.name == "Gene10 · measured"
    assert left.contrast_limits == right.contrast_limits
    assert canvas.grid(viewer).enabled
    left.contrast_limits = (0.5, 1.5)  # the user moves one slider
    assert tuple(right.contrast_limits) == (0.5, 1.5)
    assert dock.genes.look.reset.isEnabled()
    click_gene(dock, "Gene11", qtbot)
    assert tuple(left.contrast_limits) != (0.5, 1.5)
    click_gene(dock, "Gene10", qtbot)
    assert tuple(left.contrast_limits) == (0.5, 1.5)  # kept for its gene
    qtbot.mouseClick(dock.genes.look.reset, LEFT)
    assert tuple(left.contrast_limits) != (0.5, 1.5)
    equal = tuple(left.contrast_limits)
    dock.genes.look.separate_limits.click()
    values = [layer.cell_values.values for layer in (left, right)]
    assert [layer.contrast_limits[1] for layer in (left, right)] == pytest.approx(
        [np.percentile(v, 99) for v in values], rel=1e-4
    )
    right.contrast_limits = (0.1, 0.3)  # by hand, of the imputed values alone
    assert tuple(right.contrast_limits) == (0.1, 0.3)
    assert left.contrast_limits[1] == pytest.approx(np.percentile(values[0], 99), rel=1e-4)
    qtbot.mouseClick(dock.genes.look.reset, LEFT)
    assert right.contrast_limits[1] == pytest.approx(np.percentile(values[1], 99), rel=1e-4)
    dock.genes.look.separate_limits.click()
    assert tuple(left.contrast_limits) == tuple(right.contrast_limits) == pytest.approx(equal)
    whole = canvas.camera(viewer).zoom
    click_gene(dock, "Gene1", qtbot)  # the reference lacks it
    assert not canvas.grid(viewer).enabled
    assert canvas.camera(viewer).zoom > 1.2 * whole  # the tissue fills the canvas again
    assert sys.getswitchinterval() > 0.004
    assert not dock.genes.compare_view.view_buttons["imputed"].isEnabled()
    assert "reference lacks Gene1" in dock.genes.compare_view.view_buttons["imputed"].toolTip()


def test_hovering_tells_cell_type_value_and_that_it_is_imputed(opened: Any, qtbot: Any, tmp_path: Path) -> None:
    viewer, bench, dock = opened
    load(dock, bench, tmp_path, qtbot)
    train(dock, bench, qtbot)
    click_gene(dock, "Gene30", qtbot)
    qtbot.waitUntil(
        lambda: (
            bench.reliability_controller.gene_interval is not None
            and bench.reliability_controller.gene_interval.imputed.name == "Gene30"
        ),
        timeout=5000,
    )
    x, y = bench.session.section.xy[4]
    viewer.cursor.position = (y, x)
    for move in viewer.mouse_move_callbacks:
        move(viewer, None)
    text = dock.genes.hover_label.text()
    value = bench.session.run.impute("Gene30").values[4]
    assert (
        text
        == f"cell_4 · glia · Gene30 {value:.2f} ± 0.25 (90 % interval {value - 0.5:.2f} to {value + 1:.2f}) log-normalised, IMPUTED (no score)"
    )
    assert bench.canvas_controller.painter.gene_layer().get_status((y, x), world=True)["value"] == text
    viewer.cursor.position = (-500.0, -500.0)
    for move in viewer.mouse_move_callbacks:
        move(viewer, None)
    assert "Point at a cell" in dock.genes.hover_label.text()


def test_keys_step_through_the_table_and_switch_views(opened: Any, qtbot: Any, tmp_path: Path) -> None:
    viewer, bench, dock = opened
    load(dock, bench, tmp_path, qtbot)
    train(dock, bench, qtbot)
    click_gene(dock, "Gene10", qtbot)
    before = dock.genes.model.row_of("Gene10")
    keys = {str(k): f for k, f in viewer.keymap.items()}
    press = lambda name: next(f for k, f in keys.items() if k.lower().replace("arrow", "") == name)(viewer)  # noqa: E731
    press("alt+right")
    assert dock.genes.model.row_of(bench.session.gene) == before + 1
    assert dock.genes.table.currentIndex().row() == before + 1
    press("alt+left")
    press("alt+m")
    assert bench.session.gene == "Gene10"
    assert bench.session.view == "imputed"
    press("alt+b")
    assert canvas.grid(viewer).enabled
    press("alt+s")
    assert bench.session.starred_genes == {"Gene10"}
    click_gene(dock, "Gene12", qtbot, STAR)
    dock.genes.kind_filter.setCurrentIndex(3)
    dock.genes.kind_filter.activated.emit(3)
    assert dock.genes.model.rowCount() == 2


def test_cancel_keeps_nothing_and_resume_goes_on(opened: Any, qtbot: Any, tmp_path: Path) -> None:
    viewer, bench, dock = opened
    load(dock, bench, tmp_path, qtbot)
    bench.training_controller.train = fake_steps(epochs=30, seconds=0.15)
    show(dock, 1, qtbot)
    assert not dock.train.resume.isEnabled()
    qtbot.mouseClick(dock.train.start, LEFT)
    assert not dock.train.start.isEnabled()
    qtbot.waitUntil(lambda: len(bench.training_controller.history) >= 2)
    assert "left" in dock.train.status.text()
    qtbot.waitUntil(
        lambda: bench.training_activity.bar is not None and bench.training_activity.bar.n >= 1, timeout=20_000
    )
    (bar,) = viewer.window._qt_window._activity_dialog.findChildren(QtLabeledProgressBar)
    assert "inClust+ training" in bar.description_label.text()
    assert bar.qt_progress_bar.maximum() == 30
    assert bar.qt_progress_bar.value() == bench.training_activity.bar.n
    (turning,) = [
        label.movie()
        for label in viewer.window._qt_window.statusBar().findChildren(QLabel)
        if label.movie() is not None
    ]
    assert turning.speed() == 10  # else its frames slow the training by a fifth
    qtbot.mouseClick(dock.train.cancel, LEFT)
    qtbot.waitUntil(lambda: bench.training_controller.state == STOPPED)
    qtbot.waitUntil(lambda: bench.training_activity.bar is None, timeout=20_000)
    assert bench.session.run is None
    assert dock.train.status.text().startswith("Cancelled after")
    assert "No result was made" in dock.train.status.text()
    done = len(bench.training_controller.history)
    qtbot.mouseClick(dock.train.resume, LEFT)
    qtbot.waitUntil(lambda: bench.training_controller.state == DONE, timeout=10_000)
    assert [e.number for e in bench.training_controller.history if e.stage == "training"] == [
        *range(1, done + 1),
        *range(done + 1, 31),
    ]
    assert bench.session.run is not None


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (InclustError("the loss is not a number. Use a lower learning_rate."), "lower learning_rate"),
        (MemoryError(), "fewer members"),
        (ValueError("boom"), "preset 'fast'"),
    ],
)
def test_a_crash_in_training_says_what_to_do(
    opened: Any, qtbot: Any, tmp_path: Path, error: Exception, words: str
) -> None:
    from napari.utils.notifications import notification_manager

    _, bench, dock = opened
    load(dock, bench, tmp_path, qtbot)
    bench.training_controller.train = fake_steps(fail=error)
    show(dock, 1, qtbot)
    qtbot.mouseClick(dock.train.start, LEFT)
    qtbot.waitUntil(lambda: bench.training_controller.state == CRASHED)
    assert words in dock.train.message.text()
    assert any(words in n.message for n in notification_manager.records)
    assert dock.train.start.isEnabled()


def test_a_bad_file_is_refused_inline_and_as_notification(opened: Any, qtbot: Any, tmp_path: Path) -> None:
    from napari.utils.notifications import notification_manager

    _, bench, dock = opened
    bad = tmp_path / "broken.h5ad"
    bad.write_bytes(b"not hdf5")
    qtbot.keyClicks(dock.data.section.line_edit, str(bad))
    qtbot.keyClick(dock.data.section.line_edit, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(bench.loading_controller.error_messages))
    assert "cannot be read as AnnData" in dock.data.message.text()
    assert any("cannot be read as AnnData" in n.message for n in notification_manager.records)
    assert bench.session.section is None


def test_sets_without_shared_genes_cannot_train(opened: Any, qtbot: Any) -> None:
    _, bench, dock = opened
    other = small_reference().adata.copy()
    other.var_names = [f"Other{i}" for i in range(other.n_vars)]
    reference = Reference.from_adata(other)
    bench.session.open_section(small_section())
    bench.session.open_reference(reference)
    assert "share 0 genes" in dock.data.message.text()
    assert not dock.tabs.isTabEnabled(1)
    assert dock.tabs.tabToolTip(1) == bench.session.panel_error


def test_a_removed_layer_does_not_break_the_next_paint(opened: Any, qtbot: Any) -> None:
    viewer, bench, _ = opened
    bench.session.open_section(small_section())
    bench.session.select_gene("Gene1")
    viewer.layers.clear()
    bench.session.select_gene("Gene2")
    assert [layer.name for layer in viewer.layers] == ["Gene2 · measured"]
    bench.session.set_cell_categories(bench.session.cell_categories)
    assert {layer.name for layer in viewer.layers} == {"Gene2 · measured", "cell_type"}
    bench.session.open_section(small_section(40, seed=3))
    assert [layer.name for layer in viewer.layers] == ["cell_type"]


def test_another_section_while_training_drops_the_old_run(opened: Any, qtbot: Any, tmp_path: Path) -> None:
    _, bench, dock = opened
    load(dock, bench, tmp_path, qtbot)
    bench.training_controller.train = fake_steps(epochs=4, seconds=0.05)
    show(dock, 1, qtbot)
    qtbot.mouseClick(dock.train.start, LEFT)
    bench.session.open_section(small_section(30, name="other"))
    qtbot.waitUntil(lambda: bench.training_controller.state == DONE)
    assert bench.session.run is None


def test_closing_the_viewer_stops_training_and_everything_dies(make_napari_viewer: Any, qtbot: Any) -> None:
    viewer = make_napari_viewer(show=True)
    plugin = viewer.window.add_plugin_dock_widget("napari-inclust", "inClust+")[1]
    bench = plugin.context
    bench.training_controller.train = fake_steps(epochs=1000, seconds=0.02)
    bench.session.open_section(small_section())
    bench.session.open_reference(small_reference())
    bench.session.select_gene("Gene1")
    plugin.dock.train.start.click()
    training = weakref.proxy(bench.training_controller)
    qtbot.waitUntil(lambda: len(training.history) > 1)
    thread = bench.training_controller._worker._thread
    gone = [
        weakref.ref(x)
        for x in (
            plugin,
            plugin.dock,
            plugin.dock.genes,
            bench,
            bench.session,
            bench.training_controller._worker,
            bench.canvas_controller.painter,
        )
    ]
    del plugin, bench
    viewer.close()
    del viewer
    qtbot.wait(100)
    assert not thread.is_alive()
    assert still_there(gone, qtbot) == []


def test_a_closed_dock_lets_go_and_opens_again(viewer: Any, qtbot: Any) -> None:
    docked, plugin = viewer.window.add_plugin_dock_widget("napari-inclust", "Genes")
    bench = plugin.context
    bench.session.open_section(small_section())
    gone = weakref.ref(plugin.dock)
    viewer.window.remove_dock_widget(docked)
    del docked, plugin
    qtbot.wait(50)
    gc.collect()
    bench.session.select_gene("Gene3")  # nobody is left who would break
    qtbot.wait(20)
    gc.collect()
    assert gone() is None
    _, plugin = viewer.window.add_plugin_dock_widget("napari-inclust", "Genes")
    assert plugin.context is bench
    assert plugin.dock.table.currentIndex().row() == plugin.dock.model.row_of("Gene3")


def test_the_legend_names_and_hides_categories(opened: Any, qtbot: Any) -> None:
    viewer, bench, dock = opened
    bench.session.open_section(small_section())
    legend = dock.cells.legend
    assert [legend.item(i).text() for i in range(3)] == ["glia  (20 cells)", "neuron  (20 cells)", "vessel  (20 cells)"]
    x, y = bench.session.section.xy[1]  # glia
    assert pixel_of(viewer, y, x, qtbot).max() > 0
    legend.item(0).setCheckState(Qt.CheckState.Unchecked)
    assert pixel_of(viewer, y, x, qtbot).max() == 0
    legend.itemDoubleClicked.emit(legend.item(0))
    assert pixel_of(viewer, y, x, qtbot).max() > 0
    assert pixel_of(viewer, *bench.session.section.xy[0][::-1], qtbot).max() == 0
