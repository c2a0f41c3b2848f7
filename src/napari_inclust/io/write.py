"""Write results: complete or not at all. Everything goes to a temporary name beside the target and is renamed over it at the end."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from ..errors import OutputError
from .sink import Sink, uninterrupted

if TYPE_CHECKING:
    from ..core.section import Section

ANNDATA_SUFFIXES = (".h5ad", ".zarr")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_BLOCK_VALUES = 8_000_000  # values held in memory at once (32 MB)
_CHUNK_CELLS, _CHUNK_GENES = 8192, 16  # of the arrays in the file: one gene is read without many others
_MOST_GENES = 512  # predicted at once


class Predictor(Protocol):
    """What gives genes in groups: a `Run`."""

    section: Section
    provenance: dict[str, Any]

    def chunks(self, genes: Sequence[str], size: int) -> Iterator[tuple[list[str], Any, Any, list[str], list[float | None]]]: ...


def check_output(path: str | Path, suffixes: Sequence[str] = ANNDATA_SUFFIXES, *, inputs: Iterable[str | Path] = ()) -> Path:
    """Refuse, before any work is done, a target that could not be written at its end.

    Raises
    ------
    OutputError
        Another suffix, a folder that is missing or read-only, a file where a folder is due or the reverse, or one of the inputs.
    """
    path = Path(path)
    if path.suffix not in suffixes:
        raise OutputError(f"{path} has the suffix {path.suffix!r}; expected {' or '.join(suffixes)}.")
    parent = path.absolute().parent
    if not parent.is_dir():
        raise OutputError(f"the folder {parent} does not exist. Make it first.")
    if not os.access(parent, os.W_OK):
        raise OutputError(f"the folder {parent} is read-only. Choose another place for {path.name}.")
    if path.exists():
        if any(Path(given).exists() and os.path.samefile(path, given) for given in inputs):
            raise OutputError(f"{path} is also an input; it would be replaced. Choose another name.")
        if path.is_dir() and not (path.suffix == ".zarr" and _is_zarr(path)):
            raise OutputError(f"{path} is a folder that is not ours to replace. Choose another name.")
    return path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, which takes its place when the block ends well and vanishes when it does not.

    Raises
    ------
    OutputError
        The disk is full or the place cannot be written; `path` is as it was.
    """
    path = path.absolute()
    with _as_output_error(path):
        folder = Path(tempfile.mkdtemp(prefix=f".{path.stem}-", suffix=".part", dir=path.parent))
    part = folder / path.name
    try:
        yield part
        with _as_output_error(path):
            if path.is_dir():  # a folder cannot be renamed over a full one
                path.rename(folder / "before")
            try:
                part.replace(path)
            except BaseException:
                if not path.exists() and (folder / "before").exists():
                    (folder / "before").rename(path)
                raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """A table as CSV, its index as the first column."""
    with replacing(path) as part, _as_output_error(path):
        table.to_csv(part, float_format="%.6g")


def write_imputed(
    path: Path,
    run: Predictor,
    genes: Sequence[str],
    *,
    command: str = "",
    cells: pd.DataFrame | None = None,
    foreseen: pd.Series[float] | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> pd.DataFrame:
    """Predicted genes of a run as AnnData, group by group: memory does not grow with the number of genes.

    Parameters
    ----------
    path
        `.h5ad` or `.zarr`; replaced only when complete.
    genes
        Names, in the order of the columns.
    command
        How the file was made, for its provenance.
    cells
        Columns to add to `obs`, one row a cell.
    foreseen
        The score that each unmeasured gene is likely to have, by gene.
    progress
        Called with the number of genes written so far.

    Returns
    -------
    `var` of the file: imputed, kind, score, foreseen (when given), spread. `X` holds the values, `layers["spread"]` their spread, `uns["inclust"]` where they come from.

    Raises
    ------
    OutputError
        The disk is full or the place cannot be written.
    """
    from anndata.io import write_elem

    section, size = run.section, int(np.clip(_BLOCK_VALUES // run.section.n_cells, 1, _MOST_GENES))
    names: list[str] = []
    rows: list[tuple[bool, str, float, float]] = []
    with replacing(path) as part, _open(part, path) as (store, writing):
        with writing(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # anndata's notes on column types of the caller's obs
            store.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
            write_elem(store, "obs", section.adata.obs if cells is None else section.adata.obs.assign(**{c: cells[c].to_numpy() for c in cells}))
            write_elem(store, "obsm", {"spatial": np.asarray(section.adata.obsm["spatial"])})
            write_elem(store, "uns", _uns(run, command))
            for empty in ("layers", "varm", "obsp", "varp"):
                write_elem(store, empty, {})
            values, spread = (_matrix(group, name, section.n_cells, len(genes)) for group, name in ((store, "X"), (store["layers"], "spread")))
        for found in run.chunks(genes, size):
            for r, g in product(range(0, section.n_cells, _CHUNK_CELLS), range(0, len(found[0]), _CHUNK_GENES)):
                here = slice(r, r + _CHUNK_CELLS), slice(g, g + _CHUNK_GENES)
                there = here[0], slice(len(names) + g, min(len(names) + g + _CHUNK_GENES, len(names) + len(found[0])))
                with writing():  # chunk by chunk: zarr writes several at once in threads that outlive a failure
                    values[there], spread[there] = found[1][here], found[2][here]
            names += found[0]
            rows += [
                (True, kind, np.nan if score is None else score, float(mean)) for kind, score, mean in zip(found[3], found[4], found[2].mean(0), strict=True)
            ]
            progress(len(names))
        var = pd.DataFrame(rows, index=pd.Index(names, dtype=object), columns=["imputed", "kind", "score", "spread"]).astype(
            {"kind": "category", "score": float}
        )
        if foreseen is not None:
            var.insert(3, "foreseen", foreseen.reindex(var.index).astype(float))
        with writing():
            write_elem(store, "var", var)
    return var


def _uns(run: Predictor, command: str) -> dict[str, Any]:
    kept = {key: run.section.adata.uns[key] for key in ("spatial_unit",) if key in run.section.adata.uns}
    said = {"value_type": "imputed by napari-inclust, log-normalised: predictions, not measurements"}
    return kept | said | {"inclust": _storable(run.provenance | {"command": command})}


def _storable(value: Any) -> Any:
    """Nested dictionaries without what AnnData files cannot keep: None is left out, lists become arrays."""
    if isinstance(value, dict):
        return {str(k): _storable(v) for k, v in value.items() if v is not None}
    return np.array(value) if isinstance(value, (list, tuple)) else value


@contextmanager
def _open(part: Path, path: Path) -> Iterator[tuple[Any, Callable[[], AbstractContextManager[None]]]]:
    """An empty HDF5 file or zarr group at `part`, and the context in which to write to it: not interrupted, and failures named after `path`."""
    if part.suffix == ".zarr":
        import zarr

        try:
            with _writing(path):
                group = zarr.open_group(part, mode="w", zarr_format=2)
            yield group, lambda: _writing(path)
        except BaseException:
            _settle()
            raise
        return
    import h5py

    with _writing(path):
        sink = Sink(part)
        file = h5py.File(sink, "w")
    try:
        yield file, lambda: _writing(path, sink)
    finally:
        with uninterrupted():
            file.close()
            sink.close()
    with _writing(path, sink):  # what closing wrote
        pass


def _settle() -> None:
    """Wait for what zarr still writes in its own thread after one of several writes failed: it would make the folder anew."""
    import asyncio

    from zarr.core.sync import sync

    async def others() -> None:
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        if rest:
            await asyncio.wait(rest, timeout=30)

    sync(others())


@contextmanager
def _writing(path: Path, sink: Sink | None = None) -> Iterator[None]:
    with uninterrupted(), _as_output_error(path):
        yield
        if sink is not None and sink.failed is not None:
            raise sink.failed


def _matrix(group: Any, name: str, cells: int, genes: int) -> Any:
    """An empty (cells, genes) float32 array that anndata reads."""
    chunks = (min(cells, _CHUNK_CELLS), min(genes, _CHUNK_GENES))
    if hasattr(group, "create_array"):
        array = group.create_array(name, shape=(cells, genes), chunks=chunks, dtype="float32")
    else:
        array = group.create_dataset(name, shape=(cells, genes), chunks=chunks, dtype=np.float32, compression="gzip", compression_opts=1, shuffle=True)
    array.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
    return array


def _is_zarr(path: Path) -> bool:
    return any((path / name).exists() for name in (".zgroup", "zarr.json"))


@contextmanager
def _as_output_error(path: Path) -> Iterator[None]:
    """Say in plain words why a file could not be written."""
    try:
        yield
    except OSError as error:
        why = "the disk is full" if error.errno in _FULL else error.strerror or str(error)
        raise OutputError(f"{path} could not be written: {why}. Nothing half-written was left; choose another place or free some space.") from error
