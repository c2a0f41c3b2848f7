"""Intervals around imputed values, calibrated on genes that were hidden: a 90 % interval holds 90 % of the values that were measured.

Conformal prediction within strata (Vovk et al., Algorithmic Learning in a Random World; for imputation, TISSUE, Sun et al., Nature Methods 2024): residuals of
held-out genes, in units of the spread that was foreseen for the gene, give the quantiles; a stratum is a group of genes of a like level and of cells of a like
prediction, and its quantiles are drawn to those of all genes. Genes, not values, are what the next gene is exchangeable with, so the level is raised by how few
there are (Lee, Barber and Willett, Distribution-free inference with hierarchical data, 2023).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Matrix = NDArray[np.floating[Any]]
N_GENE_GROUPS, N_CELL_GROUPS = 3, 3
MIN_STRATUM_VALUES = 200  # in a stratum of its own; a smaller one uses the quantiles of all genes
SHRINKAGE_GENES = (
    8  # genes that those of all genes count for in a stratum's quantiles: few genes of a level say little of the next
)
LEVEL_CORRECTION = 0.5  # of the correction for few genes; all of it is a guarantee, and more than is needed on average


@dataclass(frozen=True, eq=False)
class ConformalCalibration:
    """Quantiles of the residuals in each stratum.

    Attributes
    ----------
    level
        Share of values that an interval should hold.
    edges : (GENE_GROUPS - 1,)
        Foreseen log means that part the groups of genes.
    low, high : (GENE_GROUPS, CELL_GROUPS)
        Quantiles of (truth - prediction) / foreseen spread.
    coverage
        One row a stratum and one for all: values, and the share of them inside the interval, each gene calibrated without the genes of its fold.
    """

    nominal_coverage: float
    gene_group_edges: NDArray[np.float64]
    lower_quantiles: Matrix
    upper_quantiles: Matrix
    coverage: pd.DataFrame

    @property
    def small_strata_note(self) -> str:
        """Which strata were too small for quantiles of their own, in a sentence; "" where none was."""
        small = int((self.coverage["values"].iloc[1:] < MIN_STRATUM_VALUES).sum())
        return (
            f"{small} of {len(self.coverage) - 1} strata hold fewer than {MIN_STRATUM_VALUES} values; they use the quantiles of all genes."
            if small
            else ""
        )

    def interval(self, values: Matrix, mean: float, spread: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Lower and upper ends for one gene (cells,); never below 0.

        Parameters
        ----------
        values : (cells,) predicted
        mean, spread
            Foreseen of the gene in the section.
        """
        g = int(np.searchsorted(self.gene_group_edges, np.log(mean + 1e-9)))
        c = cell_strata(values[:, None])[:, 0]
        low, high = (
            np.clip(values + q[g][c] * spread, 0, None).astype(np.float32)
            for q in (self.lower_quantiles, self.upper_quantiles)
        )
        return low, high


def cell_strata(values: Matrix) -> NDArray[np.intp]:
    """(cells, genes) third of the cells, by prediction, that each cell belongs to for each gene."""
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
    """Quantiles of held-out residuals, and their coverage on genes that did not take part.

    Parameters
    ----------
    predicted, truth : (cells, shared genes)
        Held-out predictions and measured values, log-normalised.
    mean, spread : (shared genes,)
        Foreseen of each gene without the genes of its fold.
    fold : (shared genes,)
    """
    residual = (truth - predicted) / np.maximum(spread, 1e-9)
    edges = np.quantile(np.log(mean + 1e-9), np.arange(1, N_GENE_GROUPS) / N_GENE_GROUPS)
    genes = np.searchsorted(edges, np.log(mean + 1e-9))
    cells = cell_strata(predicted)
    held = np.zeros(truth.shape, dtype=bool)
    for m in np.unique(fold):
        low, high = _stratum_quantiles(residual, genes, cells, fold != m, nominal_coverage)
        here = np.flatnonzero(fold == m)
        lower, upper = (
            np.clip(predicted[:, here] + q[genes[here], cells[:, here]] * spread[here], 0, None) for q in (low, high)
        )
        held[:, here] = (truth[:, here] >= lower) & (truth[:, here] <= upper)
    rows = [("all", "all", held.size, float(held.mean()))]
    for g in range(N_GENE_GROUPS):
        for c in range(N_CELL_GROUPS):
            inside = held[:, genes == g][cells[:, genes == g] == c]
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
    """Both quantiles (GENE_GROUPS, CELL_GROUPS) over the genes used: those of a stratum, drawn to those of all genes by how few genes it has."""
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
                own = columns.sum() / (columns.sum() + SHRINKAGE_GENES)
                out[:, g, c] += own * (np.quantile(values, tails) - out[:, g, c])
    return out[0], out[1]
