"""Any gene of the reference, for any cells of the section: readouts stacked, refined by the section's own cells, and put on its scale."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..training.inference import Cells
from ..utils.progress import stage
from .linear import Formula, Source, Term, evaluate, total
from .predictors import Genes, Readout, Wanted
from .rescale import Levels, Shape
from .similarity import Likeness
from .stacking import weights_by_fold

Matrix = NDArray[np.floating[Any]]
FULL = 0.5  # share of the member that sees every gene in the prediction of an unmeasured gene
NEGLIGIBLE = 0.01  # weight of a readout below which it is left out
_RIDGE = 3.0


@dataclass(frozen=True)
class Choices:
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
    shape: Shape = field(default_factory=Shape)


@dataclass(frozen=True, eq=False)
class ShownGenes:
    """The section's own genes, those that a member sees."""

    shown: list[NDArray[np.intp]]

    def matrix(self, cells: Cells, member: int) -> Matrix:
        values: Matrix = cells.x[member][:, self.shown[member]]
        return values


@dataclass(frozen=True, eq=False)
class CommonFactor:
    """The mean of these genes in a cell."""

    shown: list[NDArray[np.intp]]

    def matrix(self, cells: Cells, member: int) -> Matrix:
        mean: Matrix = cells.x[member][:, self.shown[member]].mean(1, keepdims=True)
        return mean


class Predictor:
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

    def __init__(self, readouts: list[Readout], genes: Genes, levels: Levels, likeness: Likeness, fold: NDArray[np.intp], choices: Choices) -> None:
        self.readouts, self.genes, self.levels, self.likeness, self.fold, self.choices = readouts, genes, levels, likeness, fold, choices
        self.anchors, self.shown = likeness.anchors, likeness.shown
        self.folds = len(self.shown) - 1
        self._refining: list[Source] = [ShownGenes(self.shown), likeness, CommonFactor(self.shown)]

    def learn(self, sample: Cells, anchored: NDArray[np.intp], truth: Matrix) -> tuple[Predictor, NDArray[np.float32]]:
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
        n = len(self.fold)
        members = [(m, np.flatnonzero(self.fold == m)) for m in range(self.folds)]
        held_out = [np.zeros((sample.n, n), dtype=np.float32) for _ in self.readouts]
        for m, here in stage("predicting the hidden genes", members):
            wanted = self.genes.wanted(here)
            for out, readout in zip(held_out, self.readouts, strict=True):
                predicted = readout.matrix(sample, m) @ readout.vectors(m, wanted)
                out[:, here] = standardised(predicted[anchored], predicted)
        weights = weights_by_fold(held_out, truth, self.fold)

        parts = [np.zeros((sample.n, n), dtype=np.float32) for _ in (None, *self._refining)]
        for m, here in stage("refining these predictions", members):
            stacked = sum(w * h[:, here] for w, h in zip(weights[m], held_out, strict=True) if w > NEGLIGIBLE)
            refined = [source.matrix(sample, m) @ vectors for source, vectors in zip(self._refining, self._refinements(stacked[anchored], m), strict=True)]
            for out, part in zip(parts, [stacked, *refined], strict=True):
                out[:, here] = standardised(part[anchored], part)
        del held_out
        refinements = weights_by_fold(parts, truth, self.fold)

        z = np.zeros((sample.n, n), dtype=np.float32)
        for m, here in members:
            whole = sum(w * p[:, here] for w, p in zip(refinements[m], parts, strict=True))
            z[:, here] = standardised(whole[anchored], whole)
        shape = Shape.choose(z, self.levels.ratio[:n], truth)
        learned = self.choosing(Choices(weights.tolist(), refinements.tolist(), shape))
        return learned, learned.values(z, z, np.arange(n))[0]

    def choosing(self, choices: Choices) -> Predictor:
        """The same with other choices."""
        return Predictor(self.readouts, self.genes, self.levels, self.likeness, self.fold, choices)

    def prepared(self, features: NDArray[np.intp]) -> Prediction:
        """Some genes, with all done that does not depend on the cells they are predicted for.

        A shared gene has its held-out prediction; its spread is that of the other genes' kind: between the members that all saw it but one.
        """
        wanted = self.genes.wanted(features)
        members, at = zip(*(self.stacked(m, wanted, -1) for m in range(self.folds + 1)), strict=True)
        shares = [*[(1 - FULL) / self.folds] * self.folds, FULL]
        factor, rest, z = self._refined(sum(s * a for s, a in zip(shares, at, strict=True)), self.folds, -1)
        shared = np.flatnonzero(features < len(self.fold))
        held_out = self._held_out(features[shared])
        for here, _, at_anchors in held_out:
            z[:, shared[here]] = at_anchors
        hidden = [(shared[here], formula) for here, formula, _ in held_out]
        return Prediction(self, features, list(members), [s * factor for s in shares], rest, hidden, (z, np.std(at[:-1], axis=0)))

    def predict(self, features: NDArray[np.intp], cells: Cells | None = None) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Values and their spread over the members, each (cells, features), log-normalised on the section's scale; default: the anchors."""
        return self.prepared(features).values(cells)

    def held_out(self, features: NDArray[np.intp], cells: Cells | None = None) -> NDArray[np.float32]:
        """(cells, shared features), each from the one member that never saw it, with choices made without its fold."""
        z = self.held_out_z(features, cells)
        return self.values(z, z, features)[0]

    def held_out_z(self, features: NDArray[np.intp], cells: Cells | None = None) -> Matrix:
        """The same in standard deviations over the anchors."""
        found = self._held_out(features)
        values = [z for _, _, z in found] if cells is None else evaluate([f for _, f, _ in found], cells)
        out: Matrix = np.zeros(((cells or self.anchors).n, len(features)), dtype=np.float32)
        for (here, _, _), z in zip(found, values, strict=True):
            out[:, here] = z
        return out

    def values(self, z: Matrix, spread: Matrix, features: NDArray[np.intp]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """From standard deviations over the anchors to log-normalised values on the section's scale, both (cells, features)."""
        ratio, mean = self.levels.ratio[features], self.levels.mean[features]
        positive, sd = self.choices.shape.size(ratio)
        factor = mean / np.maximum(positive, 1e-9)
        return (self.choices.shape.apply(z, ratio) * factor).astype(np.float32), (spread * sd * factor).astype(np.float32)

    def stacked(self, member: int, wanted: Wanted, row: int) -> tuple[Formula, Matrix]:
        """Weighted mean of the readouts of one member, each standardised over the anchors, and what it is there: (anchors, genes)."""
        terms, constant = {}, np.zeros(len(wanted.features))
        at: Matrix = np.zeros((self.anchors.n, len(wanted.features)), dtype=np.float32)
        for w, readout in zip(self.choices.readouts[row], self.readouts, strict=True):
            if w > NEGLIGIBLE:
                vectors = readout.vectors(member, wanted).astype(np.float32, copy=False)
                there = self._at_anchors[readout][member] @ vectors
                mean, scale = _level(there)
                terms[readout, member] = Term(vectors, w * scale)
                constant -= w * scale * mean
                at += (w * scale * (there - mean)).astype(np.float32)
        return Formula(terms, constant), at  # type: ignore[arg-type]

    @cached_property
    def _at_anchors(self) -> dict[Source, list[Matrix]]:
        """What the anchors are to each source that counts, by member: done once, since every gene is standardised there."""
        heaviest = np.max(self.choices.readouts, axis=0)
        used = [r for w, r in zip(heaviest, self.readouts, strict=True) if w > NEGLIGIBLE]
        return {source: [source.matrix(self.anchors, m) for m in range(self.folds + 1)] for source in (*used, *self._refining)}

    def _refinements(self, at: Matrix, member: int) -> list[Matrix]:
        """Vectors for the sources of `_refining`, from a prediction at the anchors: its linear part in the genes that the member sees, its mean over the anchors that
        are like the cell, and the mean of those genes in the cell."""
        x, base = ShownGenes(self.shown).matrix(self.anchors, member), standardised(at, at)
        gram = x.T @ x / len(x) + _RIDGE * np.eye(x.shape[1], dtype=np.float32)
        return [np.linalg.solve(gram, x.T @ base / len(x)), base, np.ones((1, at.shape[1]), dtype=np.float32)]

    def _refined(self, at: Matrix, member: int, row: int) -> tuple[Matrix, Formula, Matrix]:
        """From a prediction at the anchors to the factor of the prediction, what is added to it (the weighted parts, each standardised, and standardised again), and
        what comes out at the anchors."""
        vectors = self._refinements(at, member)
        parts = [at, *(self._at_anchors[source][member] @ v for source, v in zip(self._refining, vectors, strict=True))]
        levels = [_level(part) for part in parts]
        scales = [w * scale for w, (_, scale) in zip(self.choices.refinements[row], levels, strict=True)]
        summed: Matrix = sum(scale * (part - mean) for scale, part, (mean, _) in zip(scales, parts, levels, strict=True))  # type: ignore[assignment]
        shift, factor = _level(summed)
        terms = {(source, member): Term(v, scale * factor) for source, v, scale in zip(self._refining, vectors, scales[1:], strict=True)}
        constant = -factor * (shift + sum(scale * mean for scale, (mean, _) in zip(scales, levels, strict=True)))
        return scales[0] * factor, Formula(terms, constant), (factor * (summed - shift)).astype(np.float32)

    def _held_out(self, features: NDArray[np.intp]) -> list[tuple[NDArray[np.intp], Formula, Matrix]]:
        """Of each fold that shared features were hidden with: which they are, their held-out predictions in standard deviations, and those at the anchors."""
        found = []
        for m in map(int, np.unique(self.fold[features])):
            here = np.flatnonzero(self.fold[features] == m)
            stacked, at = self.stacked(m, self.genes.wanted(features[here]), m)
            factor, rest, z = self._refined(at, m, m)
            found.append((here, total([stacked.scaled(factor), rest]), z))
        return found


@dataclass(frozen=True, eq=False)
class Prediction:
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

    predictor: Predictor
    features: NDArray[np.intp]
    members: list[Formula]
    factors: list[Matrix]
    rest: Formula
    held_out: list[tuple[NDArray[np.intp], Formula]]
    at_anchors: tuple[Matrix, Matrix]

    def z(self, cells: Cells) -> tuple[Matrix, Matrix]:
        """Predictions and their spread for any cells, each (cells, genes)."""
        found = evaluate([*self.members, self.rest, *(f for _, f in self.held_out)], cells)
        members, z = found[: len(self.members)], found[len(self.members)]
        for factor, member in zip(self.factors, members, strict=True):
            z += factor.astype(np.float32) * member
        for (columns, _), held_out in zip(self.held_out, found[len(self.members) + 1 :], strict=True):
            z[:, columns] = held_out
        return z, np.std(members[:-1], axis=0)

    def values(self, cells: Cells | None = None) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The same, log-normalised on the section's scale; default: at the anchors."""
        return self.predictor.values(*(self.at_anchors if cells is None else self.z(cells)), self.features)

    def combined(self, axes: Matrix) -> Formula:
        """Combinations (genes, combinations) of the predictions in standard deviations, as one formula."""
        hidden = np.zeros(len(self.features), dtype=bool)
        parts = []
        for columns, formula in self.held_out:
            hidden[columns] = True
            parts.append(formula.combined(axes[columns]))
        unhidden = np.where(hidden[:, None], 0, axes)
        whole = [f.scaled(factor) for f, factor in zip(self.members, self.factors, strict=True)]
        return total([*(f.combined(unhidden) for f in (*whole, self.rest)), *parts])


def _level(at: Matrix) -> tuple[Matrix, Matrix]:
    """Mean of each column, and 1 / standard deviation; 0 where it is constant."""
    sd = at.std(0)
    return at.mean(0), np.where(sd > 1e-9, 1 / np.where(sd > 1e-9, sd, 1), 0)


def standardised(at: Matrix, there: Matrix) -> Matrix:
    """`there` in standard deviations of `at`, column by column; 0 where `at` is constant."""
    mean, scale = _level(at)
    out: Matrix = ((there - mean) * scale).astype(np.float32)
    return out
