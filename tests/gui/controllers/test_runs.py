"""Runs of the session: their table, and two compared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import Qt

from napari_inclust.training.config import Config

from ..fakes import FakeRun, small_reference, small_section

LEFT = Qt.MouseButton.LeftButton


def test_two_runs_are_compared_gene_by_gene(opened: Any, qtbot: Any) -> None:
    _, bench, dock = opened
    s = bench.session
    s.open_section(small_section())
    s.open_reference(small_reference())
    one, two = (
        FakeRun(s.section, s.reference, Config(seed=1)),
        FakeRun(s.section, s.reference, Config(seed=2, latent=7)),
    )
    two.scores["pcc"] += 0.1
    two.scores.loc["Gene4", "pcc"] = np.nan
    dock.tabs.setCurrentIndex(1)
    runs = dock.train.runs_view
    qtbot.mouseClick(runs.toggleButton(), LEFT)
    s.add_run(one)
    dock.tabs.setCurrentIndex(1)
    assert "Train another" in runs.verdict_message.text()
    s.add_run(two)
    assert runs.table.model().rowCount() == 2
    assert (runs.run_a.currentData(), runs.run_b.currentData()) == (0, 1)
    assert "19 genes" in runs.verdict_message.text()
    assert "B is better for 19" in runs.verdict_message.text()
    assert runs.plot.point_count() == 19
    shown = {
        runs.settings_table.text(r, 0): (runs.settings_table.text(r, 1), runs.settings_table.text(r, 2))
        for r in range(runs.settings_table.model().rowCount())
    }
    assert shown == {"seed": ("1", "2"), "latent": (str(Config().latent), "7")}
    dock.train.runs_view.table.scrollTo(runs.table.model().index(0, 0))
    qtbot.wait(20)
    assert s.run is two
    runs.table.clicked.emit(runs.table.model().index(0, 0))
    assert s.run is one


def test_a_run_of_another_section_is_not_painted_and_told(opened: Any, qtbot: Any, tmp_path: Path) -> None:
    _, bench, dock = opened
    s = bench.session
    first = replace(small_section(), paths=(tmp_path / "first.h5ad",))
    s.open_section(first)
    s.open_reference(small_reference())
    s.add_run(FakeRun(first, s.reference))
    s.open_section(small_section(40, seed=2))
    told: list[str] = []
    s.message_emitted.connect(told.append)
    table = dock.train.runs_view.table
    table.clicked.emit(table.model().index(0, 0))
    assert s.run is None
    assert told
    assert f"trained on {first.name}, which is not open now" in told[0]
    s.open_section(replace(small_section(), paths=(first.path,)))  # the same file, read again
    table.clicked.emit(table.model().index(0, 0))
    assert s.run is s.runs[0]
