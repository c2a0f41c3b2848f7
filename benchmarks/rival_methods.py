"""Published methods behind one command, each run by the Python of its own environment: `rival_methods.py METHOD SPATIAL REFERENCE GENES OUT [LABELS]`.

SPATIAL and REFERENCE are .h5ad with raw values, SPATIAL without the genes that are wanted; GENES is a text file, one a line; OUT becomes an .npy of (cells, genes); a column
of the reference's obs with cell types may follow. Each method runs with its own defaults, on what its authors' examples give it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np

VECTORS = 30  # of SpaGE
SIZE = 1e4  # library size given to the reference's cells where the method is ours to write: as high as any tried, for kNN, ridge regression and SpaGE


def dense(x: Any) -> np.ndarray:
    return np.asarray(x.todense() if hasattr(x, "todense") else x, dtype=np.float32)


def lognormal(adata: ad.AnnData, size: float | None = None) -> ad.AnnData:
    """Library sizes made equal (to their median, or to `size`), then log1p."""
    x = dense(adata.X)
    total = x.sum(1, keepdims=True)
    return ad.AnnData(
        np.log1p(x / np.maximum(total, 1) * (size or np.median(total))),
        obs=adata.obs,
        var=adata.var[[]],
        obsm=dict(adata.obsm),
    )


def tangram(
    spatial: ad.AnnData, reference: ad.AnnData, genes: list[str], seed: int, labels: str | None = None
) -> np.ndarray:
    """Cells mode (Biancalani et al., Nature Methods 2021)."""
    import tangram as tg

    spatial, reference = lognormal(spatial), lognormal(reference)
    tg.pp_adatas(reference, spatial, genes=[g for g in spatial.var_names if g in set(reference.var_names)])
    mapped = tg.map_cells_to_space(reference, spatial, mode="cells", device="cpu", random_state=seed)
    found = tg.project_genes(mapped, reference)
    return dense(found[:, [g.lower() for g in genes]].X)


def tangram_clusters(
    spatial: ad.AnnData, reference: ad.AnnData, genes: list[str], seed: int, labels: str | None = None
) -> np.ndarray:
    """Clusters mode: a mean profile of each type is mapped."""
    import tangram as tg

    if labels is None:
        raise ValueError("needs --labels")
    kept = reference.obs[labels].notna().to_numpy()
    spatial, reference = lognormal(spatial), lognormal(reference[kept])
    tg.pp_adatas(reference, spatial, genes=[g for g in spatial.var_names if g in set(reference.var_names)])
    mapped = tg.map_cells_to_space(
        reference, spatial, mode="clusters", cluster_label=labels, device="cpu", random_state=seed
    )
    found = tg.project_genes(mapped, reference, cluster_label=labels)
    return dense(found[:, [g.lower() for g in genes]].X)


def both_scaled(
    spatial: ad.AnnData, reference: ad.AnnData, genes: list[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shared genes of the section and of the reference, log-normalised and z-scored within each; the wanted genes of the reference, log-normalised."""
    shared = [g for g in spatial.var_names if g in set(reference.var_names)]
    reference = lognormal(reference, SIZE)
    values = [np.asarray(v, dtype=float) for v in (lognormal(spatial[:, shared]).X, reference[:, shared].X)]
    ours, theirs = ((v - v.mean(0)) / np.where(v.std(0) > 1e-12, v.std(0), 1) for v in values)
    return ours, theirs, np.asarray(reference[:, genes].X, dtype=float)


def nearest(ours: np.ndarray, theirs: np.ndarray, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Distances and rows of the 50 nearest cells of the reference."""
    from sklearn.neighbors import NearestNeighbors

    found: tuple[np.ndarray, np.ndarray] = (
        NearestNeighbors(n_neighbors=min(50, len(theirs)), metric=metric, algorithm="brute")
        .fit(theirs)
        .kneighbors(ours)
    )
    return found


def knn_harmony(
    spatial: ad.AnnData, reference: ad.AnnData, genes: list[str], seed: int, labels: str | None = None
) -> np.ndarray:
    """Gaussian-weighted nearest neighbours in joint principal components, aligned by Harmony (Korsunsky et al., Nature Methods 2019)."""
    import harmonypy
    import pandas as pd
    from sklearn.decomposition import PCA

    ours, theirs, wanted = both_scaled(spatial, reference, genes)
    both = np.vstack([ours, theirs])
    pcs = PCA(min(30, both.shape[1] - 1), random_state=seed).fit_transform(both)
    sides = pd.DataFrame({"side": ["spatial"] * len(ours) + ["reference"] * len(theirs)})
    aligned = np.asarray(harmonypy.run_harmony(pcs, sides, "side", random_state=seed, verbose=False).Z_corr)
    aligned = aligned if len(aligned) == len(both) else aligned.T  # cells are columns in versions before 2
    distance, rows = nearest(aligned[: len(ours)], aligned[len(ours) :], "euclidean")
    weight = np.exp(-0.5 * (distance / np.maximum(np.median(distance, axis=1, keepdims=True), 1e-12)) ** 2)
    return np.einsum("cn,cng->cg", weight / weight.sum(1, keepdims=True), wanted[rows])


def spage(
    spatial: ad.AnnData, reference: ad.AnnData, genes: list[str], seed: int, labels: str | None = None
) -> np.ndarray:
    """SpaGE (Abdelaal et al., Nucleic Acids Research 2020), written anew from the paper's formulas since the method is not on PyPI.

    Principal components of either set are turned into principal vectors (singular vectors of their cross product); the reference's vectors of a cosine similarity above 0.3
    take both sets to a common space, where the 50 nearest cells by cosine distance vote with weights that fall with the distance.
    """
    ours, theirs, wanted = both_scaled(spatial, reference, genes)
    factors = min(VECTORS, ours.shape[1], *(len(v) - 1 for v in (ours, theirs)))
    ours_axes, their_axes = (np.linalg.svd(v, full_matrices=False)[2][:factors] for v in (ours, theirs))
    left, cosines, _ = np.linalg.svd(their_axes @ ours_axes.T)
    vectors = (left.T @ their_axes)[: max(1, int((cosines > 0.3).sum()))].T
    distance, rows = nearest(ours @ vectors, theirs @ vectors, "cosine")
    counted = distance < 1
    near = np.where(counted, distance, 0)
    weight = np.where(counted, 1 - near / np.maximum(near.sum(1, keepdims=True), 1e-12), 0) / np.maximum(
        counted.sum(1, keepdims=True) - 1, 1
    )
    return np.einsum("cn,cng->cg", weight, wanted[rows])


def gimvi(
    spatial: ad.AnnData, reference: ad.AnnData, genes: list[str], seed: int, labels: str | None = None
) -> np.ndarray:
    """gimVI (Lopez et al., 2019)."""
    import scvi
    from scvi.external import GIMVI

    scvi.settings.seed = seed
    shared = [g for g in spatial.var_names if g in set(reference.var_names)]
    spatial, reference = spatial[:, shared].copy(), reference[:, [*shared, *genes]].copy()
    for adata in (spatial, reference):
        adata.X = np.round(dense(adata.X))
        GIMVI.setup_anndata(adata)
    model = GIMVI(reference, spatial)
    model.train(accelerator="cpu")
    return np.asarray(model.get_imputed_values(normalized=True)[1])[:, len(shared) :]


def envi(
    spatial: ad.AnnData, reference: ad.AnnData, genes: list[str], seed: int, labels: str | None = None
) -> np.ndarray:
    """ENVI (Haviv et al., Nature Biotechnology 2024); ENVI_STEPS in the environment sets the steps of its training."""
    import scenvi

    shared = [g for g in spatial.var_names if g in set(reference.var_names)]
    spatial, reference = spatial[:, shared].copy(), reference[:, [*shared, *genes]].copy()
    for adata in (spatial, reference):
        adata.X = dense(adata.X)
    model = scenvi.ENVI(spatial_data=spatial, sc_data=reference, num_HVG=reference.n_vars)
    model.train(**({"training_steps": int(os.environ["ENVI_STEPS"])} if "ENVI_STEPS" in os.environ else {}))
    model.impute_genes()
    return np.asarray(model.spatial_data.obsm["imputation"][genes])


def uniport(
    spatial: ad.AnnData, reference: ad.AnnData, genes: list[str], seed: int, labels: str | None = None
) -> np.ndarray:
    """uniPort (Cao et al., Nature Communications 2022)."""
    import uniport as up

    shared = [g for g in spatial.var_names if g in set(reference.var_names)]
    spatial, reference = lognormal(spatial)[:, shared].copy(), lognormal(reference)[:, [*shared, *genes]].copy()
    for number, (name, adata) in enumerate((("spatial", spatial), ("reference", reference))):
        adata.obs["domain_id"], adata.obs["source"] = number, name
        adata.obs["domain_id"] = adata.obs["domain_id"].astype("category")
        adata.X = dense(adata.X)
        adata.X = adata.X / np.maximum(adata.X.max(0), 1e-6)
    both = ad.concat([spatial, reference[:, shared].copy()])
    both.obs["domain_id"] = both.obs["domain_id"].astype("category")
    up.Run(
        adatas=[spatial, reference],
        adata_cm=both,
        lambda_kl=5.0,
        model_info=False,
        seed=seed,
        outdir=str(Path.cwd() / "uniport"),
    )
    found = up.Run(adata_cm=spatial, out="predict", pred_id=1, outdir=str(Path.cwd() / "uniport"))
    return np.asarray(found.obsm["predict"])[:, len(shared) :]


METHODS: dict[str, Callable[..., np.ndarray]] = {
    f.__name__: f for f in (tangram, tangram_clusters, knn_harmony, spage, gimvi, envi, uniport)
}

if __name__ == "__main__":
    name, spatial, reference, genes, out = sys.argv[1:6]
    labels = sys.argv[6] if len(sys.argv) > 6 else None
    found = METHODS[name](
        ad.read_h5ad(spatial), ad.read_h5ad(reference), Path(genes).read_text().split("\n"), 0, labels
    )
    np.save(out, found.astype(np.float32))
