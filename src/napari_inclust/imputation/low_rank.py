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

from ..training.batches import row_chunks
from ..training.inference import EncodedCells
from ..utils.parallel import map_in_threads
from ..utils.progress import progress_stage
from .ensemble import StackedPredictor
from .linear import FeatureMap, LinearPrediction, evaluate, sum_predictions
from .predictors import AttentionPredictor

Matrix = NDArray[np.floating[Any]]
N_LANDMARK_GENES = 1024  # genes whose predictions at the anchors span those of all genes
N_PROFILES_RANGE = (128, 400)  # at least and at most
MAX_STORED_VALUES = 150_000_000  # values of all profiles: fewer profiles for very many cells
MAX_UNEXPLAINED_VARIANCE = 1e-4  # share of the landmarks' variance that profiles may leave out
N_SPREAD_LANDMARKS, N_SPREAD_PROFILES = 128, 48  # how far members differ is not linear: it takes exact predictions
MERGE_THRESHOLD = 1e12  # products of attention, some 20 s, above which it is summed first: below it takes seconds anyway, and held-out genes are more exact
TEST_FRACTION = (
    0.2  # share of the anchors at which the error is measured, by a combination that was found at the others
)
_GENES_PER_CHUNK = 512  # landmarks at once
_CELLS_PER_CHUNK = 512  # cells at once: each thread keeps their attention for each sum
_RIDGE_PENALTY = 1e-3


class LowRankPredictor:
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

    def __init__(
        self,
        predictor: StackedPredictor,
        standardisation_rows: NDArray[np.intp],
        n_cells: int,
        encode: Callable[[NDArray[np.intp]], EncodedCells],
        n_genes: int,
    ) -> None:
        random = np.random.default_rng(0)
        landmarks = _draw_landmark_genes(random, len(predictor.gene_fold), n_genes)
        few = predictor.prepare(random.permutation(landmarks)[:N_SPREAD_LANDMARKS])
        spread_mean, spread_axes = _principal_components(few.at_standardisation_cells[1], N_SPREAD_PROFILES)
        wanted = [
            _landmark_components(predictor, landmarks, int(np.clip(MAX_STORED_VALUES // n_cells, *N_PROFILES_RANGE))),
            *few.member_predictions[:-1],
        ]
        if n_cells * sum(map(_count_attention_products, wanted)) > MERGE_THRESHOLD:
            wanted = [formula.merge_terms(_is_attention) for formula in wanted]

        def both(rows: NDArray[np.intp]) -> tuple[Matrix, Matrix]:
            """Profiles of the values and of their spread."""
            values, *members = evaluate(wanted, encode(rows))
            return values, (np.std(members, axis=0) - spread_mean) @ spread_axes

        self.predictor = predictor
        self.profiles, self.spread_profiles = (
            np.empty((n_cells, n), dtype=np.float32) for n in (len(wanted[0].intercept), spread_axes.shape[1])
        )
        parts = list(row_chunks(n_cells, _CELLS_PER_CHUNK))
        with closing(map_in_threads(both, parts)) as found:
            for rows, made in zip(progress_stage("preparing the cells", parts), found, strict=True):
                self.profiles[rows], self.spread_profiles[rows] = made
        checked = np.zeros(predictor.standardisation_cells.n_cells, dtype=bool)
        checked[random.permutation(len(checked))[: round(TEST_FRACTION * len(checked))]] = True
        self._value_regression, self._spread_regression = (
            _ProfileRegression(of_all[standardisation_rows], checked)
            for of_all in (self.profiles, self.spread_profiles)
        )

    def predict(self, gene_index: int) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
        """Values and spread of one gene (cells,), and the error: root mean square difference from the exact values, in their standard deviations."""
        features = np.array([gene_index], dtype=np.intp)
        z, spread = self.predictor.prepare(features).at_standardisation_cells
        offset, combination = self._value_regression.solve(z[:, 0])
        spread_offset, spread_combination = self._spread_regression.solve(spread[:, 0])
        values, spreads = self.predictor.to_expression(
            (offset + self.profiles @ combination)[:, None],
            np.maximum(spread_offset + self.spread_profiles @ spread_combination, 0)[:, None],
            features,
        )
        return values[:, 0], spreads[:, 0], self._value_regression.relative_error(z[:, 0])


def _draw_landmark_genes(random: np.random.Generator, n_shared: int, n_genes: int) -> NDArray[np.intp]:
    """All genes of a small reference; else shared ones, at most half of the landmarks, and others, drawn."""
    if n_genes <= N_LANDMARK_GENES:
        return np.arange(n_genes)
    shared = random.permutation(n_shared)[: N_LANDMARK_GENES // 2]
    others = n_shared + random.permutation(n_genes - n_shared)[: N_LANDMARK_GENES - len(shared)]
    return np.sort(np.concatenate([shared, others]))


def _is_attention(feature_map: FeatureMap) -> bool:
    return isinstance(feature_map, AttentionPredictor)


def _count_attention_products(formula: LinearPrediction) -> int:
    """Of a cell's attention with the reference's values."""
    return sum(term.coefficients.size for (source, _), term in formula.terms.items() if _is_attention(source))


def _landmark_components(
    predictor: StackedPredictor, landmarks: NDArray[np.intp], max_components: int
) -> LinearPrediction:
    """Leading components of the landmarks' predictions, less their mean at the anchors."""
    parts = np.split(landmarks, range(_GENES_PER_CHUNK, len(landmarks), _GENES_PER_CHUNK))
    prepared = [predictor.prepare(part) for part in progress_stage("preparing the genes", parts)]
    z = np.hstack([p.at_standardisation_cells[0] for p in prepared])
    mean, axes = _principal_components(z, max_components)
    formula, start = LinearPrediction({}, -mean @ axes), 0
    for part in prepared:
        stop = start + len(part.gene_indices)
        formula, start = sum_predictions([formula, part.project(axes[start:stop])]), stop
    return formula


def _principal_components(a: Matrix, max_components: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean (genes,) and leading axes (genes, k) of predictions (cells, genes)."""
    mean = a.mean(0)
    _, values, axes = np.linalg.svd(a - mean, full_matrices=False)
    left = 1 - np.cumsum(values**2) / max(float((values**2).sum()), 1e-12)
    kept = min(max_components, int((left > MAX_UNEXPLAINED_VARIANCE).sum()) + 1)
    return mean.astype(np.float32), axes[:kept].T.astype(np.float32)


class _ProfileRegression:
    """From a gene's values at the anchors to an offset and a combination of profiles, by ridge regression.

    Parameters
    ----------
    profiles : (anchors, profiles)
    checked : (anchors,) bool
        Where the error is measured.
    """

    def __init__(self, profiles: Matrix, is_test: NDArray[np.bool_]) -> None:
        self._landmark_components, self._is_test = profiles, is_test
        self._full_ridge, self._train_ridge = _RidgeSolver(profiles), _RidgeSolver(profiles[~is_test])

    def solve(self, values: Matrix) -> tuple[np.float32, NDArray[np.float32]]:
        """Offset and combination (profiles,)."""
        return self._full_ridge.solve(values)

    def relative_error(self, values: Matrix) -> float:
        """Root mean square of what is wrong where the combination was not found, in standard deviations of the values."""
        offset, combination = self._train_ridge.solve(values[~self._is_test])
        left = values[self._is_test] - (offset + self._landmark_components[self._is_test] @ combination)
        return float(np.sqrt((left**2).mean()) / max(float(values.std()), 1e-9)) if len(left) else 0.0


class _RidgeSolver:
    """Ridge regression on the same rows again and again."""

    def __init__(self, design: Matrix) -> None:
        self._center = design.mean(0)
        design = design - self._center
        gram = design.T @ design
        self._inverse = np.linalg.solve(
            gram + max(_RIDGE_PENALTY * np.trace(gram) / len(gram), 1e-12) * np.eye(len(gram)), design.T
        )

    def solve(self, values: Matrix) -> tuple[np.float32, NDArray[np.float32]]:
        combination = (self._inverse @ (values - values.mean())).astype(np.float32)
        return np.float32(values.mean() - self._center @ combination), combination
