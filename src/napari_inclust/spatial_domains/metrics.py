"""Metrics of a segmentation, with and without a truth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..data.obs import has_label
from ..spatial.neighbors import FloatArray, IntArray, NeighbourIndices

PAS_NEIGHBOURS = 10
TRUTH_METRICS = ("ari", "nmi", "homogeneity", "completeness")


def chaos(xy: FloatArray, labels: IntArray, sections: IntArray) -> float:
    """Average the distance to the nearest cell of the same domain, coordinates standardised in each section.

    Low is smooth. NaN when no domain has two cells in one section. Shang and Zhou, Nature Communications 2022, 13:7203.
    """
    total, n = 0.0, 0
    for s in range(int(sections.max()) + 1):
        rows = sections == s
        z = (xy[rows] - xy[rows].mean(0)) / (xy[rows].std(0) + 1e-12)
        for label in np.unique(labels[rows]):
            p = z[labels[rows] == label]
            if len(p) > 1:
                total, n = total + float(cKDTree(p).query(p, 2)[0][:, 1].sum()), n + len(p)
    return total / n if n else float("nan")


def pas(labels: IntArray, neighbours: NeighbourIndices) -> float:
    """Compute the percentage of abnormal spots: share of cells with over half of their 10 nearest in other domains.

    Low is smooth. Shang and Zhou, Nature Communications 2022, 13:7203.
    """
    around = neighbours[:, 1 : PAS_NEIGHBOURS + 1]
    if not around.shape[1]:
        return 0.0
    return float(((labels[around] != labels[:, None]).mean(1) > 0.5).mean())


def truth_scores(truth: NDArray[np.str_], labels: IntArray) -> dict[str, float]:
    """Compute ARI, NMI, homogeneity and completeness over the cells that have a truth, and count these."""
    from sklearn import metrics

    known = has_label(truth)
    t, y = truth[known], labels[known]
    values = (
        metrics.adjusted_rand_score(t, y),
        metrics.normalized_mutual_info_score(t, y),
        metrics.homogeneity_score(t, y),
        metrics.completeness_score(t, y),
    )
    return dict(zip(TRUTH_METRICS, map(float, values), strict=True)) | {"cells": int(known.sum())}
