"""One modality from another, and cells as they would be under other levels of the covariates: arithmetic with the embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import ConfigError, DataError
from ..evaluation.metrics import gene_metrics
from ..imputation.block_predictors import Matrix
from ..training.plan import Plan
from ..training.table import Table
from ..training.trained import Trained
from .generate import GeneratedBlock, generate

HIDDEN_UNIT_PENALTY = (
    3.0  # on the hidden units, in units of the number of cells: what the levels explain is left to them
)
_COVARIATE_PENALTY = 1.0  # cells
_MIN_SD = 1e-2


def translate(trained: Trained, table: str, source_block: str, target_block: str) -> GeneratedBlock:
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
    check_translation(
        trained.plan, {s.name: s.modality_names for s in trained.datasets}, table, source_block, target_block, {}
    )
    return generate(trained, table, target_block, inputs=(source_block,))


@dataclass(frozen=True, eq=False)
class CounterfactualCells:
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


def predict_counterfactual(
    trained: Trained, table: str, block: str, level_changes: Mapping[str, str], *, source_block: str | None = None
) -> CounterfactualCells:
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
    own, pairs = plan.table(trained.dataset(table).name), _covariate_pairs(plan, level_changes)
    rows = _rows_with_levels(own, pairs, level_changes)
    here = own.measured_block(block) is not None
    inputs = (source_block,) if source_block is not None else (block,) if here else None
    head = _RefittedHead(trained, block)
    after = own.covariates[rows].copy()
    for a, b in pairs:
        after[:, a], after[:, b] = 0, 1
    z = trained.encode(table, inputs, rows)[0]
    change = head.predict(z, after) - head.predict(z, own.covariates[rows])
    values = (
        head.measured_values(own, rows)
        if here
        else _select_features(generate(trained, table, block, inputs=inputs), head.features)[rows]
    )
    return CounterfactualCells(block, head.features, rows, (values + change).astype(np.float32), head.held_out_scores())


def check_translation(
    plan: Plan,
    blocks_by_dataset: Mapping[str, Sequence[str]],
    table: str,
    source_block: str,
    target_block: str,
    level_changes: Mapping[str, str],
) -> None:
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
    plan.block(target_block)
    if table not in blocks_by_dataset:
        raise ConfigError(f"no data set {table!r}; there are {', '.join(blocks_by_dataset)}.")
    if source_block not in blocks_by_dataset[table]:
        raise ConfigError(f"{table} does not measure {source_block!r}; it has {', '.join(blocks_by_dataset[table])}.")
    if level_changes:
        _rows_with_levels(plan.table(table), _covariate_pairs(plan, level_changes), level_changes)


def _covariate_pairs(plan: Plan, level_changes: Mapping[str, str]) -> list[tuple[int, int]]:
    """Positions of covariates and of those that take their place."""
    names = plan.covariates
    for name in (*level_changes, *level_changes.values()):
        if name not in names:
            raise ConfigError(
                f"no level {name!r} in this run; it has {'; '.join(names)}. Give the column with --covariate."
            )
    return [(names.index(a), names.index(b)) for a, b in level_changes.items()]


def _rows_with_levels(
    table: Table, pairs: Sequence[tuple[int, int]], level_changes: Mapping[str, str]
) -> NDArray[np.intp]:
    """Rows with all levels that are exchanged."""
    rows = np.flatnonzero(np.all([table.covariates[:, a] > 0 for a, _ in pairs], axis=0))
    if not len(rows):
        raise DataError(f"no cell of {table.name} has {' and '.join(level_changes)}. Name levels that occur together.")
    return rows


def _select_features(generated: GeneratedBlock, features: Sequence[str]) -> Matrix:
    at = pd.Index(generated.features).get_indexer(pd.Index(list(features)))
    out: Matrix = generated.values[:, at]
    return out


class _RefittedHead:
    """The last layer of the decoder, fitted in closed form on hidden units and levels of all cells that measure the block."""

    def __init__(self, trained: Trained, block: str) -> None:
        plan = trained.plan
        self.trained, self.block = trained, block
        self.tables = [t for t in plan.tables if t.measured_block(block) is not None]
        common = set.intersection(
            *(set(p.feature_indices.tolist()) for t in self.tables if (p := t.measured_block(block)) is not None)
        )
        self.feature_indices = np.array(sorted(common), dtype=np.intp)
        self.features = tuple(plan.features[i] for i in self.feature_indices)
        trainer = trained.trainer
        x = np.concatenate([self._encode_design(t, trainer.train_rows[t.name]) for t in self.tables])
        units = x.shape[1] - len(plan.covariates)
        self.design_mean, self.design_sd = np.zeros(x.shape[1], np.float32), np.ones(x.shape[1], np.float32)
        self.design_mean[:units], self.design_sd[:units] = x[:, :units].mean(0), x[:, :units].std(0) + _MIN_SD
        x = (x - self.design_mean) / self.design_sd
        known = np.concatenate([self.measured_values(t, trainer.train_rows[t.name]) for t in self.tables])
        self.intercept = known.mean(0)
        penalty = np.full(x.shape[1], _COVARIATE_PENALTY)
        penalty[:units] = HIDDEN_UNIT_PENALTY * len(x)
        self.coefficients = np.linalg.solve(
            (x.T @ x + np.diag(penalty)).astype(np.float64), x.T @ (known - self.intercept)
        )

    def measured_values(self, table: Table, rows: NDArray[np.intp]) -> Matrix:
        """(cells, features) measured values of some cells."""
        part = table.measured_block(self.block)
        assert part is not None
        values = part.lognormalised()[rows][:, np.searchsorted(part.feature_indices, self.feature_indices)].toarray()
        if self.trained.dataset(table.name).modality(self.block).normalisation == "binary":
            values = (values > 0).astype(np.float32)
        out: Matrix = values
        return out

    def _encode_design(self, table: Table, rows: NDArray[np.intp]) -> Matrix:
        z = self.trained.encode(table.name, (self.block,) if self._is_encoder_input() else None, rows)[0]
        return self._design_matrix(z, table.covariates[rows])

    def _is_encoder_input(self) -> bool:
        block = self.trained.plan.block(self.block)
        return bool(self.trained.plan.input_mask[block.start : block.stop].any())

    def _design_matrix(self, z: Matrix, covariates: NDArray[np.float32]) -> Matrix:
        out: Matrix = np.hstack([*self.trained.decoder_activations(z, covariates), covariates])
        return out

    def predict(self, z: Matrix, covariates: NDArray[np.float32]) -> Matrix:
        """(cells, features) of latents (networks, cells, latent) decoded with covariates (cells, covariates)."""
        out: Matrix = (
            (self._design_matrix(z, covariates) - self.design_mean) / self.design_sd @ self.coefficients
            + self.intercept
        ).astype(np.float32)
        return out

    def held_out_scores(self) -> pd.DataFrame:
        """On cells that no gradient saw."""
        held = self.trained.trainer.validation_rows
        x = np.concatenate([self._encode_design(t, held[t.name]) for t in self.tables])
        truth = np.concatenate([self.measured_values(t, held[t.name]) for t in self.tables])
        found = gene_metrics(truth, (x - self.design_mean) / self.design_sd @ self.coefficients + self.intercept)[
            ["pcc", "spearman", "rmse"]
        ]
        return found.set_index(pd.Index(self.features, name="feature"))
