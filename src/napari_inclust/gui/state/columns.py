"""Which columns of `obs` hold categories or numbers, and which of them cell types or batches: proposals for the forms."""

from __future__ import annotations

import re
from typing import Any

_TYPES = re.compile(r"cell.?type|cell.?class|subclass|annotation|cluster|^label|_label$|^type$|^class$|ident", re.I)
_BATCHES = re.compile(r"batch|sample|donor|animal|patient|mouse|subject|slide|library", re.I)
MOST = 300  # categories: more are names of cells, not types


def categories(obs: Any) -> list[str]:
    """Columns that hold at least two and at most `MOST` categories.

    Parameters
    ----------
    obs : DataFrame
    """
    out = []
    for name in obs.columns:
        column = obs[name]
        if (column.dtype.kind in "Ob" or str(column.dtype) in ("category", "string", "str")) and 2 <= column.nunique() <= min(MOST, max(2, len(obs) // 2)):
            out.append(str(name))
    return out


def numbers(obs: Any) -> list[str]:
    """Columns that hold numbers, at least two different ones.

    Parameters
    ----------
    obs : DataFrame
    """
    return [str(name) for name in obs.columns if getattr(obs[name].dtype, "kind", "O") in "iuf" and obs[name].nunique() > 1]


def _likely(names: list[str], pattern: re.Pattern[str]) -> str | None:
    return next((n for n in names if pattern.search(n)), None)


def likely_types(obs: Any) -> str | None:
    """The column that most likely holds cell types, or None."""
    found = categories(obs)
    for name in ("cell_type", "celltype", "cell_class"):
        if name in found:
            return name
    return _likely(found, _TYPES)


def likely_batch(obs: Any) -> str | None:
    """The column that most likely holds batches, or None."""
    return _likely(categories(obs), _BATCHES)
