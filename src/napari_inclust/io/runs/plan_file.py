"""A plan as a TOML file: data sets, the specification of the plan, and settings."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...data.dataset import Dataset, with_distinct_modalities
from ...errors import ConfigError
from ...training.config import Config
from ...training.plan import PlanSpec
from ..readers.datasets import read_dataset


@dataclass(frozen=True)
class PlanFile:
    """The contents of a PLAN.toml.

    Attributes
    ----------
    files
        Of each data set; relative ones are beside the PLAN.toml.
    """

    recipe: PlanSpec
    files: Mapping[str, tuple[Path, ...]]
    config: Config

    def open_datasets(self) -> list[Dataset]:
        """Read the data sets.

        Raises
        ------
        DataError
            As `datasets.read_dataset`.
        """
        sets = [read_dataset(list(files), name) for name, files in self.files.items()]
        return with_distinct_modalities(sets) if self.recipe.task == "separate" else sets


def read_plan(path: str | Path) -> PlanFile:
    """Read a PLAN.toml.

    `task`, `covariates`, `spare`, `likelihoods`, `keep`, `members`, `decode_as` and `[[arrows]]` as in `build_plan`;
    `[data.NAME]` with `files` (one, or a list of modalities of the same cells) and, where its labels are to be used,
    `labels`; `[settings]` with a `preset` and single settings.

    Raises
    ------
    ConfigError
        A file that is missing or no TOML; entries that are missing, unknown or of the wrong kind.
    """
    path = Path(path)
    try:
        text = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the plan {path}: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not a TOML file: {error}.") from None
    data, settings = (
        _check_tables(text.pop("data", {}), "data", path),
        _check_tables({"settings": text.pop("settings", {})}, "settings", path)["settings"],
    )
    if not data:
        raise ConfigError(f'{path} names no data; expected tables like [data.pbmc] with files = "pbmc.h5ad".')
    files, labels = {}, {}
    for name, entry in data.items():
        unknown = set(entry) - {"files", "labels"}
        given = [entry["files"]] if isinstance(entry.get("files"), str) else entry.get("files")
        if (
            unknown
            or not isinstance(given, list)
            or not given
            or not all(isinstance(f, str) for f in given)
            or not isinstance(entry.get("labels", ""), str)
        ):
            raise ConfigError(
                f'[data.{name}] of {path} is {entry!r}; expected files = "a.h5ad" (or a list of modalities of the same '
                'cells) and perhaps labels = "column".'
            )
        files[name] = tuple(path.parent / f for f in given)
        if "labels" in entry:
            labels[name] = entry["labels"]
    if "labels" in text:
        raise ConfigError(f"{path} has labels outside of its data; write them into [data.NAME].")
    recipe = PlanSpec.from_dict({**text, "labels": labels}, str(path))
    preset = settings.pop("preset", "balanced")
    return PlanFile(recipe, files, Config.preset(str(preset)).replace(**settings))


def _check_tables(given: Any, name: str, path: Path) -> dict[str, dict[str, Any]]:
    """Check that an entry is a table of tables. Raises ConfigError."""
    if not isinstance(given, dict) or not all(isinstance(v, dict) for v in given.values()):
        raise ConfigError(f"{name} of {path} is {given!r}; expected a table.")
    return {k: dict(v) for k, v in given.items()}
