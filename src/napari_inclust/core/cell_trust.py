"""Whether a cell is of a kind that the reference knows: imputed values of a cell that it does not know are not to be believed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .readout import unit

Matrix = NDArray[np.floating[Any]]
ALIKE = 20  # cells of the section whose profiles are averaged: one cell's counts are too few to tell
COMPONENTS = 20
KINDS = 20  # groups of reference cells where there are no labels
STEEP, MIDDLE = 1.0, 2.0  # trust is a half where a cell is two robust standard deviations stranger than the section's median cell


def kinds(reference: Matrix, labels: NDArray[np.intp], seed: int) -> Matrix:
    """(kinds, genes) mean profiles of the reference's types, or of its k-means groups where nothing is labelled.

    Parameters
    ----------
    reference : (reference cells, shared genes)
        z-scored.
    """
    if labels.max() < 1:
        from sklearn.cluster import KMeans

        labels = KMeans(min(KINDS, max(2, len(reference) // 10)), n_init=3, random_state=seed).fit_predict(reference)
    return np.stack([reference[labels == k].mean(0) for k in range(labels.max() + 1) if (labels == k).any()])


def strangeness(cells: Matrix, among: Matrix, profiles: Matrix) -> NDArray[np.float64]:
    """(cells,) 1 - correlation with the most similar kind of the reference, after averaging each cell with the cells of the section most like it.

    Parameters
    ----------
    cells, among : (cells, shared genes)
        z-scored values of the cells asked for, and of those (a sample of the section) that they are averaged with.
    profiles : (kinds, shared genes)
    """
    mean = among.mean(0)
    axes = np.linalg.svd(among - mean, full_matrices=False)[2][:COMPONENTS].T
    similar = unit((cells - mean) @ axes) @ unit((among - mean) @ axes).T
    k = min(ALIKE, len(among))
    nearest = np.argpartition(-similar, k - 1, axis=1)[:, :k]
    averaged = among[nearest].mean(1) - mean
    correlation = unit(averaged) @ unit(profiles - profiles.mean(0)).T
    out: NDArray[np.float64] = 1 - correlation.max(1).astype(np.float64)
    return out


def trust(strange: NDArray[np.float64], sample: NDArray[np.float64]) -> NDArray[np.float64]:
    """(cells,) 0 (of no kind that the reference has) to 1: strangeness against that of a sample of the section, since a shift that all cells have in common
    is the platform's."""
    middle = np.median(sample)
    width = 1.4826 * np.median(np.abs(sample - middle)) + 1e-9
    out: NDArray[np.float64] = 1 / (1 + np.exp(STEEP * ((strange - middle) / width - MIDDLE)))
    return out
