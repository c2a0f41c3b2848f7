"""Seeded draws of cells: uniform ones, and a large reference cut to what training needs without losing a cell type."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .section import Drawn, Reference

MOST = 50_000  # cells that training takes
LEAST = 200  # cells of each type that are kept, where it has so many


def uniform(n: int, most: int, seed: int) -> NDArray[np.intp]:
    """Sorted rows (min(n, most),), each with the same chance: all when there are not more."""
    return np.arange(n) if n <= most else np.sort(np.random.default_rng(seed).choice(n, most, replace=False))


def rows(labels: NDArray[np.integer[Any]], most: int, seed: int, least: int = 0) -> NDArray[np.intp]:
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
    if n <= most:
        return np.arange(n)
    size = np.bincount(labels + 1)[labels + 1]
    key = np.random.default_rng(seed).random(n) ** (size**0.5)
    order = np.argsort(-key, kind="stable")
    kept = [order[labels[order] == t][: min(least, most // len(np.unique(labels)))] for t in np.unique(labels)] if least else []
    first = np.concatenate([*kept, np.zeros(0, dtype=np.intp)]).astype(np.intp)
    rest = order[~np.isin(order, first)][: most - len(first)]
    return np.sort(np.concatenate([first, rest]))


def drawn(reference: Reference, labels: str | None, seed: int, most: int | None = None) -> Reference:
    """The reference itself when it is small enough, else one of `most` of its cells that says so in its `drawn`; by default `MOST`."""
    most = MOST if most is None else most
    if reference.n_cells <= most:
        return reference
    obs = reference.adata.obs
    codes = obs[labels].astype("category").cat.codes.to_numpy().astype(np.int64) if labels in obs else np.zeros(reference.n_cells, dtype=np.int64)
    chosen = rows(codes, most, seed, LEAST)
    how = Drawn(reference.n_cells, most, labels if labels in obs else None, seed)
    return replace(reference, adata=reference.adata[chosen], matrix=reference.matrix[chosen], drawn=how)
