"""One gene over all cells in milliseconds: every prediction is nearly a combination of a few profiles over the cells, found once after training.

Exact prediction costs members x readouts x cells x reference cells. But predictions of different genes resemble each other: the leading components of many
genes at the anchors nearly span those of all genes. Predictions are linear, so the components are computed for all cells at the cost of their own number
(`formula`). A gene then needs its exact prediction at the anchors alone, which says how to combine the profiles. So these need not be the components
themselves: of many cells, what all readouts and members attend to is summed before it is multiplied, which takes half the time and spans nearly as much.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..training.batches import chunks
from ..training.inference import Cells
from ..utils.parallel import in_threads
from ..utils.progress import stage
from .ensemble import Predictor
from .linear import Formula, Source, evaluate, total
from .predictors import Attention

Matrix = NDArray[np.floating[Any]]
LANDMARKS = 1024  # genes whose predictions at the anchors span those of all genes
PROFILES = (128, 400)  # at least and at most
STORED = 150_000_000  # values of all profiles: fewer profiles for very many cells
LEFT = 1e-4  # share of the landmarks' variance that profiles may leave out
SPREAD_LANDMARKS, SPREAD_PROFILES = 128, 48  # how far members differ is not linear: it takes exact predictions
MERGED = 1e12  # products of attention, some 20 s, above which it is summed first: below it takes seconds anyway, and held-out genes are more exact
CHECKED = 0.2  # share of the anchors at which the error is measured, by a combination that was found at the others
_CHUNK = 512  # landmarks at once
_CELLS = 512  # cells at once: each thread keeps their attention for each sum
_RIDGE = 1e-3


class Fast:
    """Profiles of all cells, and how to combine them for a gene.

    Parameters
    ----------
    predictor
        Predicts exactly.
    anchors
        Rows of the predictor's anchors.
    n_cells
        Of the section.
    encode
        Rows of some cells to the cells.
    n_genes
        Of the reference.
    """

    def __init__(self, predictor: Predictor, anchors: NDArray[np.intp], n_cells: int, encode: Callable[[NDArray[np.intp]], Cells], n_genes: int) -> None:
        random = np.random.default_rng(0)
        landmarks = _landmarks(random, len(predictor.fold), n_genes)
        few = predictor.prepared(random.permutation(landmarks)[:SPREAD_LANDMARKS])
        spread_mean, spread_axes = _components(few.at_anchors[1], SPREAD_PROFILES)
        wanted = [_profiles(predictor, landmarks, int(np.clip(STORED // n_cells, *PROFILES))), *few.members[:-1]]
        if n_cells * sum(map(_products, wanted)) > MERGED:
            wanted = [formula.with_merged(_attends) for formula in wanted]

        def both(rows: NDArray[np.intp]) -> tuple[Matrix, Matrix]:
            """Profiles of the values and of their spread."""
            values, *members = evaluate(wanted, encode(rows))
            return values, (np.std(members, axis=0) - spread_mean) @ spread_axes

        self.predictor = predictor
        self.profiles, self.spread_profiles = (np.empty((n_cells, n), dtype=np.float32) for n in (len(wanted[0].constant), spread_axes.shape[1]))
        parts = list(chunks(n_cells, _CELLS))
        with closing(in_threads(both, parts)) as found:
            for rows, made in zip(stage("preparing the cells", parts), found, strict=True):
                self.profiles[rows], self.spread_profiles[rows] = made
        checked = np.zeros(predictor.anchors.n, dtype=bool)
        checked[random.permutation(len(checked))[: round(CHECKED * len(checked))]] = True
        self._to_values, self._to_spread = (_Combination(of_all[anchors], checked) for of_all in (self.profiles, self.spread_profiles))

    def predict(self, feature: int) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
        """Values and spread of one gene (cells,), and the error: root mean square difference from the exact values, in their standard deviations."""
        features = np.array([feature], dtype=np.intp)
        z, spread = self.predictor.prepared(features).at_anchors
        offset, combination = self._to_values.of(z[:, 0])
        spread_offset, spread_combination = self._to_spread.of(spread[:, 0])
        values, spreads = self.predictor.values(
            (offset + self.profiles @ combination)[:, None], np.maximum(spread_offset + self.spread_profiles @ spread_combination, 0)[:, None], features
        )
        return values[:, 0], spreads[:, 0], self._to_values.error(z[:, 0])


def _landmarks(random: np.random.Generator, n_shared: int, n_genes: int) -> NDArray[np.intp]:
    """All genes of a small reference; else shared ones, at most half of the landmarks, and others, drawn."""
    if n_genes <= LANDMARKS:
        return np.arange(n_genes)
    shared = random.permutation(n_shared)[: LANDMARKS // 2]
    others = n_shared + random.permutation(n_genes - n_shared)[: LANDMARKS - len(shared)]
    return np.sort(np.concatenate([shared, others]))


def _attends(source: Source) -> bool:
    return isinstance(source, Attention)


def _products(formula: Formula) -> int:
    """Of a cell's attention with the reference's values."""
    return sum(term.vectors.size for (source, _), term in formula.terms.items() if _attends(source))


def _profiles(predictor: Predictor, landmarks: NDArray[np.intp], most: int) -> Formula:
    """Leading components of the landmarks' predictions, less their mean at the anchors."""
    parts = np.split(landmarks, range(_CHUNK, len(landmarks), _CHUNK))
    prepared = [predictor.prepared(part) for part in stage("preparing the genes", parts)]
    z = np.hstack([p.at_anchors[0] for p in prepared])
    mean, axes = _components(z, most)
    formula, start = Formula({}, -mean @ axes), 0
    for part in prepared:
        stop = start + len(part.features)
        formula, start = total([formula, part.combined(axes[start:stop])]), stop
    return formula


def _components(a: Matrix, most: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean (genes,) and leading axes (genes, k) of predictions (cells, genes)."""
    mean = a.mean(0)
    _, values, axes = np.linalg.svd(a - mean, full_matrices=False)
    left = 1 - np.cumsum(values**2) / max(float((values**2).sum()), 1e-12)
    kept = min(most, int((left > LEFT).sum()) + 1)
    return mean.astype(np.float32), axes[:kept].T.astype(np.float32)


class _Combination:
    """From a gene's values at the anchors to an offset and a combination of profiles, by ridge regression.

    Parameters
    ----------
    profiles : (anchors, profiles)
    checked : (anchors,) bool
        Where the error is measured.
    """

    def __init__(self, profiles: Matrix, checked: NDArray[np.bool_]) -> None:
        self._profiles, self._checked = profiles, checked
        self._all, self._unchecked = _Ridge(profiles), _Ridge(profiles[~checked])

    def of(self, at: Matrix) -> tuple[np.float32, NDArray[np.float32]]:
        """Offset and combination (profiles,)."""
        return self._all.solve(at)

    def error(self, at: Matrix) -> float:
        """Root mean square of what is wrong where the combination was not found, in standard deviations of the values."""
        offset, combination = self._unchecked.solve(at[~self._checked])
        left = at[self._checked] - (offset + self._profiles[self._checked] @ combination)
        return float(np.sqrt((left**2).mean()) / max(float(at.std()), 1e-9)) if len(left) else 0.0


class _Ridge:
    """Ridge regression on the same rows again and again."""

    def __init__(self, design: Matrix) -> None:
        self._center = design.mean(0)
        design = design - self._center
        gram = design.T @ design
        self._inverse = np.linalg.solve(gram + max(_RIDGE * np.trace(gram) / len(gram), 1e-12) * np.eye(len(gram)), design.T)

    def solve(self, at: Matrix) -> tuple[np.float32, NDArray[np.float32]]:
        combination = (self._inverse @ (at - at.mean())).astype(np.float32)
        return np.float32(at.mean() - self._center @ combination), combination
