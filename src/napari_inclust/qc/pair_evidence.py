"""What tells whether two data sets are of the same cells: correlations between genes, and kinds of cells on both sides."""

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
MIN_RELIABILITY = (
    0.5  # split-half reliability of a gene's correlations, on both sides, above which its agreement can be told
)
CHANCE_QUANTILE, MAX_CHANCE = (
    0.95,
    0.4,
)  # quantile of permuted profiles that a known group must beat; the value of it above which the panel is too small to tell
DOUBTFUL_SDS = 2.0  # robust standard deviations below the section's median group
MIN_LACK, LACK_STANDARD_ERRORS = (
    0.25,
    4.0,
)  # lack of a group (`covariation`) above which it has no counterpart: at least, and in its standard errors
MIN_GROUP_CELLS = 20  # of a group, below which that cannot be told
N_TYPICAL_GENES = 5  # genes that are named of a group


def correlation_agreement(section: Matrix, reference: Matrix, rng: np.random.Generator) -> tuple[Matrix, float]:
    """How alike the genes' correlations with each other are on both sides: of each gene (genes,), NaN where it cannot be told, and of all.

    The correlation of two correlation matrices (Mantel, Cancer Research 27:209, 1967), divided by the root of both sides' split-half reliabilities (Spearman,
    American Journal of Psychology 15:72, 1904): 1 means as alike as the noise allows, 0 unrelated.
    """
    out = np.full(section.shape[1], np.nan)
    chosen = np.argsort(-reference.std(0), kind="stable")[:MAX_GENES]
    section, reference = section[:, chosen], reference[:, chosen]
    alike = _row_correlations(_correlations(section), _correlations(reference))
    reliability = []
    for side in (section, reference):
        half = rng.permutation(len(side))
        r = _row_correlations(_correlations(side[half[::2]]), _correlations(side[half[1::2]]))
        reliability.append(
            np.clip(2 * r / (1 + np.clip(r, 0, 1)), 1e-3, 1)
        )  # Spearman and Brown: of all cells, from both halves
    scale = np.sqrt(reliability[0] * reliability[1])
    told = (reliability[0][:-1] > MIN_RELIABILITY) & (reliability[1][:-1] > MIN_RELIABILITY)
    out[chosen[told]] = np.clip(alike[:-1] / scale[:-1], -1, 1)[told]
    return out, float(np.clip(alike[-1] / scale[-1], -1, 1))


def _correlations(a: Matrix) -> Matrix:
    z = zscore(a)
    out: Matrix = z.T @ z / len(z)
    return out


def _row_correlations(a: Matrix, b: Matrix) -> Matrix:
    """(genes + 1,) correlation of each row of two square matrices without their diagonals; the last value over all rows."""
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
    """`ReferenceCheck.groups` and `.types` from z-scored values (cells, shared genes) of both sides, and the names and codes of their types (none: clusters).

    A group is unknown when its profile is no more like any type of the reference than `CHANCE` of gene-permuted profiles are; missing when what sets it apart in
    the section varies far less in the reference than that of other groups does (`covariation`), which also finds a type beside a relative; and doubtful when its
    profile resembles its nearest type far less than those of the other groups.
    """
    sides = (
        (section_types, section, cell_reliability.MAX_SECTION_GROUPS),
        (reference_types, reference, cell_reliability.MAX_REFERENCE_GROUPS),
    )
    codes = [
        _types_or_clusters(names, c, cells, seed, most)
        for (names, c), cells, most in progress_stage("comparing kinds of cells", sides)
    ]
    (group_names, group), (type_names, kind) = codes
    profiles = np.stack([reference[kind == k].mean(0) for k in range(len(type_names))])
    means = np.stack([section[group == g].mean(0) for g in range(len(group_names))]) - section.mean(0)
    alike = cell_reliability.profile_correlations(means, profiles)
    random = np.random.default_rng(seed)
    by_chance = np.stack(
        [
            cell_reliability.profile_correlations(means[:, random.permutation(means.shape[1])], profiles).max(1)
            for _ in range(100)
        ]
    )
    chance = np.quantile(by_chance, CHANCE_QUANTILE, axis=0)
    best = alike.max(1)
    middle = np.median(best)
    doubtful = best < middle - DOUBTFUL_SDS * 1.4826 * np.median(np.abs(best - middle))
    sizes = np.bincount(group[group >= 0], minlength=len(group_names))
    lack, noise = (
        covariation.missing_covariation(means, sizes, section, reference),
        covariation.missing_covariation_error(means, sizes, section, reference, seed=seed),
    )
    missing = (lack > max(MIN_LACK, LACK_STANDARD_ERRORS * noise)) & (sizes >= MIN_GROUP_CELLS)
    small = chance > MAX_CHANCE  # the panel, to tell by resemblance
    finding = np.select(
        [(best <= chance) & ~small, missing, best <= chance, doubtful],
        ["unknown", "missing", "cannot tell", "doubtful"],
        "",
    )
    groups = pd.DataFrame(
        {
            "share": sizes / max(1, int(sizes.sum())),
            "nearest": [type_names[k] for k in alike.argmax(1)],
            "resemblance": best,
            "chance": chance,
            "lack": lack,
            "typical": [
                ", ".join(genes[i] for i in np.argsort(-m, kind="stable")[:N_TYPICAL_GENES] if m[i] > 0) for m in means
            ],
            "finding": finding,
        },
        index=pd.Index(group_names, name="group"),
    )
    nearest = set(alike.argmax(1)[best > chance])
    types = pd.DataFrame(
        {"resemblance": alike.max(0), "found": [k in nearest for k in range(len(type_names))]},
        index=pd.Index(type_names, name="type"),
    )
    return groups.sort_values("share", ascending=False, kind="stable"), types


def _types_or_clusters(
    names: tuple[str, ...], codes: NDArray[np.intp], cells: Matrix, seed: int, max_clusters: int
) -> tuple[list[str], NDArray[np.intp]]:
    """Types that have cells, or clusters where nothing is labelled."""
    if not names:
        codes = cell_reliability.SmoothedCells(cells, seed, max_clusters).group_codes
        names = tuple(f"cluster {k + 1}" for k in range(int(codes.max()) + 1))
    kept = [k for k in range(len(names)) if (codes == k).any()]
    renamed = np.full(len(names) + 1, -1, dtype=np.intp)
    renamed[kept] = np.arange(len(kept))
    return [names[k] for k in kept], renamed[codes]
