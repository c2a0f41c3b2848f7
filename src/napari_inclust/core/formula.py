"""Predictions as linear functions: what a cell is to a source, times what a gene is to it. What is linear can be combined before it is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .latent import Cells

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


@dataclass(frozen=True, eq=False)
class Formula:
    """Values of some genes in any cells: the sum over sources and members of matrix @ vectors * scale, and a constant.

    Attributes
    ----------
    terms
        By source and member.
    constant : (genes,)
    """

    terms: dict[tuple[Source, int], Term]
    constant: Matrix

    def scaled(self, factor: Matrix | float) -> Formula:
        """Each gene's value times its factor."""
        return Formula({key: Term(t.vectors, t.scale * factor) for key, t in self.terms.items()}, self.constant * factor)

    def combined(self, axes: Matrix) -> Formula:
        """Combinations of the genes, (genes, combinations), at the cost of their own number."""
        ones = np.ones(axes.shape[1])
        terms = {key: Term((t.vectors @ (t.scale[:, None] * axes)).astype(np.float32), ones) for key, t in self.terms.items()}
        return Formula(terms, self.constant @ axes)


def total(formulas: Sequence[Formula]) -> Formula:
    """The sum of formulas of the same columns."""
    terms: dict[tuple[Source, int], Term] = {}
    for formula in formulas:
        for key, term in formula.terms.items():
            given = terms.get(key)
            terms[key] = term if given is None else Term((given.vectors * given.scale + term.vectors * term.scale).astype(np.float32), np.ones(len(term.scale)))
    return Formula(terms, np.sum([f.constant for f in formulas], axis=0))


def evaluate(formulas: Sequence[Formula], cells: Cells) -> list[NDArray[np.float32]]:
    """Each formula at some cells, (cells, genes); what the cells are to a source is computed once, however many formulas need it."""
    out = [np.tile(f.constant.astype(np.float32), (cells.n, 1)) for f in formulas]
    for source, member in dict.fromkeys(key for f in formulas for key in f.terms):
        given = source.matrix(cells, member)
        for values, formula in zip(out, formulas, strict=True):
            term = formula.terms.get((source, member))
            if term is not None:
                values += (given @ term.vectors) * term.scale.astype(np.float32)
    return out
