"""Genes are imputed in a thread, and the dock says how far it is."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from napari_inclust.gui.docks.main import MainDock
from napari_inclust.gui.viewer_context import ViewerContext
from napari_inclust.utils.progress import progress_stage

from ..fakes import FakeRun, small_reference, small_section


@pytest.fixture
def trained(opened: Any) -> tuple[ViewerContext, MainDock, FakeRun]:
    """Both data sets are open; the run is not chosen yet."""
    _, bench, dock = opened
    bench.session.open_section(small_section())
    bench.session.open_reference(small_reference())
    return bench, dock, FakeRun(bench.session.section, bench.session.reference)


def test_a_slow_gene_is_imputed_off_the_gui_thread_and_the_last_wish_wins(
    trained: tuple[ViewerContext, MainDock, FakeRun], qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, dock, run = trained
    asked: list[str] = []
    threads: set[threading.Thread] = set()
    quick = run.impute

    def slow(gene: str) -> Any:
        asked.append(gene)
        threads.add(threading.current_thread())
        time.sleep(0.3)
        return quick(gene)

    monkeypatch.setattr(run, "impute", slow)
    bench.session.add_run(run)
    for gene in ("Gene31", "Gene32", "Gene33"):
        bench.session.select_gene(gene)
    assert len(asked) <= 1
    assert dock.genes.message.text().startswith("Imputing")
    layer = lambda: bench.canvas_controller.painter.gene_layer()  # noqa: E731
    qtbot.waitUntil(lambda: layer() is not None and layer().name.startswith("Gene33"), timeout=5000)
    assert set(asked) == {"Gene24", "Gene33"}  # the second also for its interval
    assert threading.main_thread() not in threads
    assert dock.genes.message.text() == ""
    bench.session.select_gene("Gene24")
    assert layer().name.startswith("Gene24")  # kept: no second wait


def test_the_first_gene_of_a_run_says_how_far_it_is_and_ends_with_the_window(
    trained: tuple[ViewerContext, MainDock, FakeRun], qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, dock, run = trained
    steps: list[int] = []

    def slow(gene: str) -> Any:
        for group in progress_stage("preparing the cells", range(200)):
            steps.append(group)
            time.sleep(0.05)

    monkeypatch.setattr(run, "impute", slow)
    bench.session.add_run(run)
    bench.session.select_gene("Gene31")
    qtbot.waitUntil(
        lambda: dock.genes.message.text().startswith(
            "Imputing Gene31, the first gene of this run: preparing the cells, "
        ),
        timeout=10_000,
    )
    bench.gene_controller.close()
    bench.reliability_controller.close()
    reached = len(steps)
    time.sleep(0.3)
    assert reached < 200
    assert len(steps) <= reached + 2  # the interval is read in a thread of its own
