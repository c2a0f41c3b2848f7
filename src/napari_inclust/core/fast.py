"""One gene over all cells in milliseconds: every prediction is nearly a combination of a few profiles over the cells, found once after training.

Exact prediction costs members x readouts x cells x reference cells. But predictions of different genes resemble each other: their leading components over
some landmark genes span those of all genes. A gene then needs its exact prediction at a few hundred cells alone, which says how to combine the profiles.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .latent import Cells
from .predict import Predictor

Matrix = NDArray[np.floating[Any]]
LANDMARKS = 256  # genes whose predictions span those of all genes
PROFILES, SPREAD_PROFILES = 96, 16
FITTED, CHECKED = 400, 200  # cells at which a gene is predicted exactly: to combine the profiles, and to measure the error of doing so
_RIDGE = 1e-3


class Fast:
    """Profiles of all cells, and how to combine them for a gene.

    Parameters
    ----------
    predictor
        Predicts exactly.
    groups
        All cells of the section, group by group: their rows and the cells.
    n_cells, n_genes
        Of the section; of the reference.
    """

    def __init__(self, predictor: Predictor, groups: Iterable[tuple[NDArray[np.intp], Cells]], n_cells: int, n_genes: int) -> None:
        random = np.random.default_rng(0)
        landmarks = np.arange(n_genes) if n_genes <= LANDMARKS else np.sort(random.choice(n_genes, LANDMARKS, replace=False))
        z, spread = predictor.predict_z(landmarks)
        self._mean, self._axes = _components(z, PROFILES)
        self._spread_mean, self._spread_axes = _components(spread, SPREAD_PROFILES)
        self.profiles = np.empty((n_cells, self._axes.shape[1]), dtype=np.float32)
        self.spread_profiles = np.empty((n_cells, self._spread_axes.shape[1]), dtype=np.float32)
        for rows, cells in groups:
            z, spread = predictor.predict_z(landmarks, cells)
            self.profiles[rows], self.spread_profiles[rows] = (z - self._mean) @ self._axes, (spread - self._spread_mean) @ self._spread_axes
        probe = _take(predictor.anchors, random.permutation(predictor.anchors.n)[: FITTED + CHECKED])
        self.probe = predictor.at(probe)
        z, spread = self.probe.predict_z(landmarks)
        self._to_values = _solver((z - self._mean) @ self._axes)
        self._to_spread = _solver((spread - self._spread_mean) @ self._spread_axes)

    def predict(self, feature: int) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
        """Values and spread of one gene (cells,), and the error: root mean square difference from the exact values, in their standard deviations."""
        features = np.array([feature], dtype=np.intp)
        z, spread = self.probe.predict_z(features)
        offset, combination, error = self._to_values(z[:, 0])
        spread_offset, spread_combination, _ = self._to_spread(spread[:, 0])
        values, spreads = self.probe.values(
            (offset + self.profiles @ combination)[:, None], np.maximum(spread_offset + self.spread_profiles @ spread_combination, 0)[:, None], features
        )
        return values[:, 0], spreads[:, 0], error


def _components(a: Matrix, most: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean (genes,) and leading axes (genes, k) of predictions (cells, genes)."""
    mean = a.mean(0)
    _, values, axes = np.linalg.svd(a - mean, full_matrices=False)
    kept = max(1, min(most, int((values > 1e-5 * values[0]).sum())))
    return mean.astype(np.float32), axes[:kept].T.astype(np.float32)


class _solver:  # noqa: N801 - a function with what it has prepared
    """From a gene's values at the probe cells to an offset and a combination of profiles (ridge), and the error at cells that were not used."""

    def __init__(self, profiles: Matrix) -> None:
        n = max(1, min(FITTED, len(profiles) * 2 // 3))
        self.n, self.profiles, self.center = n, profiles, profiles[:n].mean(0)
        design = profiles[:n] - self.center
        gram = design.T @ design
        self.inverse = np.linalg.solve(gram + _RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram)), design.T)

    def __call__(self, at: Matrix) -> tuple[np.float32, NDArray[np.float32], float]:
        combination = (self.inverse @ (at[: self.n] - at[: self.n].mean())).astype(np.float32)
        offset = np.float32(at[: self.n].mean() - self.center @ combination)
        left = at[self.n :] - (offset + self.profiles[self.n :] @ combination)
        error = float(np.sqrt((left**2).mean()) / max(float(at.std()), 1e-9)) if len(left) else 0.0
        return offset, combination, error


def _take(cells: Cells, rows: NDArray[np.intp]) -> Cells:
    return Cells(cells.x[:, rows], cells.z[:, rows], cells.hidden[:, rows], cells.classes[:, rows])
