"""Saved results with the data that they were trained on: runs, trained plans, and runs as the source of a mapping."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...data.dataset import with_distinct_modalities
from ...data.panel import align
from ...data.subsample import subsample_reference
from ...errors import ConfigError, RunError
from ...imputation.ensemble import StackingParameters
from ...imputation.query_mapping import PretrainedModel, restrict_panel
from ...imputation.rescale import ValueTransform
from ...imputation.run import Run
from ...training.archive import SavedResult, read_archive, require_object
from ...training.build_plan import build_imputation_plan, build_plan
from ...training.plan import PlanSpec
from ...training.trained import Trained
from ...training.trainer import Trainer
from ..readers.datasets import read_dataset
from ..readers.dispatch import read_reference, read_section

if TYPE_CHECKING:
    from ...data.dataset import Dataset
    from ...data.section import Reference, Section
    from ...training.plan import Plan
    from ...training.table import Mask


def read_result(path: str | Path, kind: str) -> SavedResult:
    """Read a saved result without its data.

    Parameters
    ----------
    kind
        "run" or "plan".

    Raises
    ------
    RunError
        Of another kind, damaged, or of a version that this one cannot read.
    """
    tables, check = {"run": (("scores", "history"), _check_run), "plan": (("history",), _check_plan)}[kind]
    return read_archive(Path(path), kind, tables, check)


def load_run(path: str | Path, section: Section | None = None, reference: Reference | None = None) -> Run:
    """Open a saved run; its data are read from their files, unless given.

    Raises
    ------
    RunError
        A run that is damaged, of another version, without its data, or of other data.
    DataError
        Data that cannot be read.
    """
    saved = read_result(path, "run")
    for side, given in (("section", section), ("reference", reference)):
        if given is None:
            _require_files(saved, side, f"a {side}", f"it: load_run(path, {side}=...)")
    section = section or _read_section(saved)
    reference = _read_reference(saved, reference)
    saved.check_dataset("section", section)
    origin, config, folds = saved.provenance, saved.config, saved.metadata["folds"]
    known_genes = tuple(saved.metadata["panel"][: len(folds)])
    panel = align(section, reference)
    if "mapped" in origin:
        panel = restrict_panel(panel, known_genes, section.name)
    plan = build_imputation_plan(
        section,
        reference,
        panel,
        members=_count_fold_members(saved),
        components=int(saved.weights["head.weight"].shape[2]) - len(known_genes),
        seed=config.seed,
        labels=origin["labels"],
        batch=origin["batch"],
        hidden_genes=_hidden_genes(saved),
    )
    if list(panel.genes) != saved.metadata["panel"]:
        raise RunError(
            f"{path} has another panel of genes ({len(saved.metadata['panel'])}, now {len(panel.genes)}). "
            "Open the data that it was trained on."
        )
    choices = saved.metadata["choices"]
    return Run(
        _trained(saved, plan, (reference, section)),
        panel,
        origin["labels"],
        origin["batch"],
        StackingParameters(choices["readouts"], choices["refinements"], ValueTransform(**choices["shape"])),
        saved.tables["scores"].set_index("gene"),
        origin,
    )


def load_trained(path: str | Path, sets: Sequence[Dataset] | None = None) -> Trained:
    """Open a saved plan; its data are read from their files, unless given, in any order.

    Raises
    ------
    RunError
        A plan that is damaged, of another version, without its data, or of other data.
    DataError
        Data that cannot be read.
    """
    saved = read_result(path, "plan")
    names, spec = list(saved.provenance["data"]), PlanSpec.from_dict(saved.metadata["recipe"], str(path))
    if sets is None:
        for name in names:
            _require_files(saved, name, name, "the data: load_trained(path, sets)")
        sets = [read_dataset([Path(f) for f in saved.files(name)], name) for name in names]
        sets = with_distinct_modalities(sets) if spec.task == "separate" else sets
    by_name = {s.name: s for s in sets}
    for name in names:
        if name not in by_name:
            raise RunError(
                f"{path} was trained on a data set {name!r} ({' + '.join(saved.files(name)) or 'never a file'}), "
                f"which is not given; there are {', '.join(by_name) or 'none'}."
            )
        saved.check_dataset(name, by_name[name])
    datasets = tuple(by_name[name] for name in names)
    plan = build_plan(spec.task, datasets, **spec.compose_options)
    if list(plan.features) != saved.metadata["features"]:
        raise RunError(
            f"{path} has {len(saved.metadata['features'])} features, but the data give {len(plan.features)} now. "
            "Open it with the version that made it."
        )
    return _trained(saved, plan, datasets)


def open_mapping_source(path: str | Path, reference: Reference | None = None) -> tuple[PretrainedModel, Reference]:
    """Open what mapping takes from a saved run, and the reference cells that it was trained on.

    The reference is read from its file, unless given; the section of the run is not needed.

    Raises
    ------
    RunError
        A run that is damaged, of another version, without its reference, or of another one.
    DataError
        A reference that cannot be read.
    """
    saved = read_result(path, "run")
    if reference is None:
        _require_files(saved, "reference", "a reference", "it: open_mapping_source(path, reference)")
    reference = _read_reference(saved, reference)
    origin = saved.provenance
    model = PretrainedModel(
        saved.weights,
        saved.config,
        tuple(saved.metadata["panel"][: len(saved.metadata["folds"])]),
        _hidden_genes(saved),
        tuple(saved.metadata["covariates"]),
        origin["labels"],
        origin["batch"],
        {"run": str(path), **{key: origin[key] for key in ("config", "data", "versions")}},
    )
    return model, reference


def _trained(saved: SavedResult, plan: Plan, datasets: tuple[Dataset, ...]) -> Trained:
    """Networks of a plan with the saved weights."""
    trainer = Trainer(plan, saved.config)
    saved.load_weights(trainer)
    return Trained(datasets, trainer, saved.history)


def _require_files(saved: SavedResult, name: str, what: str, to_give: str) -> None:
    """Refuse to go on without a data set that was never a file. Raises RunError."""
    if not saved.files(name):
        label = saved.provenance["data"][name].get("name")
        raise RunError(
            f"{saved.path} was trained on {what} that was never a file{f' ({label})' if label else ''}. Give {to_give}."
        )


def _read_section(saved: SavedResult) -> Section:
    data = saved.provenance["data"]["section"]
    return read_section(data["path"], values=_declared_kind(data["values"]), flatten=True, **data.get("choices", {}))


def _read_reference(saved: SavedResult, given: Reference | None) -> Reference:
    """Cells of the reference that a run was trained on: of a large one the same draw."""
    data = saved.provenance["data"]["reference"]
    reference = given or read_reference(data["path"], values=_declared_kind(data["values"]))
    drawn = data.get("drawn")
    if drawn is not None and drawn["cells"] == reference.n_cells:
        reference = subsample_reference(reference, drawn["labels"], drawn["seed"], drawn["most"])
    saved.check_dataset("reference", reference)
    return reference


def _declared_kind(values: dict[str, object]) -> str | None:
    return str(values["kind"]) if values["declared"] else None


def _count_fold_members(saved: SavedResult) -> int:
    """Members with a fold: all but the last."""
    return int(next(iter(saved.weights.values())).shape[0]) // len(saved.config.kl_weights) - 1


def _hidden_genes(saved: SavedResult) -> Mask:
    """(members, shared genes) bool."""
    hidden: Mask = np.arange(_count_fold_members(saved))[:, None] == np.asarray(saved.metadata["folds"])[None]
    return hidden


def _check_run(saved: SavedResult) -> None:
    """Refuse a run without the entries that opening it needs. Raises KeyError, TypeError or ValueError."""
    metadata, origin = saved.metadata, saved.provenance
    choices, folds = metadata["choices"], metadata["folds"]
    for side in ("section", "reference"):
        data = origin["data"][side]
        str(data["fingerprint"]), str(data["name"]), data["path"], data["values"]["kind"], data["values"]["declared"]
        if not isinstance(data["path"], (str, type(None))):
            raise TypeError(f"the path of the {side} is not a string")
    list(metadata["panel"])
    if not all(isinstance(origin[key], (str, type(None))) for key in ("labels", "batch")):
        raise TypeError("labels or batch is not a string")
    list(choices["readouts"]), list(choices["refinements"]), require_object(choices["shape"])
    if not all(isinstance(f, int) and f >= 0 for f in folds) or not 0 < len(folds) <= len(metadata["panel"]):
        raise ValueError("its folds are not positions of members")
    if not all(isinstance(c, str) for c in metadata["covariates"]) or "head.weight" not in saved.weights:
        raise ValueError("its covariates are not strings, or it has no weights")
    saved.tables["scores"]["gene"]


def _check_plan(saved: SavedResult) -> None:
    """Refuse a plan without the entries that opening it needs. Raises KeyError, TypeError or ValueError."""
    for data in require_object(saved.provenance["data"]).values():
        str(data["fingerprint"])
        if not all(isinstance(f, str) for f in data["files"]):
            raise TypeError("the path of a data set is not a string")
    list(saved.metadata["features"])
    try:
        PlanSpec.from_dict(saved.metadata["recipe"])
    except ConfigError as error:
        raise ValueError(str(error)) from None
