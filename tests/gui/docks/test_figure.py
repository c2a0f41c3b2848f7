"""The Figure dock: what is drawn, where it is written, what is refused."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from ..conftest import still_there
from ..fakes import FakeRun, small_reference, small_section

LEFT = Qt.MouseButton.LeftButton


def pick(box: Any, data: Any) -> None:
    box.setCurrentIndex(box.findData(data))
    box.activated.emit(box.currentIndex())


@pytest.fixture
def figure(opened: Any, qtbot: Any) -> Any:
    """Viewer, bench and the Figure dock with a fake run."""
    viewer, bench, dock = opened
    bench.session.open_section(small_section())
    bench.session.open_reference(small_reference())
    bench.session.add_run(FakeRun(bench.session.section, bench.session.reference))
    dock.tabs.setCurrentIndex(dock.titles.index("Figure"))
    return viewer, bench, dock.figure


def save(bench: Any, dock: Any, path: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(path), "SVG (*.svg)"))
    qtbot.mouseClick(dock.save, LEFT)
    qtbot.waitUntil(lambda: not bench.figure_controller.busy, timeout=20_000)
    return str(dock.message.text())


def test_a_list_of_genes_becomes_one_figure(
    figure: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, bench, dock = figure
    pick(dock.content, "list")
    assert not dock.save.isEnabled()
    assert "Type the names" in dock.save.toolTip()
    qtbot.keyClicks(dock.genes, "gene10, Gene31")
    dock.dpi.setValue(60)
    said = save(bench, dock, tmp_path / "genes", qtbot, monkeypatch)
    assert said == f"The figure with 3 pictures is in {tmp_path / 'genes.svg'}."
    text = (tmp_path / "genes.svg").read_text()
    assert text.count("imputed, held out (score") == 1
    assert "measured" in text
    assert "imputed (" in text
    assert "µm" in text
    assert "log-normalised" in text


def test_what_is_shown_with_its_limits_and_the_preview(
    figure: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_inclust.gui.controllers.figures import make_panes

    _, bench, dock = figure
    s = bench.session
    s.set_view("measured")
    s.select_gene("Gene10")
    s.look.set_manual_limits(s.displayed_values()[0], 0.25, 0.75)
    assert make_panes(s, dock.figure_options())[0].colour_bar == ("viridis", 0.25, 0.75, "log-normalised")
    qtbot.mouseClick(dock.preview, LEFT)
    qtbot.waitUntil(lambda: not dock.preview_image.pixmap().isNull(), timeout=20_000)
    assert dock.preview_image.pixmap().width() > 150
    s.set_view("difference")
    assert make_panes(s, dock.figure_options())[0].title.startswith("Gene10 difference\nimputed - measured")
    pick(dock.content, "cell types")
    assert "3 pictures" not in save(bench, dock, tmp_path / "types.png", qtbot, monkeypatch)
    assert (tmp_path / "types.png").read_bytes()[:4] == b"\x89PNG"


def test_blend_stars_and_what_cannot_be_drawn(
    figure: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, bench, dock = figure
    pick(dock.content, "blend")
    assert "The blend is empty" in dock.save.toolTip()
    bench.session.set_view("measured")
    bench.session.select_gene("Gene10")
    bench.gene_controller.toggle_blend_channel("green")
    assert dock.save.isEnabled()
    pick(dock.content, "stars")
    assert "No gene has a star" in dock.preview.toolTip()
    bench.session.toggle_star("Gene5")
    assert dock.figure_options().genes == ("Gene5",)
    pick(dock.content, "list")
    qtbot.keyClicks(dock.genes, "Nothing")
    assert "Nothing can be neither" in save(bench, dock, tmp_path / "a.pdf", qtbot, monkeypatch)
    assert list(tmp_path.iterdir()) == []
    said = save(bench, dock, tmp_path / "absent" / "a.pdf", qtbot, monkeypatch)
    assert "does not exist" in said
    assert np.array(bench.figure_controller.is_error)


def test_closing_while_a_figure_is_drawn_lets_everything_die(make_napari_viewer: Any, qtbot: Any) -> None:
    viewer = make_napari_viewer(show=True)
    plugin = viewer.window.add_plugin_dock_widget("napari-inclust", "inClust+")[1]
    bench, dock = plugin.context, plugin.dock
    bench.session.open_section(small_section())
    bench.session.open_reference(small_reference())
    bench.session.add_run(FakeRun(bench.session.section, bench.session.reference))
    bench.session.set_view("measured")
    bench.session.select_gene("Gene10")
    dock.genes.gene_sets.toggleButton().click()
    dock.genes.gene_sets.gene_text.setPlainText("Gene5, Gene6")
    dock.genes.gene_sets.paint_score.click()
    dock.train.runs_view.toggleButton().click()
    dock.genes.compare_view.flicker.click()
    dock.figure.preview.click()
    gone = [
        weakref.ref(x)
        for x in (
            plugin,
            dock,
            dock.genes,
            dock.figure,
            dock.train,
            bench,
            bench.session,
            bench.figure_controller,
            bench.session_io,
            bench.canvas_controller.painter,
        )
    ]
    del plugin, bench, dock
    viewer.close()
    del viewer
    qtbot.wait(200)
    assert still_there(gone, qtbot) == []
