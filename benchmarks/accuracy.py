"""Held-out accuracy beside the baselines, training time and peak memory of each public pair, each in a process of its own.

Run: `python -m benchmarks.accuracy PAIR [PRESET]` prints one row as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[2] / "shared" / "data"
PAIRS = ("hypothalamus", "drosophila", "osmfish", "merfish_visp")


def pair(name: str) -> tuple[Any, Any, str | None]:
    """Section, reference and label column of a pair: unresolved classes and control probes left out. "hypothalamus" is the embedded demo's."""
    from napari_inclust.data.section import Reference, Section
    from napari_inclust.io import demo
    from napari_inclust.io.readers.dispatch import read_adata

    if name == "hypothalamus":
        return demo.demo_section(), demo.demo_reference(), "cell_type"
    section, reference = {"drosophila": ("insitu_drosophila", "scrna_drosophila"), "osmfish": ("osmfish_cortex", "scrna_cortex_33genes"), "merfish_visp": ("merfish_visp", "snare_cortex_rna")}[name]  # fmt: skip
    s, r = (read_adata(DATA / f"{file}.h5ad") for file in (section, reference))
    if name == "osmfish":
        s = s[s.obs["valid"] == 1].copy()
    if name == "merfish_visp":
        r = r[r.obs["cell_type"] != "Mis"].copy()
    return (
        Section.from_adata(s, plane=(0, 1) if s.obsm["spatial"].shape[1] == 3 else None),
        Reference.from_adata(r),
        "cell_type" if name == "merfish_visp" else None,
    )


def measure(name: str, preset: str = "balanced") -> dict[str, Any]:
    """Train on a pair; medians over the shared genes of held-out scores, as the run itself reports them."""
    from napari_inclust import Config, fit

    section, reference, labels = pair(name)
    before = resource.getrusage(resource.RUSAGE_SELF)
    start = time.perf_counter()
    run = fit(section, reference, Config.preset(preset), labels=labels)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF)
    columns = ["pcc", "spearman", "ssim", "rmse", "pcc_within_type", "pcc_knn", "pcc_type_mean", "pcc_gene_mean"]
    scores = {c: float(run.scores[c].median()) for c in columns if c in run.scores and run.scores[c].notna().any()}
    return {
        "pair": name, "preset": preset, "cells": section.n_cells, "reference cells": reference.n_cells, "shared genes": run.panel.n_shared, **scores,
        "over kNN": scores["pcc"] / scores["pcc_knn"], "seconds": seconds, "CPU seconds": after.ru_utime - before.ru_utime,
        "peak MB": after.ru_maxrss / 1024, "foreseeing (Spearman)": run.foreseen([]).rank_correlation,
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(measure(*sys.argv[1:])))
