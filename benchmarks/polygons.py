"""What a section with an outline of each cell costs: read, rasterised and on the screen.

Run: `xvfb-run -a python -m benchmarks.polygons CELLS` (with a display, without xvfb-run) prints one row as JSON. Outlines are decagons around real places.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from .open import write

COLUMNS = (
    "cells",
    "read with outlines, s",
    "first gene on the screen, s",
    "together, s",
    "processor time, s",
    "cells without a pixel",
)


def outlines(section: Any, path: Path) -> None:
    """A GeoParquet file with a decagon around each centroid."""
    import geopandas
    import shapely

    random = np.random.default_rng(0)
    angle = np.linspace(0, 2 * np.pi, 11)
    radius = random.uniform(4, 7, (section.n_cells, 1)) * (1 + 0.15 * np.cos(3 * angle))
    corners = section.xy[:, None] + np.stack([radius * np.cos(angle), radius * np.sin(angle)], 2)
    geopandas.GeoDataFrame(index=section.adata.obs_names, geometry=shapely.polygons(corners)).to_parquet(path)


def measure(n: int) -> dict[str, Any]:
    """Open the section as the Data dock does, and draw it."""
    import napari
    from qtpy.QtWidgets import QApplication

    from napari_inclust.gui.state.gene_source import lognormalised_genes
    from napari_inclust.gui.viewer_context import get_viewer_context
    from napari_inclust.io.readers.dispatch import read_section

    with tempfile.TemporaryDirectory() as folder:
        path, cells = Path(folder) / "section.h5ad", Path(folder) / "cells.parquet"
        write(path, n)
        outlines(read_section(path), cells)
        viewer = napari.Viewer(show=True)
        bench = get_viewer_context(viewer)
        QApplication.processEvents()
        start, used = time.perf_counter(), time.process_time()
        section = read_section(path, segmentation=cells)
        measured = lognormalised_genes(section)
        read = time.perf_counter() - start
        bench.session.open_section(section, measured)
        bench.session.select_gene(section.genes[0])
        viewer.screenshot(flash=False)
        together, used = time.perf_counter() - start, time.process_time() - used
        drawn = len(np.unique(section.raster)) - 1
        viewer.close()
    return dict(zip(COLUMNS, (n, read, together - read, together, used, n - drawn), strict=True))


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
