"""From standard deviations to expression: a gene's level and spread in the section, foreseen from the reference, and the shape of its values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..evaluation.metrics import pearson, ssim

Matrix = NDArray[np.floating[Any]]
OFFSETS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
POWERS = (1.0, 1.25, 1.5, 2.0)
_PEARSON_TOLERANCE = 0.001  # mean Pearson that may be given up for a better SSIM
_RIDGE_PENALTY = 3.0
_QUADRATURE_NODES, _QUADRATURE_WEIGHTS = np.polynomial.hermite_e.hermegauss(64)
_QUADRATURE_WEIGHTS = _QUADRATURE_WEIGHTS / _QUADRATURE_WEIGHTS.sum()


@dataclass(frozen=True)
class ValueTransform:
    """values = sign(x) |x|^power, x = offset * mean / sd + z, rescaled to the gene's mean. Below zero means: surely not expressed.

    `offset` and `power` are chosen on the held-out genes: of those with the highest Pearson, what gives the best SSIM.
    """

    offset: float = 1.0
    power: float = 1.0

    def apply(self, z: Matrix, mean_to_sd: Matrix) -> Matrix:
        """(cells, genes) up to a factor a gene; `ratio` is mean / sd of each gene."""
        x: Matrix = self.offset * mean_to_sd + z
        return x if self.power == 1 else np.sign(x) * np.abs(x) ** self.power

    def positive_mean_and_sd(self, mean_to_sd: Matrix) -> tuple[Matrix, Matrix]:
        """Mean of the positive part and standard deviation of `apply` for standard normal z, each (genes,)."""
        at = self.apply(_QUADRATURE_NODES[:, None], mean_to_sd)
        mean = _QUADRATURE_WEIGHTS @ at
        return _QUADRATURE_WEIGHTS @ np.clip(at, 0, None), np.sqrt(
            np.maximum(_QUADRATURE_WEIGHTS @ at**2 - mean**2, 1e-12)
        )

    @classmethod
    def fit(cls, z: Matrix, mean_to_sd: Matrix, truth: Matrix) -> ValueTransform:
        """On held-out predictions (cells, genes)."""
        shapes = [cls(o, p) for o in OFFSETS for p in POWERS]
        values = {s: s.apply(z, mean_to_sd) for s in shapes}
        agreement = {s: float(pearson(truth, v).mean()) for s, v in values.items()}
        allowed = [s for s in shapes if agreement[s] >= max(agreement.values()) - _PEARSON_TOLERANCE]
        return max(allowed, key=lambda s: float(ssim(truth, values[s]).mean()))


class SectionScale:
    """Mean and mean / sd of a gene in the section, from its log mean and log sd in the reference: ridge regression over the shared genes.

    Parameters
    ----------
    mean, sd : (genes,)
        In the reference, shared genes first.
    truth_mean, truth_sd : (shared genes,)
        In the section.
    fold : (shared genes,)
        A shared gene's own level is foreseen without the genes of its fold.
    """

    def __init__(
        self,
        reference_mean: Matrix,
        reference_sd: Matrix,
        section_mean: Matrix,
        section_sd: Matrix,
        fold: NDArray[np.intp],
    ) -> None:
        n = len(fold)
        features = np.stack([np.log(reference_mean + 1e-6), np.log(reference_sd + 1e-6)], 1)
        center, width = features[:n].mean(0), features[:n].std(0) + 1e-6
        design = np.hstack([np.ones((len(reference_mean), 1)), np.clip((features - center) / width, -3, 3)])
        wanted = np.stack(
            [
                np.log(np.maximum(section_mean, 1e-6)),
                np.log(np.maximum(section_mean, 1e-6) / np.maximum(section_sd, 1e-6)),
            ],
            1,
        )
        penalty = np.diag([0, _RIDGE_PENALTY, _RIDGE_PENALTY])

        def fit(rows: NDArray[np.bool_]) -> Matrix:
            d = design[:n][rows]
            coefficients: Matrix = np.linalg.solve(d.T @ d + penalty, d.T @ wanted[rows])
            return coefficients

        out = design @ fit(np.ones(n, dtype=bool))
        for m in np.unique(fold):
            out[:n][fold == m] = design[:n][fold == m] @ fit(fold != m)
        self.mean, self.mean_to_sd = np.exp(out[:, 0]), np.exp(out[:, 1])
