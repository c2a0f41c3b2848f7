"""Exact prediction of any gene of the reference.

Base predictors are stacked, refined by the section's own cells, and put on its scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..training.inference import EncodedCells
from ..utils.progress import progress_stage
from ..utils.ridge import Ridge
from .gene_predictors import ReferenceGenes, RequestedGenes
from .linear import FeatureMap, LinearPrediction, VisibleInputs, evaluate, sum_predictions
from .predictors import BasePredictor, predict
from .rescale import SectionScale, ValueTransform
from .similarity import CellSimilarity
from .stacking import MIN_WEIGHT, blend, mean_and_inverse_sd, standardise_by, standardised_prediction, weights_by_fold

Matrix = NDArray[np.floating[Any]]
FULL_MEMBER_SHARE = 0.5  # weight of the member that sees every gene in the prediction of an unmeasured gene
_RIDGE_PENALTY = 3.0  # of the linear part in the visible genes, in units of the number of cells


@dataclass(frozen=True)
class StackingParameters:
    """Parameters chosen on the held-out genes; saved with a run.

    Attributes
    ----------
    readouts : (folds + 1, base predictors)
        Weights of the base predictors: row m was chosen without the genes of fold m, the last row on all.
    refinements : (folds + 1, 4)
        Weights of the stacked prediction itself, of its linear part in the section's own genes, of its mean over
        similar cells of the section, and of the cell's common factor.
    shape
        Transform from standardised predictions to values.
    """

    readouts: list[list[float]] = field(default_factory=list)
    refinements: list[list[float]] = field(default_factory=list)
    shape: ValueTransform = field(default_factory=ValueTransform)


@dataclass(frozen=True, eq=False)
class CommonFactor:
    """The mean of a cell's visible genes.

    Attributes
    ----------
    visible : VisibleInputs
    """

    visible: VisibleInputs

    def design_matrix(self, cells: EncodedCells, member: int) -> Matrix:
        """(cells, 1)."""
        mean: Matrix = self.visible.design_matrix(cells, member).mean(1, keepdims=True)
        return mean


class StackedPredictor:
    """Prediction of genes given by their positions: shared ones first, then those of the reference alone.

    Parameters
    ----------
    similarity
        Of the section's cells to its standardisation cells, over which every prediction is standardised. The last of
        the members sees all genes.
    gene_fold : (shared genes,)
        The member that each gene was hidden from.
    parameters
        Empty ones before `fit`, which is then the only method that works.
    """

    def __init__(
        self,
        base_predictors: list[BasePredictor[RequestedGenes]],
        reference_genes: ReferenceGenes,
        section_scale: SectionScale,
        similarity: CellSimilarity,
        gene_fold: NDArray[np.intp],
        parameters: StackingParameters,
    ) -> None:
        self.base_predictors, self.reference_genes, self.section_scale = base_predictors, reference_genes, section_scale
        self.similarity, self.gene_fold, self.parameters = similarity, gene_fold, parameters
        self.standardisation_cells, self.visible_genes = similarity.standardisation_cells, similarity.visible_genes
        self.n_folds = len(self.visible_genes) - 1
        visible = VisibleInputs(self.visible_genes)
        self._refinement_maps: list[FeatureMap] = [visible, similarity, CommonFactor(visible)]

    def fit(
        self, sample_cells: EncodedCells, standardisation_positions: NDArray[np.intp], truth: Matrix
    ) -> tuple[StackedPredictor, NDArray[np.float32]]:
        """Choose all parameters on the held-out genes of a sample of cells; what predicts a fold is chosen without it.

        Parameters
        ----------
        standardisation_positions
            Which cells of the sample are the standardisation cells.
        truth : (sampled cells, shared genes)

        Returns
        -------
        The predictor with these parameters, and its held-out predictions of the sample (sampled cells, shared genes).
        """
        n = len(self.gene_fold)
        folds = [(m, np.flatnonzero(self.gene_fold == m)) for m in range(self.n_folds)]

        def standardised(predicted: Matrix) -> Matrix:
            return standardise_by(predicted[standardisation_positions], predicted)

        held_out = [np.zeros((sample_cells.n_cells, n), dtype=np.float32) for _ in self.base_predictors]
        for m, genes in progress_stage("predicting the hidden genes", folds):
            requested = self.reference_genes.request(genes)
            for out, predictor in zip(held_out, self.base_predictors, strict=True):
                out[:, genes] = standardised(predict(predictor, sample_cells, m, requested))
        weights = weights_by_fold(held_out, truth, self.gene_fold)

        parts = [np.zeros((sample_cells.n_cells, n), dtype=np.float32) for _ in (None, *self._refinement_maps)]
        for m, genes in progress_stage("refining these predictions", folds):
            used = np.flatnonzero(weights[m] > MIN_WEIGHT)
            stacked = blend([held_out[i][:, genes] for i in used], weights[m][used])[0]
            coefficients = self._refinement_coefficients(stacked[standardisation_positions], m)
            refined = [
                feature_map.design_matrix(sample_cells, m) @ c
                for feature_map, c in zip(self._refinement_maps, coefficients, strict=True)
            ]
            for out, part in zip(parts, [stacked, *refined], strict=True):
                out[:, genes] = standardised(part)
        del held_out
        refinements = weights_by_fold(parts, truth, self.gene_fold)

        z = np.zeros((sample_cells.n_cells, n), dtype=np.float32)
        for m, genes in folds:
            z[:, genes] = standardised(blend([p[:, genes] for p in parts], refinements[m])[0])
        shape = ValueTransform.fit(z, self.section_scale.mean_to_sd[:n], truth)
        fitted = self.with_parameters(StackingParameters(weights.tolist(), refinements.tolist(), shape))
        return fitted, fitted.to_expression(z, z, np.arange(n))[0]

    def with_parameters(self, parameters: StackingParameters) -> StackedPredictor:
        """Make the same predictor with other parameters."""
        return StackedPredictor(
            self.base_predictors, self.reference_genes, self.section_scale, self.similarity, self.gene_fold, parameters
        )

    def prepare(self, gene_indices: NDArray[np.intp]) -> PreparedPrediction:
        """Compute all of the prediction of some genes that does not depend on the cells that they are predicted for.

        A shared gene has its held-out prediction; its spread is that between the members that see genes of other folds,
        as for a gene that the section lacks.
        """
        requested = self.reference_genes.request(gene_indices)
        members = [self.stack_predictors(m, requested, -1) for m in range(self.n_folds + 1)]
        at_members = [values for _, values in members]
        shares = [*[(1 - FULL_MEMBER_SHARE) / self.n_folds] * self.n_folds, FULL_MEMBER_SHARE]
        mean: Matrix = np.sum([s * values for s, values in zip(shares, at_members, strict=True)], axis=0)
        factor, refinement, z = self._refine(mean, self.n_folds, -1)
        shared = np.flatnonzero(gene_indices < len(self.gene_fold))
        held_out = []
        for positions, prediction, values in self._held_out_predictions(gene_indices[shared]):
            held_out.append((shared[positions], prediction))
            z[:, shared[positions]] = values
        return PreparedPrediction(
            self,
            gene_indices,
            [prediction for prediction, _ in members],
            [s * factor for s in shares],
            refinement,
            held_out,
            (z, np.std(at_members[:-1], axis=0)),
        )

    def predict(
        self, gene_indices: NDArray[np.intp], cells: EncodedCells | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Predict values and their spread over the members, each (cells, genes), log-normalised on the section's scale.

        Parameters
        ----------
        cells
            Default: the standardisation cells.
        """
        return self.prepare(gene_indices).predict_expression(cells)

    def predict_held_out(
        self, gene_indices: NDArray[np.intp], cells: EncodedCells | None = None
    ) -> NDArray[np.float32]:
        """(cells, shared genes), each from the member that never saw it, with parameters chosen without its fold."""
        z = self.predict_held_out_z(gene_indices, cells)
        return self.to_expression(z, z, gene_indices)[0]

    def predict_held_out_z(self, gene_indices: NDArray[np.intp], cells: EncodedCells | None = None) -> Matrix:
        """As `predict_held_out`, in standard deviations over the standardisation cells."""
        folds = self._held_out_predictions(gene_indices)
        values = [z for _, _, z in folds] if cells is None else evaluate([p for _, p, _ in folds], cells)
        out: Matrix = np.zeros(((cells or self.standardisation_cells).n_cells, len(gene_indices)), dtype=np.float32)
        for (positions, _, _), z in zip(folds, values, strict=True):
            out[:, positions] = z
        return out

    def to_expression(
        self, z: Matrix, spread: Matrix, gene_indices: NDArray[np.intp]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Convert standard deviations over the standardisation cells to log-normalised values on the section's scale.

        Parameters
        ----------
        z, spread : (cells, genes)
        """
        ratio, mean = self.section_scale.mean_to_sd[gene_indices], self.section_scale.mean[gene_indices]
        positive, sd = self.parameters.shape.positive_mean_and_sd(ratio)
        factor = mean / np.maximum(positive, 1e-9)
        values = self.parameters.shape.apply(z, ratio) * factor
        return values.astype(np.float32), (spread * sd * factor).astype(np.float32)

    def stack_predictors(
        self, member: int, requested: RequestedGenes, weights_row: int
    ) -> tuple[LinearPrediction, Matrix]:
        """Average the base predictors of one member, each standardised over the standardisation cells.

        Parameters
        ----------
        weights_row
            Row of the parameters' weights.

        Returns
        -------
        The prediction, and its values at the standardisation cells (cells, genes) float32.
        """
        return self._combine(
            member,
            [
                (predictor, predictor.coefficients(member, requested).astype(np.float32, copy=False), weight)
                for weight, predictor in zip(self.parameters.readouts[weights_row], self.base_predictors, strict=True)
                if weight > MIN_WEIGHT
            ],
        )

    def _combine(
        self, member: int, terms: Sequence[tuple[FeatureMap, Matrix, float]]
    ) -> tuple[LinearPrediction, Matrix]:
        """Add standardised predictions (map, coefficients, weight).

        Returns
        -------
        The weighted sum, and its values at the standardisation cells (cells, genes).
        """
        parts, values = [], []
        for feature_map, coefficients, weight in terms:
            unscaled = self._standardisation_designs[feature_map][member] @ coefficients
            parts.append(standardised_prediction(feature_map, member, coefficients, unscaled).scale_by(weight))
            values.append(weight * standardise_by(unscaled, unscaled))
        return sum_predictions(parts), np.sum(values, axis=0)

    @cached_property
    def _standardisation_designs(self) -> dict[FeatureMap, list[Matrix]]:
        """Design matrices of the standardisation cells by member, of every map in use.

        Computed once, since every gene is standardised at these cells.
        """
        largest = np.max(self.parameters.readouts, axis=0)
        used = [p for weight, p in zip(largest, self.base_predictors, strict=True) if weight > MIN_WEIGHT]
        return {
            feature_map: [feature_map.design_matrix(self.standardisation_cells, m) for m in range(self.n_folds + 1)]
            for feature_map in (*used, *self._refinement_maps)
        }

    @cached_property
    def _visible_ridge(self) -> list[Ridge]:
        """Regressions on each member's visible genes at the standardisation cells."""
        designs = [
            self._refinement_maps[0].design_matrix(self.standardisation_cells, m) for m in range(self.n_folds + 1)
        ]
        return [Ridge(x, _RIDGE_PENALTY * len(x), intercept=False) for x in designs]

    def _refinement_coefficients(self, stacked: Matrix, member: int) -> list[Matrix]:
        """Coefficients on `_refinement_maps`, from a prediction at the standardisation cells (cells, genes).

        Its linear part in the genes that the member sees, its mean over similar cells, and the mean of those genes.
        """
        z = standardise_by(stacked, stacked)
        return [self._visible_ridge[member].solve(z)[1], z, np.ones((1, stacked.shape[1]), dtype=np.float32)]

    def _refine(self, stacked: Matrix, member: int, weights_row: int) -> tuple[Matrix, LinearPrediction, Matrix]:
        """Refine a prediction at the standardisation cells (cells, genes), and standardise it again.

        Returns
        -------
        The factor (genes,) of the prediction, what is added to it, and the result at the standardisation cells.
        """
        own_weight, *weights = self.parameters.refinements[weights_row]
        coefficients = self._refinement_coefficients(stacked, member)
        added, at_added = self._combine(member, list(zip(self._refinement_maps, coefficients, weights, strict=True)))
        mean, scale = mean_and_inverse_sd(stacked)
        summed: Matrix = own_weight * scale * (stacked - mean) + at_added
        shift, factor = mean_and_inverse_sd(summed)
        constant = LinearPrediction({}, -factor * (shift + own_weight * scale * mean))
        refinement = sum_predictions([added.scale_by(factor), constant])
        return own_weight * scale * factor, refinement, (factor * (summed - shift)).astype(np.float32)

    def _held_out_predictions(
        self, gene_indices: NDArray[np.intp]
    ) -> list[tuple[NDArray[np.intp], LinearPrediction, Matrix]]:
        """Held-out predictions of shared genes, by fold.

        Returns
        -------
        For each fold the positions of its genes among the given ones, their predictions in standard deviations, and the
        values of these at the standardisation cells (cells, genes).
        """
        out = []
        for m in map(int, np.unique(self.gene_fold[gene_indices])):
            positions = np.flatnonzero(self.gene_fold[gene_indices] == m)
            stacked, values = self.stack_predictors(m, self.reference_genes.request(gene_indices[positions]), m)
            factor, refinement, z = self._refine(values, m, m)
            out.append((positions, sum_predictions([stacked.scale_by(factor), refinement]), z))
        return out


@dataclass(frozen=True, eq=False)
class PreparedPrediction:
    """Predictions of some genes, ready for any cells.

    Attributes
    ----------
    member_predictions
        Each member's stacked prediction; the last member sees all genes.
    member_factors : members x (genes,)
        The prediction in standard deviations is the sum of factor * member and `refinement`, except for shared genes.
    held_out_predictions
        Columns and predictions of shared genes.
    at_standardisation_cells : (cells, genes), (cells, genes)
        Predictions and their spread over the members, in standard deviations over the standardisation cells.
    """

    predictor: StackedPredictor
    gene_indices: NDArray[np.intp]
    member_predictions: list[LinearPrediction]
    member_factors: list[Matrix]
    refinement: LinearPrediction
    held_out_predictions: list[tuple[NDArray[np.intp], LinearPrediction]]
    at_standardisation_cells: tuple[Matrix, Matrix]

    def predict_z(self, cells: EncodedCells) -> tuple[Matrix, Matrix]:
        """Predictions and their spread over the members for any cells, each (cells, genes), in standard deviations."""
        n_members = len(self.member_predictions)
        held_out = [prediction for _, prediction in self.held_out_predictions]
        values = evaluate([*self.member_predictions, self.refinement, *held_out], cells)
        members, z = values[:n_members], values[n_members]
        for factor, member in zip(self.member_factors, members, strict=True):
            z += factor.astype(np.float32) * member
        for (columns, _), held_out_z in zip(self.held_out_predictions, values[n_members + 1 :], strict=True):
            z[:, columns] = held_out_z
        return z, np.std(members[:-1], axis=0)

    def predict_expression(self, cells: EncodedCells | None = None) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """As `predict_z`, log-normalised on the section's scale; default: at the standardisation cells."""
        z, spread = self.at_standardisation_cells if cells is None else self.predict_z(cells)
        return self.predictor.to_expression(z, spread, self.gene_indices)

    def project(self, axes: Matrix) -> LinearPrediction:
        """Combine the predictions in standard deviations by axes (genes, combinations) into one linear prediction."""
        is_held_out = np.zeros(len(self.gene_indices), dtype=bool)
        parts = []
        for columns, prediction in self.held_out_predictions:
            is_held_out[columns] = True
            parts.append(prediction.project(axes[columns]))
        others = np.where(is_held_out[:, None], 0, axes)
        members = [p.scale_by(f) for p, f in zip(self.member_predictions, self.member_factors, strict=True)]
        return sum_predictions([*(p.project(others) for p in (*members, self.refinement)), *parts])
