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

from ...data.section import PIXEL_SIZE
from ...spatial_domains.edit import colour
from ...utils.progress import tell
from .atomic import Writing, storable

if TYPE_CHECKING:
    from ...data.section import Section

MEASURED = "measured"  # the kind of what is not imputed; only single genes that are shown may be that
GENERATED = "generated"  # of a modality that the section lacks
IMPUTED = "imputed by napari-inclust, log-normalised: predictions, not measurements"
_BLOCK_VALUES = 32_000_000  # values held in memory at once (128 MB): what a cell is to the readouts is found anew for each block
_CHUNK_CELLS, _CHUNK_GENES = 8192, 16  # of the arrays in the file: one gene is read without many others
_MOST_GENES = 512  # predicted at once


class Predictor(Protocol):
    """What gives genes in groups: a `Run`, or its cells of one section."""

    section: Section
    provenance: dict[str, Any]

    def chunks(self, genes: Sequence[str], size: int) -> Iterator[tuple[list[str], Any, Any, list[str], list[float | None]]]: ...


@dataclass(frozen=True, eq=False)
class OneGene:
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

    def chunks(self, genes: Sequence[str], size: int) -> Iterator[tuple[list[str], Any, Any, list[str], list[float | None]]]:
        """As `Run.chunks`."""
        yield [self.name], np.asarray(self.values, dtype=np.float32)[:, None], np.asarray(self.spread, dtype=np.float32)[:, None], [self.kind], [self.score]


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


class Imputation:
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
        run: Predictor,
        genes: Sequence[str],
        *,
        cells: pd.DataFrame | None = None,
        judged: pd.DataFrame | None = None,
        said: dict[str, Any] | None = None,
        value_type: str = IMPUTED,
    ) -> None:
        self.run, self.section, self.genes = run, run.section, list(genes)
        self.cells = pd.DataFrame(index=run.section.adata.obs_names) if cells is None else cells
        self._judged, self._said, self._value_type = judged, said or {}, value_type
        self._names: list[str] = []
        self._rows: list[tuple[bool, str, float, float]] = []

    @property
    def obs(self) -> pd.DataFrame:
        """The section's, with the added columns."""
        return self.section.adata.obs.assign(**{c: self.cells[c].array for c in self.cells})

    @property
    def uns(self) -> dict[str, Any]:
        """What the values are, where they come from, colours of the categories; of the section's, its unit and its pictures (for plots of spots)."""
        given, obs = self.section.adata.uns, self.obs
        kept = {key: given[key] for key in ("spatial_unit", PIXEL_SIZE, "spatial") if key in given}
        colours = {f"{c}_colors": given[f"{c}_colors"] for c in obs if f"{c}_colors" in given}
        colours |= {f"{c}_colors": category_colours(self.cells[c]) for c in self.cells if isinstance(self.cells[c].dtype, pd.CategoricalDtype)}
        return kept | colours | {"value_type": self._value_type, "inclust": self.provenance}

    @property
    def provenance(self) -> dict[str, Any]:
        return storable(self.run.provenance | self._said)  # type: ignore[no-any-return]

    def blocks(self, progress: Callable[[int], None]) -> Iterator[Block]:
        """The genes in groups; `var` is complete when the last was taken."""
        size = int(np.clip(_BLOCK_VALUES // self.section.n_cells, 1, _MOST_GENES))
        tell("imputing", 0, len(self.genes))
        for names, values, spread, kinds, scores in self.run.chunks(self.genes, size):
            yield Block(len(self._names), values, spread)
            self._names += names
            means = spread.mean(0)
            self._rows += [
                (kind != MEASURED, kind, np.nan if score is None else score, float(mean)) for kind, score, mean in zip(kinds, scores, means, strict=True)
            ]
            progress(len(self._names))

    @property
    def var(self) -> pd.DataFrame:
        """One row a gene: imputed, kind, score, what was judged (when given), spread."""
        index = pd.Index(self._names, dtype=object, name="gene")
        var = pd.DataFrame(self._rows, index=index, columns=["imputed", "kind", "score", "spread"]).astype({"kind": "category", "score": float})
        if self._judged is None:
            return var
        known = self._judged.reindex(var.index)
        return pd.concat([var.iloc[:, :3], known.astype({"foreseen": float, "moran_flag": bool}), var.iloc[:, 3:]], axis=1)


def fill(
    store: Any, writing: Writing, found: Imputation, uns: dict[str, Any], progress: Callable[[int], None], columns: Mapping[str, Any] | None = None
) -> None:
    """An empty group of HDF5 or zarr becomes AnnData, with more columns of `obs` when they are given."""
    from anndata.io import write_elem

    n = found.section.n_cells
    with writing(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # anndata's notes on column types of the caller's obs
        store.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        write_elem(store, "obs", found.obs.assign(**(columns or {})))
        write_elem(store, "obsm", {"spatial": np.asarray(found.section.adata.obsm["spatial"])})
        write_elem(store, "uns", uns)
        for empty in ("layers", "varm", "obsp", "varp"):
            write_elem(store, empty, {})
        values, spread = (_matrix(group, key, n, len(found.genes)) for group, key in ((store, "X"), (store["layers"], "spread")))
    for block in found.blocks(progress):
        for r, g in product(range(0, n, _CHUNK_CELLS), range(0, block.values.shape[1], _CHUNK_GENES)):
            here = slice(r, r + _CHUNK_CELLS), slice(g, g + _CHUNK_GENES)
            there = here[0], slice(block.start + g, block.start + min(g + _CHUNK_GENES, block.values.shape[1]))
            with writing():  # chunk by chunk: zarr writes several at once in threads that outlive a failure
                values[there], spread[there] = block.values[here], block.spread[here]
    with writing():
        write_elem(store, "var", found.var)


def _matrix(group: Any, name: str, cells: int, genes: int) -> Any:
    """An empty (cells, genes) float32 array that anndata reads."""
    chunks = (min(cells, _CHUNK_CELLS), min(genes, _CHUNK_GENES))
    if hasattr(group, "create_array"):
        array = group.create_array(name, shape=(cells, genes), chunks=chunks, dtype="float32")
    else:
        array = group.create_dataset(name, shape=(cells, genes), chunks=chunks, dtype=np.float32, compression="gzip", compression_opts=1, shuffle=True)
    array.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
    return array


def category_colours(column: pd.Series[Any]) -> NDArray[np.object_]:
    """One colour a category, as scanpy keeps them."""
    return np.array([colour(i) for i in range(len(column.cat.categories))], dtype=object)
