"""A trained plan to a file, and back with its data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...data.dataset import Dataset
from ...errors import ConfigError, RunError
from ...training.archive import (
    ArchiveContents,
    history_from_table,
    history_to_table,
    load_weights,
    read_archive,
    read_config,
    require_object,
    write_archive,
)
from ...training.build_plan import build_plan
from ...training.plan import PlanSpec
from ...training.trained import Trained
from ...training.trainer import Trainer


def save(trained: Trained, path: str | Path) -> Path:
    """Write the weights, what the plan was asked for, and where the data came from; the data themselves are not in the file.

    Raises
    ------
    OutputError
        A place that cannot be written to.
    RunError
        A plan that `compose` did not make.
    """
    if trained.plan.spec is None:
        raise RunError(
            "only a plan made by `compose` can be saved and made again; this one was put together otherwise."
        )
    about = {
        "recipe": trained.plan.spec.to_dict(),
        "features": list(trained.plan.features),
        "provenance": trained.provenance,
    }
    return write_archive(
        Path(path), "plan", about, {"history": history_to_table(trained.history)}, trained.trainer.model.state_dict()
    )


def read_metadata(path: str | Path) -> dict[str, Any]:
    """What a saved plan says of itself, without its data.

    Raises
    ------
    RunError
        Not a saved plan, damaged, or of a version that this one cannot read.
    """
    return _read_contents(path).metadata


def load(path: str | Path, datasets: Sequence[Dataset]) -> Trained:
    """A saved plan with its data, in any order.

    Raises
    ------
    RunError
        As `describe`; data sets that are missing, or differ from those that it was trained on.
    """
    about, tables, weights = _read_contents(path)
    origin, by_name = about["provenance"], {s.name: s for s in datasets}
    ordered = []
    for name, was in origin["data"].items():
        if name not in by_name:
            raise RunError(
                f"{path} was trained on a data set {name!r} ({_file_names(was)}), which is not given; there are {', '.join(by_name) or 'none'}."
            )
        if by_name[name].fingerprint != was["fingerprint"]:
            raise RunError(
                f"{path} was trained on another {name} than the one given: values, features or cells differ. Open {_file_names(was)}."
            )
        ordered.append(by_name[name])
    recipe = PlanSpec.from_dict(about["recipe"], str(path))
    config = read_config(path, origin)
    trainer = Trainer(build_plan(recipe.task, ordered, **recipe.compose_options), config)
    if list(trainer.plan.features) != about["features"]:
        raise RunError(
            f"{path} has {len(about['features'])} features, but the data give {len(trainer.plan.features)} now. Open it with the version that made it."
        )
    load_weights(trainer, weights, path)
    return Trained(tuple(ordered), trainer, history_from_table(tables["history"]))


def _file_names(data: dict[str, Any]) -> str:
    return " + ".join(data["files"]) or "what it was trained on"


def _read_contents(path: str | Path) -> ArchiveContents:
    return read_archive(Path(path), "plan", ("history",), _check_contents)


def _check_contents(parts: ArchiveContents) -> None:
    """Refuse a plan without the entries that opening it needs. Raises KeyError, TypeError or ValueError."""
    about = parts.metadata
    origin = about["provenance"]
    for data in require_object(origin["data"]).values():
        str(data["fingerprint"])
        if not all(isinstance(f, str) for f in data["files"]):
            raise TypeError("the path of a data set is no text")
    require_object(origin["config"]), str(origin["versions"]["napari-inclust"]), list(about["features"])
    try:
        PlanSpec.from_dict(about["recipe"])
    except ConfigError as error:
        raise ValueError(str(error)) from None
    history_from_table(parts.tables["history"])
