"""A small synthetic pair with known truth: four types in bands across the tissue, each with its own genes."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp

N_SHARED, N_EXTRA, TYPES = 24, 8, 4


def _counts_path(types: np.ndarray, rng: np.random.Generator, depth: float) -> np.ndarray:
    gene_type = np.arange(N_SHARED + N_EXTRA) % TYPES
    rate = depth * np.where(types[:, None] == gene_type, 6.0, 0.5)
    return rng.poisson(rate * rng.gamma(5, 0.2, (len(types), 1))).astype(np.float32)


def make_adata(n: int, seed: int, depth: float, genes: slice) -> ad.AnnData:
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0, 400, (n, 2))
    types = (xy[:, 0] // 100).astype(int)
    names = np.array([f"Gene{i}" for i in range(N_SHARED + N_EXTRA)])
    adata = ad.AnnData(
        sp.csr_matrix(_counts_path(types, rng, depth)[:, genes]),
        obs=pd.DataFrame(
            {
                "cell_type": np.array(["Astro", "Endo", "Neuron", "Oligo"])[types],
                "batch": np.where(np.arange(n) % 2, "b1", "b2"),
            },
            index=[f"{seed}-{i}" for i in range(n)],
        ),
        var=pd.DataFrame(index=names[genes]),
    )
    adata.obsm["spatial"] = xy
    adata.uns["spatial_unit"] = "micrometre"
    return adata
