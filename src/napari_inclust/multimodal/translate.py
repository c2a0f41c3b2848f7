"""One modality from another, and cells under other levels of the covariates: arithmetic with the embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import ConfigError, DataError
from ..evaluation.metrics import gene_metrics
from ..imputation.predictors import RequestedFeatures, RidgePredictor
from ..training.inference import EncodedCells
from ..training.plan import Plan
from ..training.table import Table
from ..training.trained import Trained
from .block_predictor import encode_with_covariate
from .generate import GeneratedBlock, generate

HIDDEN_UNIT_PENALTY = 3.0  # in units of the number of cells: what the levels explain is left to them
COVARIATE_PENALTY = 1.0  # cells

Matrix = NDArray[np.floating[Any]]


def translate(trained: Trained, table: str, source_block: str, target_block: str) -> GeneratedBlock:
    """Predict a block of some cells from one other block alone, through the latent.

    No cell needs to be measured for both.

    Parameters
    ----------
    source_block
        The only block that the encoder sees.

    Raises
    ------
    ConfigError
        The cells were not measured for `source_block`, or no data set measures `target_block`.
    """
    check_translation(
        trained.plan, {s.name: s.modality_names for s in trained.datasets}, table, source_block, target_block, {}
    )
    return generate(trained, table, target_block, inputs=(source_block,))


@dataclass(frozen=True, eq=False)
class CounterfactualCells:
    """Cells under other levels of the covariates than their own.

    Attributes
    ----------
    rows : (cells,) int
        Rows of the data set that have the levels to exchange.
    values : (cells, features) float32
        log1p of the block's normalised values.
    scores
        One row a feature: Pearson, Spearman and RMSE (of z-scored values) of the decoder on held-out cells under their
        own levels. The combination of levels that was asked for is not measured, so it has no score.
    """

    block: str
    features: tuple[str, ...]
    rows: NDArray[np.intp]
    values: Matrix
    scores: pd.DataFrame


def predict_counterfactual(
    trained: Trained, table: str, block: str, level_changes: Mapping[str, str], *, source_block: str | None = None
) -> CounterfactualCells:
    """Exchange some levels of the covariates: add the difference that they make in the decoder to the cells' values.

    The values are the measured ones, else generated ones; the difference is that of z + e(other levels) and z + e(own
    levels), decoded. The decoder's last layer is fitted again in closed form, on its hidden units and the levels
    themselves: the embedding alone moves cells too little, since what the encoder sees depends on the levels too.

    Parameters
    ----------
    level_changes
        Names of covariates ("batch: b1") and those that replace them; for the cells that have all of the former.
    source_block
        Block that the encoder sees; default `block` where the cells have it, else what it was trained from.

    Raises
    ------
    ConfigError, DataError
        An unknown level, or one that no cell has; a block that no data set measures.
    """
    plan = trained.plan
    plan.block(block)
    own, pairs = plan.table(trained.dataset(table).name), _covariate_pairs(plan, level_changes)
    rows = _rows_with_levels(own, pairs, level_changes)
    is_measured = own.measured_block(block) is not None
    inputs = (source_block,) if source_block is not None else (block,) if is_measured else None
    decoder = _RefittedDecoder(trained, block)
    before, after = own.covariates[rows], own.covariates[rows].copy()
    for a, b in pairs:
        after[:, a], after[:, b] = 0, 1
    encoded = trained.encode(table, inputs, rows)
    change = decoder.predict(encoded, after) - decoder.predict(encoded, before)
    if is_measured:
        values = decoder.measured_values(own, rows)
    else:
        values = generate(trained, table, block, inputs=inputs).subset(decoder.features).values[rows]
    scores = decoder.held_out_scores()
    return CounterfactualCells(block, decoder.features, rows, (values + change).astype(np.float32), scores)


def check_translation(
    plan: Plan,
    blocks_by_dataset: Mapping[str, Sequence[str]],
    table: str,
    source_block: str,
    target_block: str,
    level_changes: Mapping[str, str],
) -> None:
    """Check before training what `translate` and `predict_counterfactual` check after it.

    Parameters
    ----------
    blocks_by_dataset
        Names of the blocks that each data set measures.

    Raises
    ------
    ConfigError, DataError
        As `translate` and `predict_counterfactual`.
    """
    plan.block(target_block)
    if table not in blocks_by_dataset:
        raise ConfigError(f"no data set {table!r}; there are {', '.join(blocks_by_dataset)}.")
    if source_block not in blocks_by_dataset[table]:
        raise ConfigError(f"{table} does not measure {source_block!r}; it has {', '.join(blocks_by_dataset[table])}.")
    if level_changes:
        _rows_with_levels(plan.table(table), _covariate_pairs(plan, level_changes), level_changes)


def _covariate_pairs(plan: Plan, level_changes: Mapping[str, str]) -> list[tuple[int, int]]:
    """Positions of covariates and of those that replace them."""
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


class _RefittedDecoder:
    """The decoder, its last layer fitted in closed form on hidden units and levels of all cells with the block."""

    def __init__(self, trained: Trained, block: str) -> None:
        plan = trained.plan
        self.trained, self.block = trained, block
        measured = {t.name: part for t in plan.tables if (part := t.measured_block(block)) is not None}
        self.tables = [plan.table(name) for name in measured]
        common = set.intersection(*(set(part.feature_indices.tolist()) for part in measured.values()))
        self.feature_indices = np.array(sorted(common), dtype=np.intp)
        self.features = tuple(plan.features[i] for i in self.feature_indices)
        block_range = plan.block(block)
        is_encoder_input = plan.input_mask[block_range.start : block_range.stop].any()
        self._encoder_inputs = (block,) if is_encoder_input else None
        cells, values = self._encode_measured(trained.trainer.train_rows)
        self._predictor = RidgePredictor(
            "decoder", _units_and_covariates, cells, HIDDEN_UNIT_PENALTY, len(plan.covariates), COVARIATE_PENALTY
        )
        requested = RequestedFeatures(np.arange(len(self.features)), values, values)
        self._coefficients = self._predictor.coefficients(0, requested)

    def predict(self, encoded: tuple[Matrix, Matrix], covariates: NDArray[np.float32]) -> Matrix:
        """(cells, features) of encoded cells (`Trained.encode`), decoded with covariates (cells, covariates)."""
        return self._decode(encode_with_covariate(self.trained, encoded, covariates, covariates))

    def measured_values(self, table: Table, rows: NDArray[np.intp]) -> Matrix:
        """(cells, features) measured values of some cells."""
        part = table.measured_block(self.block)
        assert part is not None
        columns = np.searchsorted(part.feature_indices, self.feature_indices)
        values: Matrix = part.lognormalised()[rows][:, columns].toarray()
        is_binary = self.trained.dataset(table.name).modality(self.block).normalisation == "binary"
        return (values > 0).astype(np.float32) if is_binary else values

    def held_out_scores(self) -> pd.DataFrame:
        """Metrics on cells that no gradient saw, one row a feature."""
        cells, truth = self._encode_measured(self.trained.trainer.validation_rows)
        scores = gene_metrics(truth, self._decode(cells))[["pcc", "spearman", "rmse"]]
        return scores.set_index(pd.Index(self.features, name="feature"))

    def _decode(self, cells: EncodedCells) -> Matrix:
        values: Matrix = self._predictor.design_matrix(cells, 0) @ self._coefficients
        return values

    def _encode_measured(self, rows: Mapping[str, NDArray[np.intp]]) -> tuple[EncodedCells, Matrix]:
        """Encode some rows of each table that measures the block, under their own levels.

        Returns
        -------
        The cells, and their values (cells, features).
        """
        parts = [self.trained.encode(t.name, self._encoder_inputs, rows[t.name]) for t in self.tables]
        z, class_probabilities = (np.concatenate(arrays, 1) for arrays in zip(*parts, strict=True))
        covariates = np.concatenate([t.covariates[rows[t.name]] for t in self.tables])
        values = np.concatenate([self.measured_values(t, rows[t.name]) for t in self.tables])
        return encode_with_covariate(self.trained, (z, class_probabilities), covariates, covariates), values


def _units_and_covariates(cells: EncodedCells, member: int) -> Matrix:
    """(cells, units + covariates): hidden units of all networks, and the levels, which are the cells' inputs here."""
    return np.hstack([*cells.decoder_activations, cells.inputs[member]])
