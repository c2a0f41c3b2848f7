"""Predictions as linear functions: what a cell is to a source, times what a gene is to it. What is linear can be combined before it is computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..training.inference import Cells

Matrix = NDArray[np.floating[Any]]


class Source(Protocol):
    """What predictions are made from: attention to the reference's cells, genes of the section, units of a decoder."""

    def matrix(self, cells: Cells, member: int) -> Matrix:
        """(cells, d) what each cell is to it, as one member sees the cell."""
        ...


@dataclass(frozen=True, eq=False)
class Term:
    """What genes are to a source.

    Attributes
    ----------
    vectors : (d, genes) float32
    scale : (genes,)
        By which the product with a cell's row is multiplied.
    """

    vectors: Matrix
    scale: Matrix


Key = tuple[Source, int]


@dataclass(frozen=True, eq=False)
class Merged:
    """Sources whose columns mean the same, summed before they are multiplied: one product for all of them.

    Attributes
    ----------
    weights
        By source and member.
    vectors : (d, genes) float32
    """

    weights: dict[Key, float]
    vectors: Matrix


@dataclass(frozen=True, eq=False)
class Formula:
    """Values of some genes in any cells: the sum over sources and members of matrix @ vectors * scale, and a constant.

    Attributes
    ----------
    terms
        By source and member.
    constant : (genes,)
    merged
        In place of terms, by `with_merged`; a formula that has it is only evaluated.
    """

    terms: dict[Key, Term]
    constant: Matrix
    merged: Merged | None = None

    def scaled(self, factor: Matrix | float) -> Formula:
        """Each gene's value times its factor."""
        return Formula({key: Term(t.vectors, t.scale * factor) for key, t in self.terms.items()}, self.constant * factor)

    def combined(self, axes: Matrix) -> Formula:
        """Combinations of the genes, (genes, combinations), at the cost of their own number."""
        ones = np.ones(axes.shape[1])
        terms = {key: Term((t.vectors @ (t.scale[:, None] * axes)).astype(np.float32), ones) for key, t in self.terms.items()}
        return Formula(terms, self.constant @ axes)

    def with_merged(self, alike: Callable[[Source], bool]) -> Formula:
        """Nearly the same at the cost of one source for all those that are alike (their columns mean the same): their vectors are taken for multiples of one another,
        the best in the mean square."""
        keys = [key for key in self.terms if alike(key[0])]
        if len(keys) < 2:
            return self
        stacked = np.stack([(self.terms[k].vectors * self.terms[k].scale).astype(np.float32).ravel() for k in keys])
        weights = np.linalg.eigh(stacked @ stacked.T)[1][:, -1]
        vectors = (weights @ stacked).reshape(self.terms[keys[0]].vectors.shape).astype(np.float32)
        kept = {key: term for key, term in self.terms.items() if key not in keys}
        return Formula(kept, self.constant, Merged(dict(zip(keys, weights.tolist(), strict=True)), vectors))


def total(formulas: Sequence[Formula]) -> Formula:
    """The sum of formulas of the same columns."""
    terms: dict[Key, Term] = {}
    for formula in formulas:
        for key, term in formula.terms.items():
            given = terms.get(key)
            terms[key] = term if given is None else Term((given.vectors * given.scale + term.vectors * term.scale).astype(np.float32), np.ones(len(term.scale)))
    return Formula(terms, np.sum([f.constant for f in formulas], axis=0))


def evaluate(formulas: Sequence[Formula], cells: Cells) -> list[NDArray[np.float32]]:
    """Each formula at some cells, (cells, genes); what the cells are to a source is computed once, however many formulas need it."""
    out = [np.tile(f.constant.astype(np.float32), (cells.n, 1)) for f in formulas]
    sums = [None if f.merged is None else np.zeros((cells.n, len(f.merged.vectors)), dtype=np.float32) for f in formulas]
    for key in dict.fromkeys(key for f in formulas for key in (*f.terms, *(f.merged.weights if f.merged else ()))):
        source, member = key
        given = source.matrix(cells, member)
        for values, summed, formula in zip(out, sums, formulas, strict=True):
            if (term := formula.terms.get(key)) is not None:
                values += (given @ term.vectors) * term.scale.astype(np.float32)
            if formula.merged is not None and summed is not None and (weight := formula.merged.weights.get(key)):
                summed += np.float32(weight) * given
    for values, summed, formula in zip(out, sums, formulas, strict=True):
        if formula.merged is not None and summed is not None:
            values += summed @ formula.merged.vectors
    return out
