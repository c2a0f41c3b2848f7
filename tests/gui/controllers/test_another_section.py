"""Another section is opened: nothing of the one before stays, neither on the canvas nor in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QPoint, Qt

from napari_inclust.data.section import Section
from napari_inclust.paint.layers import canvas

from ..fakes import fake_steps, small_reference, small_section
from ..mouse import LEFT, drag


def type_path(field: Any, path: Path, qtbot: Any) -> None:
    field.line_edit.selectAll()
    qtbot.keyClicks(field.line_edit, str(path))
    qtbot.keyClick(field.line_edit, Qt.Key.Key_Return)


def in_pixels(folder: Path) -> Path:
    """A file of a section whose places are in pixels."""
    adata = small_section().adata
    adata.uns["spatial_unit"] = "pixel"
    adata.write_h5ad(folder / "pixels.h5ad")
    return folder / "pixels.h5ad"


def test_the_view_is_fitted_to_it_although_images_and_regions_were_there(
    opened: Any, qtbot: Any, shared: Path, tmp_path: Path, recwarn: Any
) -> None:
    viewer, bench, dock = opened
    data = dock.data
    type_path(data.section, shared / "data" / "merscope_brain" / "region_0", qtbot)
    qtbot.waitUntil(lambda: bench.session.section is not None and bool(bench.image_controller.images), timeout=20_000)
    channels = data.tissue_images.channels
    qtbot.mouseClick(channels.viewport(), LEFT, pos=channels.visualItemRect(channels.item(0)).topLeft() + QPoint(10, 7))
    qtbot.waitUntil(lambda: "DAPI · z 0" in viewer.layers, timeout=20_000)
    dock.tabs.setCurrentIndex(dock.titles.index("Regions"))
    qtbot.wait(50)
    qtbot.mouseClick(dock.regions.tool_buttons["rectangle"], LEFT)
    low, high = bench.session.section.xy.min(0), bench.session.section.xy.max(0)
    drag(viewer, [tuple((low + f * (high - low))[::-1]) for f in (0.1, 0.9)], qtbot)
    qtbot.waitUntil(lambda: len(bench.region_controller.regions) == 1, timeout=5_000)

    type_path(data.section, in_pixels(tmp_path), qtbot)
    qtbot.waitUntil(lambda: bench.session.section.name == "pixels", timeout=20_000)
    qtbot.wait(50)
    assert [layer.name for layer in viewer.layers] == ["cell_type"]
    zoom, centre = canvas.camera(viewer).zoom, np.array(canvas.camera(viewer).center)
    viewer.reset_view()
    assert zoom == canvas.camera(viewer).zoom
    np.testing.assert_allclose(centre, canvas.camera(viewer).center)
    assert not [w for w in recwarn if "Inconsistent units" in str(w.message)]
    assert "Give the pixel size (Pixel size, above)." in data.question.text()


def test_a_run_of_the_section_before_is_neither_chosen_nor_drawn(opened: Any, qtbot: Any) -> None:
    _, bench, dock = opened
    bench.session.open_section(small_section())
    bench.session.open_reference(small_reference())
    bench.training_controller.train = fake_steps()
    dock.tabs.setCurrentIndex(dock.titles.index("Train"))
    train = dock.train
    qtbot.mouseClick(train.start, LEFT)
    qtbot.waitUntil(lambda: bench.session.run is not None, timeout=10_000)
    dock.tabs.setCurrentIndex(dock.titles.index("Train"))
    assert train.loss_plot.isVisible()
    assert train.run_choice.currentText().endswith("r 0.350")
    bench.session.open_section(small_section(40, seed=2, name="other"))
    assert not train.loss_plot.isVisible()
    assert train.run_choice.currentIndex() == -1
    assert train.run_choice.itemText(0).endswith("r 0.350 of small")


def test_after_a_refused_file_no_section_stands_as_the_open_one(opened: Any, qtbot: Any, tmp_path: Path) -> None:
    _, bench, dock = opened
    data = dock.data
    for name in ("a", "b"):
        small_section().adata.write_h5ad(tmp_path / f"{name}.h5ad")
        type_path(data.section, tmp_path / f"{name}.h5ad", qtbot)
        qtbot.waitUntil(
            lambda name=name: bench.session.section is not None and bench.session.section.name == name, timeout=20_000
        )
    assert data.sections.currentText() == "b.h5ad"
    type_path(data.section, tmp_path / "missing.h5ad", qtbot)
    qtbot.waitUntil(lambda: bench.session.section is None, timeout=20_000)
    assert data.sections.currentIndex() == -1


def test_without_types_no_column_colours_the_cells(opened: Any, qtbot: Any) -> None:
    _, bench, dock = opened
    adata = small_section().adata
    adata.obs = adata.obs.drop(columns=["cell_type", "sample"]).assign(volume=np.arange(60.0))
    bench.session.open_section(Section.from_adata(adata, name="plain"))
    dock.tabs.setCurrentIndex(dock.titles.index("Cells"))
    assert dock.cells.colour_by.currentIndex() == -1
    assert not dock.cells.legend.isVisible()
