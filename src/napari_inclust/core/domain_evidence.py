"""Why a domain is one: what it is made of, which genes mark it, what lies beside it."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from ..errors import DataError
from . import values as val
from .domain_edit import Segmentation
from .domain_metrics import has_truth
from .graph import Codes, Float, Graph, spatial_graph
from .obs import column as _column
from .section import Section

if TYPE_CHECKING:
    from anndata import AnnData

MARKERS = 20  # of each domain


def composition(section: Section, seg: Segmentation, labels: str) -> pd.DataFrame:
    """(domains, classes) share of each class of a column of obs among the cells of a domain that have one; rows sum to 1, or are NaN without any.

    Raises
    ------
    DataError
        No such column.
    """
    column = _column(section, labels)
    known = has_truth(column)
    counts = pd.crosstab(np.asarray(seg.names, dtype=object)[seg.labels[known]], column[known]).reindex(list(seg.names), fill_value=0)
    counts.index.name, counts.columns.name = "domain", labels
    return counts.div(counts.sum(axis=1).replace(0, np.nan), axis=0)


def markers(section: Section, seg: Segmentation, imputed: AnnData | None = None, n: int = MARKERS) -> pd.DataFrame:
    """Genes higher in a domain than outside, by scanpy's `rank_genes_groups` (t-test): one row a domain and gene, best first.

    The domains were found in the same values, so the p-values only rank. Domains of one cell have none.

    Parameters
    ----------
    imputed
        Predictions for the same cells (what `inclust impute` writes), ranked apart: column `kind` says "measured" or "imputed".

    Returns
    -------
    DataFrame: domain, gene, kind, score, log2_fold_change, p_adjusted

    Raises
    ------
    DataError
        Imputed values of other cells.
    """
    from anndata import AnnData

    measured = AnnData(val.lognormalise(section.matrix, section.values.kind), obs=pd.DataFrame(index=section.adata.obs_names.astype(str)))
    measured.var_names = pd.Index(section.genes)
    tables = [_ranked(measured, seg, n).assign(kind="measured")]
    if imputed is not None:
        if list(imputed.obs_names.astype(str)) != list(measured.obs_names):
            raise DataError(
                f"the imputed values are of {imputed.n_obs} other cells than the {section.n_cells} of {section.name}. Give those of the same section."
            )
        tables.append(_ranked(AnnData(imputed.X, obs=measured.obs.copy(), var=imputed.var[[]].copy()), seg, n).assign(kind="imputed"))
    out = pd.concat(tables, ignore_index=True)
    return out[["domain", "gene", "kind", "score", "log2_fold_change", "p_adjusted"]]


def _ranked(adata: AnnData, seg: Segmentation, n: int) -> pd.DataFrame:
    import scanpy  # type: ignore[import-untyped]

    columns = ["domain", "gene", "score", "log2_fold_change", "p_adjusted"]
    groups = [name for name, size in zip(seg.names, seg.sizes, strict=True) if size > 1]
    if seg.k < 2 or not groups:
        return pd.DataFrame(columns=columns)
    adata.obs["domain"] = seg.categories()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fragmented frames; genes of one value give 0 / 0
        scanpy.tl.rank_genes_groups(adata, "domain", groups=groups, method="t-test", n_genes=min(n, adata.n_vars))
        found = scanpy.get.rank_genes_groups_df(adata, group=groups)
    if "group" not in found:
        found["group"] = groups[0]
    found = found.rename(columns={"group": "domain", "names": "gene", "scores": "score", "logfoldchanges": "log2_fold_change", "pvals_adj": "p_adjusted"})
    out: pd.DataFrame = found.astype({"domain": str})[columns]
    return out


def adjacency(seg: Segmentation, xy: Float, sections: Codes, graph: Graph | None = None) -> pd.DataFrame:
    """(domains, domains) neighbouring pairs of cells over those expected if neighbours were drawn at random; 1 is chance.

    The pairs are the edges of `spatial_graph`; the expectation is the product of the domains' shares of edge ends.
    """
    edges = spatial_graph(xy, sections, graph)
    hot = sp.csr_matrix((np.ones(len(seg.labels)), (np.arange(len(seg.labels)), seg.labels)), shape=(len(seg.labels), seg.k))
    observed = (hot.T @ (edges + edges.T) @ hot).toarray()
    ends: NDArray[np.float64] = observed.sum(1)
    expected = np.outer(ends, ends) / max(ends.sum(), 1.0)
    ratio = np.divide(observed, expected, out=np.zeros_like(observed), where=expected > 0)
    return pd.DataFrame(ratio, index=list(seg.names), columns=list(seg.names))
