"""Whether a cell is of a kind that the reference knows: imputed values of a cell that it does not know are not to be believed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..utils.attention import normalise_rows
from ..utils.pca import PCA

Matrix = NDArray[np.floating[Any]]
NEIGHBOURS_RANGE, NEIGHBOURS_SHARE = (
    (10, 50),
    1 / 50,
)  # cells whose profiles are averaged, since one cell's counts are too few to tell: this share, so that small types stay apart
N_COMPONENTS = 20
MAX_REFERENCE_GROUPS = 12  # groups of reference cells where there are no labels: coarse, since a type that is missing must not be covered by a part of its nearest relative
MAX_SECTION_GROUPS = 25  # of the section's cells
NOISE_WEIGHT = 0.5  # weight of what a cell does not even share with its own group: noise rather than strangeness
LOGISTIC_SLOPE, LOGISTIC_MIDPOINT = (
    1.0,
    2.0,
)  # trust is a half where a cell is two robust standard deviations stranger than the section's median cell


def type_profiles(reference: Matrix, labels: NDArray[np.intp], seed: int) -> Matrix:
    """(kinds, genes) mean profiles of the reference's types, or of its k-means groups where nothing is labelled.

    Parameters
    ----------
    reference : (reference cells, shared genes)
        z-scored.
    """
    if labels.max() < 1:
        labels = SmoothedCells(reference, seed, MAX_REFERENCE_GROUPS).group_codes
    return np.stack([reference[labels == k].mean(0) for k in range(labels.max() + 1) if (labels == k).any()])


class SmoothedCells:
    """Cells of one data set averaged with those most like them, and in groups: what is too noisy in one cell is clear in fifty.

    Parameters
    ----------
    among : (cells, shared genes)
        z-scored values of the data set's cells, or of a sample of them.
    most
        Groups at most; fewer where there are under 20 cells a group.
    alike
        Cells that each is averaged with; default: by the number of `among`.

    Attributes
    ----------
    groups : (groups, shared genes)
        Mean profile of each k-means group, less the mean of all cells.
    sizes : (groups,) int
        Cells of `among` in each.
    group : (cells,) int
        Group of each cell of `among`.
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
        placed = averaged @ self._principal_axes
        found = KMeans(min(max_groups, max(2, len(values) // 20), len(values)), n_init=3, random_state=seed).fit(placed)
        self.group_codes: NDArray[np.intp] = found.labels_.astype(np.intp)
        self.group_profiles: Matrix = np.stack(
            [averaged[self.group_codes == g].mean(0) for g in np.unique(self.group_codes)]
        )
        self.group_sizes = np.unique(self.group_codes, return_counts=True)[1]

    def smooth(self, cells: Matrix) -> Matrix:
        """(cells, genes) each cell averaged with the cells of the data set most like it, less their mean."""
        similar = (
            normalise_rows((cells - self.mean_profile) @ self._principal_axes)
            @ normalise_rows((self.values - self.mean_profile) @ self._principal_axes).T
        )
        nearest = np.argpartition(-similar, self.n_neighbours - 1, axis=1)[:, : self.n_neighbours]
        out: Matrix = np.stack([self.values[n].mean(0) for n in nearest]) - self.mean_profile
        return out

    def novelty_scores(self, cells: Matrix, type_profiles: Matrix) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """How far each cell is from every kind of the reference, and the group that it is most like.

        Parameters
        ----------
        profiles : (kinds, shared genes)
            `kinds`.

        Returns
        -------
        (cells,) 1 - correlation with the most similar kind, of the cell and of its group, less what the cell does not share with its group either; (cells,) int.
        """
        averaged = normalise_rows(self.smooth(cells))
        to_groups = averaged @ normalise_rows(self.group_profiles).T
        own: NDArray[np.intp] = to_groups.argmax(1)
        of_groups = 1 - profile_correlations(self.group_profiles, type_profiles).max(1)
        of_cells = 1 - (averaged @ normalise_rows(type_profiles - type_profiles.mean(0)).T).max(1)
        strange: NDArray[np.float64] = (of_cells + of_groups[own] - NOISE_WEIGHT * (1 - to_groups.max(1))).astype(
            np.float64
        )
        return strange, own


def profile_correlations(group_profiles: Matrix, type_profiles: Matrix) -> Matrix:
    """(groups, kinds) correlation of centred profiles."""
    out: Matrix = normalise_rows(group_profiles) @ normalise_rows(type_profiles - type_profiles.mean(0)).T
    return out


def reliability(novelty_scores: NDArray[np.float64], sample_scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """(cells,) 0 (of no kind that the reference has) to 1: strangeness against that of a sample of the section, since a shift that all cells have in common
    is the platform's."""
    middle = np.median(sample_scores)
    width = 1.4826 * np.median(np.abs(sample_scores - middle)) + 1e-9
    out: NDArray[np.float64] = 1 / (
        1 + np.exp(LOGISTIC_SLOPE * ((novelty_scores - middle) / width - LOGISTIC_MIDPOINT))
    )
    return out
