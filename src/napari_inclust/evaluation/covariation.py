"""Covariation of the genes that distinguish a group of the section's cells: low in a reference that lacks such cells.

Profiles alone cannot separate a missing type from one that two platforms measure differently. But genes that
distinguish two types are correlated wherever both types are present, and unrelated where one is missing; platforms
also agree best on correlations between genes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.floating[Any]]
MAX_GENES = 1000  # by which the groups differ most
MIN_COVARIATION = 0.05  # lower limit of a divisor
N_SPLITS = 4  # of the reference's cells into halves


def gene_correlations(cells: Matrix) -> Matrix:
    """Correlate the genes of values (cells, genes): (genes, genes), the diagonal 0."""
    z = cells - cells.mean(0)
    sd = np.sqrt((z**2).mean(0)) + 1e-9
    out: Matrix = (z.T @ z) / len(z) / sd / sd[:, None]
    np.fill_diagonal(out, 0)
    return out


def reproduced_covariation(
    group_profiles: Matrix, section_correlations: Matrix, reference_correlations: Matrix
) -> NDArray[np.float64]:
    """Compute the share (groups,) of a group's covariation in the section that the reference reproduces.

    The covariation is that along the differences to each other group, squared with their sign; the share is the mean
    over the other groups.

    Parameters
    ----------
    group_profiles : (groups, genes)
        Mean profiles of at least two groups of the section's cells.
    section_correlations, reference_correlations : (genes, genes)
        Of `gene_correlations`.
    """
    out = np.zeros(len(group_profiles))
    for g, profile in enumerate(group_profiles):
        difference = np.delete(profile - group_profiles, g, axis=0)
        axes = np.sign(difference) * difference**2
        axes /= np.linalg.norm(axes, axis=1, keepdims=True) + 1e-9
        section, reference = (((axes @ c) * axes).sum(1) for c in (section_correlations, reference_correlations))
        out[g] = (reference / np.maximum(section, MIN_COVARIATION)).mean()
    return out


def missing_covariation(
    group_profiles: Matrix, group_sizes: NDArray[np.integer[Any]], section_values: Matrix, reference_values: Matrix
) -> NDArray[np.float64]:
    """Compute how much less of each group's covariation (groups,) is reproduced than of the median cell's group.

    0: as much or more; 1: nothing. 0 for fewer than three groups.

    Parameters
    ----------
    group_profiles : (groups, genes)
        Mean profiles.
    group_sizes : (groups,) int
        Numbers of cells.
    section_values, reference_values : (cells, genes)
        z-scored.
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
    """Estimate the standard error of `missing_covariation` from random halves of the reference's cells."""
    if len(group_profiles) < 3:
        return 0.0
    chosen = _informative_genes(group_profiles)
    group_profiles, reference_values = group_profiles[:, chosen], reference_values[:, chosen]
    section_correlations = gene_correlations(section_values[:, chosen])
    random, squared_differences = np.random.default_rng(seed), []
    for _ in range(N_SPLITS):
        half = random.permutation(len(reference_values)) % 2 == 0
        one, other = (
            reproduced_covariation(group_profiles, section_correlations, gene_correlations(reference_values[h]))
            for h in (half, ~half)
        )
        squared_differences.append(((one - other) ** 2).mean())
    share = reproduced_covariation(group_profiles, section_correlations, gene_correlations(reference_values))
    return float(np.sqrt(np.mean(squared_differences))) / 2 / _median_cell_share(share, group_sizes)


def _informative_genes(group_profiles: Matrix) -> NDArray[np.intp]:
    return np.argsort(-group_profiles.std(0), kind="stable")[:MAX_GENES]


def _median_cell_share(share: NDArray[np.float64], group_sizes: NDArray[np.integer[Any]]) -> float:
    """Share of the median cell's group, at least 0.05."""
    return max(float(np.median(np.repeat(share, group_sizes))), MIN_COVARIATION)
