"""New types: the cells of a target that are unlike every type of the references, in groups, each with what speaks for it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..data.subsample import sample_uniform
from ..evaluation.cell_reliability import profile_correlations
from ..training.batches import row_chunks
from ..training.trained import Trained
from ..utils.communities import louvain_communities
from ..utils.pca import PCA
from .novelty import CELLS_PER_CHUNK, MAX_CELLS, Codes, Matrix, NoveltyResult, scaled_features

MIN_CELLS_PER_TYPE = 20  # of a new type
N_NEIGHBOURS, N_COMPONENTS = 15, 20  # of the graph of candidates, whose communities are the groups
MERGE_CORRELATION = 0.7  # correlation of the profiles of groups that are one type
MIN_MARKER_EFFECT_SD, MIN_MARKERS = (
    1.0,
    2,
)  # a marker is raised by a standard deviation of the gene; a type without two of them is a mixture or noise
MAX_LISTED_MARKERS, MAX_ADJUSTED_P = 10, 0.01  # markers listed, and their adjusted p-value
TABLE_COLUMNS = ("cells", "p", "nearest", "resemblance", "stability", "markers")


@dataclass(frozen=True, eq=False)
class NovelTypes:
    """Groups of cells that no type of the references explains.

    Attributes
    ----------
    code : (cells,) int
        Group of each cell of the target, -1 for none.
    table
        One row a group, the largest first: `cells`, `p` (median of its cells' p-values), `nearest` (the known type that it is least unlike) and its
        `resemblance` (correlation with it), `stability` (mean over the networks of the largest Jaccard index with a community of the candidates in that
        network's latent; under 0.5 the networks do not agree), `markers`.
    markers
        Long table: `type`, `gene`, `score`, `log2_fold_change`, `p_adjusted`, against all other cells of the target.
    """

    group_codes: Codes
    table: pd.DataFrame
    markers: pd.DataFrame

    @property
    def type_names(self) -> pd.Categorical:
        """(cells,) name of the group; missing for cells of none."""
        found: pd.Categorical = pd.Categorical.from_codes(self.group_codes, pd.Index(self.table.index.astype(str)))
        return found


def find_novel_types(
    trained: Trained, target: str, novelty: NoveltyResult, min_cells: int = MIN_CELLS_PER_TYPE
) -> NovelTypes:
    """Group the cells that `novelty` calls unlike; keep groups of enough cells, with markers of their own, that are unlike every type as a whole too.

    Groups are Louvain communities of the most similar cells, in principal components of the scaled features averaged over similar cells; communities with
    nearly the same profile are one group.
    """
    seed = trained.trainer.config.seed
    n = trained.plan.table(target).n_cells
    at = np.flatnonzero(novelty.is_novel)
    code = np.full(n, -1, dtype=np.intp)
    if len(at) < min_cells:
        return NovelTypes(
            code, pd.DataFrame(columns=TABLE_COLUMNS), _find_markers(trained, target, code).drop(columns="raised")
        )
    averaged = np.concatenate(
        [
            novelty.smoothed_cells.smooth(scaled_features(trained, target, at[i]))
            for i in row_chunks(len(at), CELLS_PER_CHUNK)
        ]
    )
    code[at] = _merge_similar_groups(cell_communities(averaged, seed), averaged)
    _renumber_by_size(code, min_cells)
    markers = _find_markers(trained, target, code)
    enough = markers.groupby("type")["raised"].sum() if len(markers) else pd.Series(dtype=int)
    for k in range(int(code.max()) + 1):
        if int(enough.get(k, 0)) < MIN_MARKERS or not novelty.exceeds_thresholds(
            averaged[code[at] == k].mean(0), float(novelty.missing_covariation[code == k].mean())
        ):
            code[code == k] = -1
    kept = np.unique(code[code >= 0])
    names = [f"new {i + 1}" for i in range(len(kept))]
    _renumber_by_size(code, 1)
    markers = markers[
        markers["type"].isin(kept) & (markers["p_adjusted"] < MAX_ADJUSTED_P) & (markers["log2_fold_change"] > 0)
    ].drop(columns="raised")
    markers = (
        markers.assign(type=markers["type"].map(dict(zip(kept, names, strict=True))))
        .groupby("type", sort=False)
        .head(MAX_LISTED_MARKERS)
        .reset_index(drop=True)
    )
    profiles = [averaged[code[at] == k].mean(0) for k in range(len(names))]
    like = profile_correlations(np.stack(profiles), novelty.type_profiles) if profiles else np.zeros((0, 1))
    stable = _group_stability(trained, target, at, code)
    rows = [
        (
            int((code == k).sum()),
            float(np.median(novelty.p_value[code == k])),
            trained.plan.classes[novelty.class_codes[like[k].argmax()]],
            float(like[k].max()),
            stable[k],
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
    """Communities joined while two of them have nearly the same mean profile."""
    code = code.copy()
    while True:
        kinds = np.unique(code)
        like = (
            np.corrcoef(np.stack([smoothed[code == k].mean(0) for k in kinds])) if len(kinds) > 1 else np.zeros((1, 1))
        )
        np.fill_diagonal(like, -1)
        i, j = np.unravel_index(int(like.argmax()), like.shape)
        if like[i, j] < MERGE_CORRELATION:
            return code
        code[code == kinds[j]] = kinds[i]


def _renumber_by_size(code: Codes, min_cells: int) -> None:
    """Groups in order of size, in place; those below `least` cells are none."""
    kinds, sizes = np.unique(code[code >= 0], return_counts=True)
    order = [int(k) for k in kinds[np.argsort(-sizes, kind="stable")]]
    kept = [k for k in order if (code == k).sum() >= min_cells]
    to = dict(zip(kept, range(len(kept)), strict=True))
    code[:] = [to.get(int(k), -1) for k in code]


def _group_stability(trained: Trained, target: str, at: Codes, code: Codes) -> list[float]:
    """Of each group: the mean over the networks of its largest Jaccard index with a community of the candidates in the latent (Hennig, CSDA 2007, 52:258)."""
    z = trained.encode(target, rows=at)[0]
    best = []
    for member in z:
        found = cell_communities(member, trained.trainer.config.seed)
        row = []
        for k in range(int(code.max()) + 1):
            mine = code[at] == k
            row.append(max(float((mine & (found == c)).sum() / (mine | (found == c)).sum()) for c in np.unique(found)))
        best.append(row)
    return [float(v) for v in np.mean(best, 0)] if int(code.max()) >= 0 else []


def _find_markers(trained: Trained, target: str, code: Codes) -> pd.DataFrame:
    """Features higher in a group than in all other cells (scanpy's `rank_genes_groups`, t-test), best first; `raised`: by how much of its deviation."""
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
    mean = np.asarray(values.mean(0)).ravel()
    spread = np.sqrt(np.maximum(np.asarray(values.multiply(values).mean(0)).ravel() - mean**2, 1e-12))
    raised = pd.DataFrame(
        {
            str(k): (np.asarray(values[code == k].mean(0)).ravel() - mean) / spread > MIN_MARKER_EFFECT_SD
            for k in range(groups)
        },
        index=genes,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fragmented frames; genes of one value give 0 / 0
        scanpy.tl.rank_genes_groups(adata, "group", groups=[str(k) for k in range(groups)], method="t-test")
        tables = [scanpy.get.rank_genes_groups_df(adata, group=str(k)).assign(type=k) for k in range(groups)]
    found = pd.concat(tables, ignore_index=True)
    found = found.rename(
        columns={"names": "gene", "scores": "score", "logfoldchanges": "log2_fold_change", "pvals_adj": "p_adjusted"}
    )
    found["raised"] = [bool(raised.at[g, str(k)]) for g, k in zip(found["gene"], found["type"], strict=True)]
    out: pd.DataFrame = found[columns]
    return out
