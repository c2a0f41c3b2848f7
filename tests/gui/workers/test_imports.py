"""Heavy packages in threads."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_inclust.gui.controllers import gene_controller, regions, saving
from napari_inclust.gui.sessions import session_io
from napari_inclust.spatial.regions import Region

from ..fakes import FakeRun, small_reference, small_section

CODE = """
import threading
from napari_inclust.gui.workers.imports import with_heavy_imports

found, together = [], threading.Barrier(4)

def work(n):
    def use():
        from sklearn.utils.extmath import randomized_svd
        from sklearn.ensemble import RandomForestRegressor
        import torch
        return n
    return use

def thread(n):
    together.wait()
    found.append(with_heavy_imports(work(n))())

threads = [threading.Thread(target=thread, args=(n,)) for n in range(4)]
[t.start() for t in threads]
[t.join() for t in threads]
print(sorted(found))
"""


def test_threads_that_begin_together_all_find_the_packages_whole() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[0, 1, 2, 3]", done.stderr


def test_whatever_reads_a_run_in_a_thread_waits_for_the_packages(
    opened: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, bench, _ = opened
    s = bench.session
    s.open_section(replace(small_section(), paths=(tmp_path / "section.h5ad",)))
    s.open_reference(replace(small_reference(), paths=(tmp_path / "reference.h5ad",)))
    s.add_run(FakeRun(s.section, s.reference))
    square = np.array([(0.0, 0.0), (50, 0), (50, 100), (0, 100)])
    qtbot.waitUntil(lambda: bench.canvas_controller.painter.gene_layer() is not None)
    jobs = {
        gene_controller: (
            lambda: bench.gene_controller._impute(s.run, "Gene31"),
            lambda: "Gene31" in s._imputed_cache,
        ),
        saving: (
            lambda: bench.export_controller.export_scores(tmp_path / "scores.csv"),
            lambda: not bench.export_controller.running,
        ),
        regions: (
            lambda: bench.region_controller.add([Region("left", square)]),
            lambda: bench.region_controller.statistics is not None,
        ),
        session_io: (lambda: bench.session_io.save(tmp_path / "mine.inclust.json"), lambda: not bench.session_io.busy),
    }
    for module, (start, ended) in jobs.items():
        waited: list[Any] = []
        monkeypatch.setattr(module, "with_heavy_imports", lambda job, waited=waited: waited.append(job) or job)
        start()
        qtbot.waitUntil(ended, timeout=20_000)
        assert waited, module.__name__
