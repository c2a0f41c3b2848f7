"""The format of saved results (runs and plans): a zip of JSON, CSV and plain arrays.

Nothing in a file is ever unpickled or executed, and everything is checked before it is used.
"""

from __future__ import annotations

import io
import json
import math
import os
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from ..errors import ConfigError, OutputError, RunError
from .config import Config
from .loop import Epoch

if TYPE_CHECKING:
    from torch import Tensor

    from ..data.dataset import Dataset
    from .trainer import Trainer

FORMAT_VERSION = 3
EPOCH_COLUMNS = ["number", "total", "seconds", "remaining", "stage", "validation", "best"]  # all others are loss terms
FILE_KINDS = {"run": "made by `inclust impute`", "plan": "made by `inclust train`"}
_MAX_UNPACKED_BYTES = 4 * 1024**3
_MAX_COMPRESSION_RATIO = 200  # unpacked bytes per byte of the file, at most, beside the allowance
_UNPACKED_ALLOWANCE_BYTES = 16 * 1024**2


@dataclass(frozen=True, eq=False)
class SavedResult:
    """The checked contents of a file.

    Attributes
    ----------
    kind
        "run" or "plan".
    metadata
        Its JSON object.
    tables
        By name; "history" is one of them.
    weights
        Arrays of the networks' state, by name.
    """

    path: Path
    kind: str
    metadata: dict[str, Any]
    tables: dict[str, pd.DataFrame]
    weights: dict[str, NDArray[Any]]

    @property
    def provenance(self) -> dict[str, Any]:
        """Settings, versions and data of the training."""
        return require_object(self.metadata["provenance"])

    @property
    def history(self) -> list[Epoch]:
        """The epochs of the training."""
        return history_from_table(self.tables["history"])

    @property
    def config(self) -> Config:
        """The settings, with the device of this machine.

        Raises
        ------
        RunError
            Settings of a later version.
        """
        try:
            return Config().replace(**self.provenance["config"]).replace(device="auto")
        except ConfigError as error:
            version = self.provenance["versions"]["napari-inclust"]
            raise RunError(
                f"{self.path} has settings that this version does not know ({error}). "
                f"Open it with napari-inclust {version}."
            ) from None

    def files(self, name: str) -> list[str]:
        """Paths of a data set's files; empty when it was never a file."""
        data = self.provenance["data"][name]
        return list(data["files"]) if "files" in data else [data["path"]] if data["path"] else []

    def check_dataset(self, name: str, dataset: Dataset) -> None:
        """Compare the fingerprint of a data set with the one of the training.

        Raises
        ------
        RunError
            Another data set.
        """
        data = self.provenance["data"][name]
        if dataset.fingerprint != data["fingerprint"]:
            given = " + ".join(map(str, dataset.paths)) or dataset.name
            origin = " + ".join(self.files(name)) or data.get("name", name)
            raise RunError(
                f"{self.path} was trained on another {name} than {given}: the values, features or cells differ "
                f"(trained on {origin}). Open the data that it was trained on."
            )

    def load_weights(self, trainer: Trainer) -> None:
        """Copy the weights into networks.

        Raises
        ------
        RunError
            Weights of other shapes.
        """
        try:
            trainer.model.load_state_dict({k: torch.from_numpy(v) for k, v in self.weights.items()})
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            raise RunError(
                f"the weights in {self.path} do not fit its settings: the file is damaged ({reason})."
            ) from None


def write_archive(
    path: Path, kind: str, metadata: dict[str, Any], tables: Mapping[str, pd.DataFrame], weights: Mapping[str, Tensor]
) -> Path:
    """Write a result; an existing file is replaced only when the new one is complete.

    Parameters
    ----------
    kind
        One of `FILE_KINDS`.
    metadata
        JSON values.
    tables
        Written without their index.

    Raises
    ------
    OutputError
        A path that cannot be written to.
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
        with suppress(OSError):  # as when its folder is a file, which is reported above
            temporary.unlink(missing_ok=True)
    return path


def read_archive(path: Path, kind: str, tables: Sequence[str], check: Callable[[SavedResult], None]) -> SavedResult:
    """Read what `write_archive` wrote.

    Parameters
    ----------
    tables
        Names of those that must be there.
    check
        Raises KeyError, TypeError or ValueError on contents that cannot be used.

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
            metadata = json.loads(z.read(f"{kind}.json"))
            if metadata["format"] != FORMAT_VERSION:
                version = metadata["provenance"]["versions"]["napari-inclust"]
                raise RunError(
                    f"{path} is a {kind} of format {metadata['format']}; this version reads format {FORMAT_VERSION}. "
                    f"Open it with napari-inclust {version}."
                )
            result = SavedResult(
                path,
                kind,
                metadata,
                {name: pd.read_csv(io.BytesIO(z.read(f"{name}.csv"))) for name in tables},
                _read_arrays(z.read("weights.npz")),
            )
            if any(w.ndim < 2 for w in result.weights.values()):
                raise ValueError("its weights are not matrices")
            require_object(result.provenance["config"])
            str(result.provenance["versions"]["napari-inclust"])
            result.history  # noqa: B018  # refuses a damaged table
            check(result)
            return result
    except RunError:
        raise
    except Exception as error:  # zipfile, zlib, json, pandas and numpy raise many kinds on a damaged file
        raise RunError(
            f"{path} is not a {kind}, or is damaged ({type(error).__name__}: {error}). "
            "Give a file that --save-run or Save run wrote."
        ) from error


def history_to_table(history: Sequence[Epoch]) -> pd.DataFrame:
    """Arrange epochs as a table, one row an epoch."""
    rows = [{**{k: v for k, v in asdict(e).items() if k != "terms"}, **e.terms} for e in history]
    return pd.DataFrame(rows, columns=None if rows else EPOCH_COLUMNS)


def history_from_table(table: pd.DataFrame) -> list[Epoch]:
    """Read the table of `history_to_table`.

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
    """Check that a JSON value is an object. Raises TypeError."""
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is not a JSON object")
    return value


def _check_unpacked_size(z: zipfile.ZipFile, archive_bytes: int) -> None:
    """Refuse, before anything is unpacked, a file that would fill the memory."""
    total = sum(part.file_size for part in z.infolist())
    if total > min(_MAX_UNPACKED_BYTES, _MAX_COMPRESSION_RATIO * archive_bytes + _UNPACKED_ALLOWANCE_BYTES):
        raise ValueError(f"it would unpack to {total:,} bytes, from {archive_bytes:,}")


def _read_arrays(packed: bytes) -> dict[str, Any]:
    """Read the arrays of an npz. Each header is checked before its array is allocated, and objects are refused."""
    arrays = {}
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
            arrays[part.filename.removesuffix(".npy")] = np.frombuffer(bytearray(data), dtype).reshape(
                shape, order="F" if fortran else "C"
            )
    return arrays
