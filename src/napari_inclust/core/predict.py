"""Any gene of the reference, for any cells of the section: readouts stacked, refined by the section's own cells, and put on its scale."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .latent import Cells
from .likeness import Likeness
from .readout import Genes, Readout, Wanted
from .scale import Levels, Shape
from .stack import weights_by_fold
from .stages import stage

Matrix = NDArray[np.floating[Any]]
FULL = 0.5  # share of the member that sees every gene in the prediction of an unmeasured gene
NEGLIGIBLE = 0.01  # weight of a readout below which it is left out
PARTS = 4  # of a refined prediction
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
                predicted = readout.predict(sample, m, wanted)
                out[:, here] = standardised(predicted[anchored], predicted)
        weights = weights_by_fold(held_out, truth, self.fold)

        parts = [np.zeros((sample.n, n), dtype=np.float32) for _ in range(PARTS)]
        for m, here in stage("refining these predictions", members):
            stacked = sum(w * h[:, here] for w, h in zip(weights[m], held_out, strict=True) if w > NEGLIGIBLE)
            for out, (_, part) in zip(parts, self._refinements(stacked[anchored], stacked, m, sample), strict=True):
                out[:, here] = part
        del held_out
        refinements = weights_by_fold(parts, truth, self.fold)

        z = np.zeros((sample.n, n), dtype=np.float32)
        for m, here in members:
            refined = sum(w * p[:, here] for w, p in zip(refinements[m], parts, strict=True))
            z[:, here] = standardised(refined[anchored], refined)
        shape = Shape.choose(z, self.levels.ratio[:n], truth)
        learned = self.choosing(Choices(weights.tolist(), refinements.tolist(), shape))
        return learned, learned.values(z, z, np.arange(n))[0]

    def choosing(self, choices: Choices) -> Predictor:
        """The same with other choices."""
        return Predictor(self.readouts, self.genes, self.levels, self.likeness, self.fold, choices)

    def at(self, cells: Cells) -> Predictor:
        """The same choices for a few cells, which are the new anchors; all that does not depend on the gene is done once."""
        return Predictor([r.fixed(cells) for r in self.readouts], self.genes, self.levels, self.likeness.at(cells), self.fold, self.choices)

    def predict(self, features: NDArray[np.intp], cells: Cells | None = None) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Values and their spread over the members, each (cells, features), log-normalised on the section's scale; default: the anchors.

        A shared gene has its held-out prediction; its spread is that of the other genes' kind: between the members that all saw it but one.
        """
        z, spread = self.predict_z(features, cells)
        return self.values(z, spread, features)

    def predict_z(self, features: NDArray[np.intp], cells: Cells | None = None) -> tuple[Matrix, Matrix]:
        """`predict` in standard deviations over the anchors."""
        wanted = self.genes.wanted(features)
        each = [self.stacked(m, wanted, None, -1) for m in range(self.folds + 1)]
        each_there = each if cells is None else [self.stacked(m, wanted, cells, -1) for m in range(self.folds + 1)]
        at, there = ((1 - FULL) * np.mean(e[:-1], axis=0) + FULL * e[-1] for e in (each, each_there))
        z = self._refined(at, there, self.folds, -1, cells)
        shared = np.flatnonzero(features < len(self.fold))
        if len(shared):
            z[:, shared] = self.held_out_z(features[shared], cells)
        return z, np.std(each_there[:-1], axis=0)

    def held_out(self, features: NDArray[np.intp], cells: Cells | None = None) -> NDArray[np.float32]:
        """(cells, shared features), each from the one member that never saw it, with choices made without its fold."""
        z = self.held_out_z(features, cells)
        return self.values(z, z, features)[0]

    def held_out_z(self, features: NDArray[np.intp], cells: Cells | None = None) -> Matrix:
        """The same in standard deviations."""
        out: Matrix = np.zeros(((cells or self.anchors).n, len(features)), dtype=np.float32)
        for m in np.unique(self.fold[features]):
            here = np.flatnonzero(self.fold[features] == m)
            wanted = self.genes.wanted(features[here])
            at = self.stacked(int(m), wanted, None, int(m))
            there = at if cells is None else self.stacked(int(m), wanted, cells, int(m))
            out[:, here] = self._refined(at, there, int(m), int(m), cells)
        return out

    def values(self, z: Matrix, spread: Matrix, features: NDArray[np.intp]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """From standard deviations over the anchors to log-normalised values on the section's scale, both (cells, features)."""
        ratio, mean = self.levels.ratio[features], self.levels.mean[features]
        positive, sd = self.choices.shape.size(ratio)
        factor = mean / np.maximum(positive, 1e-9)
        return (self.choices.shape.apply(z, ratio) * factor).astype(np.float32), (spread * sd * factor).astype(np.float32)

    def stacked(self, member: int, wanted: Wanted, cells: Cells | None, row: int) -> Matrix:
        """Weighted mean of the readouts of one member, each standardised over the anchors: (cells, genes)."""
        out: Matrix = np.zeros(((cells or self.anchors).n, len(wanted.features)), dtype=np.float32)
        for w, readout in zip(self.choices.readouts[row], self.readouts, strict=True):
            if w > NEGLIGIBLE:
                at = readout.predict(self.anchors, member, wanted)
                out += w * standardised(at, at if cells is None else readout.predict(cells, member, wanted))
        return out

    def _refinements(self, at: Matrix, there: Matrix, member: int, cells: Cells | None) -> list[tuple[Matrix, Matrix]]:
        """Parts of the refined prediction, each at the anchors and at the cells, standardised over the anchors.

        The prediction itself, its linear part in the genes that the member sees, its mean over the anchors that are like the cell, and the mean of those genes
        in the cell. `at` is the prediction at the anchors, `there` at the cells.
        """
        shown = self.shown[member]
        x_at = self.anchors.x[member][:, shown]
        base_at = standardised(at, at)
        gram = x_at.T @ x_at / len(x_at) + _RIDGE * np.eye(len(shown), dtype=np.float32)
        linear = np.linalg.solve(gram, x_at.T @ base_at / len(x_at))

        def parts(cells: Cells, predicted: Matrix) -> list[Matrix]:
            x = cells.x[member][:, shown]
            common = np.broadcast_to(x.mean(1, keepdims=True), predicted.shape)
            return [predicted, x @ linear, self.likeness.weights(cells, member) @ base_at, common]

        at_anchors = parts(self.anchors, at)
        at_cells = at_anchors if cells is None else parts(cells, there)
        return [(standardised(a, a), standardised(a, c)) for a, c in zip(at_anchors, at_cells, strict=True)]

    def _refined(self, at: Matrix, there: Matrix, member: int, row: int, cells: Cells | None) -> Matrix:
        weights, parts = self.choices.refinements[row], self._refinements(at, there, member, cells)
        at_anchors, at_cells = (sum(w * p[side] for w, p in zip(weights, parts, strict=True)) for side in (0, 1))
        return standardised(at_anchors, at_cells)  # type: ignore[arg-type]


def standardised(at: Matrix, there: Matrix) -> Matrix:
    """`there` in standard deviations of `at`, column by column; 0 where `at` is constant."""
    mean, sd = at.mean(0), at.std(0)
    out: Matrix = np.where(sd > 1e-9, (there - mean) / np.where(sd > 1e-9, sd, 1), 0).astype(np.float32)
    return out
