"""Seeded draws of cells: uniform ones, and of a large reference as many as training needs, rare types included."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .section import Reference, Subsample

MAX_REFERENCE_CELLS = 50_000  # cells that training takes
MIN_CELLS_PER_TYPE = 200  # cells drawn of each type, where it has so many


def sample_uniform(n: int, max_cells: int, seed: int) -> NDArray[np.intp]:
    """Draw sorted rows (min(n, max_cells),), each with the same probability."""
    return np.arange(n) if n <= max_cells else np.sort(np.random.default_rng(seed).choice(n, max_cells, replace=False))


def sample_balanced(
    labels: NDArray[np.integer[Any]], max_cells: int, seed: int, min_per_label: int = 0
) -> NDArray[np.intp]:
    """Draw rows in which a type's share is that of the square root of its size: rare types are over-represented.

    Parameters
    ----------
    labels : (cells,) int
        Type of each cell, -1 for none (a type of its own).
    max_cells
        Rows to draw.
    min_per_label
        Rows of each type that are drawn first, as many as it has at most, as long as they fit.

    Returns
    -------
    (max_cells,) sorted rows; all when there are not more.

    References
    ----------
    Weighted sampling without replacement: Efraimidis and Spirakis (2006).
    """
    n = len(labels)
    if n <= max_cells:
        return np.arange(n)
    type_size = np.bincount(labels + 1)[labels + 1]
    key = np.random.default_rng(seed).random(n) ** (type_size**0.5)
    order = np.argsort(-key, kind="stable")
    types = np.unique(labels)
    quota = min(min_per_label, max_cells // len(types))
    first = np.concatenate([order[labels[order] == t][:quota] for t in types]).astype(np.intp)
    rest = order[~np.isin(order, first)][: max_cells - len(first)]
    return np.sort(np.concatenate([first, rest]))


def subsample_reference(reference: Reference, labels: str | None, seed: int, max_cells: int | None = None) -> Reference:
    """Draw cells of a reference that has more than `max_cells` (default `MAX_REFERENCE_CELLS`), balanced by type.

    The result records the draw in its `subsample`; a small reference is returned as it is.
    """
    max_cells = MAX_REFERENCE_CELLS if max_cells is None else max_cells
    if reference.n_cells <= max_cells:
        return reference
    column = labels if labels in reference.obs else None
    codes = (
        np.zeros(reference.n_cells, dtype=np.int64)
        if column is None
        else reference.obs[column].astype("category").cat.codes.to_numpy().astype(np.int64)
    )
    rows = sample_balanced(codes, max_cells, seed, MIN_CELLS_PER_TYPE)
    return replace(reference.subset(rows), subsample=Subsample(reference.n_cells, max_cells, column, seed))
