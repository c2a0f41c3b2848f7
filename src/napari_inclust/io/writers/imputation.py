"""The content of a file of imputed genes: values in chunks, columns of cells and genes, and provenance."""

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
from .anndata_files import ANNDATA_ENCODING
from .atomic import WriteContext, to_storable

if TYPE_CHECKING:
    from ...data.section import Section

MEASURED = "measured"  # kind of values that are not predicted; only of a single gene
GENERATED = "generated"  # kind of features of a modality that the section lacks
IMPUTED = "imputed by napari-inclust, log-normalised: predictions, not measurements"
_VALUES_PER_CHUNK = 32_000_000  # in memory at once (128 MB); few chunks, since each computes the design matrix again
_STORAGE_CHUNK_CELLS, _STORAGE_CHUNK_GENES = 8192, 16  # of the arrays in the file, to read one gene alone
_MAX_GENES_PER_CHUNK = 512


class Predictor(Protocol):
    """A source of predicted genes in chunks: a `Run`, or its cells of one section."""

    @property
    def section(self) -> Section:
        """The section whose cells the values belong to."""

    @property
    def provenance(self) -> dict[str, Any]:
        """The origin of the values."""

    def chunks(
        self, genes: Sequence[str], size: int
    ) -> Iterator[tuple[list[str], Any, Any, list[str], list[float | None]]]:
        """Yield names, values, spread (cells, genes), kinds and scores of at most `size` genes at a time."""


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
        """Yield the gene, as `Run.chunks`."""
        yield (
            [self.name],
            np.asarray(self.values, dtype=np.float32)[:, None],
            np.asarray(self.spread, dtype=np.float32)[:, None],
            [self.kind],
            [self.score],
        )


@dataclass(frozen=True, eq=False)
class Block:
    """Some genes of all cells, and their position among the columns.

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
    """The content of a file of predicted genes.

    Parameters
    ----------
    provider
        Of the values.
    genes
        Names, in the order of the columns.
    obs_columns
        Columns to add to `obs`, one row for each cell.
    var_columns
        Columns to add to `var` after the score, by gene: foreseen, moran, moran_flag.
    extra_provenance
        Entries to add to the provenance, such as the command.
    value_type
        Description of the values.
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
        """Those of the section, with the added columns."""
        added = {str(c): self.obs_columns[c].array for c in self.obs_columns}
        return pd.DataFrame(self.section.adata.obs.assign(**added))

    @property
    def uns(self) -> dict[str, Any]:
        """Description and provenance of the values, and colours of the categories.

        Of the section, the unit of its coordinates and its images (for plots of spots).
        """
        given, obs = self.section.adata.uns, self.obs
        copied = {key: given[key] for key in ("spatial_unit", PIXEL_SIZE_KEY, "spatial") if key in given}
        colours = {f"{c}_colors": given[f"{c}_colors"] for c in obs if f"{c}_colors" in given}
        colours |= {
            f"{c}_colors": category_colours(self.obs_columns[c])
            for c in self.obs_columns
            if isinstance(self.obs_columns[c].dtype, pd.CategoricalDtype)
        }
        return copied | colours | {"value_type": self._value_type, "inclust": self.provenance}

    @property
    def provenance(self) -> dict[str, Any]:
        """Origin of the values, as AnnData files can hold it."""
        return to_storable(self.provider.provenance | self._extra_provenance)  # type: ignore[no-any-return]

    def gene_chunks(self, progress: Callable[[int], None]) -> Iterator[Block]:
        """Yield the genes in chunks; `var` is complete after the last."""
        size = int(np.clip(_VALUES_PER_CHUNK // self.section.n_cells, 1, _MAX_GENES_PER_CHUNK))
        report_progress("imputing", 0, len(self.genes))
        for names, values, spread, kinds, scores in self.provider.chunks(self.genes, size):
            yield Block(len(self._written_genes), values, spread)
            self._written_genes += names
            mean_spread = spread.mean(0)
            self._var_rows += [
                (kind != MEASURED, kind, np.nan if score is None else score, float(mean))
                for kind, score, mean in zip(kinds, scores, mean_spread, strict=True)
            ]
            progress(len(self._written_genes))

    @property
    def var(self) -> pd.DataFrame:
        """One row for each gene: imputed, kind, score, the added columns, spread.

        `predicted_score` has the values of `foreseen`, the name in files of earlier versions.
        """
        index = pd.Index(self._written_genes, dtype=object, name="gene")
        var = pd.DataFrame(self._var_rows, index=index, columns=["imputed", "kind", "score", "spread"]).astype(
            {"kind": "category", "score": float}
        )
        if self._var_columns is None:
            return var
        added = self._var_columns.reindex(var.index).astype({"foreseen": float, "moran_flag": bool})
        added = added.assign(predicted_score=added["foreseen"])
        return pd.concat([var.iloc[:, :3], added, var.iloc[:, 3:]], axis=1)


def fill(
    store: Any,
    write_context: WriteContext,
    imputed: ImputedOutput,
    uns: dict[str, Any],
    progress: Callable[[int], None],
    extra_obs: Mapping[str, Any] | None = None,
) -> None:
    """Write AnnData to an empty group of HDF5 or zarr, chunk by chunk.

    Parameters
    ----------
    progress
        Called with the number of genes written so far.
    extra_obs
        More columns of `obs`.
    """
    from anndata.io import write_elem

    n = imputed.section.n_cells
    with write_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # anndata's notes on column types of the caller's obs
        store.attrs.update(ANNDATA_ENCODING)
        write_elem(store, "obs", imputed.obs.assign(**(extra_obs or {})))
        write_elem(store, "obsm", {"spatial": np.asarray(imputed.section.adata.obsm["spatial"])})
        write_elem(store, "uns", uns)
        for name in ("layers", "varm", "obsp", "varp"):
            write_elem(store, name, {})
        values, spread = (
            _create_matrix(group, key, n, len(imputed.genes))
            for group, key in ((store, "X"), (store["layers"], "spread"))
        )
    for block in imputed.gene_chunks(progress):
        for r, g in product(range(0, n, _STORAGE_CHUNK_CELLS), range(0, block.values.shape[1], _STORAGE_CHUNK_GENES)):
            source = slice(r, r + _STORAGE_CHUNK_CELLS), slice(g, g + _STORAGE_CHUNK_GENES)
            target = (
                source[0],
                slice(block.start + g, block.start + min(g + _STORAGE_CHUNK_GENES, block.values.shape[1])),
            )
            with write_context():  # chunk by chunk: zarr writes several at once in threads that outlive a failure
                values[target], spread[target] = block.values[source], block.spread[source]
    with write_context():
        write_elem(store, "var", imputed.var)


def _create_matrix(group: Any, name: str, cells: int, genes: int) -> Any:
    """Create an empty (cells, genes) float32 array that anndata reads."""
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
    """Return one colour #rrggbb for each category, as scanpy stores them."""
    return np.array([palette_colour(i) for i in range(len(column.cat.categories))], dtype=object)
