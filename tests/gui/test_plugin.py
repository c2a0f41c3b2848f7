"""What napari finds in the manifest, and what opening it costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from npe2 import PluginManifest

from napari_inclust.gui.reader import get_reader
from tests.io.vendor_folders import write_store, write_tenx_h5

from .fakes import small_section

DOCKS = [
    "inClust+",
    "Data",
    "Train",
    "Genes",
    "Quality",
    "Cells",
    "Scatter plot",
    "Domains",
    "Regions",
    "Figure",
    "Session",
    "Export",
]
HEAVY = ("torch", "scanpy", "squidpy", "spatialdata", "pyqtgraph")


def test_the_manifest_is_valid_and_found() -> None:
    manifest = PluginManifest.from_distribution("napari-inclust")
    manifest.validate_imports()
    assert [w.display_name for w in manifest.contributions.widgets] == DOCKS
    source = Path(__file__).parents[2] / "napari.yaml"
    assert source.is_symlink()
    assert PluginManifest.from_file(source).name == "napari-inclust"


def test_docks_are_in_the_menus_where_napari_users_look(viewer: Any, qtbot: Any) -> None:
    def entries(menu: Any) -> dict[str, Any]:
        menu.aboutToShow.emit()  # napari fills it then
        return {action.text().replace("&", ""): action for action in menu.actions()}

    layers = entries(viewer.window.layers_menu)
    for submenu, docks in {
        "Visualize": ("Genes", "Cells", "Scatter plot", "Figure"),
        "Annotate": ("Regions",),
        "Measure": ("Regions", "Quality"),
        "Segment": ("Domains",),
    }.items():
        found = entries(layers[submenu].menu())
        assert [any(name in text for text in found) for name in docks] == [True] * len(docks), (submenu, found)
    next(action for text, action in entries(layers["Annotate"].menu()).items() if "Regions" in text).trigger()
    qtbot.waitUntil(lambda: any("Regions" in name for name in viewer.window.dock_widgets))


@pytest.mark.parametrize("name", DOCKS)
def test_every_dock_opens(viewer: Any, qtbot: Any, name: str) -> None:
    widget, plugin = viewer.window.add_plugin_dock_widget("napari-inclust", name)
    qtbot.waitUntil(lambda: widget.isVisible() and plugin.isVisible(), timeout=5000)
    assert not plugin.size().isEmpty()


def test_importing_the_docks_loads_nothing_heavy() -> None:
    code = f"import sys, napari_inclust.gui.plugin, napari_inclust.gui.docks.main; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_reader_opens_a_section_in_the_docks(opened: Any, qtbot: Any, tmp_path: Path) -> None:
    viewer, bench, dock = opened
    path = tmp_path / "mine.h5ad"
    small_section().adata.write_h5ad(path)
    viewer.open(path, plugin="napari-inclust")
    qtbot.waitUntil(lambda: bench.session.section is not None, timeout=20_000)
    assert bench.session.section.name == "mine"
    assert [layer.name for layer in viewer.layers] == ["cell_type"]
    assert dock.data.section.path() == str(path)


def test_the_reader_opens_a_folder_and_knows_a_reference(
    opened: Any, qtbot: Any, tmp_path: Path, small_pair: Any
) -> None:
    viewer, bench, dock = opened
    viewer.open(write_store(tmp_path / "store.zarr", small_pair[0]), plugin="napari-inclust")
    qtbot.waitUntil(lambda: bench.session.section is not None, timeout=20_000)
    assert dock.data.read_options.coordinate_system.count() == 3
    write_tenx_h5(tmp_path / "reference.h5", small_pair[1])
    viewer.open(tmp_path / "reference.h5", plugin="napari-inclust")
    qtbot.waitUntil(lambda: bench.session.reference is not None, timeout=20_000)
    assert bench.session.section.name == "store"
    assert dock.data.section.path() == str(tmp_path / "store.zarr")
    assert dock.data.reference.path() == str(tmp_path / "reference.h5")
    assert bench.session.panel.n_shared > 100


def test_the_reader_refuses_with_a_notification(opened: Any, qtbot: Any, tmp_path: Path) -> None:
    from napari.utils.notifications import notification_manager

    viewer, bench, dock = opened
    path = tmp_path / "empty.h5ad"
    path.write_bytes(b"")
    viewer.open(path, plugin="napari-inclust")
    qtbot.waitUntil(lambda: "cannot be read as AnnData" in dock.data.message.text(), timeout=20_000)
    assert bench.session.section is None
    assert "cannot be read as AnnData" in notification_manager.records[-1].message


@pytest.mark.parametrize(
    ("name", "text", "ours"),
    [
        ("cells.csv", "cell,x,y,Gad1\na,1,2,3\n", True),
        ("points.csv", "index,axis-0,axis-1\n0,1,2\n", False),
        ("picture.tif", "II", False),
        ("notes.txt", "x,y", False),
        ("empty.csv", "", False),
    ],
)
def test_the_reader_leaves_to_others_what_holds_no_cells(tmp_path: Path, name: str, text: str, ours: bool) -> None:
    (tmp_path / name).write_text(text)
    assert (get_reader(str(tmp_path / name)) is not None) == ours
    assert get_reader([str(tmp_path / name)] * 2) is None
    assert get_reader(str(tmp_path / "absent.h5ad")) is None


def test_folders_that_hold_no_cells_are_left_to_others(tmp_path: Path) -> None:
    import zarr

    assert get_reader(str(tmp_path)) is None
    zarr.save_array(tmp_path / "picture.zarr", np.zeros((4, 4)))
    assert get_reader(str(tmp_path / "picture.zarr")) is None


def test_the_reader_without_a_viewer_gives_layers(tmp_path: Path) -> None:
    path = tmp_path / "mine.h5ad"
    small_section().adata.write_h5ad(path)
    data, meta, kind = get_reader(str(path))(str(path))[0]  # type: ignore[misc]
    assert kind == "labels"
    assert meta["name"] == "cell_type"
    assert meta["multiscale"]
    assert data[0].shape == data[0][:, :].shape


def test_the_sample_data_is_the_demo_and_brings_the_dock(viewer: Any, qtbot: Any) -> None:
    from napari_inclust.gui.viewer_context import get_viewer_context

    viewer.open_sample("napari-inclust", "demo")
    bench = get_viewer_context(viewer)
    qtbot.waitUntil(lambda: bench.session.panel is not None)
    assert bench.session.labels_key == "cell_type"
    (plugin,) = bench.docks
    assert plugin.dock.tabs.isTabEnabled(1)
    assert viewer.layers[:] == bench.canvas_controller.painter.layers


def test_a_known_distance_is_the_same_on_the_canvas(opened: Any, qtbot: Any) -> None:
    viewer, bench, _ = opened
    section = small_section()
    bench.session.open_section(section)
    layer = viewer.layers[0]
    world = layer.extent.world
    radius = bench.canvas_controller.painter.raster.radius
    span = section.xy.max(0) - section.xy.min(0)
    for axis in (0, 1):
        assert world[1, axis] - world[0, axis] == pytest.approx(
            span[1 - axis] + 4 * radius, abs=2 * bench.canvas_controller.painter.raster.pixel_size
        )
    x, y = section.xy[17]
    assert bench.canvas_controller.painter.raster.cell_at(y, x) == 17
    assert layer.get_value((y, x), world=True)[1] == section.adata.obs["cell_type"].cat.codes.iloc[17] + 1
