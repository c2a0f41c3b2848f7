"""Results written from the window: complete, marked, and told where; or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata
import pandas as pd
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from .fakes import FakeRun, small_reference, small_section


@pytest.fixture
def trained(opened: Any) -> Any:
    _, bench, dock = opened
    bench.session.open_section(small_section())
    bench.session.open_reference(small_reference())
    bench.session.set_run(FakeRun(bench.session.section, bench.session.reference))
    dock.tabs.setCurrentIndex(3)
    return opened


def click(button: Any, path: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: (str(path), ""))
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_imputed_genes_scores_and_run_are_written_and_told(trained: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, bench, dock = trained
    save, run = dock.save, bench.session.run
    click(save.genes, tmp_path / "out.h5ad", qtbot, monkeypatch)
    qtbot.waitUntil(lambda: not bench.saving.running and bool(bench.saving.message), timeout=20_000)
    assert str(tmp_path / "out.h5ad") in save.message.text()
    out = anndata.read_h5ad(tmp_path / "out.h5ad")
    assert list(out.var_names) == list(run.panel.reference_only)
    assert out.var["imputed"].all()
    click(save.scores, tmp_path / "scores.csv", qtbot, monkeypatch)
    qtbot.waitUntil(lambda: (tmp_path / "scores.csv").exists() and not bench.saving.running)
    assert len(pd.read_csv(tmp_path / "scores.csv")) == run.panel.n_shared
    click(save.run, tmp_path / "mine.inclust", qtbot, monkeypatch)
    qtbot.waitUntil(lambda: (tmp_path / "mine.inclust").exists() and not bench.saving.running)


def test_a_place_that_cannot_be_written_is_told(trained: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, bench, dock = trained
    click(dock.save.genes, tmp_path / "missing" / "out.h5ad", qtbot, monkeypatch)
    qtbot.waitUntil(lambda: bench.saving.wrong)
    assert "does not exist" in dock.save.message.text()
    assert dock.save.genes.isEnabled()


def test_starred_genes_alone_and_none(trained: Any, qtbot: Any) -> None:
    _, bench, dock = trained
    dock.save.which.setCurrentIndex(2)
    assert dock.save.chosen() == []
    qtbot.mouseClick(dock.save.genes, Qt.MouseButton.LeftButton)
    assert "star genes" in dock.save.message.text()
    bench.session.star("Gene30")
    bench.session.star("Gene1")  # the reference lacks it
    assert dock.save.chosen() == ["Gene30"]


def test_nothing_can_be_saved_before_training(opened: Any) -> None:
    _, _, dock = opened
    assert not dock.save.genes.isEnabled()
    assert "train first" in dock.save.genes.toolTip()
