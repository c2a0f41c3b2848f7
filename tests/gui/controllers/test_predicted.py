"""Our own results in the window: shown as what they are, and nothing to learn from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt

from napari_inclust.errors import DataError
from napari_inclust.io.readers.dispatch import read_section
from napari_inclust.io.writers.imputed import write_imputed
from napari_inclust.paint.values import CellValues
from tests.io.test_round_trip import SignedRun

GENES = [f"g{i}" for i in range(5)]


@pytest.fixture
def result(pair: Any, tmp_path: Path) -> Path:
    """Gene g0 held out, g1 to g4 imputed; values a little below 0, 1, 2, ..."""
    types = pd.DataFrame({"inclust_type": pd.Categorical(np.resize(["a", "b"], 200))})
    write_imputed(tmp_path / "result.h5ad", SignedRun(read_section(pair[0])), GENES, obs_columns=types)
    return tmp_path / "result.h5ad"


def test_a_result_that_is_dropped_is_painted_with_its_marks_and_never_trained_on(
    opened: Any, qtbot: Any, result: Path, pair: Any
) -> None:
    viewer, bench, dock = opened
    viewer.open(result, plugin="napari-inclust")
    session = bench.session
    qtbot.waitUntil(lambda: session.section is not None, timeout=20_000)
    assert "4 imputed, 1 held-out by an earlier run" in dock.data.summary.text()
    table = session.gene_table()
    assert [(str(n), table.kind_of(i)) for i, n in enumerate(table.names)] == [
        ("g0", "held-out"),
        *((g, "imputed") for g in GENES[1:]),
    ]
    assert table.is_imputed.all()
    assert table.held_out_scores[0] == np.float32(0.75)
    dock.tabs.setCurrentIndex(2)
    view = dock.genes.table
    qtbot.waitUntil(view.isVisible, timeout=5_000)
    at = view.model().index(dock.genes.model.row_of("g3"), 1)
    view.scrollTo(at)
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=view.visualRect(at).center())
    qtbot.waitUntil(lambda: session.gene == "g3", timeout=5_000)
    (layer,) = [layer for layer in viewer.layers if "g3" in layer.name]
    assert "imputed" in layer.name
    (shown,) = session.displayed_values()
    assert shown.is_imputed
    np.testing.assert_allclose(shown.values, 2.875)
    np.testing.assert_allclose(shown.spread, 0.3)
    session.select_gene("g0")
    assert session.displayed_values()[0].kind_label == "imputed, held out (score 0.75)"
    assert (session.displayed_values()[0].values < 0).all()
    bench.loading_controller.load_reference(pair[1])
    qtbot.waitUntil(lambda: session.reference is not None, timeout=20_000)
    assert "only predictions of a run" in session.training_obstacle
    assert not dock.train.start.isEnabled()
    assert "only predictions of a run" in dock.data.message.text()


def test_what_needs_measured_genes_says_so(opened: Any, qtbot: Any, result: Path) -> None:
    from napari_inclust.data.gene_sets import match_genes
    from napari_inclust.gui.plugin import section_layers
    from napari_inclust.gui.views.gene_sets import gene_set_score
    from napari_inclust.imputation.embedding import embedding_features

    _, bench, _ = opened
    section = read_section(result)
    bench.session.open_section(section)
    with pytest.raises(DataError, match="no measured genes"):
        embedding_features(section, None)
    section.predicted.adata.X += np.random.default_rng(0).random(
        (200, 5), dtype=np.float32
    )  # a gene of one value has no z-score
    score = gene_set_score(bench.session, "mine", match_genes(["g0", "g4"], GENES))
    assert isinstance(score, CellValues)
    assert "imputed (2 of them)" in score.kind
    del section.adata.obs["inclust_type"]
    for column in list(section.adata.obs):
        del section.adata.obs[column]
    (layer,) = section_layers(section)
    assert "imputed" in layer[1]["name"]
