"""Whether a cell is of a kind that the reference knows: imputed values of a cell that it does not know are not to be believed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..utils.attention import unit
from ..utils.pca import PCA

Matrix = NDArray[np.floating[Any]]
ALIKE, SHARE = (10, 50), 1 / 50  # cells whose profiles are averaged, since one cell's counts are too few to tell: this share, so that small types stay apart
COMPONENTS = 20
KINDS = 12  # groups of reference cells where there are no labels: coarse, since a type that is missing must not be covered by a part of its nearest relative
GROUPS = 25  # of the section's cells
NOISE = 0.5  # weight of what a cell does not even share with its own group: noise rather than strangeness
STEEP, MIDDLE = 1.0, 2.0  # trust is a half where a cell is two robust standard deviations stranger than the section's median cell


def kinds(reference: Matrix, labels: NDArray[np.intp], seed: int) -> Matrix:
    """(kinds, genes) mean profiles of the reference's types, or of its k-means groups where nothing is labelled.

    Parameters
    ----------
    reference : (reference cells, shared genes)
        z-scored.
    """
    if labels.max() < 1:
        labels = Neighbourhood(reference, seed, KINDS).group
    return np.stack([reference[labels == k].mean(0) for k in range(labels.max() + 1) if (labels == k).any()])


class Neighbourhood:
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

    def __init__(self, among: Matrix, seed: int, most: int = GROUPS, alike: int | None = None) -> None:
        from sklearn.cluster import KMeans

        self.among, self.mean = among, among.mean(0)
        self.alike = min(int(np.clip(len(among) * SHARE, *ALIKE)) if alike is None else alike, max(1, len(among) // 5))
        self._axes = PCA.fit(among, COMPONENTS, seed).axes
        averaged = self.averaged(among)
        placed = averaged @ self._axes
        found = KMeans(min(most, max(2, len(among) // 20), len(among)), n_init=3, random_state=seed).fit(placed)
        self.group: NDArray[np.intp] = found.labels_.astype(np.intp)
        self.groups: Matrix = np.stack([averaged[self.group == g].mean(0) for g in np.unique(self.group)])
        self.sizes = np.unique(self.group, return_counts=True)[1]

    def averaged(self, cells: Matrix) -> Matrix:
        """(cells, genes) each cell averaged with the cells of the data set most like it, less their mean."""
        similar = unit((cells - self.mean) @ self._axes) @ unit((self.among - self.mean) @ self._axes).T
        nearest = np.argpartition(-similar, self.alike - 1, axis=1)[:, : self.alike]
        out: Matrix = np.stack([self.among[n].mean(0) for n in nearest]) - self.mean
        return out

    def strangeness(self, cells: Matrix, profiles: Matrix) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """How far each cell is from every kind of the reference, and the group that it is most like.

        Parameters
        ----------
        profiles : (kinds, shared genes)
            `kinds`.

        Returns
        -------
        (cells,) 1 - correlation with the most similar kind, of the cell and of its group, less what the cell does not share with its group either; (cells,) int.
        """
        averaged = unit(self.averaged(cells))
        to_groups = averaged @ unit(self.groups).T
        own: NDArray[np.intp] = to_groups.argmax(1)
        of_groups = 1 - resemblance(self.groups, profiles).max(1)
        of_cells = 1 - (averaged @ unit(profiles - profiles.mean(0)).T).max(1)
        strange: NDArray[np.float64] = (of_cells + of_groups[own] - NOISE * (1 - to_groups.max(1))).astype(np.float64)
        return strange, own


def resemblance(groups: Matrix, profiles: Matrix) -> Matrix:
    """(groups, kinds) correlation of centred profiles."""
    out: Matrix = unit(groups) @ unit(profiles - profiles.mean(0)).T
    return out


def trust(strange: NDArray[np.float64], sample: NDArray[np.float64]) -> NDArray[np.float64]:
    """(cells,) 0 (of no kind that the reference has) to 1: strangeness against that of a sample of the section, since a shift that all cells have in common
    is the platform's."""
    middle = np.median(sample)
    width = 1.4826 * np.median(np.abs(sample - middle)) + 1e-9
    out: NDArray[np.float64] = 1 / (1 + np.exp(STEEP * ((strange - middle) / width - MIDDLE)))
    return out
