"""The Data dock says all that it found, asks what a file leaves open, and shows what lies with the cells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_inclust.io.demo import demo_reference, demo_section
from napari_inclust.io.readers.images import find_images
from napari_inclust.paint.layers import canvas, molecules
from tests.io.vendor_folders import write_store

from ..fakes import small_section
from ..mouse import pick


def test_what_was_found_is_shown_to_its_last_line(opened: Any, qtbot: Any) -> None:
    _, bench, dock = opened
    dock.tabs.setCurrentIndex(0)
    bench.session.open_section(demo_section())
    bench.session.open_reference(demo_reference(), "cell_type")
    data = dock.data
    qtbot.waitUntil(lambda: "To impute" in data.summary.text(), timeout=10_000)
    qtbot.waitUntil(
        lambda: data.summary.height() >= data.summary.heightForWidth(data.summary.width()) > 100, timeout=5_000
    )
    qtbot.waitUntil(lambda: data.summary_box.height() >= data.summary.height(), timeout=5_000)


@pytest.fixture
def brain(shared: Path, opened: Any, qtbot: Any) -> Any:
    """The real MERSCOPE folder, open."""
    viewer, bench, dock = opened
    path = shared / "data" / "merscope_brain" / "region_0"
    dock.data.section.show_path(str(path))
    dock.data.section.path_chosen.emit(str(path))
    qtbot.waitUntil(lambda: bench.session.section is not None and bool(bench.image_controller.images), timeout=20_000)
    return viewer, bench, dock.data, path


def tick(data: Any, name: str, on: bool = True) -> None:
    (item,) = data.tissue_images.channels.findItems(name, Qt.MatchFlag.MatchExactly)
    item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)


def test_ticked_channels_lie_under_the_cells_where_the_file_says(brain: Any, qtbot: Any) -> None:
    viewer, _bench, data, path = brain
    assert [data.tissue_images.channels.item(i).text() for i in range(data.tissue_images.channels.count())] == [
        "DAPI",
        "PolyT",
    ]
    tick(data, "DAPI")
    tick(data, "PolyT")
    qtbot.waitUntil(lambda: "PolyT · z 0" in viewer.layers, timeout=20_000)
    assert [layer.name for layer in viewer.layers[:2]] == ["DAPI · z 0", "PolyT · z 0"]
    layer = viewer.layers["DAPI · z 0"]
    assert layer.multiscale
    assert layer.blending == "additive"
    to_pixel = np.loadtxt(path / "images" / "micron_to_mosaic_pixel_transform.csv")
    a, b = np.array([[300.0, 400.0], [1300.0, 1400.0]])  # (row, column) in the file
    on_canvas = np.linalg.norm(np.array(layer.data_to_world(a)) - layer.data_to_world(b))
    assert on_canvas == pytest.approx(np.linalg.norm(a - b) / to_pixel[0, 0])
    x, y, _ = np.linalg.inv(to_pixel) @ [400.5, 300.5, 1]
    np.testing.assert_allclose(layer.data_to_world(a), (y, x))
    assert layer.extent.world[1, 0] - layer.extent.world[0, 0] == pytest.approx(
        2070 / to_pixel[1, 1]
    )  # from the first centre to the last
    tick(data, "DAPI", False)
    qtbot.waitUntil(lambda: "DAPI · z 0" not in viewer.layers, timeout=20_000)
    assert "PolyT · z 0" in viewer.layers


def test_the_nuclear_stain_on_the_canvas_is_bright_inside_the_cells_on_the_canvas(brain: Any, qtbot: Any) -> None:
    viewer, bench, data, _ = brain
    tick(data, "DAPI")
    qtbot.waitUntil(lambda: "DAPI · z 0" in viewer.layers, timeout=20_000)
    cells, stain = bench.canvas_controller.painter.raster, viewer.layers["DAPI · z 0"]
    pixels = np.asarray(stain.data[0])
    low, high = bench.session.section.xy.min(0), bench.session.section.xy.max(0)
    inside, outside = [], []
    for x, y in np.random.default_rng(0).uniform(low, high, (4000, 2)):
        row, column = np.round(stain.world_to_data((y, x))).astype(int)
        if 0 <= row < pixels.shape[0] and 0 <= column < pixels.shape[1]:
            (outside if cells.cell_at(y, x) is None else inside).append(float(pixels[row, column]))
    assert np.mean(inside) / np.mean(outside) > 2.5


def test_another_plane_and_another_section_replace_the_images(brain: Any, qtbot: Any) -> None:
    viewer, bench, data, _ = brain
    tick(data, "DAPI")
    qtbot.waitUntil(lambda: "DAPI · z 0" in viewer.layers, timeout=20_000)
    data.tissue_images.plane.setCurrentIndex(1)
    data.tissue_images.plane.activated.emit(1)
    qtbot.waitUntil(lambda: "DAPI · z 1" in viewer.layers and "DAPI · z 0" not in viewer.layers, timeout=20_000)
    bench.session.open_section(small_section())
    assert not [layer for layer in viewer.layers if "DAPI" in layer.name]
    assert data.tissue_images.channels.count() == 0


def test_a_picture_of_ones_own_is_added(brain: Any, qtbot: Any, tmp_path: Path) -> None:
    import tifffile

    viewer, _, data, _ = brain
    tifffile.imwrite(tmp_path / "he.tif", np.random.default_rng(0).integers(0, 255, (300, 400)).astype(np.uint8))
    data.tissue_images._add_image(str(tmp_path / "he.tif"))
    qtbot.waitUntil(lambda: "Give the micrometres per pixel" in data.tissue_images.message.text(), timeout=20_000)
    data.tissue_images.pixel_size.setValue(2)
    data.tissue_images._add_image(str(tmp_path / "he.tif"))
    qtbot.waitUntil(lambda: "he" in viewer.layers, timeout=20_000)
    np.testing.assert_allclose(
        viewer.layers["he"].extent.world, [[1, 1], [599, 799]]
    )  # centres of the first and the last pixel


def test_molecules_of_the_painted_gene_are_points_and_never_too_many(
    brain: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, bench, data, _ = brain
    monkeypatch.setattr(molecules, "MAX_POINTS", 300)
    bench.session.select_gene("Mlc1")
    data.tissue_images.molecules.setChecked(True)
    qtbot.waitUntil(lambda: any("molecules" in layer.name for layer in viewer.layers), timeout=20_000)
    (layer,) = [layer for layer in viewer.layers if "molecules" in layer.name]
    viewer.reset_view()
    qtbot.waitUntil(lambda: layer.name == "Mlc1 · 300 of 488 in view molecules, 488 in all", timeout=5_000)
    assert len(layer.data) == 300
    assert (
        (layer.data >= bench.session.section.xy.min(0)[::-1] - 40)
        & (layer.data <= bench.session.section.xy.max(0)[::-1] + 40)
    ).all()
    camera = canvas.camera(viewer)
    camera.zoom *= 6
    qtbot.waitUntil(
        lambda: 0 < len(layer.data) < 300 and "of" not in layer.name.split(" in all")[0].split("·")[1], timeout=5_000
    )
    low, high = molecules.visible_bounds(viewer)
    assert ((layer.data >= low) & (layer.data <= high)).all()
    bench.session.select_gene("Gprc5b")
    qtbot.waitUntil(lambda: layer.name.startswith("Gprc5b"), timeout=20_000)
    data.tissue_images.molecules.setChecked(False)
    assert layer not in viewer.layers


@pytest.fixture
def store(small_pair: Any, tmp_path: Path) -> Path:
    return write_store(tmp_path / "s.zarr", small_pair[0])


def choose(box: Any, value: str) -> None:
    box.setCurrentIndex(box.findData(value))
    box.activated.emit(box.currentIndex())


def test_tables_and_coordinate_systems_are_there_to_choose_from(opened: Any, qtbot: Any, store: Path) -> None:
    _, bench, dock = opened
    form = dock.data.read_options
    dock.data.section.show_path(str(store))
    dock.data.section.path_chosen.emit(str(store))
    qtbot.waitUntil(lambda: bench.session.section is not None, timeout=20_000)
    before = bench.session.section.xy
    assert [form.coordinate_system.itemData(i) for i in range(form.coordinate_system.count())] == [
        None,
        "global",
        "microns",
    ]
    choose(form.coordinate_system, "microns")
    qtbot.waitUntil(lambda: "'microns'" in bench.session.section.unit_note, timeout=20_000)
    np.testing.assert_allclose(bench.session.section.xy, before * 10)
    choose(form.table, "other")
    qtbot.waitUntil(lambda: bench.session.section.n_cells == 50, timeout=20_000)
    assert form.coordinate_system.currentData() == "microns"


def test_a_store_that_leaves_open_what_to_take_is_asked_for(
    opened: Any, qtbot: Any, small_pair: Any, tmp_path: Path
) -> None:
    _, bench, dock = opened
    store = write_store(tmp_path / "s.zarr", small_pair[0], usual="first")
    dock.data.section.show_path(str(store))
    dock.data.section.path_chosen.emit(str(store))
    qtbot.waitUntil(lambda: "2 tables (first, other)" in dock.data.message.text(), timeout=20_000)
    assert dock.data.read_options_box.isExpanded()
    choose(dock.data.read_options.table, "first")
    qtbot.waitUntil(lambda: bench.session.section is not None, timeout=20_000)


def test_a_layer_that_carries_a_spatialdata_object_is_a_section(opened: Any, qtbot: Any, store: Path) -> None:
    import spatialdata

    viewer, bench, dock = opened
    data = spatialdata.read_zarr(store)
    assert dock.data.layers.count() == 1
    viewer.add_points(
        np.zeros((1, 2)), name="cells", metadata={"sdata": data, "name": "cells", "_current_cs": "microns"}
    )
    assert dock.data.layers.count() == 2
    dock.data.layers.setCurrentIndex(1)
    dock.data.layers.activated.emit(1)
    qtbot.waitUntil(lambda: bench.session.section is not None, timeout=20_000)
    assert bench.session.section.n_cells == 200
    assert "'microns'" in bench.session.section.unit_note
    choose(dock.data.read_options.table, "other")
    qtbot.waitUntil(lambda: bench.session.section.n_cells == 50, timeout=20_000)
    del viewer.layers["cells"]
    assert dock.data.layers.count() == 1


def test_sections_of_the_session_are_a_list(opened: Any, qtbot: Any, small_pair: Any, tmp_path: Path) -> None:
    _, bench, dock = opened
    for name in ("a", "b"):
        small_pair[0][: 100 if name == "a" else 120].write_h5ad(tmp_path / f"{name}.h5ad")
        bench.loading_controller.load_section(tmp_path / f"{name}.h5ad", pixel_size=2.0 if name == "a" else None)
        qtbot.waitUntil(
            lambda name=name: bench.session.section is not None and bench.session.section.name == name, timeout=20_000
        )
    box = dock.data.sections
    assert [box.itemText(i) for i in range(box.count())] == ["a.h5ad", "b.h5ad"]
    assert box.currentText() == "b.h5ad"
    choose(box, str(tmp_path / "a.h5ad"))
    qtbot.waitUntil(lambda: bench.session.section.name == "a", timeout=20_000)
    assert "2 um per unit" in bench.session.section.unit_note


def test_outlines_in_a_file_of_their_own_are_painted_and_taken_back(
    opened: Any, qtbot: Any, shared: Path, tmp_path: Path
) -> None:
    import anndata as ad

    _, bench, dock = opened
    real = shared / "data" / "cosmx_lung"
    cells = ad.read_h5ad(real / "cosmx_lung_cells.h5ad")
    cells[cells.obs["fov"] == "F002"].write_h5ad(tmp_path / "cells.h5ad")
    dock.data.section.show_path(str(tmp_path / "cells.h5ad"))
    dock.data.section.path_chosen.emit("")
    qtbot.waitUntil(lambda: bench.session.section is not None, timeout=20_000)
    assert bench.session.section.raster is None
    outlines = dock.data.read_options.outlines
    outlines.show_path(str(real / "labels_F002.tif"))
    outlines.path_chosen.emit("")
    qtbot.waitUntil(
        lambda: bench.session.section is not None and bench.session.section.raster is not None, timeout=20_000
    )
    outlines.show_path("")
    outlines.line_edit.editingFinished.emit()
    qtbot.waitUntil(lambda: bench.session.section.raster is None, timeout=20_000)


def test_find_images_of_a_file_without_any_is_empty(pair: Any) -> None:
    assert find_images(pair[0]) == []


def type_path(field: Any, path: Path, qtbot: Any) -> None:
    """A path typed into a field, and Enter."""
    field.line_edit.setFocus()
    field.line_edit.clear()
    qtbot.keyClicks(field.line_edit, str(path))
    qtbot.keyClick(field.line_edit, Qt.Key.Key_Return)


def test_columns_of_a_table_are_chosen_in_the_dock_where_they_are_not_known(
    opened: Any, qtbot: Any, small_pair: Any, tmp_path: Path
) -> None:
    import pandas as pd

    _, bench, dock = opened
    adata = small_pair[0]
    table = pd.DataFrame(adata.X.toarray(), index=adata.obs_names, columns=adata.var_names)
    table["stage x"], table["stage y"] = adata.obsm["spatial"].T
    table.to_csv(tmp_path / "t.csv")
    data = dock.data
    type_path(data.section, tmp_path / "t.csv", qtbot)
    qtbot.waitUntil(lambda: "choose those with x and y" in data.message.text(), timeout=20_000)
    assert bench.session.section is None
    assert data.read_options_box.isExpanded()
    form = data.read_options
    assert [form.columns[0].itemText(i) for i in (1, 2)] == [
        "stage x",
        "stage y",
    ]  # what sounds like a place comes first
    pick(form.columns[0], "stage x", qtbot)
    assert not bench.loading_controller.busy
    pick(form.columns[1], "stage y", qtbot)
    qtbot.waitUntil(lambda: bench.session.section is not None, timeout=20_000)
    np.testing.assert_allclose(bench.session.section.xy, adata.obsm["spatial"])
    assert data.message.text() == ""
    small_section().adata.write_h5ad(tmp_path / "other.h5ad")
    type_path(data.section, tmp_path / "other.h5ad", qtbot)
    qtbot.waitUntil(lambda: bench.session.section is not None and bench.session.section.name == "other", timeout=20_000)
    assert not form.columns[0].isVisible()
    pick(data.sections, "t.csv", qtbot)
    qtbot.waitUntil(lambda: bench.session.section.name == "t", timeout=20_000)
    assert [box.currentText() for box in form.columns[:2]] == ["stage x", "stage y"]


def test_three_axes_are_asked_for_in_words_of_the_dock(opened: Any, qtbot: Any, tmp_path: Path) -> None:
    _, bench, dock = opened
    adata = small_section().adata
    adata.obsm["spatial"] = np.c_[adata.obsm["spatial"], np.arange(60.0)]
    adata.write_h5ad(tmp_path / "a.h5ad")
    data = dock.data
    type_path(data.section, tmp_path / "a.h5ad", qtbot)
    qtbot.waitUntil(lambda: "Choose a plane: Plane, above." in data.message.text(), timeout=20_000)
    qtbot.waitUntil(data.read_options.plane.isVisible, timeout=5_000)
    pick(data.read_options.plane, "x, z", qtbot)
    qtbot.waitUntil(lambda: bench.session.section is not None, timeout=20_000)
    np.testing.assert_allclose(bench.session.section.xy[:, 1], np.arange(60.0))


def test_an_unknown_unit_is_asked_for_and_answered_by_the_pixel_size(
    opened: Any, qtbot: Any, small_pair: Any, tmp_path: Path
) -> None:
    _, bench, dock = opened
    adata = small_pair[0].copy()
    del adata.uns["spatial_unit"]
    adata.obsm["spatial"] = adata.obsm["spatial"] * 20
    adata.write_h5ad(tmp_path / "a.h5ad")
    data = dock.data
    type_path(data.section, tmp_path / "a.h5ad", qtbot)
    qtbot.waitUntil(lambda: "they look like pixels" in data.question.text(), timeout=20_000)
    assert data.question.isVisible()
    assert data.read_options_box.isExpanded()
    spin = data.read_options.pixel_size
    qtbot.waitUntil(spin.isVisible, timeout=5_000)
    spin.setFocus()
    spin.selectAll()
    qtbot.keyClicks(spin, "0.05")
    qtbot.keyClick(spin, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "0.05 um per unit" in bench.session.section.unit_note, timeout=20_000)
    assert not data.question.isVisible()
    np.testing.assert_allclose(bench.session.section.xy, small_pair[0].obsm["spatial"])
    assert bench.canvas_controller.painter.unit == "um"
    type_path(data.section, tmp_path / "a.h5ad", qtbot)  # opened anew: nothing of it is remembered
    qtbot.waitUntil(lambda: "they look like pixels" in data.question.text(), timeout=20_000)
    assert spin.value() == 0
