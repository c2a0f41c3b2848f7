"""Columns of obs as text, class codes and covariates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from .section import Reference

_MISSING_LABELS = {"", "nan", "none", "na", "n/a", "unknown", "unassigned", "ambiguous", "unstable"}


def obs_column(data: Reference, key: str) -> NDArray[np.str_]:
    """Return a column of obs as text (cells,).

    Raises
    ------
    DataError
        No such column; the message names the first existing ones.
    """
    return string_column(data.adata.obs, key, data.name)


def string_column(obs: pd.DataFrame, key: str, name: str) -> NDArray[np.str_]:
    """Return a column of a table of obs as text; as `obs_column`, with the name of the data set for the message."""
    if key not in obs:
        raise DataError(f"{name} has no column {key!r} in obs (it has {describe_columns(obs)}). Name one of these.")
    return np.asarray(obs[key].astype(str))


def describe_columns(obs: pd.DataFrame) -> str:
    """List the first 12 columns."""
    return ", ".join(map(str, obs.columns[:12])) or "nothing"


def groups_cells(column: pd.Series[Any], max_groups: int) -> bool:
    """Whether a column has text or categories for groups of cells: at least two, and clearly fewer than cells."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    if is_numeric_dtype(column) or is_bool_dtype(column):
        return False
    return 1 < int(column.nunique()) <= min(max_groups, max(2, len(column) // 2))


def label_codes(data: Reference, key: str) -> tuple[tuple[str, ...], NDArray[np.intp]]:
    """Return the classes of a column of obs and the code of each cell, -1 without a label (`has_label`).

    Raises
    ------
    DataError
        No such column, fewer than two classes, or more than one for every two cells (names or numbers of cells).
    """
    label = f"obs[{key!r}] of {data.name}"
    classes, (codes,) = joint_label_codes([obs_column(data, key)], label)
    labelled = int((codes >= 0).sum())
    if 2 * len(classes) > labelled:
        raise DataError(
            f"{label} has {len(classes):,} classes for {labelled:,} cells: no cell types, which many cells have in "
            "common. Choose another column, or none."
        )
    return classes, codes


def joint_label_codes(
    columns: Sequence[NDArray[np.str_]], label: str
) -> tuple[tuple[str, ...], list[NDArray[np.intp]]]:
    """Return one list of classes for several columns, and the codes of each (-1 without a label).

    Raises
    ------
    DataError
        Fewer than two classes.
    """
    labelled = [has_label(c) for c in columns]
    classes = tuple(sorted({str(v) for c, ok in zip(columns, labelled, strict=True) for v in c[ok]}))
    if len(classes) < 2:
        raise DataError(
            f"{label} has {len(classes)} class{'' if len(classes) == 1 else 'es'}; labels need at least two. "
            "Choose another column, or none."
        )
    position = {c: i for i, c in enumerate(classes)}
    codes = [
        np.array([position[v] if good else -1 for v, good in zip(c, ok, strict=True)], dtype=np.intp)
        for c, ok in zip(columns, labelled, strict=True)
    ]
    return classes, codes


def has_label(column: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Return which cells (cells,) have a label: not missing, "unknown", "unassigned", "ambiguous" or the like."""
    return np.array([v.strip().lower() not in _MISSING_LABELS for v in column], dtype=bool)


def multi_hot_covariates(
    obs_by_dataset: Mapping[str, pd.DataFrame], keys: Sequence[str]
) -> tuple[tuple[str, ...], dict[str, NDArray[np.float32]]]:
    """Encode covariates of several data sets: the data set itself, then every level of the named columns of obs.

    A data set that lacks a column has none of its levels.

    Returns
    -------
    names
        Of the covariates, "data set: NAME" and "KEY: LEVEL".
    codes
        By data set, a (cells, covariates) float32 matrix of zeros and ones.

    Raises
    ------
    DataError
        A column that no data set has, or that has one level only.
    """
    names = [f"data set: {name}" for name in obs_by_dataset]
    one_hot = [
        np.repeat(np.eye(len(obs_by_dataset), dtype=np.float32)[i][None], len(obs), 0)
        for i, obs in enumerate(obs_by_dataset.values())
    ]
    for key in keys:
        having = [name for name, obs in obs_by_dataset.items() if key in obs]
        if not having:
            string_column(next(iter(obs_by_dataset.values())), key, " and ".join(obs_by_dataset))
        values = {name: string_column(obs_by_dataset[name], key, name) for name in having}
        levels = sorted({str(v) for column in values.values() for v in column})
        if len(levels) < 2:
            raise DataError(
                f"the covariate {key!r} has one level ({levels[0]}) in {', '.join(having)}: it explains nothing. "
                "Leave it out."
            )
        names += [f"{key}: {level}" for level in levels]
        for i, (name, obs) in enumerate(obs_by_dataset.items()):
            added = np.zeros((len(obs), len(levels)), dtype=np.float32)
            if name in values:
                added[np.arange(len(obs)), np.searchsorted(levels, values[name])] = 1
            one_hot[i] = np.hstack([one_hot[i], added])
    return tuple(names), dict(zip(obs_by_dataset, one_hot, strict=True))
