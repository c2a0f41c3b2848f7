"""Columns of `obs` with categories or numbers, and guesses of those with cell types or batches."""

from __future__ import annotations

import re
from typing import Any

from ...paint.values import CellCategories

_CELL_TYPE_PATTERN = re.compile(
    r"cell.?type|cell.?class|subclass|annotation|cluster|^label|_label$|^type$|^class$|ident", re.I
)
_BATCH_PATTERN = re.compile(r"batch|sample|donor|animal|patient|mouse|subject|slide|library", re.I)
MAX_CATEGORIES = 300  # categories: more are names of cells, not types


def categorical_columns(obs: Any) -> list[str]:
    """Columns that hold at least two and at most `MOST` categories.

    Parameters
    ----------
    obs : DataFrame
    """
    out = []
    for name in obs.columns:
        column = obs[name]
        if (
            column.dtype.kind in "Ob" or str(column.dtype) in ("category", "string", "str")
        ) and 2 <= column.nunique() <= min(MAX_CATEGORIES, max(2, len(obs) // 2)):
            out.append(str(name))
    return out


def numeric_columns(obs: Any) -> list[str]:
    """Columns that hold numbers, at least two different ones.

    Parameters
    ----------
    obs : DataFrame
    """
    return [
        str(name) for name in obs.columns if getattr(obs[name].dtype, "kind", "O") in "iuf" and obs[name].nunique() > 1
    ]


def _first_match(names: list[str], pattern: re.Pattern[str]) -> str | None:
    return next((n for n in names if pattern.search(n)), None)


def guess_cell_type_column(obs: Any) -> str | None:
    """Return the column that most likely holds cell types, or None."""
    found = categorical_columns(obs)
    for name in ("cell_type", "celltype", "cell_class"):
        if name in found:
            return name
    return _first_match(found, _CELL_TYPE_PATTERN)


def guess_batch_column(obs: Any) -> str | None:
    """Return the column that most likely holds batches, or None."""
    return _first_match(categorical_columns(obs), _BATCH_PATTERN)


def categories_from_column(section: Any, column: str) -> CellCategories:
    """Return the categories of a column of a section, in the colours of its file where it has any."""
    return CellCategories.from_column(column, section.adata.obs[column], section.adata.uns.get(f"{column}_colors"))
