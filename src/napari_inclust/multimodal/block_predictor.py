"""All features of a block for cells that lack it, predicted from the cells of one data set that measures it.

The base predictors (`imputation.predictors`) are attention and ridge regression, each in the latent or in principal
components of the inputs; ridge regression from the decoder's hidden units; and the decoder. They are stacked with the
weights that predict the data set's held-out cells best.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..data import subsample
from ..evaluation import baselines
from ..evaluation.metrics import gene_metrics, pearson, zscore
from ..imputation.predictors import (
    AttentionPredictor,
    BasePredictor,
    EmbedFunction,
    RequestedFeatures,
    RidgePredictor,
    TrainedHeadPredictor,
    decode_activations,
    decoder_activations_of,
    latent_of,
    predict,
)
from ..imputation.stacking import MIN_WEIGHT, blend, fit_weights, mean_and_inverse_sd, stacking_correlations
from ..training.batches import row_chunks
from ..training.inference import EncodedCells
from ..training.table import MeasuredBlock
from ..training.trained import Trained
from ..utils.pca import PCA

RESIDUAL_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
N_STANDARDISATION_CELLS = 2000  # cells over which a prediction is standardised
MIN_HELD_OUT_CELLS = 20  # for choosing weights; with fewer, all base predictors have the same weight
N_FOLDS = 5  # of the held-out cells: each is scored with weights chosen without its fold
MAX_SOURCE_CELLS = 4000  # of a source for attention and the baseline; rare types are kept
N_COMPONENTS = 50
ATTENTION_TEMPERATURES = (0.05, 0.1, 0.2)
LATENT_PENALTY, COMPONENT_PENALTY = 1.0, 0.5  # of ridge regressions, in units of the number of cells
HIDDEN_UNIT_PENALTIES = (0.3, 5.0)
_MIN_SD = 1e-6  # taken for the standard deviation of a constant prediction

Matrix = NDArray[np.floating[Any]]
BlockPredictor = BasePredictor[RequestedFeatures]


def encode_with_covariate(
    trained: Trained, encoded: tuple[Matrix, Matrix], covariate: NDArray[np.float32], inputs: Matrix
) -> EncodedCells:
    """Collect what base predictors need of cells.

    Parameters
    ----------
    encoded
        Latent and class probabilities, from `Trained.encode`.
    covariate : (covariates,) or (cells, covariates)
        With which the cells are decoded.
    inputs : (cells, d)
        Coordinates of the cells that do not depend on the networks.
    """
    z, class_probabilities = encoded
    return EncodedCells(inputs[None], z, trained.decoder_activations(z, covariate), class_probabilities)


class BlockEncoder:
    """Encodes cells of any table, to be decoded with the covariate of a source.

    Parameters
    ----------
    inputs
        Blocks that the encoder sees of other tables.
    source_inputs
        Blocks that it sees of the source; None: all ways in which it was trained. There are only principal components
        of the inputs when both are the same.
    component_rows
        Cells of the source from which the components are found.
    """

    def __init__(
        self,
        trained: Trained,
        source_table: str,
        inputs: tuple[str, ...],
        source_inputs: tuple[str, ...] | None,
        component_rows: NDArray[np.intp],
    ) -> None:
        self.trained, self.source_table, self.inputs, self.source_inputs = trained, source_table, inputs, source_inputs
        self.covariate = trained.plan.table(source_table).mean_covariate
        self.components: PCA | None = None
        if source_inputs == inputs:
            values = self.scaled_inputs(source_table, component_rows)
            self.components = PCA.fit(values, N_COMPONENTS, trained.trainer.config.seed)

    def __call__(self, table: str, rows: NDArray[np.intp]) -> EncodedCells:
        """Encode some cells of a table; their inputs are principal components (1, cells, components), or none."""
        components = np.zeros((len(rows), 0), dtype=np.float32)
        if self.components is not None:
            chunks = [self.components.transform(self.scaled_inputs(table, rows[c])) for c in row_chunks(len(rows))]
            components = np.concatenate(chunks)
        encoded = self.trained.encode(table, self._inputs_of(table), rows)
        return encode_with_covariate(self.trained, encoded, self.covariate, components)

    def scaled_inputs(self, table: str, rows: NDArray[np.intp]) -> Matrix:
        """(cells, inputs) scaled values, zero where the encoder sees nothing."""
        trainer = self.trained.trainer
        mask = self.trained.input_masks(table, self._inputs_of(table))[0][trainer.input_indices]
        values: Matrix = trainer.get_batch(table, rows)[0][0].cpu().numpy() * mask.astype(np.float32)
        return values

    def _inputs_of(self, table: str) -> tuple[str, ...] | None:
        return self.source_inputs if table == self.source_table else self.inputs


class StackedBlockPredictor:
    """A data set that measures a block: its base predictors, weighted and scored on its held-out cells.

    The weights, the same for all features, are those that predict the held-out cells best; then the base predictors are
    fitted again with all cells.

    Parameters
    ----------
    measured
        The block in the data set.
    inputs
        Blocks that the encoder sees of the cells to predict.

    Attributes
    ----------
    weights
        Of the base predictors, by name.
    scores
        One row a feature; the columns are those of `GeneratedBlock.scores`.
    """

    def __init__(
        self, trained: Trained, table: str, measured: MeasuredBlock, block: str, inputs: tuple[str, ...]
    ) -> None:
        trainer = trained.trainer
        self.trained, self.table, self.block, self.inputs = trained, table, block, inputs
        self.feature_indices = measured.feature_indices
        self.values = measured.lognormalised()
        if trained.dataset(table).modality(block).normalisation == "binary":
            self.values.data = np.ones_like(self.values.data)
        measured_inputs = (b for b in inputs if trained.plan.table(table).measured_block(b) is not None)
        self.source_inputs = tuple(measured_inputs) or None
        is_visible = trained.input_masks(table, self.source_inputs)[0][self.feature_indices]
        # a feature that the encoder sees would be predicted from itself
        self.scored_columns = np.flatnonzero(is_visible.all() | ~is_visible)
        self._choose_weights(trainer.train_rows[table], trainer.validation_rows[table])
        self.encoder, self.predictors, self.requested = self._fit_predictors(np.arange(self.values.shape[0]))

    def predict(self, table: str) -> tuple[Matrix, Matrix]:
        """Predict all cells of a table.

        Returns
        -------
        Values and weighted standard deviation of the base predictors, each (cells, features).
        """
        n, seed = self.trained.dataset(table).n_cells, self.trained.trainer.config.seed
        used = np.flatnonzero(self.weights.to_numpy() > MIN_WEIGHT)
        weights = self.weights.to_numpy()[used] / self.weights.to_numpy()[used].sum()
        predictors = [self.predictors[i] for i in used]
        coefficients = [p.coefficients(0, self.requested) for p in predictors]

        def predictions(rows: NDArray[np.intp]) -> Iterable[Matrix]:
            cells = self.encoder(table, rows)
            return (p.design_matrix(cells, 0) @ c for p, c in zip(predictors, coefficients, strict=True))

        sample = subsample.sample_balanced(np.zeros(n, dtype=np.intp), N_STANDARDISATION_CELLS, seed)
        moments = [mean_and_inverse_sd(p) for p in predictions(sample)]
        values, spread = np.zeros((2, n, len(self.feature_indices)), dtype=np.float32)
        for rows in row_chunks(n):
            values[rows], spread[rows] = _blend_on_common_scale(predictions(rows), moments, weights)
        return values, spread

    def _choose_weights(self, rows: NDArray[np.intp], held_out_rows: NDArray[np.intp]) -> None:
        """Set weights and scores, from base predictors that use some cells and predict the held-out ones."""
        encoder, predictors, requested = self._fit_predictors(rows)
        cells, truth = encoder(self.table, held_out_rows), self.values[held_out_rows].toarray()
        predictions = [predict(p, cells, 0, requested) for p in predictors]
        self.weights = pd.Series(self._fit_weights(predictions, truth), [p.name for p in predictors])
        self.scores = _score_table(truth, self._predict_held_out(predictions, truth)).assign(
            source=self.table, pcc_knn=pearson(truth, self._knn_baseline(encoder, rows, held_out_rows))
        )

    def _fit_predictors(self, rows: NDArray[np.intp]) -> tuple[BlockEncoder, list[BlockPredictor], RequestedFeatures]:
        """Fit base predictors to some cells of the data set."""
        attended = self._attended_rows(rows)
        encoder = BlockEncoder(self.trained, self.table, self.inputs, self.source_inputs, attended)
        predictors = self._build_predictors(encoder, encoder(self.table, rows), encoder(self.table, attended))
        columns = np.arange(len(self.feature_indices))
        return encoder, predictors, RequestedFeatures(columns, self.values[rows], self.values[attended].toarray())

    def _build_predictors(
        self, encoder: BlockEncoder, source_cells: EncodedCells, attended_cells: EncodedCells
    ) -> list[BlockPredictor]:
        """All base predictors: of each network's latent, of each network's hidden units, and of the components."""
        predictors: list[BlockPredictor] = []
        networks = range(self.trained.trainer.n_networks)

        def add_attention(name: str, embed: EmbedFunction) -> None:
            predictors.extend(
                AttentionPredictor.fit(f"{name}, attention {t:g}", attended_cells, t, embed)
                for t in ATTENTION_TEMPERATURES
            )

        def add_ridge(name: str, embed: EmbedFunction, *penalties: float) -> None:
            predictors.extend(RidgePredictor(f"{name}, ridge {p:g}", embed, source_cells, p) for p in penalties)

        for n in networks:
            add_attention(f"latent {n}", latent_of(n, 1))
            add_ridge(f"latent {n}", latent_of(n, 1), LATENT_PENALTY)
            predictors.append(
                TrainedHeadPredictor(
                    f"decoder {n}", decoder_activations_of(n, 1), self._head_decoder(n), len(self.feature_indices)
                )
            )
        for n in networks:
            add_ridge(f"hidden {n}", decoder_activations_of(n, 1), *HIDDEN_UNIT_PENALTIES)
        if encoder.components is not None:
            add_attention("components", _components)
            add_ridge("components", _components, COMPONENT_PENALTY)
        return predictors

    def _head_decoder(self, network: int) -> Callable[[Matrix, int], Matrix]:
        """Make the decoder of hidden units (cells, units) to the data set's features, in the unit of its values."""
        trainer, block = self.trained.trainer, self.trained.plan.block(self.block)
        outputs, columns = trainer.output_slices[self.block], self.feature_indices - block.start

        def decode(activations: Matrix, member: int) -> Matrix:
            decoded: Matrix = decode_activations(trainer, activations, network, outputs)[:, columns]
            if block.likelihood == "nb":
                return np.log1p(np.exp(np.clip(decoded, -15, 10)))
            if block.likelihood == "bernoulli":
                return 1 / (1 + np.exp(-decoded))
            scaled = trainer.table_rows[self.table].block_rows[self.block]
            unscaled: Matrix = decoded * scaled.divisor[0, 0].cpu().numpy() + scaled.shift[0, 0].cpu().numpy()
            return unscaled

        return decode

    def _attended_rows(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Those of some cells that attention and the baseline use."""
        labels, seed = self.trained.plan.table(self.table).labels, self.trained.trainer.config.seed
        return rows[subsample.sample_balanced(labels[rows], MAX_SOURCE_CELLS, seed)]

    def _knn_baseline(self, encoder: BlockEncoder, rows: NDArray[np.intp], held_out_rows: NDArray[np.intp]) -> Matrix:
        """Baseline for the held-out cells: the mean of the nearest of the other cells in the inputs."""
        attended, seed = self._attended_rows(rows), self.trained.trainer.config.seed
        held_out, others = (zscore(encoder.scaled_inputs(self.table, r)) for r in (held_out_rows, attended))
        mean: Matrix = (baselines.knn_weights(held_out, others, seed) @ self.values[attended]).toarray()
        return mean

    def _predict_held_out(self, predictions: list[Matrix], truth: Matrix) -> Matrix:
        """Predictions of the held-out cells, each with weights chosen on the cells of the other folds."""
        fold = np.random.default_rng(self.trained.trainer.config.seed).permutation(len(truth)) % N_FOLDS
        moments = [mean_and_inverse_sd(p) for p in predictions]
        out = np.empty_like(truth)
        for f in range(N_FOLDS):
            weights = self._fit_weights([p[fold != f] for p in predictions], truth[fold != f])
            out[fold == f] = _blend_on_common_scale((p[fold == f] for p in predictions), moments, weights)[0]
        return out

    def _fit_weights(self, predictions: Sequence[Matrix], truth: Matrix) -> NDArray[np.float64]:
        """Weights from predictions (cells, features) of cells with a known truth; equal ones from too few cells."""
        if len(truth) < MIN_HELD_OUT_CELLS:
            return np.full(len(predictions), 1 / len(predictions))
        columns = self.scored_columns[truth[:, self.scored_columns].std(0) > 0]
        return fit_weights(*stacking_correlations([zscore(p[:, columns]) for p in predictions], truth[:, columns]))


def _components(cells: EncodedCells, member: int) -> Matrix:
    components: Matrix = cells.inputs[member]
    return components


def _score_table(truth: Matrix, predicted: Matrix) -> pd.DataFrame:
    """Metrics and quantiles of the residuals, one row a feature."""
    residual = truth - predicted
    quantiles = {quantile_column(q): np.quantile(residual, q, axis=0, method="weibull") for q in RESIDUAL_QUANTILES}
    return gene_metrics(truth, predicted)[["pcc", "spearman", "rmse"]].assign(**quantiles)


def quantile_column(q: float) -> str:
    """Name of the column of scores that holds a quantile of the residuals."""
    return f"q{round(100 * q):02d}"


def _blend_on_common_scale(
    predictions: Iterable[Matrix], moments: Sequence[tuple[Matrix, Matrix]], weights: NDArray[np.float64]
) -> tuple[Matrix, Matrix]:
    """Average predictions (cells, features), each standardised by its moments, and put them on their mean scale.

    Returns
    -------
    Values and weighted standard deviation of the predictions, each (cells, features), in the unit of the predictions.
    """
    mean = sum(w * m for w, (m, _) in zip(weights, moments, strict=True))
    log_sd = sum(
        w * np.log(np.where(inverse > 0, 1 / np.where(inverse > 0, inverse, 1), _MIN_SD))
        for w, (_, inverse) in zip(weights, moments, strict=True)
    )
    z, spread = blend(((p - m) * inverse for p, (m, inverse) in zip(predictions, moments, strict=True)), weights)
    scale = np.exp(log_sd)
    return (mean + scale * z).astype(np.float32), (scale * spread).astype(np.float32)
