"""Intervals around imputed values, calibrated on held-out genes: a 90 % interval contains 90 % of the measured values.

Conformal prediction within strata [1]_, as TISSUE does for imputation [2]_. Quantiles are those of the residuals of
held-out genes, in units of the gene's predicted standard deviation. A stratum is a group of genes of similar mean and
of cells of similar prediction; its quantiles are shrunk to those of all genes. Genes, not values, are exchangeable
with the next gene, so the level is raised the fewer genes there are [3]_.

References
----------
.. [1] Vovk et al., Algorithmic Learning in a Random World.
.. [2] Sun et al., Nature Methods 2024.
.. [3] Lee, Barber and Willett, Distribution-free inference with hierarchical data, 2023.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Matrix = NDArray[np.floating[Any]]
N_GENE_GROUPS, N_CELL_GROUPS = 3, 3
MIN_STRATUM_VALUES = 200  # a stratum with fewer uses the quantiles of all genes
SHRINKAGE_GENES = 8  # number of genes that the quantiles of all genes count for in those of a stratum
LEVEL_CORRECTION = 0.5  # share of the correction for few genes: all of it guarantees, and exceeds on average, the level


@dataclass(frozen=True, eq=False)
class ConformalCalibration:
    """Quantiles of the residuals in each stratum.

    Attributes
    ----------
    nominal_coverage
        Share of values that an interval should contain.
    gene_group_edges : (N_GENE_GROUPS - 1,)
        Predicted log means that separate the groups of genes.
    lower_quantiles, upper_quantiles : (N_GENE_GROUPS, N_CELL_GROUPS)
        Of (truth - prediction) / predicted standard deviation.
    coverage
        One row for all and one a stratum: number of values, and share of them inside the interval, each gene calibrated
        without the genes of its fold.
    """

    nominal_coverage: float
    gene_group_edges: NDArray[np.float64]
    lower_quantiles: Matrix
    upper_quantiles: Matrix
    coverage: pd.DataFrame

    @property
    def small_strata_note(self) -> str:
        """A sentence on strata too small for quantiles of their own; "" where there is none."""
        small = int((self.coverage["values"].iloc[1:] < MIN_STRATUM_VALUES).sum())
        return (
            f"{small} of {len(self.coverage) - 1} strata hold fewer than {MIN_STRATUM_VALUES} values; they use the "
            "quantiles of all genes."
            if small
            else ""
        )

    def interval(self, values: Matrix, mean: float, spread: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Compute the lower and upper ends (cells,) for one gene, at least 0.

        Parameters
        ----------
        values : (cells,)
            Predicted.
        mean, spread
            Mean and standard deviation predicted for the gene in the section.
        """
        g = int(np.searchsorted(self.gene_group_edges, np.log(mean + 1e-9)))
        c = cell_strata(values[:, None])[:, 0]
        low, high = (
            np.clip(values + q[g][c] * spread, 0, None).astype(np.float32)
            for q in (self.lower_quantiles, self.upper_quantiles)
        )
        return low, high


def cell_strata(values: Matrix) -> NDArray[np.intp]:
    """Divide the cells into thirds by their prediction, gene by gene: (cells, genes) codes."""
    ranks = np.argsort(np.argsort(values, axis=0, kind="stable"), axis=0, kind="stable")
    out: NDArray[np.intp] = (ranks * N_CELL_GROUPS // len(values)).astype(np.intp)
    return out


def calibrate(
    predicted: Matrix,
    truth: Matrix,
    mean: Matrix,
    spread: Matrix,
    fold: NDArray[np.intp],
    nominal_coverage: float = 0.9,
) -> ConformalCalibration:
    """Compute quantiles of held-out residuals, and their coverage of genes that were left out.

    Parameters
    ----------
    predicted, truth : (cells, shared genes)
        Held-out predictions and measured values, log-normalised.
    mean, spread : (shared genes,)
        Mean and standard deviation predicted for each gene without the genes of its fold.
    fold : (shared genes,) int
    nominal_coverage
        Share of values that an interval should contain.
    """
    residual = (truth - predicted) / np.maximum(spread, 1e-9)
    edges = np.quantile(np.log(mean + 1e-9), np.arange(1, N_GENE_GROUPS) / N_GENE_GROUPS)
    genes = np.searchsorted(edges, np.log(mean + 1e-9))
    cells = cell_strata(predicted)
    is_covered = np.zeros(truth.shape, dtype=bool)
    for m in np.unique(fold):
        low, high = _stratum_quantiles(residual, genes, cells, fold != m, nominal_coverage)
        own = np.flatnonzero(fold == m)
        lower, upper = (
            np.clip(predicted[:, own] + q[genes[own], cells[:, own]] * spread[own], 0, None) for q in (low, high)
        )
        is_covered[:, own] = (truth[:, own] >= lower) & (truth[:, own] <= upper)
    rows = [("all", "all", is_covered.size, float(is_covered.mean()))]
    for g in range(N_GENE_GROUPS):
        for c in range(N_CELL_GROUPS):
            inside = is_covered[:, genes == g][cells[:, genes == g] == c]
            if inside.size:
                rows.append(
                    (
                        f"level {g + 1} of {N_GENE_GROUPS}",
                        f"prediction {c + 1} of {N_CELL_GROUPS}",
                        inside.size,
                        float(inside.mean()),
                    )
                )
    low, high = _stratum_quantiles(residual, genes, cells, np.ones(len(fold), dtype=bool), nominal_coverage)
    return ConformalCalibration(
        nominal_coverage, edges, low, high, pd.DataFrame(rows, columns=["genes", "cells", "values", "coverage"])
    )


def _stratum_quantiles(
    residual: Matrix,
    gene_groups: NDArray[np.intp],
    cell_groups: NDArray[np.intp],
    use_gene: NDArray[np.bool_],
    nominal_coverage: float,
) -> tuple[Matrix, Matrix]:
    """Both quantiles (N_GENE_GROUPS, N_CELL_GROUPS) over the genes used, shrunk to those of all genes."""
    nominal_coverage = min(nominal_coverage * (1 + LEVEL_CORRECTION / use_gene.sum()), 1.0)
    tails = np.array([(1 - nominal_coverage) / 2, (1 + nominal_coverage) / 2])
    out = np.zeros((2, N_GENE_GROUPS, N_CELL_GROUPS))
    for c in range(N_CELL_GROUPS):
        inside = cell_groups[:, use_gene] == c
        out[:, :, c] = np.quantile(residual[:, use_gene][inside] if inside.any() else residual[:, use_gene], tails)[
            :, None
        ]
        for g in range(N_GENE_GROUPS):
            columns = use_gene & (gene_groups == g)
            values = residual[:, columns][cell_groups[:, columns] == c]
            if values.size >= MIN_STRATUM_VALUES:
                weight = columns.sum() / (columns.sum() + SHRINKAGE_GENES)
                out[:, g, c] += weight * (np.quantile(values, tails) - out[:, g, c])
    return out[0], out[1]
