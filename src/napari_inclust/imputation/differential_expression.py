"""Group A against group B on imputed genes, with the error of imputing counted in.

The cells of a group share the error of a gene: a gene that is imputed too high in neurons is too high in all of them, and more cells do not average it out. How large
that shared error is can be seen on the measured genes: each was hidden once, so its imputed difference between A and B stands beside the measured one. The spread of
the two around each other, less what cells drawn at random explain, is the variance between imputations of Rubin's rules (Multiple Imputation for Nonresponse in
Surveys, 1987), here in closed form: as many completed data sets as one likes, each with one draw of the shared error for a gene.
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
MAX_CELLS_PER_GROUP = (
    2000  # of a group that are looked at: the shared error is far larger than what more cells would take off
)
MIN_SIMILAR_GENES = 10  # measured genes, at least, from which it is told how often a difference as large is confirmed
GENES_PER_CHUNK = 256  # genes predicted at once
P_VALUE_WARNING = (
    "p counts the error of imputing, learnt on the measured genes while they were hidden; it holds for genes that are imputed as well as those. "
    "p_plain (Welch's t-test over cells) takes imputed values for measured ones: do not report it."
)


@dataclass(frozen=True)
class BetweenImputationVariance:
    """How far imputed differences between two groups lie from measured ones, of genes that were hidden.

    Attributes
    ----------
    variance
        Of measured - imputed difference beyond the noise of single cells, in squared standard deviations of a gene.
    degrees
        Of freedom of that estimate: fewer than there are genes where a few of them err most.
    genes
        From how many it was learnt.
    """

    variance: float
    degrees_of_freedom: float
    n_genes: int

    @classmethod
    def estimate(cls, differences: Values, sampling_variance: Values) -> BetweenImputationVariance:
        """From the errors (genes,) of differences and the variances (genes,) that cells drawn at random give them, in standard deviations of each gene."""
        excess = differences**2 - sampling_variance
        n, mean = len(differences), float(excess.mean())
        spread = float(excess.var(ddof=1)) if n > 1 else 0.0
        degrees = (
            2 * n * mean**2 / spread if spread > 0 else float(n)
        )  # that a scaled chi-square with this mean and variance has
        return cls(max(mean, 0.0), float(np.clip(degrees, 1, n)), n)

    def test(self, difference: Values, spread: Values, within_variance: Values, n_cells: int) -> tuple[Values, Values]:
        """Standard error and two-sided p-value of imputed differences, each (genes,).

        Parameters
        ----------
        difference, spread : (genes,)
            Imputed A - B; standard deviation of the gene as foreseen for the section. Both log-normalised.
        within : (genes,)
            Variance of the difference from cells drawn at random.
        cells
            In both groups.
        """
        between = self.variance * spread**2
        total = within_variance + between
        degrees = total**2 / np.maximum(
            within_variance**2 / max(n_cells - 2, 1) + between**2 / self.degrees_of_freedom, 1e-300
        )  # Satterthwaite, Biometrics 2:110, 1946
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
        Of the difference, from cells drawn at random.
    p
        Two-sided; 1 for a gene without variance.
    """

    mean_a: Values
    mean_b: Values
    variance: Values
    p: Values

    @property
    def difference(self) -> Values:
        out: Values = self.mean_a - self.mean_b
        return out

    @classmethod
    def from_values(cls, values: Values, in_a: Mask) -> WelchTest:
        """From values (cells, genes)."""
        a, b = (values[mask].astype(np.float64) for mask in (in_a, ~in_a))
        variance = a.var(0, ddof=1) / len(a) + b.var(0, ddof=1) / len(b)
        with np.errstate(divide="ignore", invalid="ignore"):
            p = stats.ttest_ind_from_stats(
                a.mean(0), a.std(0, ddof=1), len(a), b.mean(0), b.std(0, ddof=1), len(b), equal_var=False
            ).pvalue
        return cls(a.mean(0), b.mean(0), variance, np.where(variance > 0, p, 1.0))


@dataclass(frozen=True, eq=False)
class HeldOutDifferences:
    """A - B of the measured genes, imputed while each was hidden and measured; each (genes,), in standard deviations of the gene as foreseen for the section.

    Attributes
    ----------
    imputed, measured
        Differences.
    noise
        Variance that cells drawn at random give to measured - imputed.
    p
        Welch's t-test on the measured values.
    """

    imputed_difference: Values
    measured_difference: Values
    sampling_variance: Values
    p: Values

    @classmethod
    def from_values(cls, imputed: Values, truth: Values, in_a: Mask, spread: Values) -> HeldOutDifferences:
        """From values (cells, genes)."""
        one, other, residual = (WelchTest.from_values(v, in_a) for v in (imputed, truth, truth - imputed))
        spread = np.maximum(spread, 1e-9)
        return cls(one.difference / spread, other.difference / spread, residual.variance / spread**2, other.p)

    def subset(self, genes: Mask) -> HeldOutDifferences:
        """Of some genes."""
        return HeldOutDifferences(
            self.imputed_difference[genes],
            self.measured_difference[genes],
            self.sampling_variance[genes],
            self.p[genes],
        )

    @cached_property
    def between_variance(self) -> BetweenImputationVariance:
        return BetweenImputationVariance.estimate(
            self.measured_difference - self.imputed_difference, self.sampling_variance
        )

    @cached_property
    def confirmed(self) -> Mask:
        """(genes,) whose measured difference has the sign of the imputed one, with p below 0.05."""
        out: Mask = (np.sign(self.measured_difference) == np.sign(self.imputed_difference)) & (self.p < 0.05)
        return out

    def confirmation_rate(self, difference: Values) -> Values:
        """(wanted,) share confirmed of the measured genes whose imputed difference was most nearly as large; difference in standard deviations of the gene."""
        k = min(max(MIN_SIMILAR_GENES, len(self.imputed_difference) // 5), len(self.imputed_difference))
        away = np.abs(np.abs(difference)[:, None] - np.abs(self.imputed_difference))
        nearest = np.argsort(away, axis=1, kind="stable")[:, :k]
        out: Values = self.confirmed[nearest].mean(1)
        return out

    @property
    def slope(self) -> float:
        """Measured difference for an imputed one of 1 (least squares through 0)."""
        return float(
            (self.imputed_difference * self.measured_difference).sum()
            / max(float((self.imputed_difference**2).sum()), 1e-12)
        )


COLUMNS = [
    "gene", "kind", "imputed", "mean_a", "mean_b", "difference", "se", "p", "p_adjusted", "direction", "p_plain", "measured_difference", "p_measured",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Comparison:
    """A against B.

    Attributes
    ----------
    table
        One row a gene, smallest p first: `gene`, `kind` ("imputed" or "held-out"), `imputed` (True), `mean_a`, `mean_b`, `difference` (log-normalised), `se`
        (error of imputing included), `p`, `p_adjusted` (Benjamini and Hochberg, within a kind), `direction` (how often a difference as large was confirmed, in sign
        and with p < 0.05, where the gene was measured), `p_plain` (Welch's t-test on imputed values as if they had been measured), and of genes that are
        measured too `measured_difference` and `p_measured` (Welch's t-test on the measured values).
    hidden, error
        What was learnt, from all measured genes.
    cells_a, cells_b
        In the groups; of each at most `MOST_CELLS` are looked at.
    """

    table: pd.DataFrame
    held_out_differences: HeldOutDifferences
    between_variance: BetweenImputationVariance
    n_cells_a: int
    n_cells_b: int

    @property
    def summary(self) -> str:
        """What was learnt, in one line."""
        return (
            f"learnt from {self.between_variance.n_genes} measured genes while hidden: {self.held_out_differences.confirmed.mean():.0%} of the imputed differences are confirmed by the measured "
            f"values; a measured difference is {self.held_out_differences.slope:.2f} of the imputed one; error shared by the cells of a group: "
            f"{np.sqrt(self.between_variance.variance):.2f} standard deviations of a gene"
        )


def compare(
    run: ImputationModel, a: Mask, b: Mask | None = None, genes: Sequence[str] | None = None, *, seed: int = 0
) -> Comparison:
    """Imputed genes in group A against group B.

    Parameters
    ----------
    a, b : (cells,) bool
        The groups; without `b` all other cells.
    genes
        Names; default: every gene that the section lacks, or (where it lacks none) the measured ones as they were predicted while hidden.

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
    seen = [
        rows if len(rows) <= MAX_CELLS_PER_GROUP else np.sort(random.choice(rows, MAX_CELLS_PER_GROUP, replace=False))
        for rows in groups
    ]
    rows, in_a = np.concatenate(seen), np.repeat([True, False], [len(s) for s in seen])
    shared = np.arange(run.panel.n_shared)
    wanted = run.gene_indices(genes if genes is not None else run.panel.reference_only or run.panel.shared)
    names = np.array(run.panel.shared + run.panel.reference_only, dtype=object)

    cells, predictor = encode_cells(run.trainer, "section", rows), run.predictor
    spread = predictor.section_scale.mean / np.maximum(predictor.section_scale.mean_to_sd, 1e-6)
    truth = run.measured_shared(rows)
    imputed = predictor.predict_held_out(shared, cells)
    hidden = HeldOutDifferences.from_values(imputed, truth, in_a, spread[shared])

    new, known = wanted[wanted >= len(shared)], wanted[wanted < len(shared)]
    parts = np.split(new, range(GENES_PER_CHUNK, len(new), GENES_PER_CHUNK))
    tables = [
        difference_table(predictor.predict(part, cells)[0], in_a, spread[part], hidden).assign(
            gene=names[part], kind="imputed"
        )
        for part in parts
    ]
    for fold in np.unique(predictor.gene_fold[known]):  # a measured gene is judged by what was learnt without its fold
        part = known[predictor.gene_fold[known] == fold]
        held_out = difference_table(imputed[:, part], in_a, spread[part], hidden.subset(predictor.gene_fold != fold))
        measured = WelchTest.from_values(truth[:, part], in_a)
        tables.append(
            held_out.assign(
                gene=names[part], kind="held-out", measured_difference=measured.difference, p_measured=measured.p
            )
        )
    table = pd.concat(tables, ignore_index=True).reindex(columns=COLUMNS).assign(imputed=True)
    table["p_adjusted"] = table.groupby("kind")["p"].transform(lambda p: stats.false_discovery_control(p))
    return Comparison(
        table.sort_values("p", kind="stable", ignore_index=True),
        hidden,
        hidden.between_variance,
        len(groups[0]),
        len(groups[1]),
    )


def difference_table(values: Values, in_a: Mask, spread: Values, held_out: HeldOutDifferences) -> pd.DataFrame:
    """Rows of the table for the genes of some imputed values (cells, genes)."""
    plain = WelchTest.from_values(values, in_a)
    se, p = held_out.between_variance.test(plain.difference, spread, plain.variance, len(in_a))
    return pd.DataFrame(
        {
            "mean_a": plain.mean_a,
            "mean_b": plain.mean_b,
            "difference": plain.difference,
            "se": se,
            "p": p,
            "p_plain": plain.p,
        }
    ).assign(direction=held_out.confirmation_rate(plain.difference / np.maximum(spread, 1e-9)))


def _check_groups(n: int, a: Mask, b: Mask) -> None:
    for name, mask in (("A", a), ("B", b)):
        if np.shape(mask) != (n,) or np.asarray(mask).dtype != bool:
            raise DataError(
                f"group {name} must be {n} True or False values, one a cell; found {np.asarray(mask).dtype} of shape {np.shape(mask)}."
            )
        if mask.sum() < 2:
            raise DataError(
                f"group {name} has {int(mask.sum())} cells; a comparison needs at least 2 in each. Choose another group."
            )
    if (a & b).any():
        raise DataError(f"{int((a & b).sum()):,} cells are in both groups. Compare groups that do not overlap.")
