"""Columns of obs given as KEY or NAME:KEY, the same in every command: `--labels`, `--truth`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from ..data.dataset import Dataset
    from ..data.section import Reference

TASKS_WITH_TARGET = ("transfer", "generate")  # the first data set is the target, the others are its references


def label_column(labels: str | None, reference: Reference) -> str | None:
    """Column with the cell types of the only reference, from `--labels`; its section is never labelled.

    Raises
    ------
    ConfigError, DataError
        As `columns_by_dataset`.
    """
    if labels is None:
        return None
    obs = {reference.name: reference.adata.obs}
    return columns_by_dataset([labels], "--labels", obs, [reference.name])[reference.name]


def label_columns(task: str, datasets: Sequence[Dataset], labels: Sequence[str] | None) -> dict[str, str]:
    """Column with the cell types by name of the data set, from `--labels`.

    KEY is the column of every reference where the task has a target; else of every data set that has it.

    Raises
    ------
    ConfigError, DataError
        As `columns_by_dataset`.
    """
    obs = {s.name: s.obs for s in datasets}
    references = [s.name for s in datasets[1:]] if task in TASKS_WITH_TARGET else None
    return columns_by_dataset(labels, "--labels", obs, references)


def columns_by_dataset(
    given: Sequence[str] | None,
    option: str,
    obs: Mapping[str, pd.DataFrame],
    labelled: Sequence[str] | None = None,
) -> dict[str, str]:
    """Column by name of the data set; each is looked up before anything is trained.

    Parameters
    ----------
    given
        KEY or NAME:KEY, as typed; of two for one data set the last counts.
    option
        Its name, for messages.
    obs
        obs of each data set, by name.
    labelled
        Data sets that KEY alone stands for: each must have the column. None: those of all that have it.

    Raises
    ------
    ConfigError
        A name that no data set has.
    DataError
        A column that is missing.
    """
    from ..data.obs import describe_columns, string_column

    columns: dict[str, str] = {}
    for text in given or ():
        name, colon, key = text.partition(":")
        if colon and name in obs:
            chosen = {name: key}
        elif colon and not any(text in table for table in obs.values()):
            raise ConfigError(f"{option} names a data set {name!r}; expected {', '.join(obs)}, or a column alone.")
        else:
            chosen = dict.fromkeys(labelled or [n for n in obs if text in obs[n]], text)
        if not chosen:
            have = "; ".join(f"{n} has {describe_columns(table)}" for n, table in obs.items())
            raise DataError(f"no data set has a column {text!r} in obs ({have}). Name one of these.")
        for n, column in chosen.items():
            string_column(obs[n], column, n)
        columns |= chosen
    return columns


def parse_pairs(given: Sequence[str] | None, option: str, expected: str) -> dict[str, str]:
    """`A:B` as a dictionary.

    Raises
    ------
    ConfigError
        Another form.
    """
    pairs = [text.partition(":") for text in given or ()]
    wrong = [first for first, colon, _ in pairs if not colon]
    if wrong:
        raise ConfigError(f"{option} {wrong[0]} was given; expected {expected}.")
    return {first: second for first, _, second in pairs}
