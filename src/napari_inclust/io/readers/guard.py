"""Checks of headers before reading: a small file that claims to be huge is refused instead of filling the memory."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

from ...errors import DataError

ALWAYS_ALLOWED_BYTES = 2 * 1024**3  # that a file of any size may announce
MAX_EXPANSION = 1100  # times its size: deflate cannot do better than 1032
_GZIP_SAMPLE_BYTES = 64 * 1024**2  # bytes that are unpacked of a gzipped text
_MAX_TEXT_EXPANSION = 500  # times: tables of text do not get smaller than that


def check_headers(path: Path) -> None:
    """Refuse files whose headers cannot be true, and zarr stores with parts that are missing.

    Raises
    ------
    DataError
        An array of HDF5, zarr or Parquet that is announced with more than 1100 times the size of the file; gzipped text
        that unpacks to more than 500 times its size; sparse values in a zarr store with missing chunks.
    """
    if path.is_dir():
        for table in _anndata_groups(path):
            _check_zarr(table)
        for file in (p for p in path.iterdir() if p.is_file()):
            _check_file(file)
    else:
        _check_file(path)


def _check_file(path: Path) -> None:
    if path.suffix in (".h5ad", ".h5", ".h5mu", ".loom"):
        _check_hdf5(path)
    elif path.suffix == ".gz":
        _check_gzip(path)
    elif path.suffix == ".parquet":
        _check_parquet(path)


def _check_claimed_size(
    path: Path, name: str, claimed_bytes: int, file_bytes: int, max_expansion: int = MAX_EXPANSION
) -> None:
    if claimed_bytes > max(ALWAYS_ALLOWED_BYTES, max_expansion * file_bytes):
        raise DataError(
            f"{path} says that {name} has {claimed_bytes:,} bytes, but the file has only {file_bytes:,}: it is "
            "damaged, or made to fill the memory. Not read."
        )


def _check_hdf5(path: Path) -> None:
    import h5py

    size = path.stat().st_size
    with h5py.File(path) as file:

        def look(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset) and item.shape is not None:
                _check_claimed_size(path, name, prod(map(int, item.shape)) * item.dtype.itemsize, size)

        file.visititems(look)


def _check_parquet(path: Path) -> None:
    from pyarrow import parquet

    table = parquet.read_metadata(path)
    _check_claimed_size(path, "its table", table.num_rows * table.num_columns * 8, path.stat().st_size)


def _check_gzip(path: Path) -> None:
    """Compare the size of the unpacked beginning with the bytes of the file that it took."""
    unpack, out = zlib.decompressobj(wbits=31), 0
    with open(path, "rb") as file:
        while out < _GZIP_SAMPLE_BYTES and not unpack.eof:
            packed = unpack.unconsumed_tail or file.read(65536)
            if not packed:
                return
            out += len(unpack.decompress(packed, 1024**2))
        used = max(file.tell() - len(unpack.unconsumed_tail), 1)
    if out >= _GZIP_SAMPLE_BYTES and out > _MAX_TEXT_EXPANSION * used:
        raise DataError(
            f"{path} unpacks to more than {out // used} times its size: no table of numbers does. Not read."
        )


def _anndata_groups(store: Path) -> Iterator[Path]:
    """List the AnnData groups of a zarr store."""
    if (store / "X").is_dir():
        yield store
    if (store / "tables").is_dir():
        yield from (p for p in (store / "tables").iterdir() if p.is_dir() and not p.name.startswith("."))


def _check_zarr(table: Path) -> None:
    for file in (p for name in (".zarray", "zarr.json") for p in table.rglob(name)):
        metadata = json.loads(file.read_text(encoding="utf-8"))
        claimed = prod(int(n) for n in metadata["shape"]) * 8 if "shape" in metadata else 0
        if claimed > ALWAYS_ALLOWED_BYTES:
            size = sum(p.stat().st_size for p in file.parent.rglob("*") if p.is_file())
            _check_claimed_size(table, str(file.parent.relative_to(table)), claimed, size)
    for part in ("X/data", "X/indptr"):
        if (table / part).is_dir():
            _check_chunks_complete(table, part)


def _check_chunks_complete(table: Path, array_path: str) -> None:
    """Refuse missing chunks, which would be read as zeros."""
    import zarr

    array = zarr.open_array(table / array_path, mode="r")
    missing = array.nchunks - array.nchunks_initialized
    if missing > 0:
        raise DataError(
            f"{table} lacks {missing} of {array.nchunks} chunks of {array_path}: it is still being written, or was "
            "copied in part. Wait until it is complete, or copy it again."
        )
