"""What decoding one gene costs at 10k, 100k and 1M cells: profiles once after training, then each gene. Cells are tiled from the demo's.

Run: `python -m benchmarks.decode CELLS` prints one row as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from typing import Any

import numpy as np

GENES = 20


def measure(n: int) -> dict[str, Any]:
    """Train briefly on a tiled section, make the profiles, and impute genes."""
    import scipy.sparse as sp
    from anndata import AnnData

    from napari_inclust import Config, Section, fit
    from napari_inclust.io import demo

    small, reference = demo.demo_section(), demo.demo_reference()
    times = -(-n // small.n_cells)
    adata = AnnData(sp.vstack([small.matrix] * times).tocsr()[:n])
    adata.var_names, adata.obs_names = small.genes, np.arange(n).astype(str)
    adata.obsm["spatial"] = np.tile(small.xy, (times, 1))[:n]
    hidden = demo.hidden_genes()
    adata = adata[:, [g for g in small.genes if g not in set(hidden)]].copy()
    section = Section.from_adata(adata, values="linear")
    run = fit(section, reference, Config.preset("fast", epochs=3), labels="cell_type")
    start = time.perf_counter()
    fast = run.fast
    made = time.perf_counter() - start
    seconds, errors = [], []
    before = 0.0
    for k in range(GENES):
        if k == GENES // 2:
            before = resident()
        start = time.perf_counter()
        error = fast.predict(run.panel.n_shared + k % run.panel.n_reference_only)[2]
        seconds.append(time.perf_counter() - start)
        errors.append(error)
    return {
        "cells": n, "profiles, s": made, "a gene, ms": 1e3 * float(np.median(seconds)), "slowest, ms": 1e3 * max(seconds), "error, sd": float(np.median(errors)),
        "growth over 10 genes, MB": resident() - before, "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }  # fmt: skip


def resident() -> float:
    """Resident memory of this process, MB."""
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * resource.getpagesize() / 2**20


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
