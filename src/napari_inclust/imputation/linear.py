"""Predictions as linear functions of a design matrix of cells: summed and projected before they are computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..training.inference import EncodedCells

Matrix = NDArray[np.floating[Any]]


class FeatureMap(Protocol):
    """A linear predictor's view of cells: attention to source cells, visible genes, hidden units of a decoder."""

    def design_matrix(self, cells: EncodedCells, member: int) -> Matrix:
        """(cells, d) of cells as one member sees them."""
        ...


@dataclass(frozen=True, eq=False)
class VisibleInputs:
    """The inputs that each member sees.

    Attributes
    ----------
    indices : members x (inputs,) int
    """

    indices: list[NDArray[np.intp]]

    def design_matrix(self, cells: EncodedCells, member: int) -> Matrix:
        """(cells, visible inputs) scaled values."""
        values: Matrix = cells.inputs[member][:, self.indices[member]]
        return values


@dataclass(frozen=True, eq=False)
class LinearTerm:
    """Coefficients of features on one feature map.

    Attributes
    ----------
    coefficients : (d, features) float32
    gene_scale : (features,)
        Factor of each feature's product of design matrix and coefficients.
    """

    coefficients: Matrix
    gene_scale: Matrix


TermKey = tuple[FeatureMap, int]  # and the member


@dataclass(frozen=True, eq=False)
class MergedTerms:
    """Terms whose design matrices have the same columns, summed before they are multiplied by common coefficients.

    Attributes
    ----------
    weights
        Of the design matrix of each feature map and member.
    coefficients : (d, features) float32
    """

    weights: dict[TermKey, float]
    coefficients: Matrix


@dataclass(frozen=True, eq=False)
class LinearPrediction:
    """Values of features for any cells: the sum over terms of design matrix @ coefficients * scale, and an intercept.

    Attributes
    ----------
    terms
        By feature map and member.
    intercept : (features,)
    merged
        In place of terms, by `merge_terms`; such a prediction can only be evaluated.
    """

    terms: dict[TermKey, LinearTerm]
    intercept: Matrix
    merged: MergedTerms | None = None

    def scale_by(self, factor: Matrix | float) -> LinearPrediction:
        """Multiply each feature's values by its factor."""
        return LinearPrediction(
            {key: LinearTerm(t.coefficients, t.gene_scale * factor) for key, t in self.terms.items()},
            self.intercept * factor,
        )

    def project(self, axes: Matrix) -> LinearPrediction:
        """Combine the features by axes (features, combinations), at the cost of the number of combinations."""
        ones = np.ones(axes.shape[1])
        terms = {
            key: LinearTerm((t.coefficients @ (t.gene_scale[:, None] * axes)).astype(np.float32), ones)
            for key, t in self.terms.items()
        }
        return LinearPrediction(terms, self.intercept @ axes)

    def merge_terms(self, mergeable: Callable[[FeatureMap], bool]) -> LinearPrediction:
        """Approximate all mergeable terms, whose columns mean the same, at the cost of one.

        Their coefficients are taken for multiples of common ones, the best in the mean square.
        """
        keys = [key for key in self.terms if mergeable(key[0])]
        if len(keys) < 2:
            return self
        stacked = np.stack(
            [(self.terms[k].coefficients * self.terms[k].gene_scale).astype(np.float32).ravel() for k in keys]
        )
        weights = np.linalg.eigh(stacked @ stacked.T)[1][:, -1]
        common = (weights @ stacked).reshape(self.terms[keys[0]].coefficients.shape).astype(np.float32)
        others = {key: term for key, term in self.terms.items() if key not in keys}
        return LinearPrediction(
            others, self.intercept, MergedTerms(dict(zip(keys, weights.tolist(), strict=True)), common)
        )


def sum_predictions(predictions: Sequence[LinearPrediction]) -> LinearPrediction:
    """Add predictions of the same features."""
    terms: dict[TermKey, LinearTerm] = {}
    for prediction in predictions:
        for key, term in prediction.terms.items():
            first = terms.get(key)
            if first is None:
                terms[key] = term
            else:
                total = first.coefficients * first.gene_scale + term.coefficients * term.gene_scale
                terms[key] = LinearTerm(total.astype(np.float32), np.ones(len(term.gene_scale)))
    return LinearPrediction(terms, np.sum([p.intercept for p in predictions], axis=0))


def evaluate(predictions: Sequence[LinearPrediction], cells: EncodedCells) -> list[NDArray[np.float32]]:
    """Compute predictions (cells, features) at some cells; each design matrix is computed once for all of them."""
    out = [np.tile(p.intercept.astype(np.float32), (cells.n_cells, 1)) for p in predictions]
    sums = [
        None if p.merged is None else np.zeros((cells.n_cells, len(p.merged.coefficients)), dtype=np.float32)
        for p in predictions
    ]
    for key in dict.fromkeys(key for p in predictions for key in (*p.terms, *(p.merged.weights if p.merged else ()))):
        feature_map, member = key
        design = feature_map.design_matrix(cells, member)
        for values, summed, prediction in zip(out, sums, predictions, strict=True):
            if (term := prediction.terms.get(key)) is not None:
                values += (design @ term.coefficients) * term.gene_scale.astype(np.float32)
            if prediction.merged is not None and summed is not None and (weight := prediction.merged.weights.get(key)):
                summed += np.float32(weight) * design
    for values, summed, prediction in zip(out, sums, predictions, strict=True):
        if prediction.merged is not None and summed is not None:
            values += summed @ prediction.merged.coefficients
    return out
