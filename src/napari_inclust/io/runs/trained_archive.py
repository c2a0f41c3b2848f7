"""A trained plan to a file, and back with its data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...data.dataset import Dataset
from ...errors import ConfigError, RunError
from ...training.archive import Parts, epochs_from, epochs_table, fill, read, settings, table, write
from ...training.build_plan import compose
from ...training.plan import Recipe
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
    if trained.plan.recipe is None:
        raise RunError("only a plan made by `compose` can be saved and made again; this one was put together otherwise.")
    about = {"recipe": trained.plan.recipe.to_dict(), "features": list(trained.plan.features), "provenance": trained.provenance}
    return write(Path(path), "plan", about, {"history": epochs_table(trained.history)}, trained.trainer.model.state_dict())


def describe(path: str | Path) -> dict[str, Any]:
    """What a saved plan says of itself, without its data.

    Raises
    ------
    RunError
        Not a saved plan, damaged, or of a version that this one cannot read.
    """
    return _read(path).about


def load(path: str | Path, sets: Sequence[Dataset]) -> Trained:
    """A saved plan with its data, in any order.

    Raises
    ------
    RunError
        As `describe`; data sets that are missing, or differ from those that it was trained on.
    """
    about, tables, weights = _read(path)
    origin, by_name = about["provenance"], {s.name: s for s in sets}
    ordered = []
    for name, was in origin["data"].items():
        if name not in by_name:
            raise RunError(f"{path} was trained on a data set {name!r} ({_where(was)}), which is not given; there are {', '.join(by_name) or 'none'}.")
        if by_name[name].fingerprint != was["fingerprint"]:
            raise RunError(f"{path} was trained on another {name} than the one given: values, features or cells differ. Open {_where(was)}.")
        ordered.append(by_name[name])
    recipe = Recipe.from_dict(about["recipe"], str(path))
    config = settings(path, origin)
    trainer = Trainer(compose(recipe.task, ordered, **recipe.options), config)
    if list(trainer.plan.features) != about["features"]:
        raise RunError(
            f"{path} has {len(about['features'])} features, but the data give {len(trainer.plan.features)} now. Open it with the version that made it."
        )
    fill(trainer, weights, path)
    return Trained(tuple(ordered), trainer, epochs_from(tables["history"]))


def _where(data: dict[str, Any]) -> str:
    return " + ".join(data["files"]) or "what it was trained on"


def _read(path: str | Path) -> Parts:
    return read(Path(path), "plan", ("history",), _check)


def _check(parts: Parts) -> None:
    """Refuse a plan without the entries that opening it needs. Raises KeyError, TypeError or ValueError."""
    about = parts.about
    origin = about["provenance"]
    for data in table(origin["data"]).values():
        str(data["fingerprint"])
        if not all(isinstance(f, str) for f in data["files"]):
            raise TypeError("the path of a data set is no text")
    table(origin["config"]), str(origin["versions"]["napari-inclust"]), list(about["features"])
    try:
        Recipe.from_dict(about["recipe"])
    except ConfigError as error:
        raise ValueError(str(error)) from None
    epochs_from(parts.tables["history"])
