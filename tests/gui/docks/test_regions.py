"""Regions in a real viewer: drawn, named, counted, compared and saved."""

from __future__ import annotations

import json
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QLineEdit

from napari_inclust.gui.controllers.regions import REST_GROUP, SELECTED_GROUP
from napari_inclust.gui.docks.regions import RegionsDock
from napari_inclust.gui.state.generated import GeneratedFeatures
from napari_inclust.gui.theme import theme_colours
from napari_inclust.paint.layers import canvas
from napari_inclust.paint.values import GENERATED, CellValues
from napari_inclust.spatial.regions import Region, with_unique_names

from ..conftest import pixel_of, still_there
from ..fakes import FakeRun, small_reference, small_section
from ..mouse import LEFT, at, click, drag, native, pick

TOP = np.array([[-12.0, -12], [152, -12], [152, 30], [-12, 30]])  # (x, y) around the first two rows of eight cells
LOWER = TOP + np.array([0.0, 42.0])


def ready(opened: Any, qtbot: Any) -> tuple[Any, Any, RegionsDock]:
    """The Regions tab of an open section."""
    viewer, bench, dock = opened
    bench.session.open_section(small_section())
    dock.tabs.setCurrentIndex(dock.titles.index("Regions"))
    qtbot.wait(30)
    viewer.reset_view()
    qtbot.wait(50)
    return viewer, bench, dock.regions


def drawn(bench: Any, qtbot: Any, n: int) -> None:
    qtbot.waitUntil(
        lambda: (
            len(bench.region_controller.regions) == n
            and bench.region_controller.statistics is not None
            and len(bench.region_controller.statistics.regions) == n
        ),
        timeout=5000,
    )


def save(bench: Any, button: Any, path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: Any) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a: (str(path), ""))
    qtbot.mouseClick(button, LEFT)
    qtbot.waitUntil(
        lambda: str(path) in bench.region_controller.message or bench.region_controller.is_error, timeout=20_000
    )
    assert not bench.region_controller.is_error, bench.region_controller.message


def test_a_rectangle_and_a_polygon_are_drawn_named_and_counted(opened: Any, qtbot: Any) -> None:
    viewer, bench, dock = ready(opened, qtbot)
    assert "Draw a region first" in dock.save.toolTip()
    qtbot.mouseClick(dock.tool_buttons["rectangle"], LEFT)
    layer = viewer.layers["regions"]
    assert viewer.layers.selection.active is layer
    drag(viewer, [(-12.0, -12.0), (30.0, 152.0)], qtbot)
    drawn(bench, qtbot, 1)
    assert [dock.region_list.topLevelItem(0).text(i) for i in (0, 1)] == ["region 1", "16"]
    area = float(dock.region_list.topLevelItem(0).text(2))
    assert area == pytest.approx(42 * 164 / 1e6, rel=0.03)  # square millimetres
    assert float(dock.region_list.topLevelItem(0).text(3).replace(",", "")) == pytest.approx(16 / area, rel=0.01)
    assert layer.features["name"].tolist() == ["region 1"]

    qtbot.mouseClick(dock.tool_buttons["polygon"], LEFT)
    assert not dock.tool_buttons["rectangle"].isChecked()
    for y, x in ((50.0, -12.0), (50.0, 152.0), (90.0, 152.0), (90.0, -12.0)):
        click(viewer, y, x, qtbot)
        qtbot.wait(350)
    qtbot.mouseDClick(native(viewer), LEFT, pos=at(viewer, 90.0, -12.0))
    drawn(bench, qtbot, 2)
    assert [r.name for r in bench.region_controller.regions] == ["region 1", "region 2"]
    assert bench.region_controller.statistics.sizes["cells"].tolist() == [16, 16]
    qtbot.mouseClick(dock.tool_buttons["polygon"], LEFT)
    assert str(layer.mode) == "pan_zoom"
    left = bench.region_controller.regions[0].corners[:, 0].min()
    whole = canvas.camera(viewer).zoom
    canvas.camera(viewer).zoom = 20 * whole  # the line is then some pixels wide
    wide = pixel_of(viewer, 10.0, left, qtbot)
    assert (
        np.abs(wide - np.array([int(theme_colours()[1][i : i + 2], 16) for i in (1, 3, 5)])).max() <= 12
    )  # its side, in the colour of the text
    canvas.camera(viewer).zoom = whole

    dock.region_list.editItem(dock.region_list.topLevelItem(1), 0)
    field = dock.region_list.findChild(QLineEdit)
    field.selectAll()
    qtbot.keyClicks(field, "tumour")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bench.region_controller.regions[1].name == "tumour", timeout=3000)
    assert layer.features["name"].tolist() == ["region 1", "tumour"]
    dock.region_list.topLevelItem(1).setText(0, "region 1")
    qtbot.waitUntil(lambda: "taken" in dock.message.text(), timeout=3000)
    drawn(bench, qtbot, 2)
    dock.region_list.setCurrentItem(dock.region_list.topLevelItem(1))
    qtbot.mouseClick(dock.select, LEFT)
    assert (bench.selected_cells.current.n_cells, bench.selected_cells.current.name) == (16, "tumour")
    qtbot.mouseClick(dock.delete, LEFT)
    assert [r.name for r in bench.region_controller.regions] == ["region 1"]
    assert len(layer.data) == 1


def test_regions_say_what_they_are_made_of_and_what_they_express(opened: Any, qtbot: Any) -> None:
    _, bench, dock = ready(opened, qtbot)
    s = bench.session
    s.open_reference(small_reference())
    s.add_run(FakeRun(s.section, s.reference))
    bench.region_controller.add([Region("top", TOP), Region("rest", LOWER)])
    drawn(bench, qtbot, 2)
    assert bench.region_controller.statistics.category_counts.loc["top"].tolist() == [5, 6, 5]  # glia, neuron, vessel
    assert len(dock.plot.bars) == 3
    assert "neuron" in dock.category_legend.text()
    qtbot.keyClicks(dock.genes, "Gene5, Gene3")
    popup = dock.genes.completer().popup()
    qtbot.waitUntil(popup.isVisible, timeout=5000)
    dark = popup.grab().toImage().pixelColor(popup.width() // 2, popup.height() - 3)
    assert dark.lightness() < 100  # napari's dark theme, also in a window of its own
    popup.hide()
    qtbot.keyClicks(dock.genes, "0, Nonsense")
    qtbot.keyClick(dock.genes, Qt.Key.Key_Return)
    assert "Nonsense: neither measured in this section nor imputed" in dock.message.text()
    dock.genes.clear()
    qtbot.keyClicks(dock.genes, "Gene5, Gene30")
    qtbot.keyClick(dock.genes, Qt.Key.Key_Return)
    qtbot.waitUntil(
        lambda: (
            bench.region_controller.statistics is not None and len(bench.region_controller.statistics.expression) == 4
        ),
        timeout=5000,
    )
    assert [[dock.table.text(i, j) for j in range(3)] for i in range(4)] == [
        ["Gene5", "measured", "top"],
        ["Gene5", "measured", "rest"],
        ["Gene30", "imputed", "top"],
        ["Gene30", "imputed", "rest"],
    ]
    assert float(dock.table.text(0, 3)) == pytest.approx(
        s.values_of("Gene5", imputed=False).values[:16].mean(), rel=0.01
    )
    assert float(dock.table.text(2, 3)) == pytest.approx(s.run.impute("Gene30").values[:16].mean(), rel=0.01)
    s.select_gene("Gene7")
    qtbot.mouseClick(dock.add_shown, LEFT)
    assert bench.region_controller.genes == ("Gene5", "Gene30", "Gene7")


def test_a_is_compared_with_b(opened: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, bench, dock = ready(opened, qtbot)
    s, compare = bench.session, dock.comparison
    assert not compare.start.isEnabled()
    s.open_reference(small_reference())
    s.add_run(FakeRun(s.section, s.reference))
    bench.region_controller.add([Region("top", TOP)])
    bench.region_controller.set_genes(["Gene30"])
    drawn(bench, qtbot, 1)
    assert (compare.group_a.currentData(), compare.group_b.currentData()) == ("top", REST_GROUP)
    qtbot.mouseClick(compare.start, LEFT)
    qtbot.waitUntil(lambda: bench.region_controller.comparison is not None, timeout=10_000)
    table = bench.region_controller.comparison
    assert len(table) == len(s.section.genes) + 1
    assert table.set_index("gene").loc["Gene30", "kind"] == "imputed"
    assert compare.table.text(0, 0) == "Gene30"  # the fake's values grow with the row
    assert "not independent" in dock.comparison.summary.text()
    assert "A is top, B is all other cells" in dock.comparison.summary.text()
    assert "do not report" in dock.comparison.summary.text()
    save(bench, compare.save, tmp_path / "ab.csv", monkeypatch, qtbot)
    written = pd.read_csv(tmp_path / "ab.csv").set_index("gene")
    assert written.loc["Gene30", "imputed"]
    assert not written.loc["Gene1", "imputed"]
    assert written.loc["Gene30", ["se", "direction", "p_plain"]].notna().all()
    assert written.loc["Gene1", ["se", "direction", "p_plain"]].isna().all()
    assert written.loc["Gene30", "mean_a"] == pytest.approx(s.run.impute("Gene30").values[:16].mean(), rel=1e-4)

    bench.selected_cells.select(np.arange(60) < 20, "some")
    compare.group_b.setCurrentIndex(compare.group_b.findData(SELECTED_GROUP))
    qtbot.mouseClick(compare.start, LEFT)
    assert "16 cells are in both top and selected cells" in compare.message.text()
    rect = compare.table.visualRect(compare.table.model().index(0, 0))
    qtbot.mouseClick(compare.table.viewport(), LEFT, pos=rect.center())
    assert s.gene == "Gene30"


def test_regions_are_saved_as_tables_polygons_and_a_column_and_loaded(
    opened: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from anndata import read_h5ad

    _, bench, dock = ready(opened, qtbot)
    bench.region_controller.add([Region("top", TOP), Region("rest", LOWER)])
    bench.region_controller.set_genes(["Gene5"])
    drawn(bench, qtbot, 2)
    qtbot.waitUntil(lambda: len(bench.region_controller.statistics.expression) == 2, timeout=3000)
    save(bench, dock.save, tmp_path / "regions.csv", monkeypatch, qtbot)
    table = pd.read_csv(tmp_path / "regions.csv")
    line = table[(table["region"] == "top") & (table["fact"] == "area_um2")].iloc[0]
    assert (line["value"], line["unit"]) == (pytest.approx(42 * 164), "square micrometres")
    assert set(table[table["of"] == "Gene5"]["kind"]) == {"measured"}
    save(bench, dock.save, tmp_path / "out.h5ad", monkeypatch, qtbot)
    out = read_h5ad(tmp_path / "out.h5ad")
    assert out.obs["inclust_region"].tolist() == ["top"] * 16 + ["rest"] * 16 + ["outside"] * 28
    assert (out.uns["inclust_regions"]["top"] == TOP).all()
    save(bench, dock.save, tmp_path / "regions.geojson", monkeypatch, qtbot)
    assert len(json.loads((tmp_path / "regions.geojson").read_text())["features"]) == 2
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a: (str(tmp_path / "regions.geojson"), ""))
    qtbot.mouseClick(dock.load, LEFT)
    drawn(bench, qtbot, 4)
    assert [r.name for r in bench.region_controller.regions] == ["top", "rest", "top 2", "rest 2"]
    (tmp_path / "bad.geojson").write_text("nothing")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a: (str(tmp_path / "bad.geojson"), ""))
    qtbot.mouseClick(dock.load, LEFT)
    assert "not GeoJSON" in dock.message.text()
    assert len(bench.region_controller.regions) == 4


def test_a_write_that_fails_says_so_and_keeps_the_regions(
    opened: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, bench, dock = ready(opened, qtbot)
    bench.region_controller.add([Region("top", TOP)])
    drawn(bench, qtbot, 1)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a: (str(tmp_path / "no" / "regions.csv"), ""))
    qtbot.mouseClick(dock.save, LEFT)
    qtbot.waitUntil(lambda: "does not exist" in dock.message.text(), timeout=5000)
    assert len(bench.region_controller.regions) == 1


def test_moved_and_removed_shapes_are_counted_anew_and_a_removed_layer_comes_back(opened: Any, qtbot: Any) -> None:
    viewer, bench, dock = ready(opened, qtbot)
    bench.region_controller.add([Region("top", TOP), Region("rest", LOWER)])
    drawn(bench, qtbot, 2)
    layer = viewer.layers["regions"]
    layer.data = [layer.data[0] + [42.0, 0.0], layer.data[1]]  # as a drag does
    qtbot.waitUntil(lambda: bench.region_controller.regions[0].corners[0, 1] == pytest.approx(30.0), timeout=3000)
    qtbot.waitUntil(
        lambda: bench.region_controller.statistics is not None and bench.region_controller.statistics.masks[0][16],
        timeout=3000,
    )
    layer.selected_data = {0}
    layer.remove_selected()
    drawn(bench, qtbot, 1)
    assert bench.region_controller.regions[0].name == "rest"
    viewer.layers.remove(layer)
    qtbot.wait(30)
    assert [r.name for r in bench.region_controller.regions] == ["rest"]  # not lost
    qtbot.mouseClick(dock.tool_buttons["rectangle"], LEFT)
    assert len(viewer.layers["regions"].data) == 1
    drag(viewer, [(-12.0, -12.0), (10.0, 152.0)], qtbot)
    drawn(bench, qtbot, 2)
    bench.session.open_section(small_section(40, seed=3))
    assert bench.region_controller.regions == ()
    assert "regions" not in viewer.layers


def test_a_deleted_region_is_not_replaced_by_what_it_was_compared_with(opened: Any, qtbot: Any) -> None:
    _, bench, dock = ready(opened, qtbot)
    bench.region_controller.add(
        [Region("top", TOP), Region("rest", LOWER), Region("third", TOP + np.array([0.0, 90.0]))]
    )
    drawn(bench, qtbot, 3)
    a, b = dock.comparison.group_a, dock.comparison.group_b
    for box, name in ((a, "top"), (b, "rest")):
        pick(box, name, qtbot)
    dock.region_list.setCurrentItem(dock.region_list.topLevelItem(0))
    qtbot.mouseClick(dock.delete, LEFT)
    drawn(bench, qtbot, 2)
    assert (a.currentText(), b.currentText()) == ("third", "rest")


def test_names_are_never_empty_and_never_twice() -> None:
    names = ["", "tumour", "tumour", "region 1", "region 1", "tumour 2", " "]
    assert [r.name for r in with_unique_names([Region(n, TOP) for n in names])] == [
        "region 1",
        "tumour",
        "tumour 2",
        "region 2",
        "region 3",
        "tumour 3",
        "region 4",
    ]


def test_everything_of_the_regions_dies_with_the_viewer(make_napari_viewer: Any, qtbot: Any) -> None:
    viewer = make_napari_viewer(show=True)
    plugin = viewer.window.add_plugin_dock_widget("napari-inclust", "Regions")[1]
    bench, dock = plugin.context, plugin.dock
    bench.session.open_section(small_section())
    bench.region_controller.add([Region("top", TOP)])
    drawn(bench, qtbot, 1)
    bench.region_controller.start_drawing("polygon")
    gone = [
        weakref.ref(x)
        for x in (
            plugin,
            dock,
            dock.comparison,
            dock.table,
            bench,
            bench.region_controller,
            bench.region_controller.layer,
        )
    ]
    del plugin, dock, bench
    viewer.close()
    del viewer
    qtbot.wait(100)
    assert still_there(gone, qtbot) == []


def test_generated_features_are_counted_and_saved_but_not_tested(
    opened: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, bench, dock = ready(opened, qtbot)
    section, unit = bench.session.section, "log1p of normalised protein"
    values = CellValues(
        "CD8 (protein)", np.linspace(0, 2, section.n_cells, dtype=np.float32), GENERATED, score=0.5, unit=unit
    )
    bench.session.set_generated(GeneratedFeatures(section, "protein", {values.name: values}, None, None))
    bench.region_controller.add([Region("top", TOP)])
    qtbot.keyClicks(dock.genes, "CD8 (protein), Gene5 Gene6")
    qtbot.keyClick(dock.genes, Qt.Key.Key_Return)
    qtbot.waitUntil(
        lambda: (
            bench.region_controller.statistics is not None and len(bench.region_controller.statistics.expression) == 3
        ),
        timeout=20_000,
    )
    row = bench.region_controller.statistics.expression.set_index("gene").loc["CD8 (protein)"]
    assert (row["kind"], row["imputed"], row["unit"]) == (GENERATED, True, unit)
    assert row["mean"] == pytest.approx(float(values.values[:16].mean()), rel=1e-5)
    qtbot.mouseClick(dock.comparison.start, LEFT)
    qtbot.waitUntil(lambda: bench.region_controller.comparison is not None, timeout=20_000)
    table = bench.region_controller.comparison.set_index("gene")
    assert len(table) == 25
    assert np.isnan(table.loc["CD8 (protein)", "p"])
    assert table.loc["CD8 (protein)", "difference"] == pytest.approx(
        float(values.values[:16].mean() - values.values[16:].mean()), rel=1e-5
    )
    assert table.drop(index="CD8 (protein)")["p"].notna().all()
    assert "CD8 (protein): means only, no p." in dock.comparison.summary.text()
    save(bench, dock.save, tmp_path / "regions.csv", monkeypatch, qtbot)
    saved = pd.read_csv(tmp_path / "regions.csv")
    assert set(saved[(saved["of"] == "CD8 (protein)") & (saved["fact"] == "mean")]["unit"]) == {unit}
    main, written = opened[2], []
    assert main.export.save_generated.isEnabled()
    monkeypatch.setattr(GeneratedFeatures, "write", lambda made, path: written.append(path) or f"written to {path}")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a: (str(tmp_path / "made.h5ad"), ""))
    main.tabs.setCurrentIndex(main.titles.index("Export"))
    qtbot.mouseClick(main.export.save_generated, LEFT)
    qtbot.waitUntil(lambda: main.export.message.text() == f"written to {tmp_path / 'made.h5ad'}", timeout=20_000)
    assert written == [tmp_path / "made.h5ad"]
