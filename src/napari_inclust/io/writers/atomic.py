"""Atomic writing: results go to a temporary path next to the target, and replace it when complete."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...errors import OutputError
from ..readers.zarr_metadata import is_spatialdata, is_zarr
from .hdf5_sink import FailSafeFile, defer_interrupts

ANNDATA_SUFFIXES = (".h5ad", ".zarr")
_DISK_FULL_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_TEMPORARY_MARKER = ".ours"  # file in a temporary folder since its creation
WriteContext = Callable[[], AbstractContextManager[None]]


def check_output(
    path: str | Path, suffixes: Sequence[str] = ANNDATA_SUFFIXES, *, inputs: Iterable[str | Path] = ()
) -> Path:
    """Refuse, before any work is done, a target that could not be written in the end.

    Raises
    ------
    OutputError
        Another suffix, a folder that is missing or read-only, a file where a folder is expected or the reverse, one of
        the inputs, or a SpatialData store, which is never replaced because it may hold images and more: it gets new
        elements (`spatialdata_store`).
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
        if path.is_dir() and not (path.suffix == ".zarr" and is_zarr(path)):
            raise OutputError(f"{path} is a folder that is not ours to replace. Choose another name.")
        if is_spatialdata(path):
            raise OutputError(
                f"{path} is a SpatialData store that is not the section's own; it would be replaced. Choose another "
                "name."
            )
    return path


@contextmanager
def atomic_output(path: Path, *, sibling: Path | None = None, must_not_exist: bool = False) -> Iterator[Path]:
    """Yield a temporary path, which replaces `path` when the block succeeds and is deleted when it fails.

    Parameters
    ----------
    path
        Of the result.
    sibling
        The temporary path is created in the folder that holds this; default `path`. Must be of the same file system.
    must_not_exist
        Refuse to replace what appeared at `path` in the meantime.

    Raises
    ------
    OutputError
        The disk is full, the place cannot be written or vanished; `path` is as it was.
    """
    path, neighbour = path.absolute(), (sibling or path).absolute()
    with as_output_error(path):
        folder = Path(tempfile.mkdtemp(prefix=f".{neighbour.stem}-", suffix=".part", dir=neighbour.parent))
        (folder / _TEMPORARY_MARKER).touch()
    part = folder / path.name
    try:
        yield part
        with as_output_error(path):
            # zarr creates a folder that vanished again, with only a part of the result
            if not (folder / _TEMPORARY_MARKER).exists():
                raise FileNotFoundError(errno.ENOENT, "its folder vanished while it was written")
            if must_not_exist and path.exists():
                raise FileExistsError(errno.EEXIST, "something of that name appeared while it was written")
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
    """Write a table as CSV, with its index as the first column."""
    with atomic_output(path) as part, as_output_error(path):
        table.to_csv(part, float_format="%.6g")


def to_storable(value: Any) -> Any:
    """Convert nested dictionaries to what AnnData files can hold: None is left out, lists become arrays."""
    if isinstance(value, dict):
        return {str(k): to_storable(v) for k, v in value.items() if v is not None}
    return np.array(value) if isinstance(value, (list, tuple)) else value


@contextmanager
def open_store(
    part: Path, path: Path, *, zarr_format: int | None = None, banner: str = ""
) -> Iterator[tuple[Any, WriteContext]]:
    """Open an empty HDF5 file or zarr group, with a context to write in that defers interrupts and reports failures.

    Parameters
    ----------
    part, path
        Where it is created, and its name in errors.
    zarr_format
        2 or 3: a zarr group, whatever the suffix. Default: zarr of format 2 when the suffix is `.zarr`, else HDF5.
    banner
        Text before the HDF5 part of the file, in a block of 512 bytes.
    """
    if zarr_format is not None or part.suffix == ".zarr":
        import zarr

        try:
            with _write_context(path):
                group = zarr.open_group(part, mode="w", zarr_format=3 if zarr_format == 3 else 2)
            yield group, lambda: _write_context(path)
        except BaseException:
            _wait_for_zarr_writes()
            raise
        return
    import h5py

    with _write_context(path):
        sink = FailSafeFile(part)
        file = h5py.File(sink, "w", userblock_size=512 if banner else 0)
    try:
        yield file, lambda: _write_context(path, sink)
    finally:
        with defer_interrupts():
            file.close()
            if banner:
                sink.seek(0)
                sink.write(banner.encode().ljust(512, b"\0"))
            sink.close()
    with _write_context(path, sink):  # what closing wrote
        pass


def _wait_for_zarr_writes() -> None:
    """Wait for writes in the thread of zarr after one of them failed: they would create the folder again."""
    import asyncio

    from zarr.core.sync import sync

    async def wait_for_others() -> None:
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        if rest:
            await asyncio.wait(rest, timeout=30)

    sync(wait_for_others())


@contextmanager
def _write_context(path: Path, sink: FailSafeFile | None = None) -> Iterator[None]:
    with defer_interrupts(), as_output_error(path):
        yield
        if sink is not None and sink.write_error is not None:
            raise sink.write_error


@contextmanager
def as_output_error(path: Path) -> Iterator[None]:
    """Convert failures of the file system to an `OutputError` that says what to do."""
    try:
        yield
    except OSError as error:
        reason = "the disk is full" if error.errno in _DISK_FULL_ERRORS else error.strerror or str(error)
        raise OutputError(
            f"{path} could not be written: {reason}. Nothing half-written was left; choose another place or free some "
            "space."
        ) from error
