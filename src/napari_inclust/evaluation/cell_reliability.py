"""Reliability of cells: whether a cell is of a type that the reference has.

Imputed values of a cell of another type are unreliable.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..utils.attention import normalise_rows
from ..utils.pca import PCA

Matrix = NDArray[np.floating[Any]]
# Cells whose profiles are averaged, since the counts of one cell are too few: this share, so that small types stay
# apart.
NEIGHBOURS_RANGE, NEIGHBOURS_SHARE = (10, 50), 1 / 50
N_COMPONENTS = 20
# Groups of unlabelled reference cells: few, so that no subgroup of a related type stands in for a missing type.
MAX_REFERENCE_GROUPS = 12
MAX_SECTION_GROUPS = 25  # of the section's cells
NOISE_WEIGHT = 0.5  # weight of a cell's distance to its own group, which is noise rather than novelty
# Reliability is 1/2 where the novelty score is two robust standard deviations above the section's median.
LOGISTIC_SLOPE, LOGISTIC_MIDPOINT = 1.0, 2.0


def type_profiles(reference: Matrix, labels: NDArray[np.intp], seed: int) -> Matrix:
    """Average the reference's types, or its k-means groups where nothing is labelled: (types, genes).

    Parameters
    ----------
    reference : (reference cells, shared genes)
        z-scored.
    labels : (reference cells,) int
        Type of each cell, -1 for none.
    """
    if labels.max() < 1:
        labels = SmoothedCells(reference, seed, MAX_REFERENCE_GROUPS).group_codes
    return np.stack([reference[labels == k].mean(0) for k in range(labels.max() + 1) if (labels == k).any()])


class SmoothedCells:
    """Cells of one data set, averaged with the most similar ones to reduce noise, and their k-means groups.

    Parameters
    ----------
    values : (cells, shared genes)
        z-scored values of the data set's cells, or of a sample of them.
    seed
        Of the groups.
    max_groups
        Upper limit; fewer where there are under 20 cells a group.
    n_neighbours
        Cells averaged; default: by the number of cells.

    Attributes
    ----------
    group_profiles : (groups, shared genes)
        Mean profile of each group, less the mean of all cells.
    group_sizes : (groups,) int
        Cells of `values` in each.
    group_codes : (cells,) int
        Group of each cell of `values`.
    """

    def __init__(
        self, values: Matrix, seed: int, max_groups: int = MAX_SECTION_GROUPS, n_neighbours: int | None = None
    ) -> None:
        from sklearn.cluster import KMeans

        self.values, self.mean_profile = values, values.mean(0)
        self.n_neighbours = min(
            int(np.clip(len(values) * NEIGHBOURS_SHARE, *NEIGHBOURS_RANGE)) if n_neighbours is None else n_neighbours,
            max(1, len(values) // 5),
        )
        self._principal_axes = PCA.fit(values, N_COMPONENTS, seed).axes
        averaged = self.smooth(values)
        n_groups = min(max_groups, max(2, len(values) // 20), len(values))
        kmeans = KMeans(n_groups, n_init=3, random_state=seed).fit(averaged @ self._principal_axes)
        self.group_codes: NDArray[np.intp] = kmeans.labels_.astype(np.intp)
        self.group_profiles: Matrix = np.stack(
            [averaged[self.group_codes == g].mean(0) for g in np.unique(self.group_codes)]
        )
        self.group_sizes = np.unique(self.group_codes, return_counts=True)[1]

    def smooth(self, cells: Matrix) -> Matrix:
        """Average each cell (cells, genes) with the most similar cells of the data set, less the mean of all."""
        similar = (
            normalise_rows((cells - self.mean_profile) @ self._principal_axes)
            @ normalise_rows((self.values - self.mean_profile) @ self._principal_axes).T
        )
        nearest = np.argpartition(-similar, self.n_neighbours - 1, axis=1)[:, : self.n_neighbours]
        out: Matrix = np.stack([self.values[n].mean(0) for n in nearest]) - self.mean_profile
        return out

    def novelty_scores(self, cells: Matrix, type_profiles: Matrix) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """Score how far each cell is from every type of the reference, and find its most similar group.

        Parameters
        ----------
        cells : (cells, shared genes)
        type_profiles : (types, shared genes)
            Of the function of this name.

        Returns
        -------
        scores : (cells,)
            1 - correlation with the most similar type, of the cell plus of its group, less half of 1 - correlation of
            the cell with its group.
        groups : (cells,) int
        """
        averaged = normalise_rows(self.smooth(cells))
        to_groups = averaged @ normalise_rows(self.group_profiles).T
        groups: NDArray[np.intp] = to_groups.argmax(1)
        group_novelty = 1 - profile_correlations(self.group_profiles, type_profiles).max(1)
        cell_novelty = 1 - (averaged @ normalise_rows(type_profiles - type_profiles.mean(0)).T).max(1)
        scores = cell_novelty + group_novelty[groups] - NOISE_WEIGHT * (1 - to_groups.max(1))
        return scores.astype(np.float64), groups


def profile_correlations(group_profiles: Matrix, type_profiles: Matrix) -> Matrix:
    """Correlate profiles less their mean: (groups, types)."""
    out: Matrix = normalise_rows(group_profiles) @ normalise_rows(type_profiles - type_profiles.mean(0)).T
    return out


def reliability(novelty_scores: NDArray[np.float64], sample_scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert novelty scores (cells,) to reliability: 0 (of no type of the reference) to 1.

    Scores are compared with those of a sample of the section, since a shift that all cells share is the platform's.
    """
    median = np.median(sample_scores)
    sd = 1.4826 * np.median(np.abs(sample_scores - median)) + 1e-9
    out: NDArray[np.float64] = 1 / (1 + np.exp(LOGISTIC_SLOPE * ((novelty_scores - median) / sd - LOGISTIC_MIDPOINT)))
    return out
