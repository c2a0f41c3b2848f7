"""A run as one file: a zip of JSON, CSV and plain arrays. Nothing in it is ever unpickled or executed."""

from __future__ import annotations

import io
import json
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
            about = json.loads(z.read("run.json"))
            if about["format"] != FORMAT:
                raise RunError(
                    f"{path} is a run of format {about['format']}; this version reads format {FORMAT}. Open it with napari-inclust {about['provenance']['versions']['napari-inclust']}."
                )
            scores = pd.read_csv(io.BytesIO(z.read("scores.csv")), index_col="gene")
            history = pd.read_csv(io.BytesIO(z.read("history.csv")))
            with np.load(io.BytesIO(z.read("weights.npz")), allow_pickle=False) as arrays:
                return about, scores, history, dict(arrays)
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
        raise RunError(f"{path} is not a run, or is damaged ({type(error).__name__}: {error}).") from error
