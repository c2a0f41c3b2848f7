"""One modality from another, and cells as they would be under other levels of the covariates: arithmetic with the embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import ConfigError, DataError
from ..evaluation.metrics import metrics
from ..imputation.block_predictors import Matrix
from ..training.plan import Plan
from ..training.table import Table
from ..training.trained import Trained
from .generate import Generated, generate

PENALTY = 3.0  # on the hidden units, in units of the number of cells: what the levels explain is left to them
_LEVEL_PENALTY = 1.0  # cells
_LEAST_SPREAD = 1e-2


def translate(trained: Trained, table: str, given: str, wanted: str) -> Generated:
    """A block of some cells from one other block alone, even when no cell was measured for both: through the latent.

    Parameters
    ----------
    given, wanted
        Blocks. The encoder sees nothing but `given`.

    Raises
    ------
    ConfigError
        The cells were not measured for `given`, or nobody was for `wanted`.
    """
    check(trained.plan, {s.name: s.blocks for s in trained.sets}, table, given, wanted, {})
    return generate(trained, table, wanted, inputs=(given,))


@dataclass(frozen=True, eq=False)
class Shifted:
    """Cells as they would be under other levels.

    Attributes
    ----------
    rows : (cells,) int
        Of the data set: those with the levels from which it starts.
    values : (cells, features) float32
        log1p of the block's normalised values.
    scores
        One row a feature: Pearson, Spearman and RMSE (of z-scored values) of the head on held-out cells under their own levels. Of the asked combination,
        which nobody measured, nothing is known.
    """

    block: str
    features: tuple[str, ...]
    rows: NDArray[np.intp]
    values: Matrix
    scores: pd.DataFrame


def shift(trained: Trained, table: str, block: str, changes: Mapping[str, str], *, given: str | None = None) -> Shifted:
    """Cells with some levels exchanged: decode z + e(other levels) and z + e(own levels), and add the difference to what the cells have.

    What they have is measured, else generated. The decoder's last layer is fitted again in closed form, on its hidden units and the levels themselves: the
    embedding alone moves cells too little, since what the encoder sees holds the levels too.

    Parameters
    ----------
    changes
        Names of covariates ("batch: b1") and with which each is exchanged; cells that have all of the former.
    given
        Block that the encoder sees; default `block` where the cells have it, else what it was trained from.

    Raises
    ------
    ConfigError, DataError
        A level that there is not, or no cell with it; a block that nobody measures.
    """
    plan = trained.plan
    plan.block(block)
    own, pairs = plan.table(trained.data(table).name), _levels(plan, changes)
    rows = _having(own, pairs, changes)
    here = own.part(block) is not None
    inputs = (given,) if given is not None else (block,) if here else None
    head = _Head(trained, block)
    after = own.covariates[rows].copy()
    for a, b in pairs:
        after[:, a], after[:, b] = 0, 1
    z = trained.encode(table, inputs, rows)[0]
    change = head.predict(z, after) - head.predict(z, own.covariates[rows])
    values = head.truth(own, rows) if here else _columns(generate(trained, table, block, inputs=inputs), head.features)[rows]
    return Shifted(block, head.features, rows, (values + change).astype(np.float32), head.scores())


def check(plan: Plan, blocks: Mapping[str, Sequence[str]], table: str, given: str, wanted: str, changes: Mapping[str, str]) -> None:
    """Refuse before training what `translate` or `shift` would refuse after it.

    Parameters
    ----------
    blocks
        Of each data set.

    Raises
    ------
    ConfigError, DataError
        As `translate` and `shift`.
    """
    plan.block(wanted)
    if table not in blocks:
        raise ConfigError(f"no data set {table!r}; there are {', '.join(blocks)}.")
    if given not in blocks[table]:
        raise ConfigError(f"{table} does not measure {given!r}; it has {', '.join(blocks[table])}.")
    if changes:
        _having(plan.table(table), _levels(plan, changes), changes)


def _levels(plan: Plan, changes: Mapping[str, str]) -> list[tuple[int, int]]:
    """Positions of covariates and of those that take their place."""
    names = plan.covariates
    for name in (*changes, *changes.values()):
        if name not in names:
            raise ConfigError(f"no level {name!r} in this run; it has {'; '.join(names)}. Give the column with --covariate.")
    return [(names.index(a), names.index(b)) for a, b in changes.items()]


def _having(table: Table, pairs: Sequence[tuple[int, int]], changes: Mapping[str, str]) -> NDArray[np.intp]:
    """Rows with all levels that are exchanged."""
    rows = np.flatnonzero(np.all([table.covariates[:, a] > 0 for a, _ in pairs], axis=0))
    if not len(rows):
        raise DataError(f"no cell of {table.name} has {' and '.join(changes)}. Name levels that occur together.")
    return rows


def _columns(made: Generated, features: Sequence[str]) -> Matrix:
    at = pd.Index(made.features).get_indexer(pd.Index(list(features)))
    out: Matrix = made.values[:, at]
    return out


class _Head:
    """The last layer of the decoder, fitted in closed form on hidden units and levels of all cells that measure the block."""

    def __init__(self, trained: Trained, block: str) -> None:
        plan = trained.plan
        self.trained, self.block = trained, block
        self.tables = [t for t in plan.tables if t.part(block) is not None]
        common = set.intersection(*(set(p.features.tolist()) for t in self.tables if (p := t.part(block)) is not None))
        self.at = np.array(sorted(common), dtype=np.intp)
        self.features = tuple(plan.features[i] for i in self.at)
        trainer = trained.trainer
        x = np.concatenate([self._x(t, trainer.train_rows[t.name]) for t in self.tables])
        units = x.shape[1] - len(plan.covariates)
        self.shift, self.scale = np.zeros(x.shape[1], np.float32), np.ones(x.shape[1], np.float32)
        self.shift[:units], self.scale[:units] = x[:, :units].mean(0), x[:, :units].std(0) + _LEAST_SPREAD
        x = (x - self.shift) / self.scale
        known = np.concatenate([self.truth(t, trainer.train_rows[t.name]) for t in self.tables])
        self.mean = known.mean(0)
        penalty = np.full(x.shape[1], _LEVEL_PENALTY)
        penalty[:units] = PENALTY * len(x)
        self.slopes = np.linalg.solve((x.T @ x + np.diag(penalty)).astype(np.float64), x.T @ (known - self.mean))

    def truth(self, table: Table, rows: NDArray[np.intp]) -> Matrix:
        """(cells, features) measured values of some cells."""
        part = table.part(self.block)
        assert part is not None
        values = part.lognormalised()[rows][:, np.searchsorted(part.features, self.at)].toarray()
        if self.trained.data(table.name).modality(self.block).normalise == "binary":
            values = (values > 0).astype(np.float32)
        out: Matrix = values
        return out

    def _x(self, table: Table, rows: NDArray[np.intp]) -> Matrix:
        z = self.trained.encode(table.name, (self.block,) if self._shown() else None, rows)[0]
        return self._design(z, table.covariates[rows])

    def _shown(self) -> bool:
        block = self.trained.plan.block(self.block)
        return bool(self.trained.plan.inputs[block.start : block.stop].any())

    def _design(self, z: Matrix, covariates: NDArray[np.float32]) -> Matrix:
        out: Matrix = np.hstack([*self.trained.hidden(z, covariates), covariates])
        return out

    def predict(self, z: Matrix, covariates: NDArray[np.float32]) -> Matrix:
        """(cells, features) of latents (networks, cells, latent) decoded with covariates (cells, covariates)."""
        out: Matrix = ((self._design(z, covariates) - self.shift) / self.scale @ self.slopes + self.mean).astype(np.float32)
        return out

    def scores(self) -> pd.DataFrame:
        """On cells that no gradient saw."""
        held = self.trained.trainer.validation_rows
        x = np.concatenate([self._x(t, held[t.name]) for t in self.tables])
        truth = np.concatenate([self.truth(t, held[t.name]) for t in self.tables])
        found = metrics(truth, (x - self.shift) / self.scale @ self.slopes + self.mean)[["pcc", "spearman", "rmse"]]
        return found.set_index(pd.Index(self.features, name="feature"))
