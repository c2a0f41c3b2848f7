"""What single cells cost with a live viewer: selecting, outlines, and the scatter plot, over cells tiled from real ones.

Run: `xvfb-run -a python -m benchmarks.cells CELLS` (with a display, without xvfb-run) prints one row as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from .paint import tiled

TIMES = 9
COLUMNS = (
    "cells",
    "select, ms",
    "select with draw, ms",
    "lasso: cells inside, ms",
    "outlines, ms",
    "scatter: other points on top, ms",
    "scatter: colours, ms",
    "PCA, s",
)


def measure(n: int) -> dict[str, float]:
    """Open a section of n cells, select half of them by turns, and draw their scatter plot."""
    import napari
    from qtpy.QtWidgets import QApplication

    from napari_inclust.gui.docks.latent import category_colours
    from napari_inclust.gui.plots.points import PointPlot
    from napari_inclust.gui.viewer_context import get_viewer_context
    from napari_inclust.imputation.embedding import measured_components, pca
    from napari_inclust.spatial.regions import points_in_polygon

    section = tiled(n)
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1280, 800)
    bench = get_viewer_context(viewer)
    bench.session.open_section(section)
    viewer.screenshot(flash=False)
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    lasso = section.xy.mean(0) + np.c_[np.cos(angle), np.sin(angle)] * np.ptp(section.xy, axis=0) * 0.4
    marked = [points_in_polygon(lasso, section.xy), points_in_polygon(lasso + 20, section.xy)]
    select, drawn = [], []
    for k in range(TIMES):
        start = time.perf_counter()
        bench.selected_cells.select(marked[k % 2], "lasso")
        select.append(time.perf_counter() - start)
        for _ in range(3):
            QApplication.processEvents()
        drawn.append(time.perf_counter() - start)
    within = _median(lambda k: points_in_polygon(lasso, section.xy))
    outlined = _median(lambda k: (bench.cell_selection.show_outlines(k % 2 == 0), QApplication.processEvents()))
    start = time.perf_counter()
    found = pca(measured_components(section), "the measured genes")
    placed = time.perf_counter() - start
    plot = PointPlot()
    plot.resize(500, 400)
    plot.show()
    plot.show_points(found.xy)
    colours = [
        category_colours(bench.session.cell_categories),
        category_colours(bench.session.cell_categories)[:, ::-1].copy(),
    ]
    on_top = _median(lambda k: (plot.set_colours(colours[0], marked[k % 2]), QApplication.processEvents()))
    recolour = _median(lambda k: (plot.set_colours(colours[k % 2], marked[0]), QApplication.processEvents()))
    plot.close()
    viewer.close()
    QApplication.processEvents()
    times = (np.median(select[2:]), np.median(drawn[2:]), within, outlined, on_top, recolour)
    return dict(zip(COLUMNS, (n, *(round(1e3 * t, 1) for t in times), round(placed, 2)), strict=True))


def _median(act: Callable[[int], Any]) -> float:
    """Seconds of an act that is told its number, the first left out."""
    took = []
    for k in range(TIMES):
        start = time.perf_counter()
        act(k)
        took.append(time.perf_counter() - start)
    return float(np.median(took[1:]))


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
