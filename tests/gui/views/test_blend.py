"""Three genes as red, green and blue: the canvas shows the mixture."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_inclust.paint.raster.pyramids import LookupLevel
from napari_inclust.paint.values import CellCategories, CellValues, category_palette

from ..conftest import pixel_of
from ..fakes import FakeRun, small_reference, small_section

LEFT = Qt.MouseButton.LeftButton


def test_three_genes_blend_and_the_buttons_are_the_legend(opened: Any, qtbot: Any) -> None:
    viewer, bench, dock = opened
    s = bench.session
    s.open_section(small_section())
    dock.tabs.setCurrentIndex(dock.titles.index("Genes"))
    s.select_gene("Gene5")
    qtbot.mouseClick(dock.genes.blend_bar.channel_buttons["red"], LEFT)
    s.open_reference(small_reference())
    s.add_run(FakeRun(s.section, s.reference))
    for gene, channel in (("Gene6", "green"), ("Gene31", "blue")):
        s.select_gene(gene)
        qtbot.waitUntil(
            lambda gene=gene: (
                bench.canvas_controller.painter.gene_layer().cell_values.name == gene
                and bench.canvas_controller.painter.gene_layer().visible
            ),
            timeout=30_000,
        )
        qtbot.mouseClick(dock.genes.blend_bar.channel_buttons[channel], LEFT)
    assert not bench.canvas_controller.painter.gene_layer().visible
    layers = bench.canvas_controller.painter.blend_layers.layers
    assert [layers[c].name.split(" (")[0] for c in ("red", "green", "blue")] == [
        "red: Gene5 · measured",
        "green: Gene6 · measured",
        "blue: Gene31 · imputed",
    ]
    assert dock.genes.blend_bar.channel_buttons["blue"].text() == "Gene31*"
    assert "Gene31 · imputed" in dock.genes.blend_bar.channel_buttons["blue"].toolTip()
    for row in (0, 17, 59):
        x, y = s.section.xy[row]
        wanted = [
            np.clip((layers[c].cell_values.values[row] - (w := layers[c].contrast_limits)[0]) / (w[1] - w[0]), 0, 1)
            for c in ("red", "green", "blue")
        ]
        assert np.abs(pixel_of(viewer, y, x, qtbot) - np.round(np.array(wanted) * 255)).max() <= 3
    assert all(
        g in bench.canvas_controller.painter.cell_text(*s.section.xy[3][::-1]) for g in ("Gene5", "Gene6", "Gene31")
    )
    qtbot.mouseClick(dock.genes.compare_view.view_buttons["imputed"], LEFT)
    assert bench.canvas_controller.painter.gene_layer().visible
    s.select_gene("Gene7")  # back to one gene
    assert bench.canvas_controller.painter.gene_layer().visible
    assert not layers["red"].visible
    s.set_view("measured")
    s.select_gene("Gene5")
    qtbot.mouseClick(dock.genes.blend_bar.channel_buttons["red"], LEFT)  # out again
    assert set(bench.canvas_controller.painter.blend_layers.layers) == {"green", "blue"}
    s.set_view("side by side")
    assert not dock.genes.blend_bar.channel_buttons["red"].isEnabled()
    s.open_section(small_section(40, seed=2))
    assert dock.genes.blend_bar.channel_buttons["red"].text() == "red"
    assert [layer.name for layer in viewer.layers] == ["cell_type"]


def test_a_gene_that_is_still_being_imputed_joins_the_blend_when_it_is_there(
    opened: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, bench, dock = opened
    s, go = bench.session, threading.Event()
    s.open_section(small_section())
    s.open_reference(small_reference())
    run = FakeRun(s.section, s.reference)
    quick = run.impute
    monkeypatch.setattr(run, "impute", lambda gene: (go.wait(20), quick(gene))[1])
    s.add_run(run)
    dock.tabs.setCurrentIndex(dock.titles.index("Genes"))
    s.select_gene("Gene31")
    assert s.needs_imputation
    qtbot.mouseClick(dock.genes.blend_bar.channel_buttons["blue"], LEFT)
    assert s.blend == {}
    go.set()
    qtbot.waitUntil(lambda: "blue" in s.blend, timeout=20_000)
    assert dock.genes.blend_bar.channel_buttons["blue"].text() == "Gene31*"
    assert bench.canvas_controller.painter.blend_layers.layers["blue"].visible


def test_a_switch_is_read_once_and_drawn_once(opened: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """napari would read a layer after each of its changes, and draw all twice: once more after it has placed the colour bars."""
    viewer, bench, _ = opened
    s = bench.session
    s.open_section(small_section())
    painter, n = bench.canvas_controller.painter, small_section().n_cells
    genes = [
        CellValues(f"Gene{k}", np.linspace(0, 10.0**k, n, dtype=np.float32)) for k in range(4)
    ]  # the numbers at the colour bars differ in length
    types = [
        CellCategories("domains", np.arange(n, dtype=np.int32) % k, tuple("abcdefg"[:k]), category_palette(k))
        for k in (4, 7)
    ]
    draws: list[Any] = []
    reads: list[Any] = []
    viewer.window._qt_viewer.canvas._scene_canvas.events.draw.connect(draws.append)
    read = LookupLevel.__getitem__
    monkeypatch.setattr(LookupLevel, "__getitem__", lambda level, key: reads.append(key) or read(level, key))

    def blended(k: int) -> None:
        turned = dict(zip(("red", "green", "blue"), (genes[k], genes[1 - k], genes[2 + k]), strict=True))
        painter.blend_layers.show(
            turned, {c: (0.0, float(v.values.max())) for c, v in turned.items()}, painter.describe
        )
        painter.bring_to_front("blend")

    def found(k: int) -> None:
        painter.show_domains(types[k], np.ones(n), frozenset(), shaded=False)
        painter.bring_to_front("domains")

    for switch, layers in (
        (lambda k: painter.show_genes([genes[k]], [(0.0, float(genes[k].values.max()))]), 1),
        (blended, 3),
        (found, 1),
    ):
        switch(0)
        qtbot.wait(100)
        draws.clear()
        reads.clear()
        switch(1)
        qtbot.wait(100)
        assert len(draws) == 1
        assert len(reads) <= 2 * layers  # and once more for the picture in the list of layers
