"""Plots of the docks. pyqtgraph is imported with the first one that is drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QSize
from qtpy.QtGui import QFont, QFontMetrics
from qtpy.QtWidgets import QVBoxLayout, QWidget

from ..theme import font_size, theme_colours

_ACCENT_COLOUR, _SECONDARY_COLOUR = "#E69F00", "#56B4E9"
_MAX_NAME_LETTERS = 16  # letters of a name beside a bar


class ThemedPlot(QWidget):
    """A plot in the colours and with the font of napari's theme, as high as some lines of its text.

    Parameters
    ----------
    bottom, left
        Titles of the axes, with units.
    tip
        What it shows.
    """

    height_lines = 9

    def __init__(self, bottom: str, left: str, tip: str) -> None:
        super().__init__()
        self.plot = pg.PlotWidget()
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.setMouseEnabled(False, False)
        self._titles = {"bottom": bottom, "left": left}
        self.plot.setToolTip(tip)
        self.plot.sizeHint = self.sizeHint
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self.plot)
        self._style: tuple[Any, ...] = ()
        self.restyle()

    @property
    def text_font(self) -> QFont:
        """Of napari's setting: a style sheet that was there before the plot does not reach its own font."""
        font = QFont(self.font())
        font.setPointSize(font_size())
        return font

    @property
    def line_height(self) -> int:
        """Pixels of a line of its text."""
        return QFontMetrics(self.text_font).height()

    @property
    def minimum_height(self) -> int:
        """Pixels that the plot needs."""
        return int(self.height_lines * self.line_height)

    @property
    def text_size(self) -> str:
        """Size of the font, for pyqtgraph."""
        return f"{font_size():.1f}pt"

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(280, self.minimum_height + 2 * self.line_height)

    def restyle(self) -> None:
        """Follow the theme and its font."""
        background, ink = theme_colours()
        now = (background, ink, self.text_font.toString())
        if now == self._style:
            return
        self._style = now
        self.plot.setBackground(background)
        self.plot.setMinimumSize(100, self.minimum_height)
        for side, title in self._titles.items():
            axis = self.plot.getAxis(side)
            axis.enableAutoSIPrefix(False)
            axis.setPen(ink)
            axis.setTextPen(ink)
            axis.setStyle(tickFont=self.text_font)
            axis.setLabel(title, **{"font-size": self.text_size, "color": ink})
        self.plot.plotItem.layout.setContentsMargins(1, 1, self.line_height // 2, 1)  # half of the last number
        self.plot.getAxis("bottom").setHeight(int(2.8 * self.line_height))  # pyqtgraph cuts the letters below the line
        self.set_text_colour(ink)

    def set_text_colour(self, colour: str) -> None:
        """What else is drawn in the colour of the text."""

    def changeEvent(self, event: Any) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.FontChange) and hasattr(self, "_style"):
            self.restyle()


class StabilityPlot(ThemedPlot):
    """How far members of the vote agree, by the number of domains."""

    height_lines = 7

    def __init__(self) -> None:
        super().__init__(
            "number of domains",
            "stability",
            "Stability: mean adjusted Rand index between members of the vote (1: all agree). Every peak is a level of the tissue; the line marks the number that is shown",
        )
        self._curve = self.plot.plot(
            pen=pg.mkPen(_SECONDARY_COLOUR, width=2),
            symbol="o",
            symbolSize=6,
            symbolBrush=_SECONDARY_COLOUR,
            symbolPen=None,
        )
        self._chosen_line = pg.InfiniteLine(pen=pg.mkPen(_ACCENT_COLOUR, width=2))
        self.plot.addItem(self._chosen_line)

    def show_curve(self, k: Sequence[int], stability: Sequence[float], chosen: int) -> None:
        """Draw the curve."""
        self._curve.setData(list(k), list(stability))
        self._chosen_line.setValue(chosen)

    def curve_values(self) -> list[float]:
        """What the line shows."""
        return [float(v) for v in self._curve.getData()[1]]


class CompositionPlot(ThemedPlot):
    """Shares of categories in each domain, stacked."""

    def __init__(self) -> None:
        super().__init__("share of cells", "", "What each domain is made of")
        self.plot.setXRange(0, 1, padding=0)
        self.plot.getViewBox().invertY(True)
        self.bars: list[Any] = []

    def show_shares(
        self, domains: Sequence[str], shares: NDArray[np.floating[Any]], colours: NDArray[np.float64]
    ) -> None:
        """Draw one bar a domain.

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
        shown = [name if len(name) <= _MAX_NAME_LETTERS else name[: _MAX_NAME_LETTERS - 1] + "…" for name in domains]
        axis.setTicks([list(enumerate(shown))])
        axis.setWidth(14 + max(map(metrics.horizontalAdvance, shown)))
        self.plot.setYRange(-0.6, len(domains) - 0.4, padding=0)
        self.plot.setMinimumHeight(int(4 * metrics.height()) + max(16, metrics.height()) * len(domains))


class MeasuredImputedPlot(ThemedPlot):
    """Measured against imputed values of one gene."""

    height_lines = 12

    def __init__(self) -> None:
        super().__init__(
            "measured (log-normalised)",
            "imputed (log-normalised)",
            "One point a cell (a sample of a large section): the value that was measured, and the one predicted while the gene was hidden",
        )
        self._points = pg.ScatterPlotItem(size=4, pen=None, brush=pg.mkBrush(86, 180, 233, 90))
        self._identity_line = self.plot.plot(pen=pg.mkPen(_ACCENT_COLOUR, width=1))
        self.plot.addItem(self._points)

    def show_values(self, measured: NDArray[np.floating[Any]], imputed: NDArray[np.floating[Any]]) -> None:
        """Draw the cells and the line of equal values."""
        self._points.setData(measured, imputed)
        top = float(max(measured.max(initial=0), imputed.max(initial=0))) or 1.0
        self._identity_line.setData([0, top], [0, top])

    def point_count(self) -> int:
        """Points drawn."""
        return len(self._points.getData()[0])


class RunComparisonPlot(ThemedPlot):
    """Scores of the genes in two runs."""

    height_lines = 12

    def __init__(self) -> None:
        super().__init__(
            "held-out Pearson, run A",
            "held-out Pearson, run B",
            "One point a measured gene: its score in either run; above the line run B is better",
        )
        self._points = pg.ScatterPlotItem(
            size=6,
            pen=None,
            brush=pg.mkBrush(86, 180, 233, 160),
            hoverable=True,
            tip=lambda x, y, data: f"{data}: {x:.2f} and {y:.2f}",
        )
        self._identity_line = self.plot.plot(pen=pg.mkPen(_ACCENT_COLOUR, width=1))
        self.plot.addItem(self._points)

    def show_scores(self, genes: Sequence[str], scores: NDArray[np.floating[Any]]) -> None:
        """Draw the genes and the line of equal scores.

        Parameters
        ----------
        scores : (genes, 2)
        """
        known = np.isfinite(scores).all(1)
        shown = scores[known]
        self._points.setData(shown[:, 0], shown[:, 1], data=[g for g, k in zip(genes, known, strict=True) if k])
        ends = [float(shown.min(initial=0)), float(shown.max(initial=0.1))]
        self._identity_line.setData(ends, ends)

    def point_count(self) -> int:
        """Points drawn."""
        return len(self._points.getData()[0])


class CalibrationPlot(ThemedPlot):
    """Share of held-out values inside their interval, by stratum."""

    def __init__(self) -> None:
        super().__init__(
            "level of the gene (thirds, low to high)",
            "share inside",
            "Share of held-out values inside their interval, a point a group of genes (by level) and cells (by prediction: blue low, green middle, orange high). "
            "The line is what the interval promises, the band five points either way",
        )
        self._points = pg.ScatterPlotItem(size=8, pen=None)
        self._nominal_line = pg.InfiniteLine(angle=0, pen=pg.mkPen("#999999", width=1))
        self._tolerance_band = pg.LinearRegionItem(
            orientation="horizontal", movable=False, brush=pg.mkBrush(150, 150, 150, 50), pen=pg.mkPen(None)
        )
        for item in (self._tolerance_band, self._nominal_line, self._points):
            self.plot.addItem(item)

    def show_coverage(self, table: Any, level: float) -> None:
        """Draw the strata.

        Parameters
        ----------
        table
            `coverage` of a `evaluation.conformal.Calibration`.
        level
            What the intervals promise, 0 to 1.
        """
        strata = table[table["genes"] != "all"]
        genes, cells = (list(dict.fromkeys(strata[c])) for c in ("genes", "cells"))
        x = [
            genes.index(g) + 1 + 0.12 * (cells.index(c) - (len(cells) - 1) / 2)
            for g, c in zip(strata["genes"], strata["cells"], strict=True)
        ]
        y = strata["coverage"].to_numpy(dtype=np.float64)
        colours = [
            pg.mkBrush((_SECONDARY_COLOUR, "#009E73", _ACCENT_COLOUR)[min(2, cells.index(c) * 3 // len(cells))])
            for c in strata["cells"]
        ]
        known = np.isfinite(y)
        self._points.setData(np.array(x)[known], y[known], brush=[c for c, k in zip(colours, known, strict=True) if k])
        self._nominal_line.setValue(level)
        self._tolerance_band.setRegion((level - 0.05, level + 0.05))
        self.plot.setYRange(min(0.8, float(y[known].min(initial=1.0)) - 0.02), 1.0, padding=0)
        self.plot.getAxis("bottom").setTicks([[(i + 1, str(i + 1)) for i in range(len(genes))]])

    def drawn_coverage(self) -> NDArray[np.float64]:
        """(strata, 2) what is drawn."""
        return np.stack(self._points.getData(), axis=1)


class HistogramPlot(ThemedPlot):
    """Values of a gene with its colour limits, which can be dragged.

    Parameters
    ----------
    moved
        Called with (low, high) when the user has dragged them.
    """

    height_lines = 7

    def __init__(self, on_limits_dragged: Callable[[float, float], None]) -> None:
        super().__init__(
            "value",
            "cells (log)",
            "Number of cells by value, on a logarithmic scale; drag the two lines to set the colour limits of this gene",
        )
        self._on_limits_dragged = on_limits_dragged
        self._curve = self.plot.plot(
            stepMode="center", fillLevel=0, brush=pg.mkBrush(86, 180, 233, 120), pen=pg.mkPen(_SECONDARY_COLOUR)
        )
        self.limits_region = pg.LinearRegionItem(
            pen=pg.mkPen(_ACCENT_COLOUR, width=3), brush=pg.mkBrush(230, 159, 0, 30)
        )
        self.plot.addItem(self.limits_region)
        self.limits_region.sigRegionChangeFinished.connect(self._report_limits)
        self._updating = False

    def show_values(self, values: NDArray[np.floating[Any]], limits: tuple[float, float], unit: str) -> None:
        """Draw a gene."""
        self._titles["bottom"] = f"{unit} value"
        self.plot.getAxis("bottom").setLabel(self._titles["bottom"], **self.plot.getAxis("bottom").labelStyle)
        good = values[np.isfinite(values)]
        counts, edges = np.histogram(good, 60) if good.size else (np.zeros(1), np.array([0.0, 1.0]))
        self._curve.setData(edges, np.log10(1 + counts))
        self._updating = True
        self.limits_region.setRegion(limits)
        self._updating = False

    def _report_limits(self) -> None:
        if not self._updating:
            self._on_limits_dragged(*(float(v) for v in self.limits_region.getRegion()))
