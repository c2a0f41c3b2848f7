"""Whether what sets a group of the section's cells apart varies in the reference too: where it does not, the reference lacks such cells.

Profiles alone cannot tell a missing type from one that two platforms measure differently. But the genes that part two kinds of cells go up and down together wherever
both kinds are present, and are unrelated where one is missing; correlations between genes are also what platforms agree on best.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.floating[Any]]
MOST_GENES = 1000  # those by which the groups differ most
FLAT = 0.05  # covariation below which nothing can be divided by
SPLITS = 4


def correlations(cells: Matrix) -> Matrix:
    """(genes, genes) of values (cells, genes), the diagonal 0."""
    z = cells - cells.mean(0)
    sd = np.sqrt((z**2).mean(0)) + 1e-9
    out: Matrix = (z.T @ z) / len(z) / sd / sd[:, None]
    np.fill_diagonal(out, 0)
    return out


def covered(groups: Matrix, ours: Matrix, theirs: Matrix) -> NDArray[np.float64]:
    """(groups,) share of what sets each group apart that varies together in the reference as well; mean over all other groups.

    Parameters
    ----------
    groups : (groups, genes)
        Mean profiles of groups of the section's cells, two at least.
    ours, theirs : (genes, genes)
        `correlations` of the section and of the reference.
    """
    out = np.zeros(len(groups))
    for g, profile in enumerate(groups):
        apart = np.delete(profile - groups, g, axis=0)
        apart = np.sign(apart) * apart**2
        apart /= np.linalg.norm(apart, axis=1, keepdims=True) + 1e-9
        here, there = (((apart @ c) * apart).sum(1) for c in (ours, theirs))
        out[g] = (there / np.maximum(here, FLAT)).mean()
    return out


def lacking(groups: Matrix, sizes: NDArray[np.integer[Any]], ours: Matrix, theirs: Matrix) -> NDArray[np.float64]:
    """(groups,) how far each group is covered less than the section's median cell: 0 (as well as most) to 1 (not at all); 0 for fewer than three groups.

    Parameters
    ----------
    groups : (groups, genes); sizes : (groups,)
        Mean profiles and numbers of cells.
    ours, theirs : (cells, genes)
        z-scored values of the section and of the reference.
    """
    if len(groups) < 3:
        return np.zeros(len(groups))
    chosen = _telling(groups)
    share = covered(groups[:, chosen], correlations(ours[:, chosen]), correlations(theirs[:, chosen]))
    return np.clip(1 - share / _typical(share, sizes), 0, 1)


def noise(groups: Matrix, sizes: NDArray[np.integer[Any]], ours: Matrix, theirs: Matrix, *, seed: int = 0) -> float:
    """Standard error of `lacking`, from halves of the reference's cells."""
    if len(groups) < 3:
        return 0.0
    chosen = _telling(groups)
    groups, theirs, correlated = groups[:, chosen], theirs[:, chosen], correlations(ours[:, chosen])
    random, apart = np.random.default_rng(seed), []
    for _ in range(SPLITS):
        half = random.permutation(len(theirs)) % 2 == 0
        one, other = (covered(groups, correlated, correlations(theirs[h])) for h in (half, ~half))
        apart.append(((one - other) ** 2).mean())
    share = covered(groups, correlated, correlations(theirs))
    return float(np.sqrt(np.mean(apart))) / 2 / _typical(share, sizes)


def _telling(groups: Matrix) -> NDArray[np.intp]:
    return np.argsort(-groups.std(0), kind="stable")[:MOST_GENES]


def _typical(share: NDArray[np.float64], sizes: NDArray[np.integer[Any]]) -> float:
    """Share that is covered of the median cell."""
    return max(float(np.median(np.repeat(share, sizes))), FLAT)
