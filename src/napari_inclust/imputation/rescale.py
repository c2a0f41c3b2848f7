"""From standard deviations to expression: a gene's mean and spread in the section, predicted from the reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..evaluation.metrics import pearson, ssim
from ..utils.ridge import Ridge

Matrix = NDArray[np.floating[Any]]
OFFSETS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
POWERS = (1.0, 1.25, 1.5, 2.0)
_PEARSON_TOLERANCE = 0.001  # mean Pearson that may be given up for a better SSIM
_RIDGE_PENALTY = 3.0  # genes
_MAX_SD = 3  # standard deviations at which a gene's log mean and log sd are clipped
_QUADRATURE_NODES, _QUADRATURE_WEIGHTS = np.polynomial.hermite_e.hermegauss(64)
_QUADRATURE_WEIGHTS = _QUADRATURE_WEIGHTS / _QUADRATURE_WEIGHTS.sum()


@dataclass(frozen=True)
class ValueTransform:
    """values = sign(x) |x|^power, x = offset * mean / sd + z, up to a factor. Below zero means: surely not expressed.

    Attributes
    ----------
    offset, power
        Chosen on the held-out genes: of those with the highest Pearson, the ones with the best SSIM.
    """

    offset: float = 1.0
    power: float = 1.0

    def apply(self, z: Matrix, mean_to_sd: Matrix) -> Matrix:
        """Transform z (cells, genes), up to a factor a gene, given the mean / sd (genes,) of each gene."""
        x: Matrix = self.offset * mean_to_sd + z
        return x if self.power == 1 else np.sign(x) * np.abs(x) ** self.power

    def positive_mean_and_sd(self, mean_to_sd: Matrix) -> tuple[Matrix, Matrix]:
        """Mean of the positive part and standard deviation of `apply` for standard normal z, each (genes,)."""
        values = self.apply(_QUADRATURE_NODES[:, None], mean_to_sd)
        variance = _QUADRATURE_WEIGHTS @ values**2 - (_QUADRATURE_WEIGHTS @ values) ** 2
        return _QUADRATURE_WEIGHTS @ np.clip(values, 0, None), np.sqrt(np.maximum(variance, 1e-12))

    @classmethod
    def fit(cls, z: Matrix, mean_to_sd: Matrix, truth: Matrix) -> ValueTransform:
        """Choose offset and power on held-out predictions z and their truth, each (cells, genes)."""
        transforms = [cls(o, p) for o in OFFSETS for p in POWERS]
        values = {t: t.apply(z, mean_to_sd) for t in transforms}
        mean_pearson = {t: float(pearson(truth, v).mean()) for t, v in values.items()}
        best = max(mean_pearson.values())
        allowed = [t for t in transforms if mean_pearson[t] >= best - _PEARSON_TOLERANCE]
        return max(allowed, key=lambda t: float(ssim(truth, values[t]).mean()))


class SectionScale:
    """Mean and mean / sd of genes in the section, by ridge regression on log mean and log sd in the reference.

    The regression is fitted on the shared genes; a shared gene's own scale is predicted without the genes of its fold.

    Parameters
    ----------
    reference_mean, reference_sd : (genes,)
        In the reference, shared genes first.
    section_mean, section_sd : (shared genes,)
        In the section.
    fold : (shared genes,)

    Attributes
    ----------
    mean, mean_to_sd : (genes,)
        Predicted mean, and mean / standard deviation, in the section.
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
        shared_mean, shared_sd = features[:n].mean(0), features[:n].std(0) + 1e-6
        design = np.clip((features - shared_mean) / shared_sd, -_MAX_SD, _MAX_SD)
        positive_mean = np.maximum(section_mean, 1e-6)
        log_scale = np.log(np.stack([positive_mean, positive_mean / np.maximum(section_sd, 1e-6)], 1))

        def predict(from_genes: NDArray[np.bool_], genes: Matrix) -> Matrix:
            regression = Ridge(design[:n][from_genes], _RIDGE_PENALTY)
            intercept, slopes = regression.solve(log_scale[from_genes])
            predicted: Matrix = intercept + genes @ slopes
            return predicted

        predicted = predict(np.ones(n, dtype=bool), design)
        for m in np.unique(fold):
            predicted[:n][fold == m] = predict(fold != m, design[:n][fold == m])
        self.mean, self.mean_to_sd = np.exp(predicted[:, 0]), np.exp(predicted[:, 1])
