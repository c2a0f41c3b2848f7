"""Published methods behind one command, each run by the Python of its own environment: `rival_methods.py METHOD SPATIAL REFERENCE GENES OUT`.

SPATIAL and REFERENCE are .h5ad with raw values, SPATIAL without the genes that are wanted; GENES is a text file, one a line; OUT becomes an .npy of (cells, genes). Each
method runs with its own defaults, on what its authors' examples give it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np


def dense(x: Any) -> np.ndarray:
    return np.asarray(x.todense() if hasattr(x, "todense") else x, dtype=np.float32)


def lognormal(adata: ad.AnnData) -> ad.AnnData:
    """Library sizes made equal, then log1p."""
    x = dense(adata.X)
    total = x.sum(1, keepdims=True)
    return ad.AnnData(np.log1p(x / np.maximum(total, 1) * np.median(total)), obs=adata.obs, var=adata.var[[]], obsm=dict(adata.obsm))


def tangram(spatial: ad.AnnData, reference: ad.AnnData, genes: list[str], seed: int) -> np.ndarray:
    """Cells mode (Biancalani et al., Nature Methods 2021)."""
    import tangram as tg

    spatial, reference = lognormal(spatial), lognormal(reference)
    tg.pp_adatas(reference, spatial, genes=[g for g in spatial.var_names if g in set(reference.var_names)])
    mapped = tg.map_cells_to_space(reference, spatial, mode="cells", device="cpu", random_state=seed)
    found = tg.project_genes(mapped, reference)
    return dense(found[:, [g.lower() for g in genes]].X)


def gimvi(spatial: ad.AnnData, reference: ad.AnnData, genes: list[str], seed: int) -> np.ndarray:
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


def envi(spatial: ad.AnnData, reference: ad.AnnData, genes: list[str], seed: int) -> np.ndarray:
    """ENVI (Haviv et al., Nature Biotechnology 2024)."""
    import scenvi

    shared = [g for g in spatial.var_names if g in set(reference.var_names)]
    spatial, reference = spatial[:, shared].copy(), reference[:, [*shared, *genes]].copy()
    for adata in (spatial, reference):
        adata.X = dense(adata.X)
    model = scenvi.ENVI(spatial_data=spatial, sc_data=reference, num_HVG=reference.n_vars)
    model.train()
    model.impute_genes()
    return np.asarray(model.spatial_data.obsm["imputation"][genes])


def uniport(spatial: ad.AnnData, reference: ad.AnnData, genes: list[str], seed: int) -> np.ndarray:
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
    up.Run(adatas=[spatial, reference], adata_cm=both, lambda_kl=5.0, model_info=False, seed=seed, outdir=str(Path.cwd() / "uniport"))
    found = up.Run(adata_cm=spatial, out="predict", pred_id=1, outdir=str(Path.cwd() / "uniport"))
    return np.asarray(found.obsm["predict"])[:, len(shared) :]


METHODS: dict[str, Callable[[ad.AnnData, ad.AnnData, list[str], int], np.ndarray]] = {f.__name__: f for f in (tangram, gimvi, envi, uniport)}

if __name__ == "__main__":
    name, spatial, reference, genes, out = sys.argv[1:6]
    found = METHODS[name](ad.read_h5ad(spatial), ad.read_h5ad(reference), Path(genes).read_text().split("\n"), 0)
    np.save(out, found.astype(np.float32))
