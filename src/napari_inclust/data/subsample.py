"""Seeded draws of cells: uniform ones, and a large reference cut to what training needs without losing a cell type."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .section import Reference, Subsample

MAX_REFERENCE_CELLS = 50_000  # cells that training takes
MIN_CELLS_PER_TYPE = 200  # cells of each type that are kept, where it has so many


def sample_uniform(n: int, max_cells: int, seed: int) -> NDArray[np.intp]:
    """Sorted rows (min(n, most),), each with the same chance: all when there are not more."""
    return np.arange(n) if n <= max_cells else np.sort(np.random.default_rng(seed).choice(n, max_cells, replace=False))


def sample_balanced(
    labels: NDArray[np.integer[Any]], max_cells: int, seed: int, min_per_label: int = 0
) -> NDArray[np.intp]:
    """A draw of rows in which a type's share is that of the square root of its size: rare types are kept, common ones stay the larger ones.

    Weighted sampling without replacement after Efraimidis and Spirakis (2006).

    Parameters
    ----------
    labels : (cells,) int
        Type of each cell, -1 for none (a type of its own).
    most
        Rows to draw.
    least
        Of each type, as many as it has at most, as long as they fit.

    Returns
    -------
    (most,) sorted rows, all when there are not more
    """
    n = len(labels)
    if n <= max_cells:
        return np.arange(n)
    size = np.bincount(labels + 1)[labels + 1]
    key = np.random.default_rng(seed).random(n) ** (size**0.5)
    order = np.argsort(-key, kind="stable")
    kept = (
        [
            order[labels[order] == t][: min(min_per_label, max_cells // len(np.unique(labels)))]
            for t in np.unique(labels)
        ]
        if min_per_label
        else []
    )
    first = np.concatenate([*kept, np.zeros(0, dtype=np.intp)]).astype(np.intp)
    rest = order[~np.isin(order, first)][: max_cells - len(first)]
    return np.sort(np.concatenate([first, rest]))


def subsample_reference(reference: Reference, labels: str | None, seed: int, max_cells: int | None = None) -> Reference:
    """The reference itself when it is small enough, else one of `most` of its cells that says so in its `drawn`; by default `MOST`."""
    max_cells = MAX_REFERENCE_CELLS if max_cells is None else max_cells
    if reference.n_cells <= max_cells:
        return reference
    obs = reference.adata.obs
    codes = (
        obs[labels].astype("category").cat.codes.to_numpy().astype(np.int64)
        if labels in obs
        else np.zeros(reference.n_cells, dtype=np.int64)
    )
    chosen = sample_balanced(codes, max_cells, seed, MIN_CELLS_PER_TYPE)
    how = Subsample(reference.n_cells, max_cells, labels if labels in obs else None, seed)
    return replace(reference, adata=reference.adata[chosen], matrix=reference.matrix[chosen], subsample=how)
