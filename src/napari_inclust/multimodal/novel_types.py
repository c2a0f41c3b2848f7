"""Novel types: groups of a target's cells that are unlike every type of the references, with their evidence."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..data.normalize import column_mean_and_sd
from ..data.subsample import sample_uniform
from ..evaluation.cell_reliability import profile_correlations
from ..training.batches import row_chunks
from ..training.trained import Trained
from ..utils.communities import louvain_communities
from ..utils.pca import PCA
from .novelty import CELLS_PER_CHUNK, MAX_CELLS, Codes, Matrix, NoveltyResult, scaled_features

MIN_CELLS_PER_TYPE = 20
N_NEIGHBOURS, N_COMPONENTS = 15, 20  # of the graph of candidates, whose communities are the groups
MERGE_CORRELATION = 0.7  # of the profiles of two groups that are one type
MIN_MARKER_EFFECT_SD = 1.0  # increase of a marker over all cells, in standard deviations of the gene
MIN_MARKERS = 2  # a group with fewer is a mixture or noise
MAX_LISTED_MARKERS, MAX_ADJUSTED_P = 10, 0.01
TABLE_COLUMNS = ("cells", "p", "nearest", "resemblance", "stability", "markers")


@dataclass(frozen=True, eq=False)
class NovelTypes:
    """Groups of cells that no type of the references explains.

    Attributes
    ----------
    group_codes : (cells,) int
        Group of each cell of the target, -1 for none.
    table
        One row a group, the largest first: `cells`, `p` (median of its cells' p-values), `nearest` (the most similar
        known type), `resemblance` (correlation with it), `stability` (mean over the networks of the largest Jaccard
        index with a community of the candidates in that network's latent; below 0.5 the networks disagree), `markers`.
    markers
        One row a type and gene: `type`, `gene`, `score`, `log2_fold_change`, `p_adjusted`, against all other cells of
        the target.
    """

    group_codes: Codes
    table: pd.DataFrame
    markers: pd.DataFrame

    @property
    def type_names(self) -> pd.Categorical:
        """Name of each cell's group (cells,); missing for cells of none."""
        names: pd.Categorical = pd.Categorical.from_codes(self.group_codes, pd.Index(self.table.index.astype(str)))
        return names


def find_novel_types(
    trained: Trained, target: str, novelty: NoveltyResult, min_cells: int = MIN_CELLS_PER_TYPE
) -> NovelTypes:
    """Group the novel cells; keep groups of enough cells, with markers, whose mean profile is novel too.

    Groups are Louvain communities of the most similar cells, in principal components of the scaled features averaged
    over similar cells; communities with nearly the same profile are one group.

    Parameters
    ----------
    trained
    target
        Name of the data set.
    novelty
        Of `score_novelty`, for the same target.
    min_cells
        Of a group.
    """
    seed = trained.trainer.config.seed
    n = trained.plan.table(target).n_cells
    at = np.flatnonzero(novelty.is_novel)
    code = np.full(n, -1, dtype=np.intp)
    if len(at) < min_cells:
        return NovelTypes(
            code, pd.DataFrame(columns=TABLE_COLUMNS), _find_markers(trained, target, code).drop(columns="raised")
        )
    chunks = [scaled_features(trained, target, at[i]) for i in row_chunks(len(at), CELLS_PER_CHUNK)]
    averaged = np.concatenate([novelty.smoothed_cells.smooth(chunk) for chunk in chunks])
    code[at] = _merge_similar_groups(cell_communities(averaged, seed), averaged)
    _renumber_by_size(code, min_cells)
    markers = _find_markers(trained, target, code)
    n_markers = markers.groupby("type")["raised"].sum() if len(markers) else pd.Series(dtype=int)
    for k in range(int(code.max()) + 1):
        if int(n_markers.get(k, 0)) < MIN_MARKERS or not novelty.exceeds_thresholds(
            averaged[code[at] == k].mean(0), float(novelty.missing_covariation[code == k].mean())
        ):
            code[code == k] = -1
    remaining = np.unique(code[code >= 0])
    names = [f"new {i + 1}" for i in range(len(remaining))]
    _renumber_by_size(code, 1)
    markers = markers[
        markers["type"].isin(remaining) & (markers["p_adjusted"] < MAX_ADJUSTED_P) & (markers["log2_fold_change"] > 0)
    ].drop(columns="raised")
    markers = (
        markers.assign(type=markers["type"].map(dict(zip(remaining, names, strict=True))))
        .groupby("type", sort=False)
        .head(MAX_LISTED_MARKERS)
        .reset_index(drop=True)
    )
    profiles = [averaged[code[at] == k].mean(0) for k in range(len(names))]
    correlations = profile_correlations(np.stack(profiles), novelty.type_profiles) if profiles else np.zeros((0, 1))
    stability = _group_stability(trained, target, at, code)
    rows = [
        (
            int((code == k).sum()),
            float(np.median(novelty.p_value[code == k])),
            trained.plan.classes[novelty.class_codes[correlations[k].argmax()]],
            float(correlations[k].max()),
            stability[k],
            ", ".join(markers.loc[markers["type"] == name, "gene"]),
        )
        for k, name in enumerate(names)
    ]
    return NovelTypes(code, pd.DataFrame(rows, index=pd.Index(names, name="type"), columns=TABLE_COLUMNS), markers)


def cell_communities(x: Matrix, seed: int) -> Codes:
    """Cluster cells (cells, features) by Louvain's method in 20 principal components: (cells,) codes.

    Of more than 5,000 cells as many are drawn by the seed; each of the others joins its nearest drawn cell.
    """
    from sklearn.neighbors import NearestNeighbors

    z = PCA.fit(x, min(N_COMPONENTS, len(x) - 1), seed, randomised=True).transform(x)
    rows = sample_uniform(len(z), MAX_CELLS, seed)
    codes = louvain_communities(z[rows], N_NEIGHBOURS, seed)
    nearest = NearestNeighbors(n_neighbors=1).fit(z[rows]).kneighbors(z, return_distance=False)[:, 0]
    out: Codes = codes[nearest]
    return out


def _merge_similar_groups(code: Codes, smoothed: Matrix) -> Codes:
    """Merge communities while two of them have nearly the same mean profile."""
    code = code.copy()
    while True:
        groups = np.unique(code)
        if len(groups) < 2:
            return code
        correlations = np.corrcoef(np.stack([smoothed[code == k].mean(0) for k in groups]))
        np.fill_diagonal(correlations, -1)
        i, j = np.unravel_index(int(correlations.argmax()), correlations.shape)
        if correlations[i, j] < MERGE_CORRELATION:
            return code
        code[code == groups[j]] = groups[i]


def _renumber_by_size(code: Codes, min_cells: int) -> None:
    """Renumber groups by size, in place; those of fewer than `min_cells` cells become -1."""
    groups, sizes = np.unique(code[code >= 0], return_counts=True)
    order = np.argsort(-sizes, kind="stable")
    large = [int(k) for k in groups[order][sizes[order] >= min_cells]]
    new_code = {k: i for i, k in enumerate(large)}
    code[:] = [new_code.get(int(k), -1) for k in code]


def _group_stability(trained: Trained, target: str, at: Codes, code: Codes) -> list[float]:
    """Mean over the networks of each group's largest Jaccard index with a community of the candidates in the latent.

    As Hennig, CSDA 2007, 52:258.
    """
    z = trained.encode(target, rows=at)[0]
    best = []
    for member in z:
        communities = cell_communities(member, trained.trainer.config.seed)
        masks = [communities == c for c in np.unique(communities)]
        row = []
        for k in range(int(code.max()) + 1):
            own = code[at] == k
            row.append(max(float((own & mask).sum() / (own | mask).sum()) for mask in masks))
        best.append(row)
    return [float(v) for v in np.mean(best, 0)] if int(code.max()) >= 0 else []


def _find_markers(trained: Trained, target: str, code: Codes) -> pd.DataFrame:
    """Rank the features higher in a group than in all other cells (scanpy's `rank_genes_groups`, t-test), best first.

    `raised`: whether the group's mean exceeds that of all cells by `MIN_MARKER_EFFECT_SD`.
    """
    import anndata
    import scanpy  # type: ignore[import-untyped]

    columns = ["type", "gene", "score", "log2_fold_change", "p_adjusted", "raised"]
    groups = int(code.max()) + 1
    plan = trained.plan
    part = plan.table(target).measured_blocks[0]
    if not groups or (code >= 0).all():
        return pd.DataFrame(columns=columns)
    values = part.lognormalised()
    genes = [plan.features[f] for f in part.feature_indices]
    adata = anndata.AnnData(
        values,
        obs=pd.DataFrame(
            {"group": pd.Categorical(np.where(code < 0, "rest", code.astype(str)))},
            index=list(map(str, range(len(code)))),
        ),
    )
    adata.var_names = genes
    mean, sd = column_mean_and_sd(values)
    sd = np.maximum(sd, 1e-6)
    raised = pd.DataFrame(
        {
            str(k): (np.asarray(values[code == k].mean(0)).ravel() - mean) / sd > MIN_MARKER_EFFECT_SD
            for k in range(groups)
        },
        index=genes,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas on fragmented frames; constant genes give 0 / 0
        scanpy.tl.rank_genes_groups(adata, "group", groups=[str(k) for k in range(groups)], method="t-test")
        tables = [scanpy.get.rank_genes_groups_df(adata, group=str(k)).assign(type=k) for k in range(groups)]
    ranked = pd.concat(tables, ignore_index=True).rename(
        columns={"names": "gene", "scores": "score", "logfoldchanges": "log2_fold_change", "pvals_adj": "p_adjusted"}
    )
    ranked["raised"] = [bool(raised.at[g, str(k)]) for g, k in zip(ranked["gene"], ranked["type"], strict=True)]
    out: pd.DataFrame = ranked[columns]
    return out
