"""A missing modality generated for held-out cells of real paired sets, beside nearest neighbours and ridge regression. Random splits of the cells, or
one experiment from another.

Run: `python -m benchmarks.generation PAIR [SEED] [LIKELIHOOD]` prints one row as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np

from .accuracy import DATA

PAIRS = {  # what is generated, and the share of the cells that have it
    "teaseq protein": ("protein", 0.63),
    "citeseq protein": ("protein", 0.65),
    "snare atac": ("atac", 0.65),
    "snare rna": ("rna", 0.65),
}
ACROSS = {
    "teaseq to citeseq": ("teaseq", "citeseq"),
    "citeseq to teaseq": ("citeseq", "teaseq"),
}  # proteins of one experiment from another
SNARE_CELLS, SNARE_PEAKS = 4000, 3000  # drawn; most often open


def whole(name: str) -> Any:
    """A paired data set."""
    import anndata as ad

    from napari_inclust.data.dataset import Dataset

    if not name.startswith("snare"):
        file = {"teaseq": "teaseq_pbmc_rna_adt", "citeseq": "citeseq_pbmc_10x"}[name.split()[0]]
        return Dataset.from_adata(ad.read_h5ad(DATA / f"{file}.h5ad"), name="pair")
    rna, atac = (ad.read_h5ad(DATA / f"snare_cortex_{m}.h5ad") for m in ("rna", "atac"))
    rows = np.sort(np.random.default_rng(0).permutation(rna.n_obs)[:SNARE_CELLS])
    peaks = np.argsort(-np.asarray((atac.X > 0).mean(0)).ravel(), kind="stable")[:SNARE_PEAKS]
    return Dataset.from_modalities({"rna": rna[rows].copy(), "atac": atac[rows][:, np.sort(peaks)].copy()}, name="pair")


def truth_of(data: Any, block: str, features: Any) -> Any:
    """(cells, features) measured values, on the scale on which they are generated."""
    from napari_inclust.data import normalize as val

    m = data.modality(block)
    columns = [m.features.index(f) for f in features]
    if m.normalise == "binary":
        return (m.matrix[:, columns].toarray() > 0).astype(np.float32)
    return val.lognormalise(m.matrix, "counts", m.size)[:, columns].toarray()


def baselines(reference: Any, target: Any, block: str, known: Any) -> dict[str, Any]:
    """kNN (30) and ridge regression (penalty by cross-validation) in 50 principal components of the z-scored 2,000 most variable features."""
    from sklearn.decomposition import PCA
    from sklearn.linear_model import RidgeCV
    from sklearn.neighbors import NearestNeighbors

    from napari_inclust.data import normalize as val
    from napari_inclust.evaluation.metrics import zscore

    shown = next(b for b in reference.blocks if b != block)
    common = sorted(set(reference.modality(shown).features) & set(target.modality(shown).features))
    logs = []
    for d in (reference, target):
        m = d.modality(shown)
        logs.append(val.lognormalise(m.shown, "counts", m.size)[:, [m.features.index(f) for f in common]])
    top = np.argsort(-val.column_mean_and_sd(logs[0])[1], kind="stable")[:2000]
    ours, theirs = (zscore(x[:, top].toarray()) for x in logs)
    pca = PCA(50, random_state=0, svd_solver="randomized").fit(ours)
    near = NearestNeighbors(n_neighbors=30).fit(pca.transform(ours)).kneighbors(pca.transform(theirs))[1]
    ridge = RidgeCV(np.logspace(0, 5, 11)).fit(pca.transform(ours), known)
    return {"kNN": np.stack([known[n].mean(0) for n in near]), "ridge": ridge.predict(pca.transform(theirs))}


def split(name: str, seed: int) -> tuple[str, Any, Any]:
    """What is generated, the cells that have it, and those that lend their truth."""
    if name in ACROSS:
        from napari_inclust.data.dataset import Dataset
        from napari_inclust.data.feature_names import harmonise_feature_names

        sets = {side: whole(f"{n} protein") for side, n in zip(("reference", "target"), ACROSS[name], strict=True)}
        called = {b: harmonise_feature_names(sets, b)[0] for b in ("rna", "protein")}
        made = [
            Dataset(side, s.adata, tuple(replace(m, features=called[m.name][side]) for m in s.modalities))
            for side, s in sets.items()
        ]
        return "protein", *made
    data, (block, share) = whole(name), PAIRS[name]
    order = np.random.default_rng(seed).permutation(data.n_cells)
    cut = int(share * data.n_cells)
    return block, data.some(np.sort(order[:cut]), "reference"), data.some(np.sort(order[cut:]), "target")


def measure(name: str, seed: int = 0, likelihood: str = "squared") -> dict[str, Any]:
    """Median and mean Pearson over the features that vary in the held-out cells."""
    from napari_inclust import Config
    from napari_inclust.evaluation.metrics import pearson
    from napari_inclust.multimodal.generate import generate
    from napari_inclust.training.build_plan import build_plan
    from napari_inclust.training.trained import fit_plan

    block, reference, held = split(name, seed)
    target = held.without_modalities(block)
    start = time.perf_counter()
    trained = fit_plan(
        build_plan("generate", [target, reference], likelihoods={block: likelihood}),
        [target, reference],
        Config(seed=seed),
    )
    found = generate(trained, "target", block)
    seconds = time.perf_counter() - start
    both = [f for f in found.features if f in held.modality(block).features]
    found = found.subset(both)
    truth = truth_of(held, block, both)
    simple = baselines(reference, target, block, truth_of(reference, block, both))
    varied = truth.std(0) > 0
    scores = {}
    for k, v in ({"ours": found.values} | simple).items():
        r = pearson(truth, v)[varied]
        scores |= {k: float(np.median(r)), f"{k}, mean": float(r.mean())}
    return {
        "pair": name, "seed": seed, "likelihood": likelihood, "cells": reference.n_cells, "held-out cells": held.n_cells, "features": int(varied.sum()),
        **scores, "foreseen": float(found.scores["pcc"].median()), "in 90 %": float(((truth >= found.quantile(0.05)) & (truth <= found.quantile(0.95))).mean()),
        "seconds": seconds,
    }  # fmt: skip


if __name__ == "__main__":
    name, *rest = sys.argv[1:]
    print(json.dumps(measure(name, *(int(r) if r.isdigit() else r for r in rest))))
