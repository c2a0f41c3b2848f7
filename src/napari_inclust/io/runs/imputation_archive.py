"""A saved run back with its data: whole, or as the source of a mapping."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...data.panel import align
from ...data.subsample import drawn
from ...errors import RunError
from ...imputation.ensemble import Choices
from ...imputation.query_mapping import Source, restricted
from ...imputation.rescale import Shape
from ...imputation.run import Run
from ...training.archive import Parts, epochs_from, fill, read, settings, table
from ...training.build_plan import imputation
from ...training.trainer import Trainer

if TYPE_CHECKING:
    from ...data.section import Reference, Section
    from ...training.config import Config
    from ...training.table import Mask


def describe(path: str | Path) -> dict[str, Any]:
    """The provenance and settings of a saved run, without its data.

    Raises
    ------
    RunError
        Not a run, damaged, or of a version that this one cannot read.
    """
    return _read(path).about


def load(path: str | Path, section: Section, reference: Reference) -> Run:
    """A saved run with its data.

    Raises
    ------
    RunError
        Not a run, damaged, of a version that this one cannot read, or made from other data or another panel.
    """
    about, tables, weights = _read(path)
    origin = about["provenance"]
    reference = _drawn(reference, origin)
    _same(path, "section", section, origin)
    _same(path, "reference", reference, origin)
    config = settings(path, origin)
    known = tuple(about["panel"][: len(about["folds"])])
    panel = align(section, reference)
    if "mapped" in origin:
        panel = restricted(panel, known, section.name)
    plan = imputation(
        section, reference, panel, members=_members(weights, config), components=_components(weights, known), seed=config.seed, labels=origin["labels"],
        batch=origin["batch"], hidden=_hidden(about["folds"], _members(weights, config)),
    )  # fmt: skip
    if list(panel.genes) != about["panel"]:
        raise RunError(f"{path} has another panel of genes ({len(about['panel'])}, now {len(panel.genes)}). Open the data that it was trained on.")
    trainer = Trainer(plan, config)
    fill(trainer, weights, path)
    choices = Choices(about["choices"]["readouts"], about["choices"]["refinements"], Shape(**about["choices"]["shape"]))
    history, scores = epochs_from(tables["history"]), tables["scores"].set_index("gene")
    return Run(section, reference, panel, trainer, history, origin["labels"], origin["batch"], choices, scores, origin)


def source(path: str | Path, reference: Reference) -> tuple[Source, Reference]:
    """What mapping takes from a saved run, and the cells of the reference that it was trained on.

    Raises
    ------
    RunError
        As `load`; the section that the run was trained on is not needed.
    """
    about, _, weights = _read(path)
    origin = about["provenance"]
    reference = _drawn(reference, origin)
    _same(path, "reference", reference, origin)
    config = settings(path, origin)
    shared = tuple(about["panel"][: len(about["folds"])])
    hidden = _hidden(about["folds"], _members(weights, config))
    came = {"run": str(path), **{k: origin[k] for k in ("config", "data", "versions")}}
    return Source(weights, config, shared, hidden, tuple(about["covariates"]), origin["labels"], origin["batch"], came), reference


def _drawn(reference: Reference, origin: dict[str, Any]) -> Reference:
    """The cells of a large reference that the run was trained on."""
    chosen = origin["data"]["reference"].get("drawn")
    if chosen is None or chosen["cells"] != reference.n_cells:
        return reference
    return drawn(reference, chosen["labels"], chosen["seed"], chosen["most"])


def _same(path: str | Path, side: str, data: Section | Reference, origin: dict[str, Any]) -> None:
    trained = origin["data"][side]
    if data.fingerprint != trained["fingerprint"]:
        raise RunError(
            f"{path} was trained on another {side} than {data.path or data.name}: the values, genes or cells differ "
            f"(trained on {trained['path'] or trained['name']}). Open the data that it was trained on."
        )


def _members(weights: dict[str, Any], config: Config) -> int:
    """Members with a fold."""
    return int(next(iter(weights.values())).shape[0]) // len(config.kl_weights) - 1


def _components(weights: dict[str, Any], shared: Sequence[str]) -> int:
    return int(weights["head.weight"].shape[2]) - len(shared)


def _hidden(folds: Sequence[int], members: int) -> Mask:
    """(members, shared genes) bool."""
    hidden: Mask = np.arange(members)[:, None] == np.asarray(folds)[None]
    return hidden


def _read(path: str | Path) -> Parts:
    return read(Path(path), "run", ("scores", "history"), _check)


def _check(parts: Parts) -> None:
    """Refuse a run without the entries that opening it needs. Raises KeyError, TypeError or ValueError."""
    about = parts.about
    origin, choices, folds = about["provenance"], about["choices"], about["folds"]
    for side in ("section", "reference"):
        data = origin["data"][side]
        str(data["fingerprint"]), str(data["name"]), data["path"], data["values"]["kind"], data["values"]["declared"]
        if not isinstance(data["path"], (str, type(None))):
            raise TypeError(f"the path of the {side} is no text")
    table(origin["config"]), str(origin["versions"]["napari-inclust"]), list(about["panel"])
    if not all(isinstance(origin[key], (str, type(None))) for key in ("labels", "batch")):
        raise TypeError("labels or batch is no text")
    list(choices["readouts"]), list(choices["refinements"]), table(choices["shape"])
    if not all(isinstance(f, int) and f >= 0 for f in folds) or not 0 < len(folds) <= len(about["panel"]):
        raise ValueError("its folds are none")
    if not all(isinstance(c, str) for c in about["covariates"]) or "head.weight" not in parts.weights:
        raise ValueError("its covariates or weights are none")
    epochs_from(parts.tables["history"]), parts.tables["scores"]["gene"]
