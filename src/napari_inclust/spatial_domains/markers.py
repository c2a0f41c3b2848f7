"""Evidence for each domain: composition, marker genes, adjacency."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from ..data.normalize import lognormalise
from ..data.obs import has_label, obs_column
from ..data.section import Section
from ..errors import DataError
from ..spatial.neighbors import FloatArray, Graph, IntArray, spatial_graph
from ..spatial.regions import row_shares
from .edit import DomainSegmentation

if TYPE_CHECKING:
    from anndata import AnnData

    from ..imputation.run import Run
    from .result import Domains

N_MARKERS = 20  # of each domain
_GENE_CHUNK = 512  # genes imputed and ranked together


def composition(section: Section, seg: DomainSegmentation, labels: str) -> pd.DataFrame:
    """Compute the share of each class of a column of obs among the labelled cells of each domain: (domains, classes).

    Rows sum to 1, or are NaN where no cell has a label.

    Raises
    ------
    DataError
        No such column.
    """
    column = obs_column(section, labels)
    known = has_label(column)
    counts = pd.crosstab(np.asarray(seg.names, dtype=object)[seg.labels[known]], column[known]).reindex(
        list(seg.names), fill_value=0
    )
    counts.index.name, counts.columns.name = "domain", labels
    return row_shares(counts)


def markers(
    section: Section, seg: DomainSegmentation, imputed: AnnData | Run | None = None, n: int = N_MARKERS
) -> pd.DataFrame:
    """Rank genes higher in a domain than outside, by scanpy's `rank_genes_groups` (t-test).

    The domains were found in the same values, so the p-values only rank. Domains of one cell have no markers.

    Parameters
    ----------
    section, seg
    imputed
        Predictions for the same cells (an output of `inclust impute`), or a run of the section: the genes that only its
        reference has, by chunks. They are ranked separately; column `kind` is "measured" or "imputed".
    n
        Genes of each domain and kind.

    Returns
    -------
    DataFrame
        One row a domain and gene, best first: domain, gene, kind, score, log2_fold_change, p_adjusted.

    Raises
    ------
    DataError
        The imputed values are of other cells.
    """
    from anndata import AnnData

    measured = AnnData(
        lognormalise(section.matrix, section.values.kind),
        obs=pd.DataFrame(index=section.adata.obs_names.astype(str)),
    )
    measured.var_names = pd.Index(section.genes)
    tables = [_rank_genes([measured], seg, n).assign(kind="measured")]
    if imputed is not None:
        tables.append(_rank_genes(_imputed_chunks(imputed, section), seg, n).assign(kind="imputed"))
    out = pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)
    return out[["domain", "gene", "kind", "score", "log2_fold_change", "p_adjusted"]]


def _imputed_chunks(imputed: AnnData | Run, section: Section) -> Iterator[AnnData]:
    """Imputed genes of the section's cells, by chunks."""
    from anndata import AnnData

    source = imputed if isinstance(imputed, AnnData) else imputed.section.adata
    cells = pd.Index(source.obs_names.astype(str))
    if list(cells) != list(section.adata.obs_names.astype(str)):
        raise DataError(
            f"the imputed values are of {len(cells)} other cells than the {section.n_cells} of {section.name}. Give "
            "those of the same section."
        )
    if isinstance(imputed, AnnData):
        yield AnnData(imputed.X, obs=pd.DataFrame(index=cells), var=imputed.var[[]].copy())
        return
    for genes, values, *_ in imputed.chunks(imputed.panel.reference_only, _GENE_CHUNK):
        yield AnnData(values, obs=pd.DataFrame(index=cells), var=pd.DataFrame(index=genes))


def _rank_genes(chunks: Iterable[AnnData], seg: DomainSegmentation, n: int) -> pd.DataFrame:
    """Rank the first `n` genes of each domain over all chunks; p-values are adjusted over all (Benjamini-Hochberg)."""
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
            warnings.simplefilter("ignore")  # pandas on fragmented frames; constant genes give 0 / 0
            scanpy.tl.rank_genes_groups(adata, "domain", groups=large, method="t-test")
            table = scanpy.get.rank_genes_groups_df(adata, group=large)
        tables.append(table if "group" in table else table.assign(group=large[0]))
    ranked = (
        pd.concat(tables, ignore_index=True).astype({"group": str})
        if tables
        else pd.DataFrame(columns=["group", "names", "scores", "pvals"])
    )
    ranked["p_adjusted"] = ranked.groupby("group")["pvals"].transform(lambda p: false_discovery_control(p.fillna(1.0)))
    ranked = ranked.rename(
        columns={"group": "domain", "names": "gene", "scores": "score", "logfoldchanges": "log2_fold_change"}
    )
    ranked = ranked.sort_values("score", ascending=False, kind="stable").groupby("domain").head(n)
    ranked["order"] = ranked["domain"].map({name: i for i, name in enumerate(seg.names)})
    out: pd.DataFrame = ranked.sort_values("order", kind="stable").reset_index(drop=True).reindex(columns=columns)
    return out


def adjacency(seg: DomainSegmentation, xy: FloatArray, sections: IntArray, graph: Graph | None = None) -> pd.DataFrame:
    """Compute neighbouring pairs of cells over those expected at random: (domains, domains); 1 is chance.

    The pairs are the edges of `spatial_graph`; the expectation is the product of the domains' shares of edge ends.
    """
    edges = spatial_graph(xy, sections, graph)
    one_hot = sp.csr_matrix(
        (np.ones(len(seg.labels)), (np.arange(len(seg.labels)), seg.labels)), shape=(len(seg.labels), seg.n_domains)
    )
    observed = (one_hot.T @ (edges + edges.T) @ one_hot).toarray()
    ends: NDArray[np.float64] = observed.sum(1)
    expected = np.outer(ends, ends) / max(ends.sum(), 1.0)
    ratio = np.divide(observed, expected, out=np.zeros_like(observed), where=expected > 0)
    return pd.DataFrame(ratio, index=pd.Index(list(seg.names), name="domain"), columns=list(seg.names))


def evidence(
    result: Domains, *, labels: str | None = None, imputed: AnnData | Run | None = None, graph: Graph | None = None
) -> dict[str, pd.DataFrame]:
    """Compute all evidence for the chosen solution, as tables by name.

    Parameters
    ----------
    result
    labels
        Column of obs for the composition; None: no such table.
    imputed
        As for `markers`.
    graph
        Of the adjacency (default: the 6 nearest cells).

    Returns
    -------
    dict
        "domains" (cells, mean confidence), "adjacency", "markers", and "composition" when labels are given.
    """
    seg = result.segmentation
    confidence = pd.Series(seg.confidence).groupby(seg.labels).mean().to_numpy()
    cells = pd.DataFrame({"cells": seg.sizes, "confidence": confidence}, index=pd.Index(list(seg.names), name="domain"))
    tables = {
        "domains": cells,
        "adjacency": adjacency(seg, result.xy, result.sections, graph),
        "markers": markers(result.section, seg, imputed),
    }
    return tables if labels is None else tables | {"composition": composition(result.section, seg, labels)}


def to_long_tables(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Convert the tables for `uns`: square ones to pairs with their value.

    Names of domains and classes may contain characters that column names in a file may not.
    """
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
