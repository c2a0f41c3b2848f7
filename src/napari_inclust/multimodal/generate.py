"""Features that cells were not measured for, generated from data sets that measure them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import ConfigError
from ..training.plan import Plan
from ..training.trained import Trained
from .block_predictor import RESIDUAL_QUANTILES, StackedBlockPredictor, quantile_column

Matrix = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class GeneratedBlock:
    """A block for the cells of one data set.

    Attributes
    ----------
    values : (cells, features) float32
        log1p of the block's normalised values, on the scale of the data sets that measure it; for peaks the share of
        open cells.
    spread : (cells, features) float32
        Weighted standard deviation of the base predictors, in the unit of `values`.
    scores
        One row a feature: Pearson, Spearman and RMSE (of z-scored values) on cells of the sources that no gradient
        saw, predicted with weights that were chosen without them; `pcc_knn`, the Pearson correlation there of the
        mean of the nearest cells in components of the inputs; `sources`; and quantiles of the residuals: value +
        `q05` to value + `q95` holds 90 % of what would be measured.
    weights
        One row a base predictor, one column a source.
    """

    block: str
    features: tuple[str, ...]
    values: Matrix
    spread: Matrix
    scores: pd.DataFrame
    weights: pd.DataFrame

    def quantile(self, q: float) -> Matrix:
        """Quantile (cells, features) of what would be measured.

        Parameters
        ----------
        q
            Share of measurements below the quantile; one of `RESIDUAL_QUANTILES`.

        Raises
        ------
        ConfigError
            Another share.
        """
        if q not in RESIDUAL_QUANTILES:
            raise ConfigError(f"no quantile {q:g}; there are {', '.join(f'{x:g}' for x in RESIDUAL_QUANTILES)}.")
        out: Matrix = (self.values + self.scores[quantile_column(q)].to_numpy()).astype(np.float32)
        return out

    def subset(self, features: Sequence[str]) -> GeneratedBlock:
        """Select some of the features."""
        columns = pd.Index(self.features).get_indexer(pd.Index(list(features)))
        return replace(
            self,
            features=tuple(features),
            values=self.values[:, columns],
            spread=self.spread[:, columns],
            scores=self.scores.iloc[columns],
        )


def generate(trained: Trained, table: str, block: str, *, inputs: Sequence[str] | None = None) -> GeneratedBlock:
    """Predict a block's features for the cells of a table.

    Each data set that measures the block predicts it by a weighted mean of base predictors (`StackedBlockPredictor`).
    Where several data sets measure a feature, their predictions are averaged; the cells' own data set is used only
    where no other measures the block.

    Parameters
    ----------
    inputs
        Blocks that the encoder sees of the cells; default those from which the block was trained and that the table
        measures.

    Raises
    ------
    ConfigError
        No data set measures the block, or no inputs of the cells lead to it.
    """
    plan = trained.plan
    target_block, target = plan.block(block), trained.dataset(table)
    n = target_block.stop - target_block.start
    inputs = tuple(inputs) if inputs is not None else _default_inputs(trained, table, block)
    values, spread = np.zeros((2, target.n_cells, n), np.float32)
    n_sources = np.zeros(n, np.float32)
    scores_by_source, weights = [], {}
    measuring = {t.name: part for t in plan.tables if (part := t.measured_block(block)) is not None}
    others = {name: part for name, part in measuring.items() if name != table}
    for name, part in (others or measuring).items():
        source = StackedBlockPredictor(trained, name, part, block, inputs)
        columns = part.feature_indices - target_block.start
        source_values, source_spread = source.predict(table)
        values[:, columns] += source_values
        spread[:, columns] += source_spread
        n_sources[columns] += 1
        weights[name] = source.weights
        feature_names = pd.Index([plan.features[i] for i in part.feature_indices], name="feature")
        scores_by_source.append(source.scores.set_index(feature_names))
    all_scores, is_generated = pd.concat(scores_by_source), n_sources > 0
    features = tuple(np.array(plan.features[target_block.start : target_block.stop], dtype=object)[is_generated])
    scores = all_scores.drop(columns="source").groupby(level=0).mean().reindex(list(features))
    scores["sources"] = all_scores.groupby(level=0)["source"].agg(", ".join)
    values, spread = (total[:, is_generated] / n_sources[is_generated] for total in (values, spread))
    return GeneratedBlock(block, features, values, spread, scores, pd.DataFrame(weights))


def find_partially_measured_block(plan: Plan) -> str:
    """Find the first block of which data sets lack features that others measure.

    Raises
    ------
    ConfigError
        There is none.
    """
    for block in plan.blocks:
        parts = [part for t in plan.tables if (part := t.measured_block(block.name)) is not None]
        if len(parts) > 1 and any(len(part.feature_indices) < block.stop - block.start for part in parts):
            return block.name
    raise ConfigError(
        "nothing can be imputed both ways: no data set lacks features of a modality that it and another one measure."
    )


def impute_between_datasets(trained: Trained, block: str) -> dict[str, GeneratedBlock]:
    """Impute both ways: for every data set that measures a block, the features of it that only others measure."""
    plan, imputed = trained.plan, {}
    all_features = np.arange(plan.block(block).start, plan.block(block).stop)
    for t in plan.tables:
        part = t.measured_block(block)
        if part is not None and len(part.feature_indices) < len(all_features):
            missing = [plan.features[i] for i in np.setdiff1d(all_features, part.feature_indices)]
            imputed[t.name] = generate(trained, t.name, block).subset(missing)
    return imputed


def _default_inputs(trained: Trained, table: str, block: str) -> tuple[str, ...]:
    """Choose inputs from which the block was trained and that the table measures; other blocks if there are any."""
    plan, measured = trained.plan, trained.dataset(table).modality_names
    target_block, candidates = plan.block(block), []
    for p in plan.presentations:
        inputs = tuple(b.name for b in plan.blocks if p.input_mask[b.start : b.stop].any())
        if p.output_mask[target_block.start : target_block.stop].any() and all(name in measured for name in inputs):
            candidates.append(inputs)
    if not candidates:
        raise ConfigError(
            f"no arrow leads from what {table} measures ({', '.join(measured)}) to {block}. "
            "Name the inputs to go through another modality's latent."
        )
    return min(candidates, key=lambda inputs: block in inputs)
