"""Embedding of cells in two dimensions for a scatter plot: PCA of all cells, or UMAP of a sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..data import normalize as val
from ..data.subsample import sample_uniform
from ..errors import DataError, RunError
from ..utils.pca import PCA

if TYPE_CHECKING:
    from ..data.section import Section
    from .run import Run

MAX_UMAP_CELLS = 20_000  # cells embedded by UMAP; more take minutes
MAX_LATENT_COMPONENTS = 50  # of the latents of all members
_CHUNK = 8192  # cells encoded at once
COMPONENTS = 30  # of measured values, where there is no latent
_UMAP_START_RANGE = 10  # of the start coordinates, as umap-learn scales its own
NEIGHBOURS = 15  # UMAP's own default


@dataclass(frozen=True, eq=False)
class Embedding:
    """Coordinates of cells in two dimensions, without a unit.

    Attributes
    ----------
    method
        "PCA" or "UMAP".
    source
        Name of the embedded features, for display.
    xy : (embedded cells, 2) float32
    embedded_rows : (embedded cells,) int
        Cells that were embedded.
    nearest_embedded : (cells,) int
        For every cell, the position among the embedded ones of itself or of the nearest in the embedded features.
    """

    method: str
    source: str
    xy: NDArray[np.float32]
    embedded_rows: NDArray[np.intp]
    nearest_embedded: NDArray[np.intp]

    @property
    def note(self) -> str:
        """Caption of the plot, in a sentence."""
        n, n_cells = len(self.embedded_rows), len(self.nearest_embedded)
        if n == n_cells:
            return f"{self.method} of {self.source}, {n:,} cells."
        return (
            f"{self.method} of {self.source}: {n:,} of {n_cells:,} cells, drawn at random; "
            "each other cell goes with the most similar of them."
        )


def embedding_features(section: Section, run: Run | None) -> tuple[NDArray[np.float32], str]:
    """Compute the run's latent, or without a run principal components of the measured genes.

    Returns
    -------
    Features (cells, components), and their name for display.
    """
    if run is not None:
        return run_latent(run, section), "the run's latent"
    return measured_components(section), "the measured genes (no run yet)"


def run_latent(run: Run, section: Section) -> NDArray[np.float32]:
    """Compute principal components (cells, at most 50) of the latents of all members of a run.

    Raises
    ------
    RunError
        The run was trained on other cells.
    """
    from ..training.batches import row_chunks
    from ..training.inference import encode_cells

    if list(run.section.adata.obs_names) != list(section.adata.obs_names):
        raise RunError(
            f"the run was trained on {run.section.name} ({run.section.n_cells} cells), "
            f"not on these {section.n_cells} cells. Use a run of this section."
        )
    parts = [encode_cells(run.trainer, "section", rows).z for rows in row_chunks(section.n_cells, _CHUNK)]
    z = np.concatenate([part.transpose(1, 0, 2).reshape(part.shape[1], -1) for part in parts])
    z -= z.mean(0)
    value, vector = np.linalg.eigh(z.T @ z)
    d = max(1, min(MAX_LATENT_COMPONENTS, len(z) // 10, int((value > 1e-6 * value[-1]).sum())))
    out: NDArray[np.float32] = (z @ vector[:, ::-1][:, :d]).astype(np.float32)
    return out


def measured_components(section: Section, n_components: int = COMPONENTS) -> NDArray[np.float32]:
    """Compute at most `n_components` principal components (cells, components) of the log-normalised values.

    Raises
    ------
    DataError
        A section without measured genes.
    """
    if not section.genes:
        raise DataError(
            f"{section.name} holds no measured genes, only predictions of a run: cells cannot be placed by them. "
            "Open what was measured."
        )
    values = val.lognormalise(section.matrix, section.values.kind)
    return PCA.fit(values, n_components).transform(values).astype(np.float32)


def pca(features: NDArray[np.floating[Any]], source: str) -> Embedding:
    """Take the first two of features that are principal components already."""
    all_rows = np.arange(len(features))
    xy = np.zeros((len(features), 2), dtype=np.float32)
    xy[:, : min(2, features.shape[1])] = features[:, :2]
    return Embedding("PCA", source, xy, all_rows, all_rows)


def umap(features: NDArray[np.floating[Any]], source: str, seed: int = 0, max_cells: int = MAX_UMAP_CELLS) -> Embedding:
    """Embed at most `max_cells` cells, drawn at random, by UMAP (McInnes et al., arXiv 1802.03426).

    Parameters
    ----------
    features : (cells, components)
        Principal components, largest first: the first two are the start, since eigenvectors of the graph, the default,
        fail on small sets.
    """
    from sklearn.neighbors import NearestNeighbors
    from umap import UMAP  # type: ignore[import-untyped]

    n = len(features)
    rows = sample_uniform(n, max_cells, seed)
    sample = features[rows]
    n_neighbours = max(2, min(NEIGHBOURS, len(rows) - 1))
    start = sample[:, :2] if features.shape[1] > 1 else np.repeat(sample, 2, axis=1)
    start = _UMAP_START_RANGE * (start - start.min(0)) / np.maximum(np.ptp(start, axis=0), 1e-9)
    start = start + np.random.default_rng(seed).normal(scale=1e-4, size=start.shape)  # apart where cells are equal
    model = UMAP(n_neighbors=n_neighbours, init=start.astype(np.float32), random_state=seed, n_jobs=1)
    xy = model.fit_transform(sample)
    nearest = np.arange(n)
    if len(rows) < n:
        neighbours = NearestNeighbors(n_neighbors=1).fit(sample).kneighbors(features, return_distance=False)
        nearest = neighbours[:, 0].astype(np.intp)
    return Embedding("UMAP", source, np.asarray(xy, dtype=np.float32), rows, nearest)
