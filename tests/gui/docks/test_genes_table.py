"""The gene table: found, filtered and sorted among 30,000."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_inclust.gui.state.gene_rows import GeneTable
from napari_inclust.gui.widgets.gene_table import GENE, KIND, SCORE, GeneTableModel

N = 30_000


@pytest.fixture
def model() -> GeneTableModel:
    random = np.random.default_rng(0)
    names = np.array([f"Gene{i}" for i in range(N - 4)] + ["Sox2", "Sox21", "asox2", "Gad1"])
    imputed = np.arange(N) >= 300
    scores = np.where(imputed, np.nan, random.uniform(-0.2, 0.9, N)).astype(np.float32)
    model = GeneTableModel()
    model.set_table(GeneTable(names, imputed, scores))
    return model


def names(model: GeneTableModel) -> list[str]:
    return [str(model.data(model.index(r, GENE))) for r in range(model.rowCount())]


def test_search_ignores_case_and_puts_the_exact_name_first(model: GeneTableModel) -> None:
    model.set_filter("SOX2", "all", -1)
    assert names(model) == ["Sox2", "Sox21", "asox2"]
    model.set_filter("sox21, gad1", "all", -1)
    assert names(model) == ["Sox21", "Gad1"]


def test_filters_by_kind_score_and_star(model: GeneTableModel) -> None:
    model.set_filter("", "measured", -1)
    assert model.rowCount() == 300
    assert model.data(model.index(0, KIND)) == "measured"
    model.set_filter("", "all", 0.5)
    assert 0 < model.rowCount() < 300
    assert all(float(model.data(model.index(r, SCORE))) >= 0.5 for r in range(model.rowCount()))
    model.set_stars({"Gad1"})
    model.set_filter("", "starred", -1)
    assert names(model) == ["Gad1"]


def test_sorting_by_score_puts_the_unscored_last(model: GeneTableModel) -> None:
    model.sort(SCORE, Qt.SortOrder.DescendingOrder)
    shown = [model.data(model.index(r, SCORE)) for r in range(400)]
    numbers = [float(s) for s in shown[:300]]
    assert numbers == sorted(numbers, reverse=True)
    assert set(shown[300:]) == {"-"}
    assert model.row_of("Gad1") >= 300
    assert model.gene_at(model.row_of("Sox2")) == "Sox2"


def test_a_key_stroke_costs_no_python_for_each_gene(model: GeneTableModel) -> None:
    calls = 0

    def count(frame: Any, event: str, arg: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        for text in ("g", "ge", "gene1", "gene12", "sox"):
            model.set_filter(text, "all", -1)
            model.sort(GENE)
    finally:
        sys.setprofile(None)
    assert 0 < calls < N / 10
