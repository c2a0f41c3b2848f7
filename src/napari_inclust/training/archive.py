"""The file of a run or of a trained plan: a zip of JSON, CSV and plain arrays. Nothing in it is ever unpickled or executed, and nothing in it is believed unchecked."""

from __future__ import annotations

import io
import json
import math
import os
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from ..errors import ConfigError, OutputError, RunError
from .config import Config
from .loop import Epoch

if TYPE_CHECKING:
    from torch import Tensor

    from .trainer import Trainer

FORMAT_VERSION = 3
EPOCH_COLUMNS = [
    "number",
    "total",
    "seconds",
    "remaining",
    "stage",
    "validation",
    "best",
]  # columns of the epochs, beside the loss terms
_MAX_UNPACKED_BYTES = 4 * 1024**3  # bytes that a run may unpack to
_MAX_COMPRESSION_RATIO = 200  # times its size: what a run unpacks to at most
_UNPACKED_ALLOWANCE_BYTES = 16 * 1024**2
FILE_KINDS = {"run": "made by `inclust impute`", "plan": "made by `inclust train`"}


class ArchiveContents(NamedTuple):
    """What is in a file."""

    metadata: dict[str, Any]
    tables: dict[str, pd.DataFrame]
    weights: dict[str, NDArray[Any]]


def write_archive(
    path: Path, kind: str, metadata: dict[str, Any], tables: Mapping[str, pd.DataFrame], weights: Mapping[str, Tensor]
) -> Path:
    """A file with JSON (`kind`.json), tables (without their index) and weights; one that is there is replaced only when the new one is complete.

    Raises
    ------
    OutputError
        A place that cannot be written to.
    """
    temporary = path.with_name(path.name + ".part")
    packed = io.BytesIO()
    np.savez(packed, **{k: v.cpu().numpy() for k, v in weights.items()})  # type: ignore[arg-type]
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as z:
            z.writestr(f"{kind}.json", json.dumps({"format": FORMAT_VERSION, **metadata}, indent=1))
            for name, table in tables.items():
                z.writestr(f"{name}.csv", table.to_csv(index=False))
            z.writestr("weights.npz", packed.getvalue())
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(f"cannot write the {kind} {path}: {error.strerror or error}. Nothing was changed.") from error
    finally:
        with suppress(OSError):  # as when its folder is a file: told above
            temporary.unlink(missing_ok=True)
    return path


def read_archive(
    path: Path, kind: str, tables: Sequence[str], check: Callable[[ArchiveContents], None]
) -> ArchiveContents:
    """What `write` wrote.

    Parameters
    ----------
    check
        Raises KeyError, TypeError or ValueError on parts with which the reader could not go on.

    Raises
    ------
    RunError
        Of another kind, damaged, or of a version that this one cannot read.
    """
    if not path.exists():
        raise RunError(f"no {kind} {path}. Check the name.")
    try:
        with zipfile.ZipFile(path) as z:
            _check_unpacked_size(z, path.stat().st_size)
            other = next((k for k in FILE_KINDS if f"{k}.json" in z.namelist()), kind)
            if other != kind:
                raise RunError(f"{path} is a {other} ({FILE_KINDS[other]}), not a {kind} ({FILE_KINDS[kind]}).")
            about = json.loads(z.read(f"{kind}.json"))
            if about["format"] != FORMAT_VERSION:
                made = about["provenance"]["versions"]["napari-inclust"]
                raise RunError(
                    f"{path} is a {kind} of format {about['format']}; this version reads format {FORMAT_VERSION}. Open it with napari-inclust {made}."
                )
            parts = ArchiveContents(
                about,
                {name: pd.read_csv(io.BytesIO(z.read(f"{name}.csv"))) for name in tables},
                _read_arrays(z.read("weights.npz")),
            )
            if any(w.ndim < 2 for w in parts.weights.values()):
                raise ValueError("its weights are none")
            check(parts)
            return parts
    except RunError:
        raise
    except Exception as error:  # zipfile, zlib, json, pandas and numpy raise many kinds on a damaged file; all mean the same to the user
        raise RunError(
            f"{path} is not a {kind}, or is damaged ({type(error).__name__}: {error}). Give a file that --save-run or Save run wrote."
        ) from error


def read_config(path: str | Path, provenance: Mapping[str, Any]) -> Config:
    """Those of the provenance in a file, for whatever device there is now.

    Raises
    ------
    RunError
        Settings of a later version.
    """
    try:
        return Config().replace(**provenance["config"]).replace(device="auto")
    except ConfigError as error:
        raise RunError(
            f"{path} has settings that this version does not know ({error}). Open it with napari-inclust {provenance['versions']['napari-inclust']}."
        ) from None


def load_weights(trainer: Trainer, weights: Mapping[str, NDArray[Any]], path: str | Path) -> None:
    """Give networks the weights of a file.

    Raises
    ------
    RunError
        Weights of other shapes.
    """
    try:
        trainer.model.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})
    except RuntimeError as error:
        raise RunError(
            f"the weights in {path} do not fit its settings: the file is damaged ({str(error).splitlines()[0]})."
        ) from None


def history_to_table(history: Sequence[Epoch]) -> pd.DataFrame:
    """One row an epoch."""
    rows = [{**{k: v for k, v in asdict(e).items() if k != "terms"}, **e.terms} for e in history]
    return pd.DataFrame(rows, columns=None if rows else EPOCH_COLUMNS)


def history_from_table(table: pd.DataFrame) -> list[Epoch]:
    """`epochs_table` read again.

    Raises
    ------
    ValueError
        Columns that are missing.
    """
    missing = set(EPOCH_COLUMNS) - set(table)
    if missing:
        raise ValueError(f"it lacks {', '.join(sorted(missing))}")
    rows = table.to_dict("records")
    return [
        Epoch(
            terms={str(k): float(v) for k, v in row.items() if k not in EPOCH_COLUMNS},
            **{str(k): row[k] for k in EPOCH_COLUMNS},
        )
        for row in rows
    ]


def require_object(value: Any) -> dict[str, Any]:
    """A JSON object, as such. Raises TypeError."""
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is no object")
    return value


def _check_unpacked_size(z: zipfile.ZipFile, archive_bytes: int) -> None:
    """Refuse, before anything is unpacked, a file that would fill the memory."""
    total = sum(part.file_size for part in z.infolist())
    if total > min(_MAX_UNPACKED_BYTES, _MAX_COMPRESSION_RATIO * archive_bytes + _UNPACKED_ALLOWANCE_BYTES):
        raise ValueError(f"it would unpack to {total:,} bytes, from {archive_bytes:,}")


def _read_arrays(packed: bytes) -> dict[str, Any]:
    """The arrays of an npz, each checked against its header first: an array that claims more than is there is never made, objects are never unpickled."""
    found = {}
    with zipfile.ZipFile(io.BytesIO(packed)) as z:
        _check_unpacked_size(z, len(packed))
        for part in z.infolist():
            content = io.BytesIO(z.read(part))
            version = np.lib.format.read_magic(content)
            reader = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
            shape, fortran, dtype = reader(content)
            data = content.read()
            if dtype.kind not in "fiub" or math.prod(shape) * dtype.itemsize != len(data):
                raise ValueError(f"{part.filename} says {dtype} {shape}, which its {len(data)} bytes are not")
            found[part.filename.removesuffix(".npy")] = np.frombuffer(bytearray(data), dtype).reshape(
                shape, order="F" if fortran else "C"
            )
    return found
