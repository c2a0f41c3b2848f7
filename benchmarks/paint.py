"""What painting costs with a live viewer: gene switch at 10k, 100k and 1M cells, tiled from real cells.

Run: `xvfb-run -a python -m benchmarks.paint CELLS` (with a display, without xvfb-run) prints one row as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from .decode import resident

SWITCHES = 20
COLUMNS = (
    "cells",
    "open, ms",
    "setter, ms",
    "slowest setter, ms",
    "with draw, ms",
    "RGB of three with draw, ms",
    "domains with draw, ms",
    "types, ms",
    "one lookup of the screen, ms",
    "growth over 10 genes, MB",
)


def tiled(n: int) -> Any:
    """A section of n cells: the demo section repeated side by side, with the values of three of its genes."""
    import scipy.sparse as sp
    from anndata import AnnData

    from napari_inclust.data.section import Section
    from napari_inclust.io.demo import demo_section

    demo = demo_section()
    times = -(-n // demo.n_cells)
    side = int(np.ceil(np.sqrt(times)))
    span = np.ptp(demo.xy, axis=0) + 20
    xy = np.concatenate([demo.xy + span * (k % side, k // side) for k in range(times)])[:n]
    x = sp.vstack([demo.matrix[:, :3]] * times).tocsr()[:n]
    adata = AnnData(x)
    adata.var_names = demo.genes[:3]
    adata.obs_names = np.arange(n).astype(str)
    adata.obs["cell_class"] = np.tile(demo.adata.obs["cell_class"].astype(str).to_numpy(), times)[:n]
    adata.obs["cell_class"] = adata.obs["cell_class"].astype("category")
    adata.obsm["spatial"] = xy
    adata.uns["spatial_unit"] = "micrometre"
    return Section.from_adata(adata, name=f"{n:,} cells", values="linear")


def measure(n: int) -> dict[str, float]:
    """Open a section of n cells, paint types, and switch between genes."""
    import napari
    from qtpy.QtWidgets import QApplication

    from napari_inclust.gui.state.columns import categories_from_column
    from napari_inclust.paint.layers.painter import Painter
    from napari_inclust.paint.limits import PercentileLimits
    from napari_inclust.paint.values import CellCategories, CellValues, category_palette

    section = tiled(n)
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1280, 800)
    QApplication.processEvents()
    random = np.random.default_rng(0)
    genes = [CellValues(f"gene {k}", random.gamma(2, 1, n).astype(np.float32), "imputed", None, 0.5) for k in range(3)]
    limits = [PercentileLimits().get_limits(g.values) for g in genes]
    start = time.perf_counter()
    painter = Painter(viewer, section)
    painter.show_genes([genes[0]], [limits[0]])
    viewer.screenshot(flash=False)
    opened = time.perf_counter() - start
    grown = 0.0

    def drawn(act: Callable[[int], None], times: int = SWITCHES) -> tuple[list[float], list[float]]:
        """Seconds that an act takes by itself, and until it is drawn; the first two are left out."""
        nonlocal grown
        alone, seen = [], []
        for k in range(1, times + 1):
            start = time.perf_counter()
            act(k)
            alone.append(time.perf_counter() - start)
            for _ in range(3):  # the first draw finds the level for the zoom, the next shows it
                QApplication.processEvents()
            seen.append(time.perf_counter() - start)
            if k == times // 2:
                grown = resident()
        grown = resident() - grown
        return alone[2:], seen[2:]

    setter, switched = drawn(lambda k: painter.show_genes([genes[k % 3]], [limits[k % 3]]))
    growth = grown
    channels = ("red", "green", "blue")

    def blended(k: int) -> None:
        turned = {c: (i + k) % 3 for i, c in enumerate(channels)}
        painter.blend_layers.show(
            {c: genes[i] for c, i in turned.items()}, {c: limits[i] for c, i in turned.items()}, painter.describe
        )
        painter.bring_to_front("blend")

    _, blend = drawn(blended)
    painter.blend_layers.show({}, {}, painter.describe)
    codes = [random.integers(0, 7, n).astype(np.int32) for _ in range(2)]
    domains = [CellCategories("domains (7)", c, tuple("1234567"), category_palette(7)) for c in codes]
    sure = np.ones(n, dtype=np.float32)

    def found(k: int) -> None:
        painter.show_domains(domains[k % 2], sure, frozenset(), shaded=False)
        painter.bring_to_front("domains")

    _, segmented = drawn(found)
    types = categories_from_column(section, "cell_class")
    painter.show_categories(types)
    start = time.perf_counter()
    painter.show_categories(types)
    recolour = time.perf_counter() - start
    viewer.close()
    QApplication.processEvents()
    seconds = (
        opened,
        np.median(setter),
        max(setter),
        np.median(switched),
        np.median(blend),
        np.median(segmented),
        recolour,
        lookup(genes[0].values),
    )
    return dict(zip(COLUMNS, (n, *(s * 1e3 for s in seconds), growth), strict=True))


def lookup(values: np.ndarray) -> float:
    """Seconds that the machine takes now for the least that painting needs: a value for each pixel of the screen."""
    labels = np.random.default_rng(1).integers(0, len(values), (800, 1280))
    taken = []
    for _ in range(9):
        start = time.perf_counter()
        np.take(values, labels)
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
