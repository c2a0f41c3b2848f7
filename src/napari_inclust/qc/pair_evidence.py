"""Comparison of two data sets: agreement of gene correlations, and cell types that one of them lacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..evaluation import cell_reliability, covariation
from ..evaluation.metrics import zscore
from ..utils.progress import progress_stage

Matrix = NDArray[np.floating[Any]]
TypeCodes = tuple[tuple[str, ...], NDArray[np.intp]]
MAX_GENES = 1000  # shared genes whose correlations are compared, the most variable of the reference
MIN_RELIABILITY = 0.5  # split-half reliability of a gene's correlations, on both sides, for its agreement to be known
CHANCE_QUANTILE = 0.95  # of the correlations of permuted profiles, which a known group must exceed
MAX_CHANCE = 0.4  # of that quantile; above, the panel is too small to decide
N_PERMUTATIONS = 100
DOUBTFUL_SDS = 2.0  # robust standard deviations below the section's median group
# A group has no counterpart where its missing covariation exceeds both: an absolute value, and a number of its standard
# errors.
MIN_LACK, LACK_STANDARD_ERRORS = 0.25, 4.0
MIN_GROUP_CELLS = 20  # of a group whose missing covariation is judged
N_TYPICAL_GENES = 5  # named for each group


def correlation_agreement(section: Matrix, reference: Matrix, rng: np.random.Generator) -> tuple[Matrix, float]:
    """Compare the genes' correlations with each other in both data sets.

    The correlation of two correlation matrices [1]_, divided by the root of the product of both split-half
    reliabilities [2]_: 1 is as similar as the noise allows, 0 is unrelated.

    Parameters
    ----------
    section, reference : (cells, genes)
        Log-normalised values of the shared genes.
    rng
        Draws the halves.

    Returns
    -------
    by_gene : (genes,)
        NaN where a gene is not reliable enough.
    overall

    References
    ----------
    .. [1] Mantel, Cancer Research 1967, 27:209.
    .. [2] Spearman, American Journal of Psychology 1904, 15:72.
    """
    out = np.full(section.shape[1], np.nan)
    chosen = np.argsort(-reference.std(0), kind="stable")[:MAX_GENES]
    section, reference = section[:, chosen], reference[:, chosen]
    agreement = _row_correlations(_correlations(section), _correlations(reference))
    reliability = []
    for side in (section, reference):
        half = rng.permutation(len(side))
        r = _row_correlations(_correlations(side[half[::2]]), _correlations(side[half[1::2]]))
        # Spearman-Brown: reliability of all cells from that of halves
        reliability.append(np.clip(2 * r / (1 + np.clip(r, 0, 1)), 1e-3, 1))
    agreement = np.clip(agreement / np.sqrt(reliability[0] * reliability[1]), -1, 1)
    is_reliable = (reliability[0][:-1] > MIN_RELIABILITY) & (reliability[1][:-1] > MIN_RELIABILITY)
    out[chosen[is_reliable]] = agreement[:-1][is_reliable]
    return out, float(agreement[-1])


def _correlations(a: Matrix) -> Matrix:
    z = zscore(a)
    out: Matrix = z.T @ z / len(z)
    return out


def _row_correlations(a: Matrix, b: Matrix) -> Matrix:
    """Correlation of each row of two square matrices less their diagonals, then of all rows together: (genes + 1,)."""
    n = len(a)
    off = ~np.eye(n, dtype=bool)
    pairs = [m[off].reshape(n, n - 1) for m in (a, b)]

    def correlation(x: Matrix, y: Matrix) -> Matrix:
        x, y = x - x.mean(-1, keepdims=True), y - y.mean(-1, keepdims=True)
        r: Matrix = (x * y).sum(-1) / np.maximum(np.sqrt((x**2).sum(-1) * (y**2).sum(-1)), 1e-12)
        return r

    return np.append(correlation(pairs[0], pairs[1]), correlation(pairs[0].ravel(), pairs[1].ravel()))


def compare_cell_types(
    section: Matrix,
    reference: Matrix,
    section_types: TypeCodes,
    reference_types: TypeCodes,
    genes: Sequence[str],
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare the groups of the section's cells with the types of the reference.

    A group is "unknown" when its profile correlates with no type of the reference more than 95 % of gene-permuted
    profiles do; "missing" when what distinguishes it covaries far less in the reference than for other groups
    (`covariation`), which also finds a missing type that has a similar one; "doubtful" when its correlation with the
    nearest type is far lower than those of the other groups; "cannot tell" when the panel is too small for the first.

    Parameters
    ----------
    section, reference : (cells, shared genes)
        z-scored values.
    section_types, reference_types
        Names of types and the code of each cell; without names clusters are used.
    genes
        Names of the shared genes.
    seed
        Of the clusters and permutations.

    Returns
    -------
    groups, types
        The tables of `ReferenceCheck`.
    """
    sides = (
        (section_types, section, cell_reliability.MAX_SECTION_GROUPS),
        (reference_types, reference, cell_reliability.MAX_REFERENCE_GROUPS),
    )
    (group_names, group_codes), (type_names, type_codes) = [
        _types_or_clusters(names, codes, cells, seed, max_clusters)
        for (names, codes), cells, max_clusters in progress_stage("comparing kinds of cells", sides)
    ]
    type_profiles = np.stack([reference[type_codes == k].mean(0) for k in range(len(type_names))])
    group_profiles = np.stack([section[group_codes == g].mean(0) for g in range(len(group_names))]) - section.mean(0)
    correlations = cell_reliability.profile_correlations(group_profiles, type_profiles)
    best = correlations.max(1)
    chance = _chance_correlations(group_profiles, type_profiles, seed)
    median = np.median(best)
    is_doubtful = best < median - DOUBTFUL_SDS * 1.4826 * np.median(np.abs(best - median))
    sizes = np.bincount(group_codes[group_codes >= 0], minlength=len(group_names))
    lack = covariation.missing_covariation(group_profiles, sizes, section, reference)
    lack_error = covariation.missing_covariation_error(group_profiles, sizes, section, reference, seed=seed)
    is_missing = (lack > max(MIN_LACK, LACK_STANDARD_ERRORS * lack_error)) & (sizes >= MIN_GROUP_CELLS)
    panel_suffices = chance <= MAX_CHANCE
    finding = np.select(
        [(best <= chance) & panel_suffices, is_missing, best <= chance, is_doubtful],
        ["unknown", "missing", "cannot tell", "doubtful"],
        "",
    )
    groups = pd.DataFrame(
        {
            "share": sizes / max(1, int(sizes.sum())),
            "nearest": [type_names[k] for k in correlations.argmax(1)],
            "resemblance": best,
            "chance": chance,
            "lack": lack,
            "typical": [
                ", ".join(genes[i] for i in np.argsort(-p, kind="stable")[:N_TYPICAL_GENES] if p[i] > 0)
                for p in group_profiles
            ],
            "finding": finding,
        },
        index=pd.Index(group_names, name="group"),
    )
    nearest = set(correlations.argmax(1)[best > chance])
    types = pd.DataFrame(
        {"resemblance": correlations.max(0), "found": [k in nearest for k in range(len(type_names))]},
        index=pd.Index(type_names, name="type"),
    )
    return groups.sort_values("share", ascending=False, kind="stable"), types


def _chance_correlations(group_profiles: Matrix, type_profiles: Matrix, seed: int) -> Matrix:
    """Quantile (groups,) of the largest correlation with a type over permutations of the genes."""
    rng = np.random.default_rng(seed)
    permuted = [group_profiles[:, rng.permutation(group_profiles.shape[1])] for _ in range(N_PERMUTATIONS)]
    best = np.stack([cell_reliability.profile_correlations(p, type_profiles).max(1) for p in permuted])
    out: Matrix = np.quantile(best, CHANCE_QUANTILE, axis=0)
    return out


def _types_or_clusters(
    names: tuple[str, ...], codes: NDArray[np.intp], cells: Matrix, seed: int, max_clusters: int
) -> tuple[list[str], NDArray[np.intp]]:
    """Names and codes of the types that have cells, or of clusters where nothing is labelled."""
    if not names:
        codes = cell_reliability.SmoothedCells(cells, seed, max_clusters).group_codes
        names = tuple(f"cluster {k + 1}" for k in range(int(codes.max()) + 1))
    present = [k for k in range(len(names)) if (codes == k).any()]
    new_codes = np.full(len(names) + 1, -1, dtype=np.intp)  # the last one for code -1
    new_codes[present] = np.arange(len(present))
    return [names[k] for k in present], new_codes[codes]
