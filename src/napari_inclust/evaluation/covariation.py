"""Whether what sets a group of the section's cells apart varies in the reference too: where it does not, the reference lacks such cells.

Profiles alone cannot tell a missing type from one that two platforms measure differently. But the genes that part two kinds of cells go up and down together wherever
both kinds are present, and are unrelated where one is missing; correlations between genes are also what platforms agree on best.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.floating[Any]]
MAX_GENES = 1000  # those by which the groups differ most
MIN_COVARIATION = 0.05  # covariation below which nothing can be divided by
N_SPLITS = 4


def gene_correlations(cells: Matrix) -> Matrix:
    """(genes, genes) of values (cells, genes), the diagonal 0."""
    z = cells - cells.mean(0)
    sd = np.sqrt((z**2).mean(0)) + 1e-9
    out: Matrix = (z.T @ z) / len(z) / sd / sd[:, None]
    np.fill_diagonal(out, 0)
    return out


def reproduced_covariation(
    group_profiles: Matrix, section_correlations: Matrix, reference_correlations: Matrix
) -> NDArray[np.float64]:
    """(groups,) share of what sets each group apart that varies together in the reference as well; mean over all other groups.

    Parameters
    ----------
    groups : (groups, genes)
        Mean profiles of groups of the section's cells, two at least.
    ours, theirs : (genes, genes)
        `correlations` of the section and of the reference.
    """
    out = np.zeros(len(group_profiles))
    for g, profile in enumerate(group_profiles):
        apart = np.delete(profile - group_profiles, g, axis=0)
        apart = np.sign(apart) * apart**2
        apart /= np.linalg.norm(apart, axis=1, keepdims=True) + 1e-9
        here, there = (((apart @ c) * apart).sum(1) for c in (section_correlations, reference_correlations))
        out[g] = (there / np.maximum(here, MIN_COVARIATION)).mean()
    return out


def missing_covariation(
    group_profiles: Matrix, group_sizes: NDArray[np.integer[Any]], section_values: Matrix, reference_values: Matrix
) -> NDArray[np.float64]:
    """(groups,) how far each group is covered less than the section's median cell: 0 (as well as most) to 1 (not at all); 0 for fewer than three groups.

    Parameters
    ----------
    groups : (groups, genes); sizes : (groups,)
        Mean profiles and numbers of cells.
    ours, theirs : (cells, genes)
        z-scored values of the section and of the reference.
    """
    if len(group_profiles) < 3:
        return np.zeros(len(group_profiles))
    chosen = _informative_genes(group_profiles)
    share = reproduced_covariation(
        group_profiles[:, chosen],
        gene_correlations(section_values[:, chosen]),
        gene_correlations(reference_values[:, chosen]),
    )
    return np.clip(1 - share / _median_cell_share(share, group_sizes), 0, 1)


def missing_covariation_error(
    group_profiles: Matrix,
    group_sizes: NDArray[np.integer[Any]],
    section_values: Matrix,
    reference_values: Matrix,
    *,
    seed: int = 0,
) -> float:
    """Standard error of `lacking`, from halves of the reference's cells."""
    if len(group_profiles) < 3:
        return 0.0
    chosen = _informative_genes(group_profiles)
    group_profiles, reference_values, correlated = (
        group_profiles[:, chosen],
        reference_values[:, chosen],
        gene_correlations(section_values[:, chosen]),
    )
    random, apart = np.random.default_rng(seed), []
    for _ in range(N_SPLITS):
        half = random.permutation(len(reference_values)) % 2 == 0
        one, other = (
            reproduced_covariation(group_profiles, correlated, gene_correlations(reference_values[h]))
            for h in (half, ~half)
        )
        apart.append(((one - other) ** 2).mean())
    share = reproduced_covariation(group_profiles, correlated, gene_correlations(reference_values))
    return float(np.sqrt(np.mean(apart))) / 2 / _median_cell_share(share, group_sizes)


def _informative_genes(group_profiles: Matrix) -> NDArray[np.intp]:
    return np.argsort(-group_profiles.std(0), kind="stable")[:MAX_GENES]


def _median_cell_share(share: NDArray[np.float64], group_sizes: NDArray[np.integer[Any]]) -> float:
    """Share that is covered of the median cell."""
    return max(float(np.median(np.repeat(share, group_sizes))), MIN_COVARIATION)
