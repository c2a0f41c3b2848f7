"""A saved run back with its data: whole, or as the source of a mapping."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...data.panel import align
from ...data.subsample import subsample_reference
from ...errors import RunError
from ...imputation.ensemble import StackingParameters
from ...imputation.query_mapping import PretrainedModel, restrict_panel
from ...imputation.rescale import ValueTransform
from ...imputation.run import Run
from ...training.archive import (
    ArchiveContents,
    history_from_table,
    load_weights,
    read_archive,
    read_config,
    require_object,
)
from ...training.build_plan import build_imputation_plan
from ...training.trainer import Trainer

if TYPE_CHECKING:
    from ...data.section import Reference, Section
    from ...training.config import Config
    from ...training.table import Mask


def read_metadata(path: str | Path) -> dict[str, Any]:
    """The provenance and settings of a saved run, without its data.

    Raises
    ------
    RunError
        Not a run, damaged, or of a version that this one cannot read.
    """
    return _read_contents(path).metadata


def load(path: str | Path, section: Section, reference: Reference) -> Run:
    """A saved run with its data.

    Raises
    ------
    RunError
        Not a run, damaged, of a version that this one cannot read, or made from other data or another panel.
    """
    about, tables, weights = _read_contents(path)
    origin = about["provenance"]
    reference = _subsample_reference(reference, origin)
    _check_fingerprint(path, "section", section, origin)
    _check_fingerprint(path, "reference", reference, origin)
    config = read_config(path, origin)
    known = tuple(about["panel"][: len(about["folds"])])
    panel = align(section, reference)
    if "mapped" in origin:
        panel = restrict_panel(panel, known, section.name)
    plan = build_imputation_plan(
        section, reference, panel, members=_count_fold_members(weights, config), components=_count_components(weights, known), seed=config.seed, labels=origin["labels"],
        batch=origin["batch"], hidden_genes=_hidden_mask(about["folds"], _count_fold_members(weights, config)),
    )  # fmt: skip
    if list(panel.genes) != about["panel"]:
        raise RunError(
            f"{path} has another panel of genes ({len(about['panel'])}, now {len(panel.genes)}). Open the data that it was trained on."
        )
    trainer = Trainer(plan, config)
    load_weights(trainer, weights, path)
    choices = StackingParameters(
        about["choices"]["readouts"], about["choices"]["refinements"], ValueTransform(**about["choices"]["shape"])
    )
    history, scores = history_from_table(tables["history"]), tables["scores"].set_index("gene")
    return Run(section, reference, panel, trainer, history, origin["labels"], origin["batch"], choices, scores, origin)


def load_pretrained(path: str | Path, reference: Reference) -> tuple[PretrainedModel, Reference]:
    """What mapping takes from a saved run, and the cells of the reference that it was trained on.

    Raises
    ------
    RunError
        As `load`; the section that the run was trained on is not needed.
    """
    about, _, weights = _read_contents(path)
    origin = about["provenance"]
    reference = _subsample_reference(reference, origin)
    _check_fingerprint(path, "reference", reference, origin)
    config = read_config(path, origin)
    shared = tuple(about["panel"][: len(about["folds"])])
    hidden = _hidden_mask(about["folds"], _count_fold_members(weights, config))
    came = {"run": str(path), **{k: origin[k] for k in ("config", "data", "versions")}}
    return PretrainedModel(
        weights, config, shared, hidden, tuple(about["covariates"]), origin["labels"], origin["batch"], came
    ), reference


def _subsample_reference(reference: Reference, origin: dict[str, Any]) -> Reference:
    """The cells of a large reference that the run was trained on."""
    chosen = origin["data"]["reference"].get("drawn")
    if chosen is None or chosen["cells"] != reference.n_cells:
        return reference
    return subsample_reference(reference, chosen["labels"], chosen["seed"], chosen["most"])


def _check_fingerprint(path: str | Path, side: str, data: Section | Reference, origin: dict[str, Any]) -> None:
    trained = origin["data"][side]
    if data.fingerprint != trained["fingerprint"]:
        raise RunError(
            f"{path} was trained on another {side} than {data.path or data.name}: the values, genes or cells differ "
            f"(trained on {trained['path'] or trained['name']}). Open the data that it was trained on."
        )


def _count_fold_members(weights: dict[str, Any], config: Config) -> int:
    """Members with a fold."""
    return int(next(iter(weights.values())).shape[0]) // len(config.kl_weights) - 1


def _count_components(weights: dict[str, Any], shared: Sequence[str]) -> int:
    return int(weights["head.weight"].shape[2]) - len(shared)


def _hidden_mask(folds: Sequence[int], members: int) -> Mask:
    """(members, shared genes) bool."""
    hidden: Mask = np.arange(members)[:, None] == np.asarray(folds)[None]
    return hidden


def _read_contents(path: str | Path) -> ArchiveContents:
    return read_archive(Path(path), "run", ("scores", "history"), _check_contents)


def _check_contents(parts: ArchiveContents) -> None:
    """Refuse a run without the entries that opening it needs. Raises KeyError, TypeError or ValueError."""
    about = parts.metadata
    origin, choices, folds = about["provenance"], about["choices"], about["folds"]
    for side in ("section", "reference"):
        data = origin["data"][side]
        str(data["fingerprint"]), str(data["name"]), data["path"], data["values"]["kind"], data["values"]["declared"]
        if not isinstance(data["path"], (str, type(None))):
            raise TypeError(f"the path of the {side} is no text")
    require_object(origin["config"]), str(origin["versions"]["napari-inclust"]), list(about["panel"])
    if not all(isinstance(origin[key], (str, type(None))) for key in ("labels", "batch")):
        raise TypeError("labels or batch is no text")
    list(choices["readouts"]), list(choices["refinements"]), require_object(choices["shape"])
    if not all(isinstance(f, int) and f >= 0 for f in folds) or not 0 < len(folds) <= len(about["panel"]):
        raise ValueError("its folds are none")
    if not all(isinstance(c, str) for c in about["covariates"]) or "head.weight" not in parts.weights:
        raise ValueError("its covariates or weights are none")
    history_from_table(parts.tables["history"]), parts.tables["scores"]["gene"]
