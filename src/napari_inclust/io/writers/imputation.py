"""The content of a file of imputed genes: values in groups, what is said of cells and genes, and where they come from."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...data.section import PIXEL_SIZE_KEY
from ...spatial_domains.edit import palette_colour
from ...utils.progress import report_progress
from .atomic import WriteContext, to_storable

if TYPE_CHECKING:
    from ...data.section import Section

MEASURED = "measured"  # the kind of what is not imputed; only single genes that are shown may be that
GENERATED = "generated"  # of a modality that the section lacks
IMPUTED = "imputed by napari-inclust, log-normalised: predictions, not measurements"
_VALUES_PER_CHUNK = (
    32_000_000  # values held in memory at once (128 MB): what a cell is to the readouts is found anew for each block
)
_STORAGE_CHUNK_CELLS, _STORAGE_CHUNK_GENES = 8192, 16  # of the arrays in the file: one gene is read without many others
_MAX_GENES_PER_CHUNK = 512  # predicted at once


class Predictor(Protocol):
    """What gives genes in groups: a `Run`, or its cells of one section."""

    @property
    def section(self) -> Section: ...

    @property
    def provenance(self) -> dict[str, Any]: ...

    def chunks(
        self, genes: Sequence[str], size: int
    ) -> Iterator[tuple[list[str], Any, Any, list[str], list[float | None]]]: ...


@dataclass(frozen=True, eq=False)
class SingleGene:
    """A `Predictor` of a single gene whose values are known.

    Attributes
    ----------
    values, spread : (cells,) float32
        `spread` is NaN where there is none.
    kind
        "imputed", "held-out", "generated" or "measured".
    score
        Held-out Pearson, or None.
    """

    section: Section
    name: str
    values: NDArray[np.float32]
    spread: NDArray[np.float32]
    kind: str
    score: float | None
    provenance: dict[str, Any]

    def chunks(
        self, genes: Sequence[str], size: int
    ) -> Iterator[tuple[list[str], Any, Any, list[str], list[float | None]]]:
        """As `Run.chunks`."""
        yield (
            [self.name],
            np.asarray(self.values, dtype=np.float32)[:, None],
            np.asarray(self.spread, dtype=np.float32)[:, None],
            [self.kind],
            [self.score],
        )


@dataclass(frozen=True, eq=False)
class Block:
    """Some genes over all cells, and where they stand among the columns.

    Attributes
    ----------
    start
        Column of the first.
    values, spread : (cells, genes) float32
    """

    start: int
    values: NDArray[np.float32]
    spread: NDArray[np.float32]


class ImputedOutput:
    """What is written: the genes of a run with all that is said of cells, genes and their origin.

    Parameters
    ----------
    run
        What gives the values.
    genes
        Names, in the order of the columns.
    cells
        Columns to add to `obs`, one row a cell.
    judged
        Columns to add to `var` after the score, by gene: foreseen, moran, moran_flag.
    said
        Entries to add to the provenance, such as the command.
    value_type
        What the values are, in words.
    """

    def __init__(
        self,
        provider: Predictor,
        genes: Sequence[str],
        *,
        obs_columns: pd.DataFrame | None = None,
        var_columns: pd.DataFrame | None = None,
        extra_provenance: dict[str, Any] | None = None,
        value_type: str = IMPUTED,
    ) -> None:
        self.provider, self.section, self.genes = provider, provider.section, list(genes)
        self.obs_columns = pd.DataFrame(index=provider.section.adata.obs_names) if obs_columns is None else obs_columns
        self._var_columns, self._extra_provenance, self._value_type = var_columns, extra_provenance or {}, value_type
        self._written_genes: list[str] = []
        self._var_rows: list[tuple[bool, str, float, float]] = []

    @property
    def obs(self) -> pd.DataFrame:
        """The section's, with the added columns."""
        return self.section.adata.obs.assign(**{c: self.obs_columns[c].array for c in self.obs_columns})

    @property
    def uns(self) -> dict[str, Any]:
        """What the values are, where they come from, colours of the categories; of the section's, its unit and its pictures (for plots of spots)."""
        given, obs = self.section.adata.uns, self.obs
        kept = {key: given[key] for key in ("spatial_unit", PIXEL_SIZE_KEY, "spatial") if key in given}
        colours = {f"{c}_colors": given[f"{c}_colors"] for c in obs if f"{c}_colors" in given}
        colours |= {
            f"{c}_colors": category_colours(self.obs_columns[c])
            for c in self.obs_columns
            if isinstance(self.obs_columns[c].dtype, pd.CategoricalDtype)
        }
        return kept | colours | {"value_type": self._value_type, "inclust": self.provenance}

    @property
    def provenance(self) -> dict[str, Any]:
        return to_storable(self.provider.provenance | self._extra_provenance)  # type: ignore[no-any-return]

    def gene_chunks(self, progress: Callable[[int], None]) -> Iterator[Block]:
        """The genes in groups; `var` is complete when the last was taken."""
        size = int(np.clip(_VALUES_PER_CHUNK // self.section.n_cells, 1, _MAX_GENES_PER_CHUNK))
        report_progress("imputing", 0, len(self.genes))
        for names, values, spread, kinds, scores in self.provider.chunks(self.genes, size):
            yield Block(len(self._written_genes), values, spread)
            self._written_genes += names
            means = spread.mean(0)
            self._var_rows += [
                (kind != MEASURED, kind, np.nan if score is None else score, float(mean))
                for kind, score, mean in zip(kinds, scores, means, strict=True)
            ]
            progress(len(self._written_genes))

    @property
    def var(self) -> pd.DataFrame:
        """One row a gene: imputed, kind, score, what was judged (when given), spread."""
        index = pd.Index(self._written_genes, dtype=object, name="gene")
        var = pd.DataFrame(self._var_rows, index=index, columns=["imputed", "kind", "score", "spread"]).astype(
            {"kind": "category", "score": float}
        )
        if self._var_columns is None:
            return var
        known = self._var_columns.reindex(var.index)
        return pd.concat(
            [var.iloc[:, :3], known.astype({"foreseen": float, "moran_flag": bool}), var.iloc[:, 3:]], axis=1
        )


def fill(
    store: Any,
    write_context: WriteContext,
    imputed: ImputedOutput,
    uns: dict[str, Any],
    progress: Callable[[int], None],
    extra_obs: Mapping[str, Any] | None = None,
) -> None:
    """An empty group of HDF5 or zarr becomes AnnData, with more columns of `obs` when they are given."""
    from anndata.io import write_elem

    n = imputed.section.n_cells
    with write_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # anndata's notes on column types of the caller's obs
        store.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        write_elem(store, "obs", imputed.obs.assign(**(extra_obs or {})))
        write_elem(store, "obsm", {"spatial": np.asarray(imputed.section.adata.obsm["spatial"])})
        write_elem(store, "uns", uns)
        for empty in ("layers", "varm", "obsp", "varp"):
            write_elem(store, empty, {})
        values, spread = (
            _create_matrix(group, key, n, len(imputed.genes))
            for group, key in ((store, "X"), (store["layers"], "spread"))
        )
    for block in imputed.gene_chunks(progress):
        for r, g in product(range(0, n, _STORAGE_CHUNK_CELLS), range(0, block.values.shape[1], _STORAGE_CHUNK_GENES)):
            here = slice(r, r + _STORAGE_CHUNK_CELLS), slice(g, g + _STORAGE_CHUNK_GENES)
            there = here[0], slice(block.start + g, block.start + min(g + _STORAGE_CHUNK_GENES, block.values.shape[1]))
            with write_context():  # chunk by chunk: zarr writes several at once in threads that outlive a failure
                values[there], spread[there] = block.values[here], block.spread[here]
    with write_context():
        write_elem(store, "var", imputed.var)


def _create_matrix(group: Any, name: str, cells: int, genes: int) -> Any:
    """An empty (cells, genes) float32 array that anndata reads."""
    chunks = (min(cells, _STORAGE_CHUNK_CELLS), min(genes, _STORAGE_CHUNK_GENES))
    if hasattr(group, "create_array"):
        array = group.create_array(name, shape=(cells, genes), chunks=chunks, dtype="float32")
    else:
        array = group.create_dataset(
            name,
            shape=(cells, genes),
            chunks=chunks,
            dtype=np.float32,
            compression="gzip",
            compression_opts=1,
            shuffle=True,
        )
    array.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
    return array


def category_colours(column: pd.Series[Any]) -> NDArray[np.object_]:
    """One colour a category, as scanpy keeps them."""
    return np.array([palette_colour(i) for i in range(len(column.cat.categories))], dtype=object)
