"""napari-spatialdata beside us in one window: it shows what we write, and a layer that it made is a section for us."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from napari_inclust.io.readers.dispatch import read_section
from napari_inclust.io.writers.imputed import write_imputed
from tests.io.test_round_trip import make_store
from tests.io.test_write import FakeRun
from tests.io.vendor_folders import write_store

from .mouse import pick

pytestmark = pytest.mark.filterwarnings("ignore")  # of napari-spatialdata and what it imports: theirs

GENES = [f"g{i}" for i in range(5)]
TYPES = np.resize(["a", "b", "c"], 200)


def imputed(section: Any, path: Path) -> None:
    """Genes whose values are 0, 1, 2, ..., and types, as they are written."""
    cells = pd.DataFrame({"inclust_trust": np.linspace(0, 1, 200), "inclust_type": pd.Categorical(TYPES)})
    write_imputed(path, FakeRun(section), GENES, obs_columns=cells)


def shown(viewer: Any, data: Any, element: str, system: str, qtbot: Any) -> Any:
    """A layer of napari-spatialdata, made by its own call and active."""
    from napari_spatialdata import Interactive

    made = Interactive(data, headless=True)
    made.add_element(element, system, view_element_system=True)
    qtbot.waitUntil(lambda: element in viewer.layers, timeout=20_000)
    qtbot.waitUntil(lambda: not made._sdata_widget.worker_thread.isRunning(), timeout=20_000)
    viewer.layers.selection.active = viewer.layers[element]
    return viewer.layers[element]


def colour_by(view: Any, names: Any, name: str) -> None:
    """What a double click on an item of its lists does."""
    (item,) = [names.item(i) for i in range(names.count()) if names.item(i).text() == name]
    names.setCurrentItem(item)
    names.itemDoubleClicked.emit(item)


def check_view(viewer: Any, layer: Any, given: ad.AnnData) -> None:
    """Its View lists our genes, layers and columns, and colours cells by them."""
    view = viewer.window.dock_widgets["View (napari-spatialdata)"]
    assert [view.var_widget.item(i).text() for i in range(view.var_widget.count())] == GENES
    assert [view.adata_layer_widget.itemText(i) for i in range(view.adata_layer_widget.count())] == ["X", "spread"]
    colour_by(view, view.obs_widget, "inclust_type")
    ours = dict(zip(given.obs["inclust_type"].cat.categories, given.uns["inclust_type_colors"], strict=True))
    np.testing.assert_allclose(layer.face_color[:, :3], [to_rgb(ours[kind]) for kind in TYPES], atol=1e-6)
    colour_by(view, view.var_widget, "g3")
    assert (layer.features["g3"] == 3).all()


def test_its_view_shows_the_table_that_we_added_to_the_store(
    viewer: Any, qtbot: Any, small_pair: Any, tmp_path: Path
) -> None:
    import spatialdata

    path = make_store(tmp_path / "s.zarr", small_pair[0])
    imputed(read_section(path), path)
    data = spatialdata.read_zarr(path)
    layer = shown(viewer, data, "cells", "global", qtbot)
    view = viewer.window.dock_widgets["View (napari-spatialdata)"]
    view.table_name_widget.setCurrentText("inclust_imputed")
    check_view(viewer, layer, data["inclust_imputed"])


def test_its_view_shows_our_h5ad_by_the_converter_of_spatialdata(
    viewer: Any, qtbot: Any, pair: Any, tmp_path: Path
) -> None:
    from spatialdata_io.experimental import from_legacy_anndata

    imputed(read_section(pair[0]), tmp_path / "out.h5ad")
    given = ad.read_h5ad(tmp_path / "out.h5ad")
    data = from_legacy_anndata(given)
    (element,) = data.shapes
    check_view(viewer, shown(viewer, data, element, "global", qtbot), given)


def test_a_layer_that_it_made_is_a_section(opened: Any, qtbot: Any, small_pair: Any, tmp_path: Path) -> None:
    import spatialdata

    viewer, bench, dock = opened
    path = write_store(tmp_path / "s.zarr", small_pair[0])
    layer = shown(viewer, spatialdata.read_zarr(path), "cells", "microns", qtbot)
    dock.tabs.setCurrentIndex(0)
    pick(dock.data.layers, f"s (layer {layer.name})", qtbot)
    qtbot.waitUntil(lambda: bench.session.section is not None, timeout=20_000)
    section = bench.session.section
    assert section.n_cells == 200
    assert section.path == path
    assert "'microns'" in section.unit_note
    there = np.array([layer.data_to_world(at) for at in layer.data])  # y, x on the canvas
    np.testing.assert_allclose(section.xy, there[:, ::-1])
    colours = [x for x in viewer.layers if x is not layer]
    np.testing.assert_allclose(colours[0].extent.world.mean(0), layer.extent.world.mean(0), atol=15)


def test_a_section_in_memory_goes_from_its_layer_to_a_result(
    opened: Any, qtbot: Any, small_pair: Any, tmp_path: Path
) -> None:
    import spatialdata

    viewer, bench, dock = opened
    data = spatialdata.read_zarr(make_store(tmp_path / "s.zarr", small_pair[0]))
    data.path = None
    shown(viewer, data, "cells", "global", qtbot)
    dock.tabs.setCurrentIndex(0)
    pick(dock.data.layers, "cells (layer cells)", qtbot)
    qtbot.waitUntil(lambda: bench.session.section is not None, timeout=20_000)
    imputed(bench.session.section, tmp_path / "out.h5ad")
    assert ad.read_h5ad(tmp_path / "out.h5ad").shape == (200, 5)
