"""Why a domain is one: what it is made of, which genes mark it, what lies beside it."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from ..data import normalize as val
from ..data.obs import has_label
from ..data.obs import obs_column as _column
from ..data.section import Section
from ..errors import DataError
from ..spatial.neighbors import FloatArray, Graph, IntArray, spatial_graph
from .edit import DomainSegmentation

if TYPE_CHECKING:
    from anndata import AnnData

    from ..imputation.run import Run
    from .result import Domains

N_MARKERS = 20  # of each domain
_GENE_CHUNK = 512  # imputed and ranked at once


def composition(section: Section, seg: DomainSegmentation, labels: str) -> pd.DataFrame:
    """(domains, classes) share of each class of a column of obs among the cells of a domain that have one; rows sum to 1, or are NaN without any.

    Raises
    ------
    DataError
        No such column.
    """
    column = _column(section, labels)
    known = has_label(column)
    counts = pd.crosstab(np.asarray(seg.names, dtype=object)[seg.labels[known]], column[known]).reindex(
        list(seg.names), fill_value=0
    )
    counts.index.name, counts.columns.name = "domain", labels
    return counts.div(counts.sum(axis=1).replace(0, np.nan), axis=0)


def markers(
    section: Section, seg: DomainSegmentation, imputed: AnnData | Run | None = None, n: int = N_MARKERS
) -> pd.DataFrame:
    """Genes higher in a domain than outside, by scanpy's `rank_genes_groups` (t-test): one row a domain and gene, best first.

    The domains were found in the same values, so the p-values only rank. Domains of one cell have none.

    Parameters
    ----------
    imputed
        Predictions for the same cells (what `inclust impute` writes), or a run of the section: the genes that only its reference has, some at a time. They are
        ranked apart: column `kind` says "measured" or "imputed".

    Returns
    -------
    DataFrame: domain, gene, kind, score, log2_fold_change, p_adjusted

    Raises
    ------
    DataError
        Imputed values of other cells.
    """
    from anndata import AnnData

    measured = AnnData(
        val.lognormalise(section.matrix, section.values.kind),
        obs=pd.DataFrame(index=section.adata.obs_names.astype(str)),
    )
    measured.var_names = pd.Index(section.genes)
    tables = [_rank_genes([measured], seg, n).assign(kind="measured")]
    if imputed is not None:
        tables.append(_rank_genes(_imputed_chunks(imputed, section), seg, n).assign(kind="imputed"))
    out = pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)
    return out[["domain", "gene", "kind", "score", "log2_fold_change", "p_adjusted"]]


def _imputed_chunks(imputed: AnnData | Run, section: Section) -> Iterator[AnnData]:
    """Imputed genes of the section's cells, some at a time."""
    from anndata import AnnData

    of = imputed if isinstance(imputed, AnnData) else imputed.section.adata
    cells = pd.Index(of.obs_names.astype(str))
    if list(cells) != list(section.adata.obs_names.astype(str)):
        raise DataError(
            f"the imputed values are of {len(cells)} other cells than the {section.n_cells} of {section.name}. Give those of the same section."
        )
    if isinstance(imputed, AnnData):
        yield AnnData(imputed.X, obs=pd.DataFrame(index=cells), var=imputed.var[[]].copy())
        return
    for genes, values, *_ in imputed.chunks(imputed.panel.reference_only, _GENE_CHUNK):
        yield AnnData(values, obs=pd.DataFrame(index=cells), var=pd.DataFrame(index=genes))


def _rank_genes(chunks: Iterable[AnnData], seg: DomainSegmentation, n: int) -> pd.DataFrame:
    """The first `n` genes of each domain among those of all groups; p-values adjusted over all of them (Benjamini and Hochberg)."""
    import scanpy  # type: ignore[import-untyped]
    from scipy.stats import false_discovery_control

    columns = ["domain", "gene", "score", "log2_fold_change", "p_adjusted"]
    large = [name for name, size in zip(seg.names, seg.sizes, strict=True) if size > 1]
    if seg.n_domains < 2 or not large:
        return pd.DataFrame(columns=columns)
    tables = []
    for adata in chunks:
        adata.obs["domain"] = seg.to_categorical()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # fragmented frames; genes of one value give 0 / 0
            scanpy.tl.rank_genes_groups(adata, "domain", groups=large, method="t-test")
            table = scanpy.get.rank_genes_groups_df(adata, group=large)
        tables.append(table if "group" in table else table.assign(group=large[0]))
    found = (
        pd.concat(tables, ignore_index=True).astype({"group": str})
        if tables
        else pd.DataFrame(columns=["group", "names", "scores", "pvals"])
    )
    found["p_adjusted"] = found.groupby("group")["pvals"].transform(lambda p: false_discovery_control(p.fillna(1.0)))
    found = found.rename(
        columns={"group": "domain", "names": "gene", "scores": "score", "logfoldchanges": "log2_fold_change"}
    )
    found = found.sort_values("score", ascending=False, kind="stable").groupby("domain").head(n)
    found["order"] = found["domain"].map({name: i for i, name in enumerate(seg.names)})
    out: pd.DataFrame = found.sort_values("order", kind="stable").reset_index(drop=True).reindex(columns=columns)
    return out


def adjacency(seg: DomainSegmentation, xy: FloatArray, sections: IntArray, graph: Graph | None = None) -> pd.DataFrame:
    """(domains, domains) neighbouring pairs of cells over those expected if neighbours were drawn at random; 1 is chance.

    The pairs are the edges of `spatial_graph`; the expectation is the product of the domains' shares of edge ends.
    """
    edges = spatial_graph(xy, sections, graph)
    hot = sp.csr_matrix(
        (np.ones(len(seg.labels)), (np.arange(len(seg.labels)), seg.labels)), shape=(len(seg.labels), seg.n_domains)
    )
    observed = (hot.T @ (edges + edges.T) @ hot).toarray()
    ends: NDArray[np.float64] = observed.sum(1)
    expected = np.outer(ends, ends) / max(ends.sum(), 1.0)
    ratio = np.divide(observed, expected, out=np.zeros_like(observed), where=expected > 0)
    return pd.DataFrame(ratio, index=pd.Index(list(seg.names), name="domain"), columns=list(seg.names))


def evidence(
    result: Domains, *, labels: str | None = None, imputed: AnnData | Run | None = None, graph: Graph | None = None
) -> dict[str, pd.DataFrame]:
    """All of it for the chosen solution, as tables by name.

    Parameters
    ----------
    labels
        Column of obs for the composition; None: no such table.
    imputed
        As for `markers`.
    graph
        Who lies beside whom (default the 6 nearest cells).

    Returns
    -------
    "domains" (cells, mean confidence), "adjacency", "markers", and "composition" when labels are given.
    """
    seg = result.segmentation
    sure = pd.Series(seg.confidence).groupby(seg.labels).mean().to_numpy()
    cells = pd.DataFrame({"cells": seg.sizes, "confidence": sure}, index=pd.Index(list(seg.names), name="domain"))
    tables = {
        "domains": cells,
        "adjacency": adjacency(seg, result.xy, result.sections, graph),
        "markers": markers(result.section, seg, imputed),
    }
    return tables if labels is None else tables | {"composition": composition(result.section, seg, labels)}


def to_long_tables(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The same for `uns`: squares as pairs with their value, since names of domains and classes can hold what names of columns cannot."""
    value = {"adjacency": ("other", "ratio"), "composition": ("class", "share")}
    out = {}
    for name, table in tables.items():
        if name in value:
            wide = table.copy()
            wide.columns = pd.Index([str(c) for c in table.columns])
            table = wide.reset_index().melt("domain", var_name=value[name][0], value_name=value[name][1])
        elif name == "domains":
            table = table.reset_index()
        out[name] = table.set_index(pd.RangeIndex(len(table)).astype(str))
    return out
