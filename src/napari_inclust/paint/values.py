"""What is painted: one number a cell, and how it may be called."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

LOG_NORMALISED, NORMALISED_COUNTS = "log-normalised", "normalised counts"
IMPUTED, HELD_OUT, MEASURED, GENERATED = "imputed", "held-out", "measured", "generated"


@dataclass(frozen=True, eq=False)
class CellValues:
    """One gene (or another number) over the cells of a section.

    Attributes
    ----------
    name
        The gene.
    values : (cells,) float32
    spread : (cells,) float32, optional
        Standard deviation over the members of the run.
    kind
        "measured", "imputed", "held-out": predicted although it was measured, which scores it, or "generated": of a modality that the section lacks.
    score
        Held-out Pearson correlation of the gene, or None when it has none; of what is generated on held-out cells of the reference.
    unit
        Of the values.
    foreseen
        Foreseen score of a gene that has none, or None.
    low, high : (cells,) float32, optional
        Ends of the 90 % interval of each value.
    centred
        Whether the values lie around zero (differences, z-scores): drawn in diverging colours with equal ends.
    """

    name: str
    values: NDArray[np.float32]
    kind: str = MEASURED
    spread: NDArray[np.float32] | None = None
    score: float | None = None
    unit: str = LOG_NORMALISED
    predicted_score: float | None = None
    low: NDArray[np.float32] | None = None
    high: NDArray[np.float32] | None = None
    centred: bool = False

    @property
    def is_imputed(self) -> bool:
        """Whether any value in it was imputed or generated."""
        return self.kind in (HELD_OUT, GENERATED) or IMPUTED in self.kind

    def to_linear(self) -> CellValues:
        """The same without the logarithm: exp(value) - 1, the spread to first order. What is not log-normalised stays as it is."""
        if self.unit != LOG_NORMALISED or self.centred:
            return self
        spread, low, high = (
            None if x is None else f(x)
            for x, f in ((self.spread, lambda x: np.exp(self.values) * x), (self.low, np.expm1), (self.high, np.expm1))
        )
        return replace(self, values=np.expm1(self.values), spread=spread, unit=NORMALISED_COUNTS, low=low, high=high)

    def with_interval(self, low: NDArray[np.float32], high: NDArray[np.float32]) -> CellValues:
        """The same with its interval."""
        return replace(self, low=low, high=high)

    @property
    def kind_label(self) -> str:
        """Measured or imputed, with the score: what stands beside the name of an imputed gene everywhere."""
        if self.kind not in (IMPUTED, HELD_OUT, GENERATED):
            return self.kind
        if self.score is None and self.predicted_score is not None and np.isfinite(self.predicted_score):
            return f"imputed (score ~{self.predicted_score:.2f} foreseen)"
        score = "no score" if self.score is None or not np.isfinite(self.score) else f"score {self.score:.2f}"
        if self.kind == GENERATED:
            return f"generated ({score} in the reference)"
        return f"imputed, held out ({score})" if self.kind == HELD_OUT else f"imputed ({score})"

    @property
    def title(self) -> str:
        """The name of the layer."""
        return f"{self.name} · {self.kind_label}"

    def value_text(self, row: int) -> str:
        """Value of one cell with its spread, unit and mark; what is predicted below zero means that the gene is absent."""
        absent = " (absent)" if self.values[row] < 0 and self.kind in (IMPUTED, HELD_OUT) else ""
        spread = f" ± {self.spread[row]:.2f}" if self.spread is not None and np.isfinite(self.spread[row]) else ""
        if self.low is not None and self.high is not None:
            spread += f" (90 % interval {self.low[row]:.2f} to {self.high[row]:.2f})"
        return f"{self.name} {self.values[row]:.2f}{absent}{spread} {self.unit}, {self.kind_label.replace('imputed', 'IMPUTED').replace('generated', 'GENERATED')}"


@dataclass(frozen=True, eq=False)
class CellCategories:
    """One category a cell: types, domains, layers.

    Attributes
    ----------
    name
        The column.
    codes : (cells,) int
        Category of each cell, -1 where there is none.
    categories
        Names by code.
    colours : (categories, 4) float
    """

    name: str
    codes: NDArray[np.int32]
    categories: tuple[str, ...]
    colours: NDArray[np.float64]

    @classmethod
    def from_column(cls, name: str, column: pd.Series[Any], colours: Any = None) -> CellCategories:
        """Categories of a column of `obs`, in its order; missing values have none, an empty text is one.

        Parameters
        ----------
        column : (cells,)
        colours
            Those that the file keeps (`uns["<column>_colors"]`), used when there is one a category.
        """
        import pandas as pd

        category = pd.Categorical(column) if not isinstance(column.dtype, pd.CategoricalDtype) else column.cat
        codes = np.asarray(category.codes, dtype=np.int32)
        names = tuple(str(c) if str(c).strip() else "(empty)" for c in category.categories)
        return cls(name, codes, names, category_palette(len(names), colours))

    def category_text(self, row: int) -> str:
        """Name of the category of one cell."""
        code = int(self.codes[row])
        return self.categories[code] if code >= 0 else f"no {self.name}"


def category_palette(n: int, given: Any = None) -> NDArray[np.float64]:
    """n distinct colours: those given when there is one each, else Okabe and Ito's (safe for the colour-blind) and then evenly spaced hues.

    Returns
    -------
    (n, 4) RGBA in 0..1
    """
    from matplotlib.colors import hsv_to_rgb, to_rgba_array

    if given is not None and len(given) == n:
        try:
            return np.asarray(to_rgba_array([str(c) for c in given]), dtype=np.float64)
        except ValueError:
            pass  # colours that matplotlib does not know
    first = to_rgba_array(["#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#BBBBBB"])[:n]
    k = np.arange(n - len(first))
    more = hsv_to_rgb(
        np.c_[(0.05 + k * 0.618034) % 1, np.where(k % 2, 0.85, 0.45), np.where(k % 3 == 2, 0.65, 0.95)]
    ).reshape(-1, 3)
    return np.asarray(np.vstack([first, np.c_[more, np.ones(len(more))]]), dtype=np.float64)
