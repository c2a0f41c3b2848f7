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


def lacking(groups: Matrix, sizes: NDArray[np.integer[Any]], ours: Matrix, theirs: Matrix, *, seed: int = 0) -> tuple[NDArray[np.float64], float]:
    """How far each group is covered less than the section's median cell, and the noise of that.

    Parameters
    ----------
    groups : (groups, genes); sizes : (groups,)
        Mean profiles and numbers of cells.
    ours, theirs : (cells, genes)
        z-scored values of the section and of the reference.

    Returns
    -------
    (groups,) 0 (covered as well as most) to 1 (not at all); and its standard error, from halves of the reference's cells.
    """
    if len(groups) < 3:
        return np.zeros(len(groups)), 0.0
    chosen = np.argsort(-groups.std(0), kind="stable")[:MOST_GENES]
    groups, theirs, correlated = groups[:, chosen], theirs[:, chosen], correlations(ours[:, chosen])
    share = covered(groups, correlated, correlations(theirs))
    typical = max(float(np.median(np.repeat(share, sizes))), FLAT)
    random, apart = np.random.default_rng(seed), []
    for _ in range(SPLITS):
        half = random.permutation(len(theirs)) % 2 == 0
        one, other = (covered(groups, correlated, correlations(theirs[h])) for h in (half, ~half))
        apart.append(((one - other) ** 2).mean())
    return np.clip(1 - share / typical, 0, 1), float(np.sqrt(np.mean(apart))) / 2 / typical
