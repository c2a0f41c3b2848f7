"""What is painted: a number or a category for each cell, and the text that describes it."""

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
    """One gene, or another number, over the cells of a section.

    Attributes
    ----------
    name
        The gene.
    values : (cells,) float32
    kind
        "measured"; "imputed"; "held-out": measured, but predicted while it was hidden, which gives its score;
        "generated": of a modality that the section lacks.
    spread : (cells,) float32, optional
        Standard deviation of the prediction over the networks of the run.
    score
        Held-out Pearson correlation of the gene, or None; of generated features on held-out cells of the reference.
    unit
        Of the values.
    predicted_score
        Predicted Pearson correlation of a gene without a held-out score, or None.
    low, high : (cells,) float32, optional
        Ends of the 90 % interval of each value.
    centred
        Whether the values lie around zero (differences, z-scores): drawn in diverging colours with symmetric limits.
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
        """Whether any of the values is imputed or generated."""
        return self.kind in (HELD_OUT, GENERATED) or IMPUTED in self.kind

    def to_linear(self) -> CellValues:
        """Undo the logarithm: exp(value) - 1, the spread to first order; other units are returned as they are."""
        if self.unit != LOG_NORMALISED or self.centred:
            return self
        return replace(
            self,
            values=np.expm1(self.values),
            spread=None if self.spread is None else np.exp(self.values) * self.spread,
            unit=NORMALISED_COUNTS,
            low=None if self.low is None else np.expm1(self.low),
            high=None if self.high is None else np.expm1(self.high),
        )

    def with_interval(self, low: NDArray[np.float32], high: NDArray[np.float32]) -> CellValues:
        """Return a copy with the ends of the 90 % interval, each (cells,)."""
        return replace(self, low=low, high=high)

    @property
    def score_text(self) -> str:
        """Held-out score, else predicted score, else "no score"."""
        if self.score is None and self.predicted_score is not None and np.isfinite(self.predicted_score):
            return f"predicted score ~{self.predicted_score:.2f}"
        return "no score" if self.score is None or not np.isfinite(self.score) else f"score {self.score:.2f}"

    @property
    def kind_label(self) -> str:
        """Measured, imputed or generated, with the score: stands beside the name of the gene everywhere."""
        if self.kind == GENERATED:
            return f"generated ({self.score_text} in the reference)"
        if self.kind == HELD_OUT:
            return f"imputed, held out ({self.score_text})"
        return f"imputed ({self.score_text})" if self.kind == IMPUTED else self.kind

    @property
    def title(self) -> str:
        """Name of the layer: the gene and its kind."""
        return f"{self.name} · {self.kind_label}"

    def value_text(self, row: int) -> str:
        """Describe the value of one cell: spread, interval, unit, kind; a predicted value below zero means absent."""
        absent = " (absent)" if self.values[row] < 0 and self.kind in (IMPUTED, HELD_OUT) else ""
        spread = f" ± {self.spread[row]:.2f}" if self.spread is not None and np.isfinite(self.spread[row]) else ""
        if self.low is not None and self.high is not None:
            spread += f" (90 % interval {self.low[row]:.2f} to {self.high[row]:.2f})"
        kind = self.kind_label.replace("imputed", "IMPUTED").replace("generated", "GENERATED")
        return f"{self.name} {self.values[row]:.2f}{absent}{spread} {self.unit}, {kind}"


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
        """Take the categories of a column of `obs`, in its order; missing values have no category, an empty text has.

        Parameters
        ----------
        name
            The column.
        column : (cells,)
        colours
            Colours stored in the file (`uns["<column>_colors"]`), used when there is one for each category.
        """
        import pandas as pd

        category = pd.Categorical(column) if not isinstance(column.dtype, pd.CategoricalDtype) else column.cat
        codes = np.asarray(category.codes, dtype=np.int32)
        names = tuple(str(c) if str(c).strip() else "(empty)" for c in category.categories)
        return cls(name, codes, names, category_palette(len(names), colours))

    def category_text(self, row: int) -> str:
        """Return the name of the category of one cell."""
        code = int(self.codes[row])
        return self.categories[code] if code >= 0 else f"no {self.name}"


def category_palette(n: int, given: Any = None) -> NDArray[np.float64]:
    """Return n distinct colours.

    Given colours are used when there is one for each category; else those of Okabe and Ito, which are safe for the
    colour-blind, and then evenly spaced hues.

    Returns
    -------
    (n, 4) float64
        RGBA, 0 to 1.

    References
    ----------
    M. Okabe, K. Ito: Color universal design, 2008, https://jfly.uni-koeln.de/color/
    """
    from matplotlib.colors import hsv_to_rgb, to_rgba_array

    if given is not None and len(given) == n:
        try:
            return np.asarray(to_rgba_array([str(c) for c in given]), dtype=np.float64)
        except ValueError:
            pass  # colours that matplotlib does not know
    first = to_rgba_array(["#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#BBBBBB"])[:n]
    k = np.arange(n - len(first))
    hue = (0.05 + k * 0.618034) % 1  # steps of the golden ratio fill the circle evenly
    more = hsv_to_rgb(np.c_[hue, np.where(k % 2, 0.85, 0.45), np.where(k % 3 == 2, 0.65, 0.95)]).reshape(-1, 3)
    return np.asarray(np.vstack([first, np.c_[more, np.ones(len(more))]]), dtype=np.float64)
