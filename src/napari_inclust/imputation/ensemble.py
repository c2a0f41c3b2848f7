"""Any gene of the reference, for any cells of the section: readouts stacked, refined by the section's own cells, and put on its scale."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..training.inference import EncodedCells
from ..utils.progress import progress_stage
from .linear import FeatureMap, LinearPrediction, LinearTerm, evaluate, sum_predictions
from .predictors import BasePredictor, ReferenceGenes, RequestedGenes
from .rescale import SectionScale, ValueTransform
from .similarity import CellSimilarity
from .stacking import weights_by_fold

Matrix = NDArray[np.floating[Any]]
FULL_MEMBER_SHARE = 0.5  # share of the member that sees every gene in the prediction of an unmeasured gene
MIN_WEIGHT = 0.01  # weight of a readout below which it is left out
_RIDGE_PENALTY = 3.0


@dataclass(frozen=True)
class StackingParameters:
    """What the held-out genes decided; saved with a run.

    Attributes
    ----------
    readouts : (folds + 1, readouts)
        Weights of the readouts: row m was chosen without the genes of fold m, the last on all.
    refinements : (folds + 1, 4)
        Weights of the stacked prediction itself, of its linear part in the section's own genes, of its mean over the section's cells that are like the cell,
        and of the cell's common factor.
    """

    readouts: list[list[float]] = field(default_factory=list)
    refinements: list[list[float]] = field(default_factory=list)
    shape: ValueTransform = field(default_factory=ValueTransform)


@dataclass(frozen=True, eq=False)
class VisibleGenes:
    """The section's own genes, those that a member sees."""

    visible_genes: list[NDArray[np.intp]]

    def design_matrix(self, cells: EncodedCells, member: int) -> Matrix:
        values: Matrix = cells.inputs[member][:, self.visible_genes[member]]
        return values


@dataclass(frozen=True, eq=False)
class CommonFactor:
    """The mean of these genes in a cell."""

    visible_genes: list[NDArray[np.intp]]

    def design_matrix(self, cells: EncodedCells, member: int) -> Matrix:
        mean: Matrix = cells.inputs[member][:, self.visible_genes[member]].mean(1, keepdims=True)
        return mean


class StackedPredictor:
    """Predicts genes (positions: shared first, then reference-only).

    Parameters
    ----------
    likeness
        Of the section's cells to its anchors, over which every prediction is standardised; members' inputs: the last member sees all.
    fold : (shared genes,)
        The member that each was hidden from.
    choices
        None made yet: empty ones, with which only `learn` works.
    """

    def __init__(
        self,
        base_predictors: list[BasePredictor],
        reference_genes: ReferenceGenes,
        section_scale: SectionScale,
        similarity: CellSimilarity,
        gene_fold: NDArray[np.intp],
        parameters: StackingParameters,
    ) -> None:
        (
            self.base_predictors,
            self.reference_genes,
            self.section_scale,
            self.similarity,
            self.gene_fold,
            self.parameters,
        ) = base_predictors, reference_genes, section_scale, similarity, gene_fold, parameters
        self.standardisation_cells, self.visible_genes = similarity.standardisation_cells, similarity.visible_genes
        self.n_folds = len(self.visible_genes) - 1
        self._refinement_maps: list[FeatureMap] = [
            VisibleGenes(self.visible_genes),
            similarity,
            CommonFactor(self.visible_genes),
        ]

    def fit(
        self, sample_cells: EncodedCells, standardisation_positions: NDArray[np.intp], truth: Matrix
    ) -> tuple[StackedPredictor, NDArray[np.float32]]:
        """Make every choice on the held-out genes of a sample of cells; what predicts a fold is chosen without it.

        Parameters
        ----------
        anchored
            Which cells of the sample are the anchors.
        truth : (sampled cells, shared genes)

        Returns
        -------
        The predictor with these choices, and its held-out predictions of the sample (sampled cells, shared genes).
        """
        n = len(self.gene_fold)
        members = [(m, np.flatnonzero(self.gene_fold == m)) for m in range(self.n_folds)]
        held_out = [np.zeros((sample_cells.n_cells, n), dtype=np.float32) for _ in self.base_predictors]
        for m, here in progress_stage("predicting the hidden genes", members):
            wanted = self.reference_genes.request(here)
            for out, readout in zip(held_out, self.base_predictors, strict=True):
                predicted = readout.design_matrix(sample_cells, m) @ readout.coefficients(m, wanted)
                out[:, here] = standardise_by(predicted[standardisation_positions], predicted)
        weights = weights_by_fold(held_out, truth, self.gene_fold)

        parts = [np.zeros((sample_cells.n_cells, n), dtype=np.float32) for _ in (None, *self._refinement_maps)]
        for m, here in progress_stage("refining these predictions", members):
            stacked = sum(w * h[:, here] for w, h in zip(weights[m], held_out, strict=True) if w > MIN_WEIGHT)
            refined = [
                source.design_matrix(sample_cells, m) @ vectors
                for source, vectors in zip(
                    self._refinement_maps,
                    self._refinement_coefficients(stacked[standardisation_positions], m),
                    strict=True,
                )
            ]
            for out, part in zip(parts, [stacked, *refined], strict=True):
                out[:, here] = standardise_by(part[standardisation_positions], part)
        del held_out
        refinements = weights_by_fold(parts, truth, self.gene_fold)

        z = np.zeros((sample_cells.n_cells, n), dtype=np.float32)
        for m, here in members:
            whole = sum(w * p[:, here] for w, p in zip(refinements[m], parts, strict=True))
            z[:, here] = standardise_by(whole[standardisation_positions], whole)
        shape = ValueTransform.fit(z, self.section_scale.mean_to_sd[:n], truth)
        learned = self.with_parameters(StackingParameters(weights.tolist(), refinements.tolist(), shape))
        return learned, learned.to_expression(z, z, np.arange(n))[0]

    def with_parameters(self, parameters: StackingParameters) -> StackedPredictor:
        """The same with other choices."""
        return StackedPredictor(
            self.base_predictors, self.reference_genes, self.section_scale, self.similarity, self.gene_fold, parameters
        )

    def prepare(self, gene_indices: NDArray[np.intp]) -> PreparedPrediction:
        """Some genes, with all done that does not depend on the cells they are predicted for.

        A shared gene has its held-out prediction; its spread is that of the other genes' kind: between the members that all saw it but one.
        """
        wanted = self.reference_genes.request(gene_indices)
        members, at = zip(*(self.stack_predictors(m, wanted, -1) for m in range(self.n_folds + 1)), strict=True)
        shares = [*[(1 - FULL_MEMBER_SHARE) / self.n_folds] * self.n_folds, FULL_MEMBER_SHARE]
        factor, rest, z = self._refine(sum(s * a for s, a in zip(shares, at, strict=True)), self.n_folds, -1)
        shared = np.flatnonzero(gene_indices < len(self.gene_fold))
        held_out = self._held_out_predictions(gene_indices[shared])
        for here, _, at_anchors in held_out:
            z[:, shared[here]] = at_anchors
        hidden = [(shared[here], formula) for here, formula, _ in held_out]
        return PreparedPrediction(
            self, gene_indices, list(members), [s * factor for s in shares], rest, hidden, (z, np.std(at[:-1], axis=0))
        )

    def predict(
        self, gene_indices: NDArray[np.intp], cells: EncodedCells | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Values and their spread over the members, each (cells, features), log-normalised on the section's scale; default: the anchors."""
        return self.prepare(gene_indices).predict_expression(cells)

    def predict_held_out(
        self, gene_indices: NDArray[np.intp], cells: EncodedCells | None = None
    ) -> NDArray[np.float32]:
        """(cells, shared features), each from the one member that never saw it, with choices made without its fold."""
        z = self.predict_held_out_z(gene_indices, cells)
        return self.to_expression(z, z, gene_indices)[0]

    def predict_held_out_z(self, gene_indices: NDArray[np.intp], cells: EncodedCells | None = None) -> Matrix:
        """The same in standard deviations over the anchors."""
        found = self._held_out_predictions(gene_indices)
        values = [z for _, _, z in found] if cells is None else evaluate([f for _, f, _ in found], cells)
        out: Matrix = np.zeros(((cells or self.standardisation_cells).n_cells, len(gene_indices)), dtype=np.float32)
        for (here, _, _), z in zip(found, values, strict=True):
            out[:, here] = z
        return out

    def to_expression(
        self, z: Matrix, spread: Matrix, gene_indices: NDArray[np.intp]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """From standard deviations over the anchors to log-normalised values on the section's scale, both (cells, features)."""
        ratio, mean = self.section_scale.mean_to_sd[gene_indices], self.section_scale.mean[gene_indices]
        positive, sd = self.parameters.shape.positive_mean_and_sd(ratio)
        factor = mean / np.maximum(positive, 1e-9)
        return (self.parameters.shape.apply(z, ratio) * factor).astype(np.float32), (spread * sd * factor).astype(
            np.float32
        )

    def stack_predictors(
        self, member: int, requested: RequestedGenes, weights_row: int
    ) -> tuple[LinearPrediction, Matrix]:
        """Weighted mean of the readouts of one member, each standardised over the anchors, and what it is there: (anchors, genes)."""
        terms, constant = {}, np.zeros(len(requested.gene_indices))
        at: Matrix = np.zeros((self.standardisation_cells.n_cells, len(requested.gene_indices)), dtype=np.float32)
        for w, readout in zip(self.parameters.readouts[weights_row], self.base_predictors, strict=True):
            if w > MIN_WEIGHT:
                vectors = readout.coefficients(member, requested).astype(np.float32, copy=False)
                there = self._standardisation_designs[readout][member] @ vectors
                mean, scale = _mean_and_inverse_sd(there)
                terms[readout, member] = LinearTerm(vectors, w * scale)
                constant -= w * scale * mean
                at += (w * scale * (there - mean)).astype(np.float32)
        return LinearPrediction(terms, constant), at  # type: ignore[arg-type]

    @cached_property
    def _standardisation_designs(self) -> dict[FeatureMap, list[Matrix]]:
        """What the anchors are to each source that counts, by member: done once, since every gene is standardised there."""
        heaviest = np.max(self.parameters.readouts, axis=0)
        used = [r for w, r in zip(heaviest, self.base_predictors, strict=True) if w > MIN_WEIGHT]
        return {
            source: [source.design_matrix(self.standardisation_cells, m) for m in range(self.n_folds + 1)]
            for source in (*used, *self._refinement_maps)
        }

    def _refinement_coefficients(self, stacked: Matrix, member: int) -> list[Matrix]:
        """Vectors for the sources of `_refinement_maps`, from a prediction at the anchors: its linear part in the genes that the member sees, its mean over the anchors that
        are like the cell, and the mean of those genes in the cell."""
        x, base = (
            VisibleGenes(self.visible_genes).design_matrix(self.standardisation_cells, member),
            standardise_by(stacked, stacked),
        )
        gram = x.T @ x / len(x) + _RIDGE_PENALTY * np.eye(x.shape[1], dtype=np.float32)
        return [np.linalg.solve(gram, x.T @ base / len(x)), base, np.ones((1, stacked.shape[1]), dtype=np.float32)]

    def _refine(self, stacked: Matrix, member: int, weights_row: int) -> tuple[Matrix, LinearPrediction, Matrix]:
        """From a prediction at the anchors to the factor of the prediction, what is added to it (the weighted parts, each standardised, and standardised again), and
        what comes out at the anchors."""
        vectors = self._refinement_coefficients(stacked, member)
        parts = [
            stacked,
            *(
                self._standardisation_designs[source][member] @ v
                for source, v in zip(self._refinement_maps, vectors, strict=True)
            ),
        ]
        levels = [_mean_and_inverse_sd(part) for part in parts]
        scales = [w * scale for w, (_, scale) in zip(self.parameters.refinements[weights_row], levels, strict=True)]
        summed: Matrix = sum(
            scale * (part - mean) for scale, part, (mean, _) in zip(scales, parts, levels, strict=True)
        )  # type: ignore[assignment]
        shift, factor = _mean_and_inverse_sd(summed)
        terms = {
            (source, member): LinearTerm(v, scale * factor)
            for source, v, scale in zip(self._refinement_maps, vectors, scales[1:], strict=True)
        }
        constant = -factor * (shift + sum(scale * mean for scale, (mean, _) in zip(scales, levels, strict=True)))
        return scales[0] * factor, LinearPrediction(terms, constant), (factor * (summed - shift)).astype(np.float32)

    def _held_out_predictions(
        self, gene_indices: NDArray[np.intp]
    ) -> list[tuple[NDArray[np.intp], LinearPrediction, Matrix]]:
        """Of each fold that shared features were hidden with: which they are, their held-out predictions in standard deviations, and those at the anchors."""
        found = []
        for m in map(int, np.unique(self.gene_fold[gene_indices])):
            here = np.flatnonzero(self.gene_fold[gene_indices] == m)
            stacked, at = self.stack_predictors(m, self.reference_genes.request(gene_indices[here]), m)
            factor, rest, z = self._refine(at, m, m)
            found.append((here, sum_predictions([stacked.scale_by(factor), rest]), z))
        return found


@dataclass(frozen=True, eq=False)
class PreparedPrediction:
    """Some genes, ready for any cells.

    Attributes
    ----------
    members
        Each member's stacked prediction; the last sees all genes.
    factors
        One (genes,) a member: z is the sum of factor * member, and `rest`; but for shared genes.
    held_out
        Columns and predictions of shared genes.
    at_anchors : (anchors, genes), (anchors, genes)
        Predictions and their spread over the members, in standard deviations over the anchors.
    """

    predictor: StackedPredictor
    gene_indices: NDArray[np.intp]
    member_predictions: list[LinearPrediction]
    member_factors: list[Matrix]
    refinement: LinearPrediction
    held_out_predictions: list[tuple[NDArray[np.intp], LinearPrediction]]
    at_standardisation_cells: tuple[Matrix, Matrix]

    def predict_z(self, cells: EncodedCells) -> tuple[Matrix, Matrix]:
        """Predictions and their spread for any cells, each (cells, genes)."""
        found = evaluate([*self.member_predictions, self.refinement, *(f for _, f in self.held_out_predictions)], cells)
        members, z = found[: len(self.member_predictions)], found[len(self.member_predictions)]
        for factor, member in zip(self.member_factors, members, strict=True):
            z += factor.astype(np.float32) * member
        for (columns, _), held_out in zip(
            self.held_out_predictions, found[len(self.member_predictions) + 1 :], strict=True
        ):
            z[:, columns] = held_out
        return z, np.std(members[:-1], axis=0)

    def predict_expression(self, cells: EncodedCells | None = None) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The same, log-normalised on the section's scale; default: at the anchors."""
        return self.predictor.to_expression(
            *(self.at_standardisation_cells if cells is None else self.predict_z(cells)), self.gene_indices
        )

    def project(self, axes: Matrix) -> LinearPrediction:
        """Combinations (genes, combinations) of the predictions in standard deviations, as one formula."""
        hidden = np.zeros(len(self.gene_indices), dtype=bool)
        parts = []
        for columns, formula in self.held_out_predictions:
            hidden[columns] = True
            parts.append(formula.project(axes[columns]))
        unhidden = np.where(hidden[:, None], 0, axes)
        whole = [f.scale_by(factor) for f, factor in zip(self.member_predictions, self.member_factors, strict=True)]
        return sum_predictions([*(f.project(unhidden) for f in (*whole, self.refinement)), *parts])


def _mean_and_inverse_sd(values: Matrix) -> tuple[Matrix, Matrix]:
    """Mean of each column, and 1 / standard deviation; 0 where it is constant."""
    sd = values.std(0)
    return values.mean(0), np.where(sd > 1e-9, 1 / np.where(sd > 1e-9, sd, 1), 0)


def standardise_by(baseline: Matrix, values: Matrix) -> Matrix:
    """`there` in standard deviations of `at`, column by column; 0 where `at` is constant."""
    mean, scale = _mean_and_inverse_sd(baseline)
    out: Matrix = ((values - mean) * scale).astype(np.float32)
    return out
