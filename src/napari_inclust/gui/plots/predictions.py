"""Plots of predictions: measured against imputed values, two runs, and the coverage of intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray

from .base import ACCENT_COLOUR, SECONDARY_COLOUR, ThemedPlot


class MeasuredImputedPlot(ThemedPlot):
    """Measured against imputed values of one gene."""

    height_lines = 12

    def __init__(self) -> None:
        super().__init__(
            "measured (log-normalised)",
            "imputed (log-normalised)",
            "One point for each cell (a sample of a large section): the measured value, and the one predicted while "
            "the gene was hidden",
        )
        self._points = pg.ScatterPlotItem(size=4, pen=None, brush=pg.mkBrush(86, 180, 233, 90))
        self._identity_line = self.plot.plot(pen=pg.mkPen(ACCENT_COLOUR, width=1))
        self.plot.addItem(self._points)

    def show_values(self, measured: NDArray[np.floating[Any]], imputed: NDArray[np.floating[Any]]) -> None:
        """Draw the cells and the line of equal values."""
        self._points.setData(measured, imputed)
        top = float(max(measured.max(initial=0), imputed.max(initial=0))) or 1.0
        self._identity_line.setData([0, top], [0, top])

    def point_count(self) -> int:
        """Return the number of points."""
        return len(self._points.getData()[0])


class RunComparisonPlot(ThemedPlot):
    """Scores of the genes in two runs."""

    height_lines = 12

    def __init__(self) -> None:
        super().__init__(
            "held-out Pearson, run A",
            "held-out Pearson, run B",
            "One point for each measured gene: its score in either run; above the line run B is better",
        )
        self._points = pg.ScatterPlotItem(
            size=6,
            pen=None,
            brush=pg.mkBrush(86, 180, 233, 160),
            hoverable=True,
            tip=lambda x, y, data: f"{data}: {x:.2f} and {y:.2f}",
        )
        self._identity_line = self.plot.plot(pen=pg.mkPen(ACCENT_COLOUR, width=1))
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
        """Return the number of points."""
        return len(self._points.getData()[0])


class CalibrationPlot(ThemedPlot):
    """Share of held-out values inside their interval, by stratum."""

    def __init__(self) -> None:
        super().__init__(
            "level of the gene (thirds, low to high)",
            "share inside",
            "Share of held-out values inside their interval, one point for each group of genes (by level) and cells "
            "(by prediction: blue low, green middle, orange high). The line is the nominal coverage, the band five "
            "percentage points around it",
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
            Nominal coverage of the intervals, 0 to 1.
        """
        strata = table[table["genes"] != "all"]
        genes, cells = (list(dict.fromkeys(strata[c])) for c in ("genes", "cells"))
        x = [
            genes.index(g) + 1 + 0.12 * (cells.index(c) - (len(cells) - 1) / 2)
            for g, c in zip(strata["genes"], strata["cells"], strict=True)
        ]
        y = strata["coverage"].to_numpy(dtype=np.float64)
        colours = [
            pg.mkBrush((SECONDARY_COLOUR, "#009E73", ACCENT_COLOUR)[min(2, cells.index(c) * 3 // len(cells))])
            for c in strata["cells"]
        ]
        known = np.isfinite(y)
        self._points.setData(np.array(x)[known], y[known], brush=[c for c, k in zip(colours, known, strict=True) if k])
        self._nominal_line.setValue(level)
        self._tolerance_band.setRegion((level - 0.05, level + 0.05))
        self.plot.setYRange(min(0.8, float(y[known].min(initial=1.0)) - 0.02), 1.0, padding=0)
        self.plot.getAxis("bottom").setTicks([[(i + 1, str(i + 1)) for i in range(len(genes))]])

    def drawn_coverage(self) -> NDArray[np.float64]:
        """Return the positions of the points, (strata, 2)."""
        return np.stack(self._points.getData(), axis=1)
