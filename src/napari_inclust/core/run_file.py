"""The file of a run: a zip of JSON, CSV and plain arrays. Nothing in it is ever unpickled or executed, and nothing in it is believed unchecked."""

from __future__ import annotations

import io
import json
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import RunError

FORMAT = 2
EPOCH = ["number", "total", "seconds", "remaining", "stage", "validation", "best"]  # columns of the epochs, beside the loss terms
_MOST = 4 * 1024**3  # bytes that a run may unpack to
_EXPANSION = 200  # times its size: what a run unpacks to at most
_SLACK = 16 * 1024**2


def read(path: Path) -> tuple[dict[str, Any], pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """What the run says of itself, its scores, its epochs, its weights.

    Raises
    ------
    RunError
        Not a run, damaged, or of a version that this one cannot read.
    """
    if not path.exists():
        raise RunError(f"no run {path}. Check the name.")
    try:
        with zipfile.ZipFile(path) as z:
            _check_sizes(z, path.stat().st_size)
            about = json.loads(z.read("run.json"))
            if about["format"] != FORMAT:
                raise RunError(
                    f"{path} is a run of format {about['format']}; this version reads format {FORMAT}. Open it with napari-inclust {about['provenance']['versions']['napari-inclust']}."
                )
            scores = pd.read_csv(io.BytesIO(z.read("scores.csv")), index_col="gene")
            history = pd.read_csv(io.BytesIO(z.read("history.csv")))
            weights = _arrays(z.read("weights.npz"))
            _check_parts(about, history, weights)
            return about, scores, history, weights
    except RunError:
        raise
    except Exception as error:  # zipfile, zlib, json, pandas and numpy raise many kinds on a damaged file; all mean the same to the user
        raise RunError(f"{path} is not a run, or is damaged ({type(error).__name__}: {error}).") from error


def _check_sizes(z: zipfile.ZipFile, there: int) -> None:
    """Refuse, before anything is unpacked, a file that would fill the memory."""
    total = sum(part.file_size for part in z.infolist())
    if total > min(_MOST, _EXPANSION * there + _SLACK):
        raise ValueError(f"it would unpack to {total:,} bytes, from {there:,}")


def _arrays(packed: bytes) -> dict[str, Any]:
    """The arrays of an npz, each checked against its header first: an array that claims more than is there is never made, objects are never unpickled."""
    found = {}
    with zipfile.ZipFile(io.BytesIO(packed)) as z:
        _check_sizes(z, len(packed))
        for part in z.infolist():
            content = io.BytesIO(z.read(part))
            version = np.lib.format.read_magic(content)
            reader = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
            shape, fortran, dtype = reader(content)
            data = content.read()
            if dtype.kind not in "fiub" or math.prod(shape) * dtype.itemsize != len(data):
                raise ValueError(f"{part.filename} says {dtype} {shape}, which its {len(data)} bytes are not")
            found[part.filename.removesuffix(".npy")] = np.frombuffer(bytearray(data), dtype).reshape(shape, order="F" if fortran else "C")
    return found


def _check_parts(about: dict[str, Any], history: pd.DataFrame, weights: dict[str, Any]) -> None:
    """Refuse a run without the entries that opening it needs. Raises KeyError, TypeError or ValueError."""
    origin, choices = about["provenance"], about["choices"]
    for side in ("section", "reference"):
        data = origin["data"][side]
        str(data["fingerprint"]), str(data["name"]), data["path"], data["values"]["kind"], data["values"]["declared"]
        if not isinstance(data["path"], (str, type(None))):
            raise TypeError(f"the path of the {side} is no text")
    dict(origin["config"]), str(origin["versions"]["napari-inclust"]), list(about["panel"])
    if not all(isinstance(origin[key], (str, type(None))) for key in ("labels", "batch")):
        raise TypeError("labels or batch is no text")
    list(choices["readouts"]), list(choices["refinements"]), dict(choices["shape"])
    folds = about["folds"]
    if (
        not all(isinstance(f, int) and f >= 0 for f in folds)
        or not 0 < len(folds) <= len(about["panel"])
        or not all(isinstance(c, str) for c in about["covariates"])
    ):
        raise ValueError("its folds or covariates are none")
    missing = set(EPOCH) - set(history)
    if missing or "head.weight" not in weights or any(w.ndim < 2 for w in weights.values()):
        raise ValueError(f"it lacks {', '.join(sorted(missing)) or 'weights'}")
