"""Predictions as linear functions: what a cell is to a source, times what a gene is to it. What is linear can be combined before it is computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..training.inference import EncodedCells

Matrix = NDArray[np.floating[Any]]


class FeatureMap(Protocol):
    """What predictions are made from: attention to the reference's cells, genes of the section, units of a decoder."""

    def design_matrix(self, cells: EncodedCells, member: int) -> Matrix:
        """(cells, d) what each cell is to it, as one member sees the cell."""
        ...


@dataclass(frozen=True, eq=False)
class LinearTerm:
    """What genes are to a source.

    Attributes
    ----------
    vectors : (d, genes) float32
    scale : (genes,)
        By which the product with a cell's row is multiplied.
    """

    coefficients: Matrix
    gene_scale: Matrix


TermKey = tuple[FeatureMap, int]


@dataclass(frozen=True, eq=False)
class MergedTerms:
    """Sources whose columns mean the same, summed before they are multiplied: one product for all of them.

    Attributes
    ----------
    weights
        By source and member.
    vectors : (d, genes) float32
    """

    weights: dict[TermKey, float]
    coefficients: Matrix


@dataclass(frozen=True, eq=False)
class LinearPrediction:
    """Values of some genes in any cells: the sum over sources and members of matrix @ vectors * scale, and a constant.

    Attributes
    ----------
    terms
        By source and member.
    constant : (genes,)
    merged
        In place of terms, by `with_merged`; a formula that has it is only evaluated.
    """

    terms: dict[TermKey, LinearTerm]
    intercept: Matrix
    merged: MergedTerms | None = None

    def scale_by(self, factor: Matrix | float) -> LinearPrediction:
        """Each gene's value times its factor."""
        return LinearPrediction(
            {key: LinearTerm(t.coefficients, t.gene_scale * factor) for key, t in self.terms.items()},
            self.intercept * factor,
        )

    def project(self, axes: Matrix) -> LinearPrediction:
        """Combinations of the genes, (genes, combinations), at the cost of their own number."""
        ones = np.ones(axes.shape[1])
        terms = {
            key: LinearTerm((t.coefficients @ (t.gene_scale[:, None] * axes)).astype(np.float32), ones)
            for key, t in self.terms.items()
        }
        return LinearPrediction(terms, self.intercept @ axes)

    def merge_terms(self, mergeable: Callable[[FeatureMap], bool]) -> LinearPrediction:
        """Nearly the same at the cost of one source for all those that are alike (their columns mean the same): their vectors are taken for multiples of one another,
        the best in the mean square."""
        keys = [key for key in self.terms if mergeable(key[0])]
        if len(keys) < 2:
            return self
        stacked = np.stack(
            [(self.terms[k].coefficients * self.terms[k].gene_scale).astype(np.float32).ravel() for k in keys]
        )
        weights = np.linalg.eigh(stacked @ stacked.T)[1][:, -1]
        vectors = (weights @ stacked).reshape(self.terms[keys[0]].coefficients.shape).astype(np.float32)
        kept = {key: term for key, term in self.terms.items() if key not in keys}
        return LinearPrediction(
            kept, self.intercept, MergedTerms(dict(zip(keys, weights.tolist(), strict=True)), vectors)
        )


def sum_predictions(predictions: Sequence[LinearPrediction]) -> LinearPrediction:
    """The sum of formulas of the same columns."""
    terms: dict[TermKey, LinearTerm] = {}
    for formula in predictions:
        for key, term in formula.terms.items():
            given = terms.get(key)
            terms[key] = (
                term
                if given is None
                else LinearTerm(
                    (given.coefficients * given.gene_scale + term.coefficients * term.gene_scale).astype(np.float32),
                    np.ones(len(term.gene_scale)),
                )
            )
    return LinearPrediction(terms, np.sum([f.intercept for f in predictions], axis=0))


def evaluate(predictions: Sequence[LinearPrediction], cells: EncodedCells) -> list[NDArray[np.float32]]:
    """Each formula at some cells, (cells, genes); what the cells are to a source is computed once, however many formulas need it."""
    out = [np.tile(f.intercept.astype(np.float32), (cells.n_cells, 1)) for f in predictions]
    sums = [
        None if f.merged is None else np.zeros((cells.n_cells, len(f.merged.coefficients)), dtype=np.float32)
        for f in predictions
    ]
    for key in dict.fromkeys(key for f in predictions for key in (*f.terms, *(f.merged.weights if f.merged else ()))):
        source, member = key
        given = source.design_matrix(cells, member)
        for values, summed, formula in zip(out, sums, predictions, strict=True):
            if (term := formula.terms.get(key)) is not None:
                values += (given @ term.coefficients) * term.gene_scale.astype(np.float32)
            if formula.merged is not None and summed is not None and (weight := formula.merged.weights.get(key)):
                summed += np.float32(weight) * given
    for values, summed, formula in zip(out, sums, predictions, strict=True):
        if formula.merged is not None and summed is not None:
            values += summed @ formula.merged.coefficients
    return out
