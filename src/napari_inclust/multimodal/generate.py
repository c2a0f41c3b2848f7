"""Features that cells were not measured for, from data sets that have them: several readouts, weighted by how well they predict cells never trained on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from ..data import subsample
from ..errors import ConfigError
from ..evaluation import baselines
from ..evaluation.metrics import gene_metrics, pearson, zscore
from ..imputation.block_predictors import BlockPredictor, CellEmbedder, Matrix, build_block_predictors
from ..imputation.stacking import fit_weights, stacking_correlations
from ..training.batches import row_chunks
from ..training.plan import Plan
from ..training.table import MeasuredBlock
from ..training.trained import Trained

RESIDUAL_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
N_STANDARDISATION_CELLS = 2000  # cells over which a prediction is standardised
MIN_HELD_OUT_CELLS = 20  # held-out cells with which weights are chosen; with fewer all readouts weigh the same
N_FOLDS = 5  # of the held-out cells: what scores a cell was chosen without it
MAX_SOURCE_CELLS = 4000  # of a source among which attention and the baseline look; rare types kept
MIN_WEIGHT = 0.01  # weight of a readout below which it is left out
_EPSILON = 1e-6


@dataclass(frozen=True, eq=False)
class GeneratedBlock:
    """A block for the cells of one data set.

    Attributes
    ----------
    values : (cells, features) float32
        log1p of the block's normalised values, on the scale of the data sets that measure it; the share of open cells for peaks.
    spread : (cells, features) float32
        How far the readouts disagree: their weighted standard deviation.
    scores
        One row a feature: Pearson, Spearman and RMSE (of z-scored values) on cells of the sources that no gradient saw and that did not choose the weights
        with which they were predicted; `pcc_knn`, Pearson of the mean of the nearest cells in components of the inputs, there; `sources`; and quantiles of
        the residuals: value + `q05` to value + `q95` holds 90 % of what would be measured.
    weights
        One row a readout, one column a source.
    """

    block: str
    features: tuple[str, ...]
    values: Matrix
    spread: Matrix
    scores: pd.DataFrame
    weights: pd.DataFrame

    def quantile(self, q: float) -> Matrix:
        """(cells, features): the value below which a share `q` (one of `QUANTILES`) of measurements would lie."""
        if q not in RESIDUAL_QUANTILES:
            raise ConfigError(f"no quantile {q:g}; there are {', '.join(f'{x:g}' for x in RESIDUAL_QUANTILES)}.")
        out: Matrix = (self.values + self.scores[_quantile_column(q)].to_numpy()).astype(np.float32)
        return out

    def subset(self, features: Sequence[str]) -> GeneratedBlock:
        """Some of the features."""
        at = pd.Index(self.features).get_indexer(pd.Index(list(features)))
        return replace(
            self,
            features=tuple(features),
            values=self.values[:, at],
            spread=self.spread[:, at],
            scores=self.scores.iloc[at],
        )


def generate(trained: Trained, table: str, block: str, *, inputs: Sequence[str] | None = None) -> GeneratedBlock:
    """A block's features for the cells of a table.

    Every readout (`block_readout`) of a data set that measures the block is standardised feature by feature; their weighted mean is put back on its scale.
    The weights, the same for all features, are those that predict the data set's held-out cells best (`stack`): weights of each feature's own predicted new
    cells no better. Then the readouts are made again with all cells. Where several data sets measure a feature, their predictions are averaged; the
    cells' own set is asked only where no other measures the block.

    Parameters
    ----------
    inputs
        Blocks that the encoder sees of the cells; default those from which the block was trained and that the table measures.

    Raises
    ------
    ConfigError
        Nobody measures the block, or nothing connects it with the cells.
    """
    plan = trained.plan
    here, target = plan.block(block), trained.dataset(table)
    n = here.stop - here.start
    inputs = tuple(inputs) if inputs is not None else _default_inputs(trained, table, block)
    values, spread, mass = (
        np.zeros((target.n_cells, n), np.float32),
        np.zeros((target.n_cells, n), np.float32),
        np.zeros(n, np.float32),
    )
    scored, weights = [], {}
    measuring = [t for t in plan.tables if t.measured_block(block) is not None]
    for t in [t for t in measuring if t.name != table] or measuring:
        part = t.measured_block(block)
        assert part is not None
        source = _StackedBlockPredictor(trained, t.name, part, block, inputs)
        at = part.feature_indices - here.start
        found, deviation = source.predict(table)
        values[:, at] += found
        spread[:, at] += deviation
        mass[at] += 1
        weights[t.name] = source.weights
        scored.append(
            source.scores.set_index(pd.Index([plan.features[f] for f in part.feature_indices], name="feature"))
        )
    frame, made = pd.concat(scored), mass > 0
    features = tuple(f for f, there in zip(plan.features[here.start : here.stop], made, strict=True) if there)
    scores = frame.drop(columns="source").groupby(level=0).mean().reindex(list(features))
    scores["sources"] = frame.groupby(level=0)["source"].agg(", ".join)
    return GeneratedBlock(
        block, features, values[:, made] / mass[made], spread[:, made] / mass[made], scores, pd.DataFrame(weights)
    )


def find_partially_measured_block(plan: Plan) -> str:
    """The block of which data sets lack what others have.

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
    """Imputation both ways: for every data set that measures a block, the features of it that only others have."""
    plan, found = trained.plan, {}
    here = plan.block(block)
    for t in plan.tables:
        part = t.measured_block(block)
        if part is not None and len(part.feature_indices) < here.stop - here.start:
            lacking = np.setdiff1d(np.arange(here.start, here.stop), part.feature_indices)
            found[t.name] = generate(trained, t.name, block).subset([plan.features[f] for f in lacking])
    return found


def _default_inputs(trained: Trained, table: str, block: str) -> tuple[str, ...]:
    """The inputs of an arrow that trains the block, all of which the table measures; its own reconstruction only where there is no other way."""
    plan, has = trained.plan, trained.dataset(table).modality_names
    ways = []
    for p in plan.presentations:
        shown = tuple(b.name for b in plan.blocks if p.input_mask[b.start : b.stop].any())
        b = plan.block(block)
        if p.output_mask[b.start : b.stop].any() and all(s in has for s in shown):
            ways.append(shown)
    if not ways:
        raise ConfigError(
            f"no arrow leads from what {table} measures ({', '.join(has)}) to {block}. Name the inputs to go through another modality's latent."
        )
    return min(ways, key=lambda w: block in w)


class _StackedBlockPredictor:
    """A data set that measures the block: its readouts, and what its held-out cells say of them."""

    def __init__(self, trained: Trained, table: str, part: MeasuredBlock, block: str, inputs: tuple[str, ...]) -> None:
        trainer = trained.trainer
        self.trained, self.table, self.block = trained, table, block
        self.likelihood = trained.plan.block(block).likelihood
        self.block_columns = part.feature_indices - trained.plan.block(block).start
        values = part.lognormalised()
        if trained.dataset(table).modality(block).normalisation == "binary":
            values.data = np.ones_like(values.data)
        rows, held = trainer.train_rows[table], trainer.validation_rows[table]
        self.source_inputs = tuple(b for b in inputs if trained.plan.table(table).measured_block(b) is not None) or None
        placing, blind = self._fit_predictors(inputs, rows, values)
        truth, places = values[held].toarray(), placing(table, held)
        predicted = [r.predict(places) for r in blind]
        shown = trained.input_masks(table, self.source_inputs)[0][part.feature_indices]
        self.scored_columns = (
            np.flatnonzero(~shown) if not shown.all() else np.arange(len(shown))
        )  # a feature that the encoder sees would be judged by itself
        self.weights = pd.Series(self._fit_weights(predicted, truth), [r.name for r in blind])
        self.scores = self._score_table(truth, self._predict_held_out(predicted, truth)).assign(
            pcc_knn=pearson(truth, self._knn_baseline(placing, held, rows, values))
        )
        self.embedder, self.predictors = self._fit_predictors(inputs, np.arange(values.shape[0]), values)

    def _fit_predictors(
        self, inputs: tuple[str, ...], rows: NDArray[np.intp], values: sp.csr_matrix
    ) -> tuple[CellEmbedder, list[BlockPredictor]]:
        """Readouts that look at some of the cells: the networks are the same."""
        few = self._attention_positions(rows)
        placing = CellEmbedder(self.trained, self.table, inputs, self.source_inputs, rows[few])
        return placing, build_block_predictors(placing, rows, few, values[rows], self._head_decoder)

    def _attention_positions(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        return subsample.sample_balanced(
            self.trained.plan.table(self.table).labels[rows], MAX_SOURCE_CELLS, self.trained.trainer.config.seed
        )

    def _knn_baseline(
        self, embedder: CellEmbedder, held_out_rows: NDArray[np.intp], rows: NDArray[np.intp], values: sp.csr_matrix
    ) -> Matrix:
        """The baseline: mean of the nearest cells, for the held-out ones."""
        near = rows[self._attention_positions(rows)]
        ours, theirs = (zscore(embedder.scaled_inputs(self.table, r)) for r in (held_out_rows, near))
        mean: Matrix = (baselines.knn_weights(ours, theirs, self.trained.trainer.config.seed) @ values[near]).toarray()
        return mean

    def _predict_held_out(self, predicted: list[Matrix], truth: Matrix) -> Matrix:
        """Predictions of the held-out cells, each with the weights that the cells of the other folds chose."""
        fold = np.random.default_rng(self.trained.trainer.config.seed).permutation(len(truth)) % N_FOLDS
        moments = [_mean_and_sd(p) for p in predicted]
        out = np.empty_like(truth)
        for f in range(N_FOLDS):
            weights = self._fit_weights([p[fold != f] for p in predicted], truth[fold != f])
            out[fold == f] = _weighted_mean((p[fold == f] for p in predicted), moments, weights)[0]
        return out

    def _fit_weights(self, predicted: Sequence[Matrix], truth: Matrix) -> NDArray[np.float64]:
        return _stacking_weights([p[:, self.scored_columns] for p in predicted], truth[:, self.scored_columns])

    def _score_table(self, truth: Matrix, predicted: Matrix) -> pd.DataFrame:
        residual = truth - predicted
        found = gene_metrics(truth, predicted)[["pcc", "spearman", "rmse"]]
        return found.assign(
            **{_quantile_column(q): np.quantile(residual, q, axis=0, method="weibull") for q in RESIDUAL_QUANTILES},
            source=self.table,
        )

    def predict(self, table: str) -> tuple[Matrix, Matrix]:
        """Values and how far the readouts disagree, for all cells of a table: both (cells, features)."""
        n, seed = self.trained.dataset(table).n_cells, self.trained.trainer.config.seed
        used = [(r, w) for r, w in zip(self.predictors, self.weights, strict=True) if w > MIN_WEIGHT]
        places = self.embedder(
            table, subsample.sample_balanced(np.zeros(n, dtype=np.intp), N_STANDARDISATION_CELLS, seed)
        )
        moments = [_mean_and_sd(r.predict(places)) for r, _ in used]
        weights = np.array([w for _, w in used])
        values, spread = np.zeros((2, n, len(self.block_columns)), dtype=np.float32)
        for rows in row_chunks(n):
            places = self.embedder(table, rows)
            values[rows], spread[rows] = _weighted_mean(
                (r.predict(places) for r, _ in used), moments, weights / weights.sum()
            )
        return values, spread

    def _head_decoder(self, z: Matrix, network: int) -> Matrix:
        """What one network's decoder makes of latents (cells, latent), in the units of the values."""
        every = np.repeat(z[None], self.trained.trainer.n_networks, 0)
        decoded = self.trained.decode(every, self.block, self.trained.plan.table(self.table).mean_covariate)[network][
            :, self.block_columns
        ]
        if self.likelihood == "nb":
            rate: Matrix = np.log1p(np.exp(np.clip(decoded, -15, 10)))
            return rate
        if self.likelihood == "bernoulli":
            open_: Matrix = (1 / (1 + np.exp(-decoded))).astype(np.float32)
            return open_
        scaled = self.trained.trainer.table_rows[self.table].block_rows[self.block]
        out: Matrix = decoded * scaled.divisor[0, 0].cpu().numpy() + scaled.shift[0, 0].cpu().numpy()
        return out


def _mean_and_sd(predicted: Matrix) -> tuple[Matrix, Matrix]:
    """Mean and standard deviation (features,) over cells."""
    return predicted.mean(0), predicted.std(0)


def _stacking_weights(predicted: Sequence[Matrix], truth: Matrix) -> NDArray[np.float64]:
    """Weights of the readouts, from what they make of cells (cells, features) with a known truth; equal ones from too few cells."""
    if len(truth) < MIN_HELD_OUT_CELLS:
        return np.full(len(predicted), 1 / len(predicted))
    varied = truth.std(0) > 0
    agreement, overlap = stacking_correlations([zscore(p[:, varied]) for p in predicted], truth[:, varied])
    return fit_weights(agreement, overlap)


def _weighted_mean(
    predicted: Iterable[Matrix], moments: Sequence[tuple[Matrix, Matrix]], weights: NDArray[np.float64]
) -> tuple[Matrix, Matrix]:
    """Weighted mean of readouts (cells, features), each standardised with its moments, on their scale; and how far they disagree, on that scale too."""
    mean = sum(w * m for w, (m, _) in zip(weights, moments, strict=True))
    scale = np.exp(sum(w * np.log(sd + _EPSILON) for w, (_, sd) in zip(weights, moments, strict=True)))
    first, second = 0.0, 0.0
    for p, (m, sd), w in zip(predicted, moments, weights, strict=True):
        z = (p - m) / (sd + _EPSILON)
        first, second = first + w * z, second + w * z**2
    values: Matrix = (mean + scale * first).astype(np.float32)
    spread: Matrix = (scale * np.sqrt(np.maximum(second - np.square(first), 0))).astype(np.float32)
    return values, spread


def _quantile_column(q: float) -> str:
    return f"q{round(100 * q):02d}"
