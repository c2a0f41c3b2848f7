"""Cells in two dimensions, for a scatter plot: PCA of all cells, or UMAP of a sample that the others follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..data import normalize as val
from ..data.subsample import uniform
from ..errors import DataError, RunError
from ..utils.pca import PCA

if TYPE_CHECKING:
    from ..data.section import Section
    from .run import Run

MOST_UMAP = 20_000  # cells that UMAP places; more take minutes
LATENT_COMPONENTS = 50  # of the latents of all members
_CHUNK = 8192  # cells encoded at once
COMPONENTS = 30  # of measured values, where there is no latent
NEIGHBOURS = 15  # UMAP's own default


@dataclass(frozen=True, eq=False)
class Embedding:
    """Places of cells in a plane that has no unit.

    Attributes
    ----------
    name
        "PCA" or "UMAP".
    source
        What was embedded, in words.
    xy : (placed, 2) float32
    rows : (placed,)
        Cells that were placed.
    follows : (cells,)
        For every cell, which of the placed ones it goes with: itself, or the nearest in what was embedded.
    """

    name: str
    source: str
    xy: NDArray[np.float32]
    rows: NDArray[np.intp]
    follows: NDArray[np.intp]

    @property
    def note(self) -> str:
        """What is shown, in a sentence."""
        if len(self.rows) == len(self.follows):
            return f"{self.name} of {self.source}, {len(self.rows):,} cells."
        return f"{self.name} of {self.source}: {len(self.rows):,} of {len(self.follows):,} cells, drawn at random; each other cell goes with the most similar of them."


def features(section: Section, run: Run | None) -> tuple[NDArray[np.float32], str]:
    """(cells, components) the run's latent, or principal components of the measured genes; and which it is."""
    if run is not None:
        return run_latent(run, section), "the run's latent"
    return measured_components(section), "the measured genes (no run yet)"


def run_latent(run: Run, section: Section) -> NDArray[np.float32]:
    """(cells, at most 50) principal components of the latents of all members of a run.

    Raises
    ------
    RunError
        The run was trained on other cells.
    """
    from ..training.batches import chunks
    from ..training.inference import encode

    if list(run.section.adata.obs_names) != list(section.adata.obs_names):
        raise RunError(
            f"the run was trained on {run.section.name} ({run.section.n_cells} cells), not on these {section.n_cells} cells. Use a run of this section."
        )
    parts = [encode(run.trainer, "section", rows).z for rows in chunks(section.n_cells, _CHUNK)]
    z = np.concatenate([part.transpose(1, 0, 2).reshape(part.shape[1], -1) for part in parts])
    z -= z.mean(0)
    value, vector = np.linalg.eigh(z.T @ z)
    d = max(1, min(LATENT_COMPONENTS, len(z) // 10, int((value > 1e-6 * value[-1]).sum())))
    out: NDArray[np.float32] = (z @ vector[:, ::-1][:, :d]).astype(np.float32)
    return out


def measured_components(section: Section, k: int = COMPONENTS) -> NDArray[np.float32]:
    """(cells, at most k) principal components of the log-normalised values."""
    if not section.genes:
        raise DataError(f"{section.name} holds no measured genes, only predictions of a run: cells cannot be placed by them. Open what was measured.")
    values = val.lognormalise(section.matrix, section.values.kind)
    return PCA.fit(values, k).transform(values).astype(np.float32)


def pca(x: NDArray[np.floating[Any]], source: str) -> Embedding:
    """The first two components of features that are principal components already."""
    every = np.arange(len(x))
    xy = np.zeros((len(x), 2), dtype=np.float32)
    xy[:, : min(2, x.shape[1])] = x[:, :2]
    return Embedding("PCA", source, xy, every, every)


def umap(x: NDArray[np.floating[Any]], source: str, seed: int = 0, most: int = MOST_UMAP) -> Embedding:
    """UMAP (McInnes et al., arXiv 1802.03426) of at most `most` cells, drawn at random.

    Parameters
    ----------
    x : (cells, components)
    """
    from sklearn.neighbors import NearestNeighbors
    from umap import UMAP  # type: ignore[import-untyped]

    n = len(x)
    rows = uniform(n, most, seed)
    near = max(2, min(NEIGHBOURS, len(rows) - 1))
    start = x[rows, :2] if x.shape[1] > 1 else np.repeat(x[rows], 2, axis=1)
    start = 10 * (start - start.min(0)) / np.maximum(np.ptp(start, axis=0), 1e-9)  # PCA as the start: no eigenvectors of the graph, which fail on small sets
    start = start + np.random.default_rng(seed).normal(scale=1e-4, size=start.shape)
    placed = UMAP(n_neighbors=near, init=start.astype(np.float32), random_state=seed, n_jobs=1).fit_transform(x[rows])
    follows = np.arange(n)
    if len(rows) < n:
        follows = NearestNeighbors(n_neighbors=1).fit(x[rows]).kneighbors(x, return_distance=False)[:, 0].astype(np.intp)
    return Embedding("UMAP", source, np.asarray(placed, dtype=np.float32), rows, follows)
