"""What decoding one gene costs at 10k, 100k and 1M cells, and how far it is from the exact prediction: profiles once after training, then each gene.

The cells are the 2,150 of the MERFISH visual cortex with new Poisson counts, the reference is that of SNARE-seq nuclei: shallow cells and 1,677 genes, more than there are profiles.

Run: `python -m benchmarks.decode CELLS` prints one row as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from typing import Any

import numpy as np

from .accuracy import pair

GENES = 20
EXACT = 2000  # cells at which genes are predicted exactly


def measure(n: int) -> dict[str, Any]:
    """Train briefly on the drawn section, make the profiles, and impute genes."""
    import scipy.sparse as sp
    from anndata import AnnData

    from napari_inclust import Config, Section, fit
    from napari_inclust.training.inference import encode_cells

    small, reference, labels = pair("merfish_visp")
    rng = np.random.default_rng(0)
    drawn = small.matrix[rng.integers(0, small.n_cells, n)].tocsr().astype(np.float32)
    drawn.data = rng.poisson(drawn.data).astype(np.float32)
    adata = AnnData(sp.csr_matrix(drawn))
    adata.var_names, adata.obs_names = small.genes, np.arange(n).astype(str)
    adata.obsm["spatial"] = rng.random((n, 2)) * 10 * n**0.5
    run = fit(Section.from_adata(adata), reference, Config.preset("fast", epochs=3), labels=labels)
    start = time.perf_counter()
    fast = run.fast
    made = time.perf_counter() - start
    features = run.panel.n_shared + rng.permutation(run.panel.n_reference_only)[:GENES]
    rows = np.sort(rng.permutation(n)[:EXACT])
    exact = run.predictor.predict(features, encode_cells(run.trainer, "section", rows))[0]
    seconds, said, errors = [], [], []
    before = 0.0
    for k, feature in enumerate(features):
        if k == GENES // 2:
            before = resident()
        start = time.perf_counter()
        values, _, error = fast.predict(int(feature))
        seconds.append(time.perf_counter() - start)
        said.append(error)
        errors.append(float(np.sqrt(((values[rows] - exact[:, k]) ** 2).mean()) / exact[:, k].std()))
    return {
        "cells": n, "profiles, s": made, "a gene, ms": 1e3 * float(np.median(seconds)), "slowest, ms": 1e3 * max(seconds), "error said, sd": float(np.median(said)),
        "error, sd": float(np.median(errors)), "largest, sd": max(errors), "growth over 10 genes, MB": resident() - before, "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }  # fmt: skip


def resident() -> float:
    """Resident memory of this process, MB."""
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * resource.getpagesize() / 2**20


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
