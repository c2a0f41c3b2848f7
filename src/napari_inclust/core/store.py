"""A run as one file: a zip of JSON, CSV and plain arrays. Nothing in it is ever unpickled or executed."""

from __future__ import annotations

import io
import json
import math
import os
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from ..errors import ConfigError, OutputError, RunError

if TYPE_CHECKING:
    from .run import Run
    from .section import Reference, Section

FORMAT = 1
_MOST = 4 * 1024**3  # bytes that a run may unpack to
_EXPANSION = 200  # times its size: what a run unpacks to at most
_SLACK = 16 * 1024**2


def save(run: Run, path: str | Path) -> Path:
    """Write a run; an existing file is replaced only when the new one is complete.

    Raises
    ------
    OutputError
        A place that cannot be written to.
    """
    path = Path(path)
    temporary = path.with_name(path.name + ".part")
    about = {"format": FORMAT, "choices": asdict(run.choices), "provenance": run.provenance, "panel": list(run.panel.genes), "classes": list(run.plan.classes)}
    history = pd.DataFrame([{**{k: v for k, v in asdict(e).items() if k != "terms"}, **e.terms} for e in run.history])
    weights = io.BytesIO()
    np.savez(weights, **{k: v.cpu().numpy() for k, v in run.trainer.model.state_dict().items()})
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as z:
            z.writestr("run.json", json.dumps(about, indent=1))
            z.writestr("scores.csv", run.scores.to_csv())
            z.writestr("history.csv", history.to_csv(index=False))
            z.writestr("weights.npz", weights.getvalue())
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(f"cannot write the run {path}: {error.strerror or error}. Nothing was changed.") from error
    finally:
        temporary.unlink(missing_ok=True)
    return path


def describe(path: str | Path) -> dict[str, Any]:
    """The provenance and settings of a saved run, without its data.

    Raises
    ------
    RunError
        Not a run, damaged, or of a version that this one cannot read.
    """
    return _open(Path(path))[0]


def load(path: str | Path, section: Section, reference: Reference) -> Run:
    """A saved run with its data.

    Raises
    ------
    RunError
        Not a run, damaged, of a version that this one cannot read, or made from other data or another panel.
    """
    from .compose import imputation
    from .config import Config
    from .panel import align
    from .predict import Choices
    from .run import Run
    from .scale import Shape
    from .subsample import drawn
    from .train import Epoch
    from .trainer import Trainer

    about, scores, history, weights = _open(Path(path))
    origin = about["provenance"]
    chosen = origin["data"]["reference"].get("drawn")
    if chosen is not None and chosen["cells"] == reference.n_cells:
        reference = drawn(reference, chosen["labels"], chosen["seed"], chosen["most"])
    for side, data in (("section", section), ("reference", reference)):
        if data.fingerprint != origin["data"][side]["fingerprint"]:
            raise RunError(
                f"{path} was trained on another {side} than {data.path or data.name}: the values, genes or cells differ (trained on {origin['data'][side]['path'] or origin['data'][side]['name']}). "
                "Open the data that it was trained on."
            )
    try:
        config = Config().replace(**origin["config"])
    except ConfigError as error:
        raise RunError(
            f"{path} has settings that this version does not know ({error}). Open it with napari-inclust {origin['versions']['napari-inclust']}."
        ) from None
    config = config.replace(device="auto")
    panel = align(section, reference)
    members = next(iter(weights.values())).shape[0]
    plan = imputation(
        section,
        reference,
        panel,
        members=members // len(config.kl_weights) - 1,
        components=config.components,
        seed=config.seed,
        labels=origin["labels"],
        batch=origin["batch"],
    )
    if list(panel.genes) != about["panel"]:
        raise RunError(f"{path} has another panel of genes ({len(about['panel'])}, now {len(panel.genes)}). Open the data that it was trained on.")
    trainer = Trainer(plan, config)
    try:
        trainer.model.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})
    except RuntimeError as error:
        raise RunError(f"the weights in {path} do not fit its settings: the file is damaged ({str(error).splitlines()[0]}).") from None
    choices = Choices(about["choices"]["readouts"], about["choices"]["refinements"], Shape(**about["choices"]["shape"]))
    names = {"number", "total", "seconds", "remaining", "stage", "validation", "best"}
    epochs = [Epoch(terms={str(k): float(v) for k, v in row.items() if k not in names}, **{k: row[k] for k in names}) for row in history.to_dict("records")]
    return Run(section, reference, panel, trainer, epochs, origin["labels"], origin["batch"], choices, scores, origin)


def _open(path: Path) -> tuple[dict[str, Any], pd.DataFrame, pd.DataFrame, dict[str, Any]]:
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
    missing = {"number", "total", "seconds", "remaining", "stage", "validation", "best"} - set(history)
    if missing or not weights or not next(iter(weights.values())).ndim:
        raise ValueError(f"it lacks {', '.join(sorted(missing)) or 'weights'}")
