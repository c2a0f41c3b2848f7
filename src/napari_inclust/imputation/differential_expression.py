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
MOST_CELLS = 2000  # of a group that are looked at: the shared error is far larger than what more cells would take off
LIKE = 10  # measured genes, at least, from which it is told how often a difference as large is confirmed
CHUNK = 256  # genes predicted at once
WARNING = (
    "p counts the error of imputing, learnt on the measured genes while they were hidden; it holds for genes that are imputed as well as those. "
    "p_plain (Welch's t-test over cells) takes imputed values for measured ones: do not report it."
)


@dataclass(frozen=True)
class SharedError:
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
    degrees: float
    genes: int

    @classmethod
    def learn(cls, error: Values, noise: Values) -> SharedError:
        """From the errors (genes,) of differences and the variances (genes,) that cells drawn at random give them, in standard deviations of each gene."""
        excess = error**2 - noise
        n, mean = len(error), float(excess.mean())
        spread = float(excess.var(ddof=1)) if n > 1 else 0.0
        degrees = 2 * n * mean**2 / spread if spread > 0 else float(n)  # that a scaled chi-square with this mean and variance has
        return cls(max(mean, 0.0), float(np.clip(degrees, 1, n)), n)

    def test(self, difference: Values, spread: Values, within: Values, cells: int) -> tuple[Values, Values]:
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
        total = within + between
        degrees = total**2 / np.maximum(within**2 / max(cells - 2, 1) + between**2 / self.degrees, 1e-300)  # Satterthwaite, Biometrics 2:110, 1946
        se = np.sqrt(total)
        with np.errstate(divide="ignore", invalid="ignore"):
            p = 2 * stats.t.sf(np.abs(difference) / se, degrees)
        return se, np.where(se > 0, p, 1.0)


@dataclass(frozen=True, eq=False)
class Welch:
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
    def of(cls, values: Values, in_a: Mask) -> Welch:
        """From values (cells, genes)."""
        a, b = (values[mask].astype(np.float64) for mask in (in_a, ~in_a))
        variance = a.var(0, ddof=1) / len(a) + b.var(0, ddof=1) / len(b)
        with np.errstate(divide="ignore", invalid="ignore"):
            p = stats.ttest_ind_from_stats(a.mean(0), a.std(0, ddof=1), len(a), b.mean(0), b.std(0, ddof=1), len(b), equal_var=False).pvalue
        return cls(a.mean(0), b.mean(0), variance, np.where(variance > 0, p, 1.0))


@dataclass(frozen=True, eq=False)
class Hidden:
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

    imputed: Values
    measured: Values
    noise: Values
    p: Values

    @classmethod
    def of(cls, imputed: Values, truth: Values, in_a: Mask, spread: Values) -> Hidden:
        """From values (cells, genes)."""
        one, other, residual = (Welch.of(v, in_a) for v in (imputed, truth, truth - imputed))
        spread = np.maximum(spread, 1e-9)
        return cls(one.difference / spread, other.difference / spread, residual.variance / spread**2, other.p)

    def only(self, genes: Mask) -> Hidden:
        """Of some genes."""
        return Hidden(self.imputed[genes], self.measured[genes], self.noise[genes], self.p[genes])

    @cached_property
    def error(self) -> SharedError:
        return SharedError.learn(self.measured - self.imputed, self.noise)

    @cached_property
    def confirmed(self) -> Mask:
        """(genes,) whose measured difference has the sign of the imputed one, with p below 0.05."""
        out: Mask = (np.sign(self.measured) == np.sign(self.imputed)) & (self.p < 0.05)
        return out

    def direction(self, difference: Values) -> Values:
        """(wanted,) share confirmed of the measured genes whose imputed difference was most nearly as large; difference in standard deviations of the gene."""
        k = min(max(LIKE, len(self.imputed) // 5), len(self.imputed))
        away = np.abs(np.abs(difference)[:, None] - np.abs(self.imputed))
        nearest = np.argsort(away, axis=1, kind="stable")[:, :k]
        out: Values = self.confirmed[nearest].mean(1)
        return out

    @property
    def slope(self) -> float:
        """Measured difference for an imputed one of 1 (least squares through 0)."""
        return float((self.imputed * self.measured).sum() / max(float((self.imputed**2).sum()), 1e-12))


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
    hidden: Hidden
    error: SharedError
    cells_a: int
    cells_b: int

    @property
    def line(self) -> str:
        """What was learnt, in one line."""
        return (
            f"learnt from {self.error.genes} measured genes while hidden: {self.hidden.confirmed.mean():.0%} of the imputed differences are confirmed by the measured "
            f"values; a measured difference is {self.hidden.slope:.2f} of the imputed one; error shared by the cells of a group: "
            f"{np.sqrt(self.error.variance):.2f} standard deviations of a gene"
        )


def compare(run: ImputationModel, a: Mask, b: Mask | None = None, genes: Sequence[str] | None = None, *, seed: int = 0) -> Comparison:
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
    from ..training.inference import encode

    b = ~a if b is None else b
    _check(run.section.n_cells, a, b)
    random = np.random.default_rng(seed)
    groups = [np.flatnonzero(mask) for mask in (a, b)]
    seen = [rows if len(rows) <= MOST_CELLS else np.sort(random.choice(rows, MOST_CELLS, replace=False)) for rows in groups]
    rows, in_a = np.concatenate(seen), np.repeat([True, False], [len(s) for s in seen])
    shared = np.arange(run.panel.n_shared)
    wanted = run.positions(genes if genes is not None else run.panel.reference_only or run.panel.shared)
    names = np.array(run.panel.shared + run.panel.reference_only, dtype=object)

    cells, predictor = encode(run.trainer, "section", rows), run.predictor
    spread = predictor.levels.mean / np.maximum(predictor.levels.ratio, 1e-6)
    truth = run.measured_shared(rows)
    imputed = predictor.held_out(shared, cells)
    hidden = Hidden.of(imputed, truth, in_a, spread[shared])

    new, known = wanted[wanted >= len(shared)], wanted[wanted < len(shared)]
    parts = np.split(new, range(CHUNK, len(new), CHUNK))
    tables = [assess(predictor.predict(part, cells)[0], in_a, spread[part], hidden).assign(gene=names[part], kind="imputed") for part in parts]
    for fold in np.unique(predictor.fold[known]):  # a measured gene is judged by what was learnt without its fold
        part = known[predictor.fold[known] == fold]
        held_out = assess(imputed[:, part], in_a, spread[part], hidden.only(predictor.fold != fold))
        measured = Welch.of(truth[:, part], in_a)
        tables.append(held_out.assign(gene=names[part], kind="held-out", measured_difference=measured.difference, p_measured=measured.p))
    table = pd.concat(tables, ignore_index=True).reindex(columns=COLUMNS).assign(imputed=True)
    table["p_adjusted"] = table.groupby("kind")["p"].transform(lambda p: stats.false_discovery_control(p))
    return Comparison(table.sort_values("p", kind="stable", ignore_index=True), hidden, hidden.error, len(groups[0]), len(groups[1]))


def assess(values: Values, in_a: Mask, spread: Values, hidden: Hidden) -> pd.DataFrame:
    """Rows of the table for the genes of some imputed values (cells, genes)."""
    plain = Welch.of(values, in_a)
    se, p = hidden.error.test(plain.difference, spread, plain.variance, len(in_a))
    return pd.DataFrame({"mean_a": plain.mean_a, "mean_b": plain.mean_b, "difference": plain.difference, "se": se, "p": p, "p_plain": plain.p}).assign(
        direction=hidden.direction(plain.difference / np.maximum(spread, 1e-9))
    )


def _check(n: int, a: Mask, b: Mask) -> None:
    for name, mask in (("A", a), ("B", b)):
        if np.shape(mask) != (n,) or np.asarray(mask).dtype != bool:
            raise DataError(f"group {name} must be {n} True or False values, one a cell; found {np.asarray(mask).dtype} of shape {np.shape(mask)}.")
        if mask.sum() < 2:
            raise DataError(f"group {name} has {int(mask.sum())} cells; a comparison needs at least 2 in each. Choose another group.")
    if (a & b).any():
        raise DataError(f"{int((a & b).sum()):,} cells are in both groups. Compare groups that do not overlap.")
