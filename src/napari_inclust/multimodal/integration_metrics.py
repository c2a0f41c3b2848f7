"""How well data sets are integrated: whether they are mixed, and whether their types stay apart, before and after; every metric from 0 to 1, high is good.

Definitions and scaling are those of scib (Luecken et al., Nature Methods 2022, 19:41), LISI that of Korsunsky et al. (Nature Methods 2019, 16:1289). Clusters
are those of k-means with as many as there are types.
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

MAX_CELLS = 5000  # cells that are compared, drawn by the seed: silhouettes need all distances
LISI_NEIGHBOURS, LISI_PERPLEXITY = 90, 30  # of LISI
N_COMPONENTS = 50  # of what is measured before integration

Matrix = NDArray[np.floating[Any]]
Codes = NDArray[np.intp]


def compare_integration(
    trained: Trained, type_columns: Mapping[str, str] | None = None, latent: Matrix | None = None
) -> pd.DataFrame:
    """Metrics before (principal components of the log-normalised features that all sets measure) and after (the latent).

    Parameters
    ----------
    types
        Column of obs with types by data set, to score with. Sets that are not named count for the mixing only; without any there are no rows about types.
    latent : (cells of all sets, latent), optional
        Default the network's own, `Trained.latent`.

    Returns
    -------
    One row a metric, with `of` (what is mixed, or "type"), `before` and `after` (NaN where it has no meaning: sets without a common feature, types of one set
    only), and `best`, what perfectly mixed or separated cells would have: for iLISI that of the same cells with their sets dealt out at random.
    """
    plan, seed = trained.plan, trained.trainer.config.seed
    n = sum(t.n_cells for t in plan.tables)
    at = sample_uniform(n, MAX_CELLS, seed)
    labels = _type_codes(trained, type_columns or {})
    after = (np.concatenate([trained.latent(t.name) for t in plan.tables]) if latent is None else latent)[at]
    frames = []
    for x in (uncorrected_components(plan, at, seed), after):
        rows = [
            mixing_metrics(x, codes[at], None if labels is None else labels[at], name)
            for name, codes in _covariate_codes(plan).items()
        ]
        frames.append(
            pd.concat(rows if labels is None else [*rows, separation_metrics(x, labels[at], seed)], ignore_index=True)
        )
    return (
        frames[1]
        .rename(columns={"value": "after"})
        .assign(before=frames[0]["value"])[["metric", "of", "before", "after", "best"]]
    )


def mixing_metrics(
    x: Matrix | None, groups: Codes, labels: Codes | None = None, mixed_variable: str = "data set"
) -> pd.DataFrame:
    """iLISI, (median LISI - 1) / (groups - 1), and the batch silhouette, 1 - |silhouette| over the groups of a type, averaged over cells, then types.

    Parameters
    ----------
    x : (cells, dimensions) or None
        None: the values are NaN.
    groups, labels : (cells,) int
        Code of the data set (or of another covariate) and of the type; -1 for none. Without labels all cells are of one type.
    """
    known = groups >= 0
    g = groups[known]
    n, ilisi, best, width = len(np.unique(g)), *[float("nan")] * 3
    if x is not None and n > 1:
        found, dealt = (np.median(lisi(x[known], codes)) for codes in (g, np.random.default_rng(0).permutation(g)))
        ilisi, best = (float(found) - 1) / (n - 1), (float(dealt) - 1) / (n - 1)
        width = _batch_silhouette(x[known], g, np.zeros(len(g), dtype=np.intp) if labels is None else labels[known])
    return pd.DataFrame(
        {"metric": ["iLISI", "batch silhouette"], "of": mixed_variable, "value": [ilisi, width], "best": [best, 1.0]}
    )


def separation_metrics(x: Matrix | None, labels: Codes, seed: int = 0) -> pd.DataFrame:
    """cLISI, (types - median LISI) / (types - 1), the silhouette of the types, (mean + 1) / 2, and ARI and NMI of k-means clusters against the types.

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
        found = KMeans(types, n_init=10, random_state=seed).fit_predict(z)
        values = [
            (types - float(np.median(lisi(z, y)))) / (types - 1),
            (float(metrics.silhouette_score(z, y)) + 1) / 2,
            float(metrics.adjusted_rand_score(y, found)),
            float(metrics.normalized_mutual_info_score(y, found)),
        ]
    return pd.DataFrame({"metric": names, "of": "type", "value": values, "best": 1.0})


def lisi(x: Matrix, codes: Codes) -> NDArray[np.float64]:
    """(cells,) local inverse Simpson's index: the effective number of groups among the nearest cells, weighted by a Gaussian kernel of a perplexity of 30.

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
    """(cells, k) weights exp(-beta * distance), rows that sum to 1, beta of each row such that it has the entropy."""
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
        here = labels == label
        if 1 < len(np.unique(groups[here])) < here.sum():
            widths.append(1 - float(np.abs(silhouette_samples(x[here], groups[here])).mean()))
    return float(np.mean(widths)) if widths else float("nan")


def uncorrected_components(plan: Plan, cell_rows: Codes, seed: int) -> NDArray[np.float32] | None:
    """(some cells, components) principal components, uncorrected, of the log-normalised features that all tables measure; None where there are none.

    Parameters
    ----------
    at
        The cells wanted, ascending, counted through the tables.
    """
    every = np.all([t.measured_mask(len(plan.features)) for t in plan.tables], axis=0)
    if not every.any():
        return None
    rows, start = [], 0
    for t in plan.tables:
        here = cell_rows[(cell_rows >= start) & (cell_rows < start + t.n_cells)] - start
        wanted = [part.lognormalised()[here][:, every[part.feature_indices]].toarray() for part in t.measured_blocks]
        order = np.argsort(
            np.concatenate([part.feature_indices[every[part.feature_indices]] for part in t.measured_blocks])
        )
        rows.append(np.hstack(wanted)[:, order])
        start += t.n_cells
    values = np.concatenate(rows)
    return PCA.fit(values, N_COMPONENTS, seed).transform(values).astype(np.float32)


def _covariate_codes(plan: Plan) -> dict[str, Codes]:
    """Of the data sets and of each covariate: the code of each cell's level, -1 for none."""
    hot = np.concatenate([t.covariates for t in plan.tables])
    of = np.array([name.partition(": ")[0] for name in plan.covariates])
    out: dict[str, Codes] = {}
    for name in dict.fromkeys(of):
        mine = hot[:, of == name]
        out[str(name)] = np.where(mine.any(1), mine.argmax(1), -1).astype(np.intp)
    return out


def _type_codes(trained: Trained, type_columns: Mapping[str, str]) -> Codes | None:
    """(cells,) code of each cell's type over all sets, -1 for none; None without types."""
    if not type_columns:
        return None
    named = [trained.dataset(name) for name in type_columns]
    found = joint_label_codes(
        [string_column(s.obs, type_columns[s.name], s.name) for s in named],
        " and ".join(f"obs[{type_columns[s.name]!r}] of {s.name}" for s in named),
    )[1]
    by_set = {s.name: codes for s, codes in zip(named, found, strict=True)}
    return np.concatenate([by_set.get(s.name, np.full(s.n_cells, -1, dtype=np.intp)) for s in trained.datasets])
