"""How alive the window stays while a run trains in its worker: gaps of a 10 ms timer while the view is panned, and the time of an epoch beside one without a
window.

Run: `xvfb-run -a python -m benchmarks.window` (with a display, without xvfb-run) prints one row as JSON.
"""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np

EPOCHS = 30


def headless() -> float:
    """Seconds of an epoch without a window (median, the first left out)."""
    from napari_inclust import Config
    from napari_inclust.core.train import epochs
    from napari_inclust.io import demo

    steps = epochs(demo.demo_section(), demo.demo_reference(), Config.preset("balanced", epochs=EPOCHS), labels="cell_type")
    marks = [time.perf_counter() for epoch in steps if epoch.stage == "training"]
    return float(np.median(np.diff(marks)))


def measure() -> dict[str, Any]:
    """Train `balanced` on the demo in a live viewer while a timer ticks."""
    import napari
    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QApplication

    from napari_inclust.gui.bench import bench_of
    from napari_inclust.gui.training import DONE
    from napari_inclust.io import demo
    from napari_inclust.paint import canvas

    alone = headless()
    viewer = napari.Viewer(show=True)
    bench = bench_of(viewer)
    bench.session.open_section(demo.demo_section())
    bench.session.open_reference(demo.demo_reference(), "cell_type")
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
    timer.start()

    def wait(until: Any) -> np.ndarray:
        start = len(beats)
        while not until():
            QApplication.processEvents()
            time.sleep(0.001)
        return np.diff(beats[start:]) * 1e3

    then = time.perf_counter() + 3
    idle = wait(lambda: time.perf_counter() > then)
    from napari_inclust import Config

    bench.training.start(Config.preset("balanced", epochs=EPOCHS))
    wait(lambda: len(bench.training.history) >= 1)
    training = wait(lambda: len(bench.training.history) >= EPOCHS)
    seconds = [e.seconds for e in bench.training.history]
    scoring = wait(lambda: bench.training.state == DONE)
    timer.stop()
    viewer.close()
    return {
        "panning: idle p99, ms": float(np.percentile(idle, 99)), "training p99, ms": float(np.percentile(training, 99)), "training p99 / idle": float(np.percentile(training, 99) / np.percentile(idle, 99)),
        "training longest, ms": float(training.max()),
        "scoring p99, ms": float(np.percentile(scoring, 99)), "scoring longest, ms": float(scoring.max()),
        "epoch in the window / without": float(np.median(np.diff(seconds))) / alone,
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(measure()))
