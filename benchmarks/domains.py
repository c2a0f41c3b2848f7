"""What finding spatial domains costs at 10k, 50k, 200k and 1M cells. Cells are tiles of a real section, moved by a jitter, every other tile mirrored.

Run: `python -m benchmarks.domains CELLS` prints one row as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from typing import Any

import numpy as np

from .accuracy import DATA

DOMAINS = 6


def tiled(n: int, seed: int = 0) -> Any:
    """`n` cells: a real section where there is one beside the repository, else the demo's, side by side in a square."""
    import anndata as ad
    import scipy.sparse as sp

    if DATA.exists():
        small = ad.read_h5ad(DATA / "merfish_visp.h5ad")
        x, xy, genes = sp.csr_matrix(small.X), np.asarray(small.obsm["spatial"], dtype=float), small.var_names
    else:
        from napari_inclust.io.demo import demo_section

        section = demo_section()
        x, xy, genes = section.matrix, section.xy, section.genes
    rng = np.random.default_rng(seed)
    xy = xy - xy.min(0)
    size, times = xy.max(0) + 10, -(-n // len(xy))
    across = int(np.ceil(np.sqrt(times)))
    places = []
    for t in range(times):
        tile = xy * [-1, 1] + [size[0], 0] if t % 2 else xy
        places.append(tile + size * divmod(t, across) + rng.normal(0, 1, xy.shape))
    adata = ad.AnnData(sp.vstack([x] * times).tocsr()[:n])
    adata.var_names, adata.obs_names = list(genes), np.arange(n).astype(str)
    adata.obsm["spatial"] = np.vstack(places)[:n]
    adata.uns["spatial_unit"] = "micrometre"
    return adata


def measure(n: int) -> dict[str, Any]:
    """Find six domains with the default method."""
    from napari_inclust import domains

    adata = tiled(n)
    start, cpu = time.perf_counter(), time.process_time()
    found = domains(adata, DOMAINS)
    return {
        "cells": n, "genes": adata.n_vars, "domains": found.segmentation.k, "wall, s": time.perf_counter() - start, "processor, s": time.process_time() - cpu,
        "peak, GB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, "stability": float(found.table.loc[DOMAINS, "stability"]),
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
