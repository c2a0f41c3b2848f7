"""Plots of domains and regions: stability, composition and adjacency."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtGui import QFontMetrics

from ..theme import theme_colours
from .base import ACCENT_COLOUR, SECONDARY_COLOUR, ThemedPlot

_MAX_NAME_LETTERS = 16  # of a domain or region at an axis
_MAX_LOG2_RATIO = 3.0  # doublings at which the colours end


class StabilityPlot(ThemedPlot):
    """Agreement between the members of the vote, by the number of domains."""

    height_lines = 7

    def __init__(self) -> None:
        super().__init__(
            "number of domains",
            "stability",
            "Stability: mean adjusted Rand index between members of the vote (1: all agree). Every peak is a level "
            "of the tissue; the line marks the number that is shown",
        )
        self._curve = self.plot.plot(
            pen=pg.mkPen(SECONDARY_COLOUR, width=2),
            symbol="o",
            symbolSize=6,
            symbolBrush=SECONDARY_COLOUR,
            symbolPen=None,
        )
        self._chosen_line = pg.InfiniteLine(pen=pg.mkPen(ACCENT_COLOUR, width=2))
        self.plot.addItem(self._chosen_line)

    def show_curve(self, k: Sequence[int], stability: Sequence[float], chosen: int) -> None:
        """Draw the curve."""
        self._curve.setData(list(k), list(stability))
        self._chosen_line.setValue(chosen)

    def curve_values(self) -> list[float]:
        """Return the values of the curve."""
        return [float(v) for v in self._curve.getData()[1]]


class CompositionPlot(ThemedPlot):
    """Stacked shares of categories in each domain."""

    def __init__(self) -> None:
        super().__init__("share of cells", "", "What each domain is made of")
        self.plot.setXRange(0, 1, padding=0)
        self.plot.getViewBox().invertY(True)
        self.bars: list[Any] = []

    def show_shares(
        self, domains: Sequence[str], shares: NDArray[np.floating[Any]], colours: NDArray[np.float64]
    ) -> None:
        """Draw one bar for each domain.

        Parameters
        ----------
        shares : (domains, categories)
            Rows sum to 1.
        colours : (categories, 4)
        """
        for bar in self.bars:
            self.plot.removeItem(bar)
        shares = np.nan_to_num(shares)
        ends = np.cumsum(shares, axis=1)
        y = np.arange(len(domains))
        self.bars = [
            pg.BarGraphItem(
                x0=ends[:, j] - shares[:, j],
                width=shares[:, j],
                y=y,
                height=0.8,
                brush=pg.mkColor(*(int(255 * c) for c in colours[j])),
                pen=None,
            )
            for j in range(shares.shape[1])
        ]
        for bar in self.bars:
            self.plot.addItem(bar)
        axis, metrics = self.plot.getAxis("left"), QFontMetrics(self.text_font)
        shown = [_shorten(name) for name in domains]
        axis.setTicks([list(enumerate(shown))])
        axis.setWidth(14 + max(map(metrics.horizontalAdvance, shown)))
        self.plot.setYRange(-0.6, len(domains) - 0.4, padding=0)
        self.plot.setMinimumHeight(int(4 * metrics.height()) + max(16, metrics.height()) * len(domains))


class AdjacencyPlot(ThemedPlot):
    """Heat map of pairs of neighbouring cells over those expected by chance: orange is more, blue is fewer."""

    height_lines = 14

    def __init__(self) -> None:
        self._ratio_labels: list[Any] = []
        super().__init__(
            "domain, in the order of the rows",
            "",
            "Pairs of neighbouring cells of two domains over those expected by chance; the number is their ratio "
            "(1: chance). Orange: more, blue: fewer",
        )
        self._image = pg.ImageItem(axisOrder="row-major")
        self._image.setColorMap(pg.ColorMap([0.0, 0.5, 1.0], [(86, 180, 233), (128, 128, 128, 40), (230, 159, 0)]))
        self.plot.addItem(self._image)
        self.plot.getViewBox().invertY(True)

    def set_text_colour(self, colour: str) -> None:
        """Set the colour of the numbers."""
        for number in self._ratio_labels:
            number.setColor(colour)

    def show_ratios(self, table: Any) -> None:
        """Draw a square table of ratios."""
        ratio = table.to_numpy()
        with np.errstate(divide="ignore"):
            self._image.setImage(
                np.clip(np.nan_to_num(np.log2(ratio), neginf=-_MAX_LOG2_RATIO), -_MAX_LOG2_RATIO, _MAX_LOG2_RATIO),
                levels=(-_MAX_LOG2_RATIO, _MAX_LOG2_RATIO),
            )
        for number in self._ratio_labels:
            self.plot.removeItem(number)
        self._ratio_labels = [
            pg.TextItem(f"{value:.2f}", color=theme_colours()[1], anchor=(0.5, 0.5)) for value in ratio.ravel()
        ]
        for i, number in enumerate(self._ratio_labels):
            row, column = divmod(i, len(ratio))
            number.setPos(column + 0.5, row + 0.5)
            self.plot.addItem(number)
        self.plot.getAxis("left").setTicks([[(i + 0.5, _shorten(str(name))) for i, name in enumerate(table.index)]])
        self.plot.getAxis("bottom").setTicks([[(i + 0.5, f"{i + 1}") for i in range(len(table))]])

    def ratios(self) -> list[str]:
        """Return the numbers that are drawn, row by row."""
        return [number.toPlainText() for number in self._ratio_labels]


def _shorten(name: str) -> str:
    return name if len(name) <= _MAX_NAME_LETTERS else name[: _MAX_NAME_LETTERS - 1] + "…"
