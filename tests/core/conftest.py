"""A small synthetic pair with known truth: four types in bands across the tissue, each with its own genes."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from napari_inclust.core.config import Config
from napari_inclust.core.section import Reference, Section

N_SHARED, N_EXTRA, TYPES = 24, 8, 4


def _counts(types: np.ndarray, rng: np.random.Generator, depth: float) -> np.ndarray:
    gene_type = np.arange(N_SHARED + N_EXTRA) % TYPES
    rate = depth * np.where(types[:, None] == gene_type, 6.0, 0.5)
    return rng.poisson(rate * rng.gamma(5, 0.2, (len(types), 1))).astype(np.float32)


def make_adata(n: int, seed: int, depth: float, genes: slice) -> ad.AnnData:
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0, 400, (n, 2))
    types = (xy[:, 0] // 100).astype(int)
    names = np.array([f"Gene{i}" for i in range(N_SHARED + N_EXTRA)])
    adata = ad.AnnData(
        sp.csr_matrix(_counts(types, rng, depth)[:, genes]),
        obs=pd.DataFrame(
            {"cell_type": np.array(["Astro", "Endo", "Neuron", "Oligo"])[types], "batch": np.where(np.arange(n) % 2, "b1", "b2")},
            index=[f"{seed}-{i}" for i in range(n)],
        ),
        var=pd.DataFrame(index=names[genes]),
    )
    adata.obsm["spatial"] = xy
    adata.uns["spatial_unit"] = "micrometre"
    return adata


@pytest.fixture
def section_adata():
    return make_adata(300, 1, 1.0, slice(0, N_SHARED))


@pytest.fixture
def reference_adata():
    return make_adata(240, 2, 2.0, slice(0, N_SHARED + N_EXTRA))


@pytest.fixture
def section(section_adata):
    return Section.from_adata(section_adata)


@pytest.fixture
def reference(reference_adata):
    return Reference.from_adata(reference_adata)


@pytest.fixture
def truth():
    """Counts of the genes that the section lacks, for its own cells: (cells, N_EXTRA)."""
    return make_adata(300, 1, 1.0, slice(N_SHARED, N_SHARED + N_EXTRA)).X.toarray()


@pytest.fixture
def config():
    return Config.preset("fast", members=3, epochs=4, steps=20, batch=64, hidden=(32,), decoder_hidden=(32,), latent=8, threads=1)
