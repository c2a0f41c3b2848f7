"""Metrics of integration: mixing of data sets and separation of cell types, before and after; 0 to 1, high is good.

Definitions and scaling are scib's [1]_, LISI is that of [2]_. Clusters are those of k-means, as many as types.

References
----------
.. [1] Luecken et al., Nature Methods 2022, 19:41.
.. [2] Korsunsky et al., Nature Methods 2019, 16:1289.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..data.obs import joint_label_codes, string_column
from ..data.subsample import sample_uniform
from ..utils.pca import PCA

if TYPE_CHECKING:
    from ..training.plan import Plan
    from ..training.trained import Trained

MAX_CELLS = 5000  # drawn by the seed: silhouettes need all pairwise distances
LISI_NEIGHBOURS, LISI_PERPLEXITY = 90, 30
N_COMPONENTS = 50  # of the features before integration

Matrix = NDArray[np.floating[Any]]
Codes = NDArray[np.intp]


def compare_integration(
    trained: Trained, type_columns: Mapping[str, str] | None = None, latent: Matrix | None = None
) -> pd.DataFrame:
    """Score mixing and separation before integration (principal components of the shared features) and after (latent).

    Parameters
    ----------
    trained
    type_columns
        Column of obs with types, by data set. Other data sets count for the mixing only; without any, there are no rows
        about types.
    latent : (cells of all data sets, latent), optional
        Default: the network's own, `Trained.latent`.

    Returns
    -------
    DataFrame
        One row a metric: `metric`, `of` (what is mixed, or "type"), `before`, `after` (NaN where undefined: no common
        feature, types of one data set only), and `best`, the value of perfectly mixed or separated cells; for iLISI
        that of the same cells with the data sets permuted.
    """
    plan, seed = trained.plan, trained.trainer.config.seed
    n = sum(t.n_cells for t in plan.tables)
    cell_rows = sample_uniform(n, MAX_CELLS, seed)
    labels = _type_codes(trained, type_columns or {})
    after = (np.concatenate([trained.latent(t.name) for t in plan.tables]) if latent is None else latent)[cell_rows]
    frames = []
    for x in (uncorrected_components(plan, cell_rows, seed), after):
        rows = [
            mixing_metrics(x, codes[cell_rows], None if labels is None else labels[cell_rows], name)
            for name, codes in _covariate_codes(plan).items()
        ]
        frames.append(
            pd.concat(
                rows if labels is None else [*rows, separation_metrics(x, labels[cell_rows], seed)], ignore_index=True
            )
        )
    return (
        frames[1]
        .rename(columns={"value": "after"})
        .assign(before=frames[0]["value"])[["metric", "of", "before", "after", "best"]]
    )


def mixing_metrics(
    x: Matrix | None, groups: Codes, labels: Codes | None = None, mixed_variable: str = "data set"
) -> pd.DataFrame:
    """Score the mixing of groups: iLISI and batch silhouette.

    iLISI is (median LISI - 1) / (groups - 1); the batch silhouette is 1 - |silhouette| over the groups of a type,
    averaged over its cells, then over types.

    Parameters
    ----------
    x : (cells, dimensions) or None
        None: the values are NaN.
    groups, labels : (cells,) int
        Code of the data set (or of another covariate) and of the type; -1 for none. Without labels all cells are of one
        type.
    mixed_variable
        Name of what the groups are, for the column `of`.
    """
    known = groups >= 0
    g = groups[known]
    n, ilisi, best, width = len(np.unique(g)), *[float("nan")] * 3
    if x is not None and n > 1:
        observed, permuted = (np.median(lisi(x[known], c)) for c in (g, np.random.default_rng(0).permutation(g)))
        ilisi, best = (float(observed) - 1) / (n - 1), (float(permuted) - 1) / (n - 1)
        width = _batch_silhouette(x[known], g, np.zeros(len(g), dtype=np.intp) if labels is None else labels[known])
    return pd.DataFrame(
        {"metric": ["iLISI", "batch silhouette"], "of": mixed_variable, "value": [ilisi, width], "best": [best, 1.0]}
    )


def separation_metrics(x: Matrix | None, labels: Codes, seed: int = 0) -> pd.DataFrame:
    """Score the separation of types: cLISI, silhouette, and ARI and NMI of k-means clusters against the types.

    cLISI is (types - median LISI) / (types - 1); the silhouette is scaled as (mean + 1) / 2.

    Parameters
    ----------
    x : (cells, dimensions) or None
        None: the values are NaN.
    labels : (cells,) int
        -1 for none: such cells are left out.
    """
    from sklearn import metrics
    from sklearn.cluster import KMeans

    names, known = ["cLISI", "silhouette", "ARI", "NMI"], labels >= 0
    values, types = [float("nan")] * len(names), len(np.unique(labels[known]))
    if x is not None and 1 < types < known.sum():
        z, y = x[known], labels[known]
        clusters = KMeans(types, n_init=10, random_state=seed).fit_predict(z)
        values = [
            (types - float(np.median(lisi(z, y)))) / (types - 1),
            (float(metrics.silhouette_score(z, y)) + 1) / 2,
            float(metrics.adjusted_rand_score(y, clusters)),
            float(metrics.normalized_mutual_info_score(y, clusters)),
        ]
    return pd.DataFrame({"metric": names, "of": "type", "value": values, "best": 1.0})


def lisi(x: Matrix, codes: Codes) -> NDArray[np.float64]:
    """Compute the local inverse Simpson's index (cells,): the effective number of groups among the nearest cells.

    Neighbours are weighted by a kernel of perplexity 30.

    Parameters
    ----------
    x : (cells, dimensions)
    codes : (cells,) int
        Group of each cell.
    """
    from sklearn.neighbors import NearestNeighbors

    k = min(LISI_NEIGHBOURS, len(x) - 1)
    distance, near = NearestNeighbors(n_neighbors=k).fit(x).kneighbors()  # without the cell itself
    weights = _perplexity_weights(distance, np.log(min(LISI_PERPLEXITY, max(1.5, k / 3))))
    groups = codes[near]
    simpson = np.zeros(len(x))
    for g in np.unique(codes):
        simpson += np.square((weights * (groups == g)).sum(1))
    out: NDArray[np.float64] = 1 / simpson
    return out


def _perplexity_weights(distance: Matrix, entropy: float) -> NDArray[np.float64]:
    """Weights exp(-beta * distance) (cells, k), rows sum to 1; beta of each row gives it the entropy."""
    d = (distance - distance[:, :1]).astype(np.float64)
    d /= np.maximum(d.mean(1, keepdims=True), 1e-12)
    low, high = np.full(len(d), -20.0), np.full(len(d), 20.0)  # log beta
    for _ in range(40):
        middle = (low + high) / 2
        p = np.exp(-np.exp(middle)[:, None] * d)
        p /= p.sum(1, keepdims=True)
        wide = -(p * np.log(np.maximum(p, 1e-300))).sum(1) > entropy
        low, high = np.where(wide, middle, low), np.where(wide, high, middle)
    out: NDArray[np.float64] = p
    return out


def _batch_silhouette(x: Matrix, groups: Codes, labels: Codes) -> float:
    from sklearn.metrics import silhouette_samples

    widths = []
    for label in np.unique(labels[labels >= 0]):
        own = labels == label
        if 1 < len(np.unique(groups[own])) < own.sum():
            widths.append(1 - float(np.abs(silhouette_samples(x[own], groups[own])).mean()))
    return float(np.mean(widths)) if widths else float("nan")


def uncorrected_components(plan: Plan, cell_rows: Codes, seed: int) -> NDArray[np.float32] | None:
    """Compute principal components of the log-normalised features that all tables measure, without correction.

    Parameters
    ----------
    plan
    cell_rows : (cells,) int
        Ascending, counted through the tables.
    seed

    Returns
    -------
    (cells, components), or None where no feature is measured in all tables
    """
    shared = np.all([t.measured_mask(len(plan.features)) for t in plan.tables], axis=0)
    if not shared.any():
        return None
    rows, start = [], 0
    for t in plan.tables:
        own = cell_rows[(cell_rows >= start) & (cell_rows < start + t.n_cells)] - start
        values = [part.lognormalised()[own][:, shared[part.feature_indices]].toarray() for part in t.measured_blocks]
        indices = np.concatenate([part.feature_indices[shared[part.feature_indices]] for part in t.measured_blocks])
        rows.append(np.hstack(values)[:, np.argsort(indices)])
        start += t.n_cells
    matrix = np.concatenate(rows)
    return PCA.fit(matrix, N_COMPONENTS, seed).transform(matrix).astype(np.float32)


def _covariate_codes(plan: Plan) -> dict[str, Codes]:
    """Code of each cell's level, -1 for none, by covariate; the data set is the first."""
    one_hot = np.concatenate([t.covariates for t in plan.tables])
    covariates = np.array([name.partition(": ")[0] for name in plan.covariates])
    out: dict[str, Codes] = {}
    for name in dict.fromkeys(covariates):
        levels = one_hot[:, covariates == name]
        out[str(name)] = np.where(levels.any(1), levels.argmax(1), -1).astype(np.intp)
    return out


def _type_codes(trained: Trained, type_columns: Mapping[str, str]) -> Codes | None:
    """Code of each cell's type over all data sets (cells,), -1 for none; None without types."""
    if not type_columns:
        return None
    named = [trained.dataset(name) for name in type_columns]
    codes_by_column = joint_label_codes(
        [string_column(s.obs, type_columns[s.name], s.name) for s in named],
        " and ".join(f"obs[{type_columns[s.name]!r}] of {s.name}" for s in named),
    )[1]
    by_dataset = {s.name: codes for s, codes in zip(named, codes_by_column, strict=True)}
    return np.concatenate([by_dataset.get(s.name, np.full(s.n_cells, -1, dtype=np.intp)) for s in trained.datasets])
