"""The tasks that fit the data: offered, shown as masks, run, painted and saved."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_inclust.data.section import Reference, Section
from napari_inclust.gui.state.generated import GeneratedFeatures, load_generated
from napari_inclust.gui.state.status import CRASHED, DONE, STOPPED
from napari_inclust.imputation.fit import fit
from napari_inclust.paint.figures.masks import DECODER, ENCODER
from napari_inclust.paint.values import GENERATED, CellValues
from napari_inclust.training.config import Config

from ..conftest import expected_colour, pixel_of
from ..fakes import FakeEpoch, small_reference, small_section

LEFT = Qt.MouseButton.LeftButton


def cite(n: int = 200) -> Reference:
    """A reference with proteins, one of which follows a gene."""
    adata = small_reference(n).adata
    first = np.asarray(adata.X[:, 0]).ravel()
    counts = np.column_stack([20 * first + 5, np.random.default_rng(3).poisson(8, (n, 2))])
    adata.obsm["protein_counts"] = pd.DataFrame(counts, index=adata.obs_names, columns=["CD1", "CD2", "CD3"])
    return Reference.from_adata(adata, name="cite")


def fake_generate(epochs: int = 3, seconds: float = 0.0) -> Any:
    def steps(
        section: Any,
        reference: Any,
        config: Any,
        *,
        modality: str,
        labels: Any = None,
        batch: Any = None,
        checkpoint: Any = None,
    ) -> Any:
        try:
            for i in range(epochs):
                time.sleep(seconds)
                yield FakeEpoch(i + 1, epochs, terms={"loss": 1.0})
        except GeneratorExit:
            checkpoint.write_text("kept")
            raise
        n = section.n_cells
        values = {
            f"{name} ({modality})": CellValues(
                f"{name} ({modality})",
                np.linspace(0, 1 + i, n, dtype=np.float32),
                GENERATED,
                np.full(n, 0.1, np.float32),
                score,
                "log1p",
            )
            for i, (name, score) in enumerate({"CD1": 0.4, "CD2": 0.7, "CD3": float("nan")}.items())
        }
        return GeneratedFeatures(
            section, modality, values, None, SimpleNamespace(scores=pd.DataFrame({"pcc": [0.4, 0.7, np.nan]}))
        )

    return steps


@pytest.fixture
def ready(opened: Any, qtbot: Any) -> Any:
    """The Train tab with a section and a reference that has proteins."""
    viewer, bench, dock = opened
    bench.session.open_section(small_section())
    bench.session.open_reference(cite(), "cell_type")
    bench.training_controller.generate = fake_generate()
    dock.tabs.setCurrentIndex(dock.titles.index("Train"))
    qtbot.wait(30)
    return viewer, bench, dock.train


def pick(train: Any, text: str, qtbot: Any) -> None:
    box = train.task_view.task_choice
    box.setFocus()
    box.setCurrentIndex([box.itemText(i) for i in range(box.count())].index(text))
    box.activated.emit(box.currentIndex())
    qtbot.wait(10)


def test_tasks_follow_the_data(opened: Any, qtbot: Any) -> None:
    _, bench, dock = opened
    box = dock.train.task_view.task_choice
    texts = lambda: [box.itemText(i) for i in range(box.count())]  # noqa: E731
    assert texts() == ["impute genes and cell types"]
    bench.session.open_section(small_section())
    bench.session.open_reference(small_reference())
    assert texts() == ["impute genes and cell types", "map onto a saved run", "integrate both"]
    bench.session.open_reference(cite())
    assert texts() == ["impute genes and cell types", "generate protein", "map onto a saved run", "integrate both"]
    pick(dock.train, "generate protein", qtbot)
    bench.session.open_reference(small_reference())
    assert bench.task_controller.selected_task.kind == "impute"


def test_the_masks_of_each_task_are_drawn(ready: Any, qtbot: Any) -> None:
    _, _, train = ready
    view = train.task_view
    assert view.mask_picture.masks is None  # nothing is computed before it is looked at
    qtbot.mouseClick(view.masks_box.toggleButton(), LEFT)
    qtbot.waitUntil(lambda: view.mask_picture.masks is not None, timeout=20_000)
    assert [(s.block, s.n_features) for s in view.mask_picture.masks.feature_ranges] == [
        ("genes", 20),
        ("components", 30),
    ]
    pick(train, "generate protein", qtbot)
    qtbot.waitUntil(lambda: view.mask_picture.masks.blocks == ["rna", "protein"], timeout=20_000)
    masks = view.mask_picture.masks
    assert masks.data_sets == ("small", "cite", "cite")
    tiles = {
        (masks.data_sets[t.row], t.row, t.side, masks.feature_ranges[t.feature_range].block): t.active
        for t in masks.tiles()
        if masks.feature_ranges[t.feature_range].n_features <= 20
    }
    assert tiles["cite", 2, DECODER, "protein"]
    assert not tiles["cite", 2, ENCODER, "protein"]
    qtbot.waitUntil(lambda: view.mask_picture.height() > 50, timeout=5_000)
    shot = view.mask_picture.grab().toImage()
    scale = view.mask_picture.devicePixelRatioF()
    for t in masks.tiles():
        centre = view.mask_picture.tile_rect(t).center()
        colour = shot.pixelColor(round(centre.x() * scale), round(centre.y() * scale)).name()
        assert (colour == masks.colour(t.feature_range).lower()) == t.active


def test_a_task_without_a_dock_tells_its_command(ready: Any, qtbot: Any) -> None:
    _, _, train = ready
    pick(train, "integrate both", qtbot)
    assert not train.start.isEnabled()
    assert "inclust integrate small cite -o integrated.h5ad" in train.start.toolTip()
    pick(train, "impute genes and cell types", qtbot)
    assert train.start.isEnabled()


def test_generated_features_are_painted_and_marked(ready: Any, qtbot: Any) -> None:
    viewer, bench, train = ready
    pick(train, "generate protein", qtbot)
    assert not train.task_view.save.isEnabled()
    qtbot.mouseClick(train.start, LEFT)
    qtbot.waitUntil(lambda: bench.training_controller.state == DONE, timeout=20_000)
    layer = bench.canvas_controller.painter.gene_layer()
    assert layer.cell_values.name == "CD2 (protein)"  # the best of them
    assert layer.name == "CD2 (protein) · generated (score 0.70 in the reference)"
    assert layer.cell_values.is_imputed
    assert "Median Pearson 0.550 over 3 features of protein" in train.status.text()
    x, y = bench.session.section.xy[50]
    value = float(layer.cell_values.values[50])
    assert np.abs(pixel_of(viewer, y, x, qtbot) - expected_colour(layer, value)).max() <= 3
    assert "GENERATED (score 0.70 in the reference)" in bench.canvas_controller.painter.cell_text(y, x)
    table = bench.session.gene_table()
    assert [table.kind_of(i) for i, name in enumerate(table.names) if "protein" in name] == ["generated"] * 3
    bench.session.select_gene("Gene5")
    assert bench.canvas_controller.painter.gene_layer().cell_values.kind == "measured"
    bench.session.open_section(small_section(seed=4))
    assert bench.session.generated is None
    assert not any("protein" in name for name in bench.session.gene_table().names)


def test_generating_can_be_cancelled_and_resumed(ready: Any, qtbot: Any) -> None:
    _, bench, train = ready
    bench.training_controller.generate = fake_generate(1000, 0.05)
    pick(train, "generate protein", qtbot)
    qtbot.mouseClick(train.start, LEFT)
    qtbot.waitUntil(lambda: bool(bench.training_controller.history), timeout=20_000)
    qtbot.mouseClick(train.cancel, LEFT)
    qtbot.waitUntil(lambda: bench.training_controller.state == STOPPED, timeout=20_000)
    bench.training_controller.generate = fake_generate()
    pick(train, "impute genes and cell types", qtbot)
    qtbot.mouseClick(train.resume, LEFT)  # goes on with what was cancelled
    qtbot.waitUntil(lambda: bench.training_controller.state == DONE, timeout=20_000)
    assert bench.session.generated.modality == "protein"


def test_true_proteins_are_generated_and_saved(
    ready: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_inclust.gui.state.generated import train_and_generate

    _, bench, train = ready
    bench.training_controller.generate = train_and_generate
    pick(train, "generate protein", qtbot)
    config = train.config_form.config().replace(
        epochs=3, steps=3, batch=32, latent=4, hidden=(16,), decoder_hidden=(16,), threads=1
    )
    bench.training_controller.start(config, modality=bench.task_controller.selected_task.modality)
    qtbot.waitUntil(lambda: bench.training_controller.state not in ("running", "idle"), timeout=120_000)
    assert bench.training_controller.state == DONE, bench.training_controller.message
    assert list(bench.session.generated.values_by_feature) == ["CD1 (protein)", "CD2 (protein)", "CD3 (protein)"]
    path = tmp_path / "protein.h5ad"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    qtbot.mouseClick(train.task_view.save, LEFT)
    qtbot.waitUntil(
        lambda: "are in" in train.task_view.message.text() or bench.task_controller.is_error, timeout=30_000
    )
    written = anndata.read_h5ad(path)
    assert list(written.var_names) == ["CD1", "CD2", "CD3"]
    assert set(written.var["kind"]) == {"generated"}
    shown = bench.session.generated.values_by_feature["CD2 (protein)"]
    np.testing.assert_allclose(np.asarray(written[:, "CD2"].X).ravel(), shown.values)
    made, section = bench.session.generated, bench.session.section
    made.trained.save(tmp_path / "mine.generated.inclust")  # as a session does
    again = load_generated(
        section, bench.session.reference, tmp_path / "mine.generated.inclust", made.modality
    ).values_by_feature["CD2 (protein)"]
    np.testing.assert_allclose(again.values, shown.values, rtol=1e-4, atol=1e-5)
    assert (again.score, again.kind, again.unit) == (pytest.approx(shown.score), shown.kind, shown.unit)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: Any) -> Path:
    """A true run of the small section."""
    config = Config.preset(
        "fast", members=2, epochs=2, steps=5, hidden=(16,), decoder_hidden=(16,), latent=4, device="cpu", threads=1
    )
    return fit(small_section(), cite(), config).save(tmp_path_factory.mktemp("run") / "first.inclust")


def test_the_section_is_mapped_onto_a_saved_run_of_another(saved: Path, ready: Any, qtbot: Any, tmp_path: Path) -> None:
    _, bench, train = ready
    first = small_section()
    before = saved.read_bytes()
    adata = small_section().adata[:, :-2].copy()
    bench.session.open_section(Section.from_adata(adata, name="second"))
    pick(train, "map onto a saved run", qtbot)
    assert train.task_view.run_file.isVisible()
    assert "Choose the saved run" in train.start.toolTip()
    qtbot.mouseClick(train.task_view.run_file.line_edit, LEFT)
    qtbot.keyClicks(train.task_view.run_file.line_edit, str(saved))
    qtbot.keyClick(train.task_view.run_file.line_edit, Qt.Key.Key_Return)
    qtbot.waitUntil(train.start.isEnabled, timeout=5_000)
    qtbot.mouseClick(train.start, LEFT)
    qtbot.waitUntil(lambda: bench.training_controller.state in (DONE, CRASHED), timeout=60_000)
    assert bench.training_controller.state == DONE, bench.training_controller.message
    run = bench.session.run
    assert run.section.name == "second"
    assert run.provenance["mapped"]["from"]["run"] == str(saved)
    assert set(first.genes) - set(adata.var_names) <= set(run.panel.reference_only)
    assert saved.read_bytes() == before

    other = tmp_path / "none.inclust"
    other.write_text("no run")
    train.task_view.run_file.show_path(str(other))
    qtbot.keyClick(train.task_view.run_file.line_edit, Qt.Key.Key_Return)
    qtbot.mouseClick(train.start, LEFT)
    qtbot.waitUntil(lambda: bench.training_controller.state == CRASHED, timeout=60_000)
    assert "is not a run" in train.message.text()
