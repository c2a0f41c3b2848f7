"""Group A against group B on imputed genes, with p-values that include the error of imputation.

The cells of a group share the error of a gene: a gene that is imputed too high in neurons is too high in all of them,
and more cells do not average it out. That shared error is estimated on the measured genes: each was hidden once, so
it has both an imputed and a measured difference between A and B. The mean square of their deviation, less the
sampling variance over cells, is the variance between imputations of Rubin's rules (Multiple Imputation for
Nonresponse in Surveys, 1987), here in closed form: the limit of many completed data sets, each with one draw of the
shared error for a gene.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from ..errors import DataError

if TYPE_CHECKING:
    from .model import ImputationModel

Mask = NDArray[np.bool_]
Values = NDArray[np.floating[Any]]
# cells used of a group: the shared error is far larger than what more cells would take off
MAX_CELLS_PER_GROUP = 2000
MIN_SIMILAR_GENES = 10  # measured genes, at least, from which a confirmation rate is computed
MAX_CONFIRMED_P = 0.05
GENES_PER_CHUNK = 256  # genes predicted at once
P_VALUE_WARNING = (
    "p counts the error of imputing, learnt on the measured genes while they were hidden; it holds for genes that are "
    "imputed as well as those. p_plain (Welch's t-test over cells) takes imputed values for measured ones: "
    "do not report it."
)


@dataclass(frozen=True)
class BetweenImputationVariance:
    """Variance between imputations: of imputed differences between two groups around the measured ones.

    Attributes
    ----------
    variance
        Of measured - imputed difference beyond sampling of cells, in squared standard deviations of a gene.
    degrees_of_freedom
        Of that estimate: fewer than there are genes where a few of them have most of the error.
    n_genes
        Number of genes in the estimate.
    """

    variance: float
    degrees_of_freedom: float
    n_genes: int

    @classmethod
    def estimate(cls, differences: Values, sampling_variance: Values) -> BetweenImputationVariance:
        """Estimate from the errors of differences, by the method of moments.

        Parameters
        ----------
        differences : (genes,)
            Measured - imputed difference, in standard deviations of each gene.
        sampling_variance : (genes,)
            Variance of these from sampling of cells, in the squared unit.
        """
        excess = differences**2 - sampling_variance
        n, mean = len(differences), float(excess.mean())
        spread = float(excess.var(ddof=1)) if n > 1 else 0.0
        # of a scaled chi-square distribution with this mean and variance
        degrees = 2 * n * mean**2 / spread if spread > 0 else float(n)
        return cls(max(mean, 0.0), float(np.clip(degrees, 1, n)), n)

    def test(self, difference: Values, spread: Values, within_variance: Values, n_cells: int) -> tuple[Values, Values]:
        """Compute standard errors and two-sided p-values of imputed differences, each (genes,).

        Parameters
        ----------
        difference, spread : (genes,)
            Imputed A - B; standard deviation of the gene as predicted for the section. Both log-normalised.
        within_variance : (genes,)
            Variance of the difference from sampling of cells.
        n_cells
            Number of cells in both groups.

        References
        ----------
        Degrees of freedom of the sum of both variances: Satterthwaite, Biometrics 2:110, 1946.
        """
        between = self.variance * spread**2
        total = within_variance + between
        terms = within_variance**2 / max(n_cells - 2, 1) + between**2 / self.degrees_of_freedom
        degrees = total**2 / np.maximum(terms, 1e-300)
        se = np.sqrt(total)
        with np.errstate(divide="ignore", invalid="ignore"):
            p = 2 * stats.t.sf(np.abs(difference) / se, degrees)
        return se, np.where(se > 0, p, 1.0)


@dataclass(frozen=True, eq=False)
class WelchTest:
    """Welch's t-test over cells, group A against B; each (genes,).

    Attributes
    ----------
    mean_a, mean_b
    variance
        Of the difference, from sampling of cells.
    p
        Two-sided; 1 for a gene without variance.
    """

    mean_a: Values
    mean_b: Values
    variance: Values
    p: Values

    @property
    def difference(self) -> Values:
        """(genes,) mean of A - mean of B."""
        out: Values = self.mean_a - self.mean_b
        return out

    @classmethod
    def from_values(cls, values: Values, in_a: Mask) -> WelchTest:
        """Test values (cells, genes); group A is `in_a` (cells,), group B the others."""
        a, b = (values[mask].astype(np.float64) for mask in (in_a, ~in_a))
        variance = a.var(0, ddof=1) / len(a) + b.var(0, ddof=1) / len(b)
        with np.errstate(divide="ignore", invalid="ignore"):
            p = stats.ttest_ind_from_stats(
                a.mean(0), a.std(0, ddof=1), len(a), b.mean(0), b.std(0, ddof=1), len(b), equal_var=False
            ).pvalue
        return cls(a.mean(0), b.mean(0), variance, np.where(variance > 0, p, 1.0))


@dataclass(frozen=True, eq=False)
class HeldOutDifferences:
    """Differences A - B of the measured genes, imputed while each was hidden, and measured.

    Each (genes,), in standard deviations of the gene as predicted for the section.

    Attributes
    ----------
    imputed_difference, measured_difference
    sampling_variance
        Variance of measured - imputed from sampling of cells.
    p
        Welch's t-test on the measured values.
    """

    imputed_difference: Values
    measured_difference: Values
    sampling_variance: Values
    p: Values

    @classmethod
    def from_values(cls, imputed: Values, truth: Values, in_a: Mask, spread: Values) -> HeldOutDifferences:
        """Compare held-out predictions with measured values, each (cells, genes), in units of spread (genes,)."""
        of_imputed, of_measured, residual = (WelchTest.from_values(v, in_a) for v in (imputed, truth, truth - imputed))
        spread = np.maximum(spread, 1e-9)
        return cls(
            of_imputed.difference / spread,
            of_measured.difference / spread,
            residual.variance / spread**2,
            of_measured.p,
        )

    def subset(self, genes: Mask) -> HeldOutDifferences:
        """Select some genes by a mask (genes,)."""
        return HeldOutDifferences(
            self.imputed_difference[genes],
            self.measured_difference[genes],
            self.sampling_variance[genes],
            self.p[genes],
        )

    @cached_property
    def between_variance(self) -> BetweenImputationVariance:
        """Variance between imputations, estimated on these genes."""
        return BetweenImputationVariance.estimate(
            self.measured_difference - self.imputed_difference, self.sampling_variance
        )

    @cached_property
    def confirmed(self) -> Mask:
        """(genes,) bool: whether the measured difference has the sign of the imputed one, with p below 0.05."""
        same_sign = np.sign(self.measured_difference) == np.sign(self.imputed_difference)
        out: Mask = same_sign & (self.p < MAX_CONFIRMED_P)
        return out

    def confirmation_rate(self, difference: Values) -> Values:
        """Compute the share of confirmed differences among measured genes with a similar imputed difference.

        Parameters
        ----------
        difference : (genes,)
            Imputed differences, in standard deviations of the gene.
        """
        k = min(max(MIN_SIMILAR_GENES, len(self.imputed_difference) // 5), len(self.imputed_difference))
        distance = np.abs(np.abs(difference)[:, None] - np.abs(self.imputed_difference))
        nearest = np.argsort(distance, axis=1, kind="stable")[:, :k]
        out: Values = self.confirmed[nearest].mean(1)
        return out

    @property
    def slope(self) -> float:
        """Slope of measured on imputed differences, by least squares through 0."""
        return float(
            (self.imputed_difference * self.measured_difference).sum()
            / max(float((self.imputed_difference**2).sum()), 1e-12)
        )


COLUMNS = [
    "gene", "kind", "imputed", "mean_a", "mean_b", "difference", "se", "p", "p_adjusted", "direction", "p_plain",
    "measured_difference", "p_measured",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Comparison:
    """Result of comparing group A with group B.

    Attributes
    ----------
    table
        One row a gene, smallest p first: `gene`, `kind` ("imputed" or "held-out"), `imputed` (True), `mean_a`,
        `mean_b`, `difference` (log-normalised), `se` (error of imputation included), `p`, `p_adjusted` (Benjamini and
        Hochberg, within a kind), `direction` (share of similarly large differences that were confirmed, in sign and
        with p < 0.05, where the gene was measured), `p_plain` (Welch's t-test on imputed values as if they had been
        measured), and of genes that are measured too `measured_difference` and `p_measured` (Welch's t-test on the
        measured values).
    held_out_differences, between_variance
        Of all measured genes.
    n_cells_a, n_cells_b
        Sizes of the groups; at most `MAX_CELLS_PER_GROUP` of each are used.
    """

    table: pd.DataFrame
    held_out_differences: HeldOutDifferences
    between_variance: BetweenImputationVariance
    n_cells_a: int
    n_cells_b: int

    @property
    def summary(self) -> str:
        """Reliability of the imputed differences, in one line."""
        held_out, between = self.held_out_differences, self.between_variance
        return (
            f"learnt from {between.n_genes} measured genes while hidden: "
            f"{held_out.confirmed.mean():.0%} of the imputed differences are confirmed by the measured values; "
            f"a measured difference is {held_out.slope:.2f} of the imputed one; "
            f"error shared by the cells of a group: {np.sqrt(between.variance):.2f} standard deviations of a gene"
        )


def compare(
    run: ImputationModel, a: Mask, b: Mask | None = None, genes: Sequence[str] | None = None, *, seed: int = 0
) -> Comparison:
    """Compare imputed genes in group A with group B.

    Parameters
    ----------
    a, b : (cells,) bool
        The groups; without `b` all other cells.
    genes
        Names; default: every gene that the section lacks, or, where it lacks none, the measured ones, predicted while
        hidden.

    Raises
    ------
    DataError
        Masks of another length, groups that overlap, or of fewer than two cells.
    PanelError
        A gene that the reference lacks.
    """
    from ..training.inference import encode_cells

    b = ~a if b is None else b
    _check_groups(run.section.n_cells, a, b)
    random = np.random.default_rng(seed)
    groups = [np.flatnonzero(mask) for mask in (a, b)]
    sampled = [
        rows if len(rows) <= MAX_CELLS_PER_GROUP else np.sort(random.choice(rows, MAX_CELLS_PER_GROUP, replace=False))
        for rows in groups
    ]
    rows, in_a = np.concatenate(sampled), np.repeat([True, False], [len(s) for s in sampled])
    shared = np.arange(run.panel.n_shared)
    gene_indices = run.gene_indices(genes if genes is not None else run.panel.reference_only or run.panel.shared)
    names = np.array(run.panel.shared + run.panel.reference_only, dtype=object)

    cells, predictor = encode_cells(run.trainer, "section", rows), run.predictor
    spread = predictor.section_scale.mean / np.maximum(predictor.section_scale.mean_to_sd, 1e-6)
    truth = run.measured_shared(rows)
    imputed = predictor.predict_held_out(shared, cells)
    held_out = HeldOutDifferences.from_values(imputed, truth, in_a, spread[shared])

    unmeasured, measured = gene_indices[gene_indices >= len(shared)], gene_indices[gene_indices < len(shared)]
    tables = [
        difference_table(predictor.predict(chunk, cells)[0], in_a, spread[chunk], held_out).assign(
            gene=names[chunk], kind="imputed"
        )
        for chunk in np.split(unmeasured, range(GENES_PER_CHUNK, len(unmeasured), GENES_PER_CHUNK))
    ]
    for fold in np.unique(predictor.gene_fold[measured]):  # the error of a measured gene is that of the other folds
        genes_of_fold = measured[predictor.gene_fold[measured] == fold]
        other_folds = held_out.subset(predictor.gene_fold != fold)
        table = difference_table(imputed[:, genes_of_fold], in_a, spread[genes_of_fold], other_folds)
        test = WelchTest.from_values(truth[:, genes_of_fold], in_a)
        tables.append(
            table.assign(
                gene=names[genes_of_fold],
                kind="held-out",
                measured_difference=test.difference,
                p_measured=test.p,
            )
        )
    table = pd.concat(tables, ignore_index=True).reindex(columns=COLUMNS).assign(imputed=True)
    table["p_adjusted"] = table.groupby("kind")["p"].transform(lambda p: stats.false_discovery_control(p))
    return Comparison(
        table.sort_values("p", kind="stable", ignore_index=True),
        held_out,
        held_out.between_variance,
        len(groups[0]),
        len(groups[1]),
    )


def difference_table(values: Values, in_a: Mask, spread: Values, held_out: HeldOutDifferences) -> pd.DataFrame:
    """Make rows of `Comparison.table` for genes of imputed values (cells, genes) and spread (genes,)."""
    plain = WelchTest.from_values(values, in_a)
    se, p = held_out.between_variance.test(plain.difference, spread, plain.variance, len(in_a))
    direction = held_out.confirmation_rate(plain.difference / np.maximum(spread, 1e-9))
    columns = {"mean_a": plain.mean_a, "mean_b": plain.mean_b, "difference": plain.difference, "se": se, "p": p}
    return pd.DataFrame(columns | {"p_plain": plain.p, "direction": direction})


def _check_groups(n: int, a: Mask, b: Mask) -> None:
    for name, mask in (("A", a), ("B", b)):
        if np.shape(mask) != (n,) or np.asarray(mask).dtype != bool:
            raise DataError(
                f"group {name} must be {n} True or False values, one a cell; "
                f"found {np.asarray(mask).dtype} of shape {np.shape(mask)}."
            )
        if mask.sum() < 2:
            raise DataError(
                f"group {name} has {int(mask.sum())} cells; a comparison needs at least 2 in each. "
                "Choose another group."
            )
    if (a & b).any():
        raise DataError(f"{int((a & b).sum()):,} cells are in both groups. Compare groups that do not overlap.")
