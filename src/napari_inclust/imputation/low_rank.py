"""One gene over all cells in milliseconds: nearly every prediction is a combination of a few profiles over the cells.

Exact prediction costs members x base predictors x cells x reference cells. But predictions of different genes
resemble each other: the leading components of many genes at the standardisation cells nearly span those of all genes.
Predictions are linear, so the components are computed for all cells once, at the cost of their own number (`linear`).
A gene then needs its exact prediction at the standardisation cells alone, which is regressed on the profiles. So
these need not be the components themselves: for many cells, the attention of all base predictors and members is
summed before it is multiplied, which takes half the time and spans nearly as much.
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
from ..utils.ridge import Ridge
from .ensemble import StackedPredictor
from .linear import FeatureMap, LinearPrediction, evaluate, sum_predictions
from .predictors import AttentionPredictor

Matrix = NDArray[np.floating[Any]]
N_LANDMARK_GENES = 1024  # genes whose predictions at the standardisation cells span those of all genes
N_PROFILES_RANGE = (128, 400)  # at least and at most
MAX_STORED_VALUES = 150_000_000  # values of all profiles: fewer profiles for very many cells
MAX_UNEXPLAINED_VARIANCE = 1e-4  # share of the landmarks' variance that profiles may leave out
# the spread between members is not linear, so it takes exact predictions
N_SPREAD_LANDMARKS, N_SPREAD_PROFILES = 128, 48
# products of attention, some 20 s, above which it is summed first: below, held-out genes are more exact
MERGE_THRESHOLD = 1e12
TEST_FRACTION = 0.2  # of the standardisation cells: the error is measured there by a combination fitted at the others
_GENES_PER_CHUNK = 512  # landmarks at once
_CELLS_PER_CHUNK = 512  # cells at once: each thread keeps their attention for each sum
_RIDGE_PENALTY = 1e-3  # in units of the profiles' mean sum of squares


class LowRankPredictor:
    """Profiles of all cells, and how to combine them for a gene.

    Parameters
    ----------
    predictor
        Exact prediction.
    standardisation_rows
        Rows of the section that are the predictor's standardisation cells.
    n_cells
        Number of cells of the section.
    encode
        From rows of the section to the cells.
    n_genes
        Number of genes of the reference.
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
        spread_landmarks = predictor.prepare(random.permutation(landmarks)[:N_SPREAD_LANDMARKS])
        spread_mean, spread_axes = _principal_axes(spread_landmarks.at_standardisation_cells[1], N_SPREAD_PROFILES)
        n_profiles = int(np.clip(MAX_STORED_VALUES // n_cells, *N_PROFILES_RANGE))
        components = _landmark_components(predictor, landmarks, n_profiles)
        predictions = [components, *spread_landmarks.member_predictions[:-1]]
        if n_cells * sum(map(_count_attention_products, predictions)) > MERGE_THRESHOLD:
            predictions = [prediction.merge_terms(_is_attention) for prediction in predictions]

        def compute_profiles(rows: NDArray[np.intp]) -> tuple[Matrix, Matrix]:
            """Profiles (cells, profiles) of the values and of their spread."""
            values, *members = evaluate(predictions, encode(rows))
            return values, (np.std(members, axis=0) - spread_mean) @ spread_axes

        self.predictor = predictor
        self.profiles, self.spread_profiles = (
            np.empty((n_cells, n), dtype=np.float32) for n in (len(components.intercept), spread_axes.shape[1])
        )
        chunks = list(row_chunks(n_cells, _CELLS_PER_CHUNK))
        with closing(map_in_threads(compute_profiles, chunks)) as computed:
            for rows, profiles in zip(progress_stage("preparing the cells", chunks), computed, strict=True):
                self.profiles[rows], self.spread_profiles[rows] = profiles
        is_test = np.zeros(predictor.standardisation_cells.n_cells, dtype=bool)
        is_test[random.permutation(len(is_test))[: round(TEST_FRACTION * len(is_test))]] = True
        self._value_regression, self._spread_regression = (
            _ProfileRegression(profiles[standardisation_rows], is_test)
            for profiles in (self.profiles, self.spread_profiles)
        )

    def predict(self, gene_index: int) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
        """Predict one gene.

        Returns
        -------
        Values and spread (cells,), and the error: root mean square difference from the exact values, in their standard
        deviations.
        """
        gene_indices = np.array([gene_index], dtype=np.intp)
        z, spread = self.predictor.prepare(gene_indices).at_standardisation_cells
        offset, combination = self._value_regression.solve(z[:, 0])
        spread_offset, spread_combination = self._spread_regression.solve(spread[:, 0])
        values, spreads = self.predictor.to_expression(
            (offset + self.profiles @ combination)[:, None],
            np.maximum(spread_offset + self.spread_profiles @ spread_combination, 0)[:, None],
            gene_indices,
        )
        return values[:, 0], spreads[:, 0], self._value_regression.relative_error(z[:, 0])


def _draw_landmark_genes(random: np.random.Generator, n_shared: int, n_genes: int) -> NDArray[np.intp]:
    """All genes of a small reference; else a random draw, of shared genes at most half of the landmarks."""
    if n_genes <= N_LANDMARK_GENES:
        return np.arange(n_genes)
    shared = random.permutation(n_shared)[: N_LANDMARK_GENES // 2]
    others = n_shared + random.permutation(n_genes - n_shared)[: N_LANDMARK_GENES - len(shared)]
    return np.sort(np.concatenate([shared, others]))


def _is_attention(feature_map: FeatureMap) -> bool:
    return isinstance(feature_map, AttentionPredictor)


def _count_attention_products(prediction: LinearPrediction) -> int:
    """Multiplications a cell of attention with the reference's values."""
    return sum(term.coefficients.size for (source, _), term in prediction.terms.items() if _is_attention(source))


def _landmark_components(
    predictor: StackedPredictor, landmarks: NDArray[np.intp], max_components: int
) -> LinearPrediction:
    """Leading components of the landmarks' predictions, less their mean at the standardisation cells."""
    chunks = np.split(landmarks, range(_GENES_PER_CHUNK, len(landmarks), _GENES_PER_CHUNK))
    prepared = [predictor.prepare(chunk) for chunk in progress_stage("preparing the genes", chunks)]
    mean, axes = _principal_axes(np.hstack([p.at_standardisation_cells[0] for p in prepared]), max_components)
    components, start = LinearPrediction({}, -mean @ axes), 0
    for chunk in prepared:
        stop = start + len(chunk.gene_indices)
        components, start = sum_predictions([components, chunk.project(axes[start:stop])]), stop
    return components


def _principal_axes(predictions: Matrix, max_components: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean (genes,) and leading axes (genes, components) of predictions (cells, genes)."""
    mean = predictions.mean(0)
    _, singular_values, axes = np.linalg.svd(predictions - mean, full_matrices=False)
    unexplained = 1 - np.cumsum(singular_values**2) / max(float((singular_values**2).sum()), 1e-12)
    n = min(max_components, int((unexplained > MAX_UNEXPLAINED_VARIANCE).sum()) + 1)
    return mean.astype(np.float32), axes[:n].T.astype(np.float32)


class _ProfileRegression:
    """Ridge regression of a gene's values at the standardisation cells on the profiles there.

    Parameters
    ----------
    profiles : (cells, profiles)
    is_test : (cells,) bool
        Where the error is measured.
    """

    def __init__(self, profiles: Matrix, is_test: NDArray[np.bool_]) -> None:
        self._is_test, self._test_profiles = is_test, profiles[is_test]
        self._full_ridge, self._train_ridge = _profile_ridge(profiles), _profile_ridge(profiles[~is_test])

    def solve(self, values: Matrix) -> tuple[Matrix, Matrix]:
        """Offset and combination (profiles,) for values (cells,)."""
        return self._full_ridge.solve(values)

    def relative_error(self, values: Matrix) -> float:
        """Root mean square error at the test cells of a combination fitted at the others, in standard deviations."""
        if not self._is_test.any():
            return 0.0
        offset, combination = self._train_ridge.solve(values[~self._is_test])
        error = values[self._is_test] - (offset + self._test_profiles @ combination)
        return float(np.sqrt((error**2).mean()) / max(float(values.std()), 1e-9))


def _profile_ridge(profiles: Matrix) -> Ridge:
    sum_of_squares = len(profiles) * profiles.var(0)
    return Ridge(profiles, max(_RIDGE_PENALTY * float(sum_of_squares.mean()), 1e-12))
