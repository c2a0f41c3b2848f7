"""From blocks of features to a plan: places of the blocks, tables of their parts, presentations of the arrows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .plan import Arrow, Block, Plan, Presentation
from .table import Mask, MeasuredBlock, Table


class BlockData(NamedTuple):
    """A block with the data of each table, before it has a place in a plan.

    `common` (features,) says which features the encoder may see; `measured` has positions within the block.
    """

    name: str
    features: tuple[str, ...]
    common: Mask
    measured: Mapping[str, MeasuredBlock]


def assemble_plan(
    task: str,
    blocks: Sequence[BlockData],
    arrows: Sequence[Arrow],
    rows: Mapping[str, tuple[NDArray[np.float32], NDArray[np.intp]]],
    *,
    hidden_features: Mask | None = None,
    members: int = 1,
    likelihoods: Mapping[str, str] | None = None,
    **options: Any,
) -> Plan:
    """Put blocks one after the other, tables from their parts, and presentations from the arrows.

    Parameters
    ----------
    rows
        Covariates (cells, covariates) and class codes (cells,) of each table.
    hidden_features : (members, features) bool, optional
        Default nothing is hidden from any of the `members`.
    options
        Further fields of `Plan`.
    """
    starts = np.cumsum([0, *(len(b.features) for b in blocks)])
    n = int(starts[-1])
    placed = [
        Block(b.name, int(start), int(start) + len(b.features), (likelihoods or {}).get(b.name, "squared"))
        for b, start in zip(blocks, starts, strict=False)
    ]
    tables = tuple(
        Table(
            name,
            tuple(
                replace(b.measured[name], feature_indices=b.measured[name].feature_indices + start)
                for b, start in zip(blocks, starts, strict=False)
                if name in b.measured
            ),
            covariates,
            codes,
        )
        for name, (covariates, codes) in rows.items()
    )
    common = np.concatenate([b.common for b in blocks])
    measured = {t.name: t.measured_mask(n) for t in tables}

    def mask(names: Sequence[str]) -> Mask:
        out = np.zeros(n, dtype=bool)
        for block in placed:
            out[block.start : block.stop] = block.name in names
        return out

    return Plan(
        task=task,
        blocks=tuple(placed),
        features=tuple(f for b in blocks for f in b.features),
        tables=tables,
        presentations=tuple(
            Presentation(a.dataset, mask(a.inputs) & common, mask(a.outputs) & measured[a.dataset], a.hides_output)
            for a in arrows
        ),
        hidden_features=np.zeros((members, n), dtype=bool) if hidden_features is None else hidden_features,
        **options,
    )
