"""How alive the window stays while a run trains in its worker, and what the window costs the run: gaps of a 10 ms timer while the view is panned, and the time
of an epoch in the worker and in a process without a window, each while the window of this one rests and while it is panned, in turns.

Panning keeps the interpreter and, in software GL, every core busy: only beside a window that is panned all the same does a process of its own tell what
sharing the interpreter costs. Run: `xvfb-run -a python -m benchmarks.window` (with a display, without xvfb-run) prints one row as JSON.
"""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable, Generator
from typing import Any

import numpy as np

TURN, TURNS = 2, 2  # epochs of a turn after the first, turns of each kind
EPOCHS = (2 * TURNS + 1) * (TURN + 2) + 2  # an epoch that has begun when its turn ends is not counted


class Turns:
    """Steps of a training that waits between epochs unless it is its turn, and tells how long each epoch took.

    Parameters
    ----------
    go
        Its turn (an event of threads or processes).
    """

    def __init__(self, steps: Callable[..., Generator[Any, None, Any]], go: Any, tell: Callable[[float], None]) -> None:
        self._steps, self._train, self._emit_changed = steps, go, tell

    def __call__(self, *args: Any, **kwargs: Any) -> Generator[Any, None, Any]:
        steps = self._steps(*args, **kwargs)
        while True:
            self._train.wait()
            start = time.perf_counter()
            try:
                epoch = next(steps)
            except StopIteration as end:
                return end.value
            if epoch.stage == "training":
                self._emit_changed(time.perf_counter() - start)
            yield epoch


def settings() -> Any:
    """Of both trainings; neither stops early."""
    from napari_inclust import Config

    return Config.preset("balanced", epochs=EPOCHS, patience=1000)


def headless(go: Any, told: Any) -> None:
    """The same training without a window, in a process of its own."""
    from napari_inclust.imputation.fit import fit_epochs
    from napari_inclust.io import demo

    for _ in Turns(fit_epochs, go, told.put)(
        demo.demo_section(), demo.demo_reference(), settings(), labels="cell_type"
    ):
        pass


def measure() -> dict[str, Any]:
    """Train `balanced` on the demo in a live viewer while a timer ticks."""
    import threading

    import napari
    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QApplication

    from napari_inclust.gui.state.status import DONE
    from napari_inclust.gui.viewer_context import get_viewer_context
    from napari_inclust.io import demo
    from napari_inclust.paint.layers import canvas

    context = multiprocessing.get_context("spawn")
    theirs, mine, queue = context.Event(), threading.Event(), context.Queue()
    other = context.Process(target=headless, args=(theirs, queue), daemon=True)
    other.start()
    viewer = napari.Viewer(show=True)
    start = time.perf_counter()
    _, plugin = viewer.window.add_plugin_dock_widget("napari-inclust", "inClust+")
    QApplication.processEvents()
    opening = time.perf_counter() - start
    bench = get_viewer_context(viewer)
    bench.session.open_section(demo.demo_section())
    bench.session.open_reference(demo.demo_reference(), "cell_type")
    plugin.dock.tabs.setCurrentIndex(plugin.dock.titles.index("Train"))  # where the losses are drawn
    taken: list[float] = []
    bench.training_controller.train = Turns(bench.training_controller.train, mine, taken.append)
    beats: list[float] = []
    timer = QTimer()
    timer.setInterval(10)
    camera, centre = canvas.camera(viewer), canvas.camera(viewer).center

    def beat() -> None:
        """Pan in a circle; each step is drawn."""
        angle = len(beats) / 20
        camera.center = (*centre[:-2], centre[-2] + 50 * np.sin(angle), centre[-1] + 50 * np.cos(angle))
        beats.append(time.perf_counter())

    timer.timeout.connect(beat)

    def wait(until: Callable[[], bool], *, panned: bool) -> list[float]:
        """Let the window live until then; milliseconds between the steps of the panning."""
        start = len(beats)
        (timer.start if panned else timer.stop)()
        while not until():
            QApplication.processEvents()
            time.sleep(0.001)
        return list(np.diff(beats[start:]) * 1e3)

    def turn(go: Any, *, panned: bool, n: int = TURN) -> tuple[list[float], list[float]]:
        """Epochs of the worker or of the other process: seconds of each but the first, and gaps of the window meanwhile."""
        found: list[float] = []

        def enough() -> bool:
            while go is theirs and not queue.empty():
                found.append(queue.get())
            return len(found if go is theirs else taken) > n

        taken.clear()
        go.set()
        gaps = wait(enough, panned=panned)
        go.clear()
        return (found if go is theirs else taken)[1 : n + 1], gaps

    def until(seconds: float) -> Callable[[], bool]:
        end = time.perf_counter() + seconds
        return lambda: time.perf_counter() > end

    wait(until(1), panned=True)
    idle = wait(until(3), panned=True)
    bench.training_controller.start(settings())
    for go in (mine, theirs):
        turn(go, panned=False, n=1)
    kinds = {
        (who, panned): (go, list[float](), list[float]())
        for who, go in (("worker", mine), ("process", theirs))
        for panned in (False, True)
    }
    for _ in range(TURNS):
        for (_who, panned), (go, seconds, gaps) in kinds.items():
            for all_of, found in zip((seconds, gaps), turn(go, panned=panned), strict=True):
                all_of += found
    other.kill()
    mine.set()
    scoring = wait(lambda: bench.training_controller.state == DONE, panned=True)
    timer.stop()
    viewer.close()
    epoch = {kind: float(np.median(seconds)) for kind, (_, seconds, _) in kinds.items()}
    p99 = {
        name: float(np.percentile(gaps, 99))
        for name, gaps in (("idle", idle), ("training", kinds["worker", True][2]), ("scoring", scoring))
    }
    return {
        "opening the dock, ms": opening * 1e3, "panning: idle p99, ms": p99["idle"], "training p99, ms": p99["training"], "training p99 / idle": p99["training"] / p99["idle"],
        "training longest, ms": max(kinds["worker", True][2]), "scoring p99, ms": p99["scoring"], "scoring longest, ms": max(scoring),
        "epoch without a window, ms": epoch["process", False] * 1e3, "in the worker / without": epoch["worker", False] / epoch["process", False],
        "the same beside a panned window": epoch["worker", True] / epoch["process", True],
        "panned / at rest, without": epoch["process", True] / epoch["process", False],
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(measure()))
