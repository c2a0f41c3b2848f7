"""Results written from the window: complete, marked, and told where; or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata
import pandas as pd
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from tests.io.vendor_folders import write_store

from ..fakes import FakeRun, small_reference, small_section


@pytest.fixture
def trained(opened: Any) -> Any:
    _, bench, dock = opened
    bench.session.open_section(small_section())
    bench.session.open_reference(small_reference())
    bench.session.add_run(FakeRun(bench.session.section, bench.session.reference))
    dock.tabs.setCurrentIndex(3)
    return opened


def click(button: Any, path: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: (str(path), ""))
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_imputed_genes_scores_and_run_are_written_and_told(
    trained: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, bench, dock = trained
    save, run = dock.export, bench.session.run
    click(save.save_genes, tmp_path / "out.h5ad", qtbot, monkeypatch)
    qtbot.waitUntil(
        lambda: not bench.export_controller.running and bool(bench.export_controller.message), timeout=20_000
    )
    assert str(tmp_path / "out.h5ad") in save.message.text()
    out = anndata.read_h5ad(tmp_path / "out.h5ad")
    assert list(out.var_names) == list(run.panel.reference_only)
    assert out.var["imputed"].all()
    click(save.save_scores, tmp_path / "scores.csv", qtbot, monkeypatch)
    qtbot.waitUntil(lambda: (tmp_path / "scores.csv").exists() and not bench.export_controller.running)
    assert len(pd.read_csv(tmp_path / "scores.csv")) == run.panel.n_shared
    click(save.save_run, tmp_path / "mine.inclust", qtbot, monkeypatch)
    qtbot.waitUntil(lambda: (tmp_path / "mine.inclust").exists() and not bench.export_controller.running)


def test_a_place_that_cannot_be_written_is_told(
    trained: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, bench, dock = trained
    click(dock.export.save_genes, tmp_path / "missing" / "out.h5ad", qtbot, monkeypatch)
    qtbot.waitUntil(lambda: bench.export_controller.is_error)
    assert "does not exist" in dock.export.message.text()
    assert dock.export.save_genes.isEnabled()


def test_starred_genes_alone_and_none(trained: Any, qtbot: Any) -> None:
    _, bench, dock = trained
    dock.export.gene_choice.setCurrentIndex(2)
    assert dock.export.chosen_genes() == []
    qtbot.mouseClick(dock.export.save_genes, Qt.MouseButton.LeftButton)
    assert "star genes" in dock.export.message.text()
    bench.session.toggle_star("Gene30")
    bench.session.toggle_star("Gene1")  # the reference lacks it
    assert dock.export.chosen_genes() == ["Gene30"]


def test_nothing_can_be_saved_before_training(opened: Any) -> None:
    _, _, dock = opened
    assert not dock.export.save_genes.isEnabled()
    assert "train first" in dock.export.save_genes.toolTip()


def test_window_and_command_line_write_the_same_file(
    trained: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_inclust.io.writers.imputed import write_run

    _, bench, dock = trained
    run = bench.session.run
    click(dock.export.save_genes, tmp_path / "window.h5ad", qtbot, monkeypatch)
    qtbot.waitUntil(
        lambda: not bench.export_controller.running and bool(bench.export_controller.message), timeout=20_000
    )
    write_run(tmp_path / "command.h5ad", run, dock.export.chosen_genes(), command="napari: Save")
    ours, theirs = (anndata.read_h5ad(tmp_path / f"{name}.h5ad") for name in ("window", "command"))
    for part in ("obs", "var"):
        pd.testing.assert_frame_equal(getattr(ours, part), getattr(theirs, part))
    assert (ours.X == theirs.X).all()
    assert (ours.layers["spread"] == theirs.layers["spread"]).all()
    assert set(ours.uns) == set(theirs.uns)
    assert {"inclust_trust", "inclust_type"} <= set(ours.obs)
    assert "foreseen" in ours.var


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".h5mu"])
def test_the_window_writes_tables_and_mudata(
    trained: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    _, bench, dock = trained
    click(dock.export.save_genes, tmp_path / f"out{suffix}", qtbot, monkeypatch)
    qtbot.waitUntil(
        lambda: not bench.export_controller.running and bool(bench.export_controller.message), timeout=20_000
    )
    assert not bench.export_controller.is_error, bench.export_controller.message
    assert (tmp_path / f"out{suffix}").is_file()


def test_a_section_of_no_store_cannot_go_back_into_one(trained: Any) -> None:
    _, _, dock = trained
    assert not dock.export.add_to_store.isEnabled()
    assert "SpatialData" in dock.export.add_to_store.toolTip()


@pytest.mark.filterwarnings("ignore")  # spatialdata's, of its formats
def test_results_go_back_into_the_store_that_the_section_came_from(opened: Any, qtbot: Any, tmp_path: Path) -> None:
    import spatialdata

    from napari_inclust.io.readers.dispatch import read_section

    from ...io.test_round_trip import make_store

    _, bench, dock = opened
    store = make_store(tmp_path / "s.zarr", small_section().adata)
    bench.session.open_section(read_section(store))
    bench.session.open_reference(small_reference())
    bench.session.add_run(FakeRun(bench.session.section, bench.session.reference))
    qtbot.mouseClick(dock.export.add_to_store, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(
        lambda: not bench.export_controller.running and bool(bench.export_controller.message), timeout=20_000
    )
    assert "inclust_imputed" in dock.export.message.text()
    assert spatialdata.read_zarr(store)["inclust_imputed"].var["imputed"].all()
    bench.export_controller.export_to_source_store(["Gene30"])
    qtbot.waitUntil(lambda: bench.export_controller.is_error, timeout=20_000)
    assert "already" in bench.export_controller.message


@pytest.mark.parametrize(("gene", "imputed"), [("Gene30", True), ("Gene1", False)])
def test_file_save_of_a_gene_layer_writes_its_cells_with_the_mark(
    trained: Any, qtbot: Any, tmp_path: Path, gene: str, imputed: bool
) -> None:
    from napari_inclust.paint.layers.cell_layers import GeneLayer

    viewer, bench, _ = trained
    bench.session.select_gene(gene)
    qtbot.waitUntil(
        lambda: any(isinstance(x, GeneLayer) and x.cell_values.name == gene for x in viewer.layers), timeout=20_000
    )
    layer = next(x for x in viewer.layers if isinstance(x, GeneLayer) and x.cell_values.name == gene)
    saved = layer.save(str(tmp_path / "layer.h5ad"), plugin="napari-inclust")
    assert saved == [str(tmp_path / "layer.h5ad")]
    out = anndata.read_h5ad(saved[0])
    assert list(out.var_names) == [gene]
    assert bool(out.var["imputed"].iloc[0]) is imputed
    assert ("measured" in out.uns["value_type"].split(",")[0]) is not imputed
    assert (out.X[:, 0] == layer.cell_values.values).all()
    (table,) = layer.save(str(tmp_path / "layer.csv"), plugin="napari-inclust")
    assert list(pd.read_csv(table))[-1] == f"{gene}_{layer.cell_values.kind.replace('-', '_')}"


def test_file_save_of_types_writes_the_column_and_of_other_layers_nothing(
    trained: Any, qtbot: Any, tmp_path: Path
) -> None:
    import numpy as np

    from napari_inclust.gui.writers import write_categories, write_layer
    from napari_inclust.paint.values import CellCategories

    _, bench, _ = trained
    section = bench.session.section
    types = CellCategories.from_column("cell_type", section.adata.obs["cell_type"])
    write_categories(tmp_path / "t.csv", section, types)
    assert pd.read_csv(tmp_path / "t.csv")["cell_type"].tolist() == section.adata.obs["cell_type"].tolist()
    write_categories(tmp_path / "t.h5ad", section, types)
    assert len(anndata.read_h5ad(tmp_path / "t.h5ad").uns["cell_type_colors"]) == 3
    assert write_layer(str(tmp_path / "x.h5ad"), np.zeros((3, 3)), {"name": "somebody else's"}) == []
    assert not (tmp_path / "x.h5ad").exists()


def test_domains_go_into_the_store_that_the_section_came_from(
    opened: Any, qtbot: Any, small_pair: Any, tmp_path: Path
) -> None:
    import shapely
    import spatialdata

    _, bench, dock = opened
    path = write_store(tmp_path / "s.zarr", small_pair[0])
    bench.loading_controller.load_section(path, system="microns")
    qtbot.waitUntil(lambda: bench.session.section is not None, timeout=20_000)
    dock.tabs.setCurrentIndex(dock.titles.index("Domains"))
    bench.domain_controller.start(3, method="smoothed-pca")
    qtbot.waitUntil(lambda: bench.domain_controller.domains is not None, timeout=60_000)
    for name in ("domain", "domain_2"):  # the second time under another name
        qtbot.mouseClick(dock.domains.add_to_store, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(
            lambda name=name: (
                f"the table inclust_{name} and the shapes inclust_{name}_outlines" in dock.domains.message.text()
            ),
            timeout=60_000,
        )
    data = spatialdata.read_zarr(path)
    assert {"inclust_domain", "inclust_domain_2"} < set(data.tables)
    table, shapes = data["inclust_domain"], data.shapes["inclust_domain_outlines"]
    assert len(table.uns["domain_colors"]) == 3
    assert list(spatialdata.transformations.get_transformation(shapes, get_all=True)) == ["microns"]
    everywhere = spatialdata.transform(shapes, to_coordinate_system="microns").union_all()
    centres = spatialdata.get_centroids(data["cells"], coordinate_system="microns").compute()
    assert shapely.contains_xy(everywhere, centres["x"], centres["y"]).mean() > 0.95


def test_domains_have_no_store_to_go_to_when_the_section_is_a_file(trained: Any) -> None:
    _, _, dock = trained
    assert not dock.domains.add_to_store.isEnabled()
    assert "not from a SpatialData store" in dock.domains.add_to_store.toolTip()
