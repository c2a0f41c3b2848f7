"""The histogram of a gene with its colour limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray

from .base import ACCENT_COLOUR, SECONDARY_COLOUR, ThemedPlot


class HistogramPlot(ThemedPlot):
    """Histogram of the values of a gene with its colour limits, which can be dragged.

    Parameters
    ----------
    on_limits_dragged
        Called with the low and high limit after the user dragged one.
    """

    height_lines = 7

    def __init__(self, on_limits_dragged: Callable[[float, float], None]) -> None:
        super().__init__(
            "value",
            "cells (log)",
            "Number of cells by value, on a logarithmic scale; drag the two lines to set the colour limits of the gene",
        )
        self._on_limits_dragged = on_limits_dragged
        self._curve = self.plot.plot(
            stepMode="center", fillLevel=0, brush=pg.mkBrush(86, 180, 233, 120), pen=pg.mkPen(SECONDARY_COLOUR)
        )
        self.limits_region = pg.LinearRegionItem(
            pen=pg.mkPen(ACCENT_COLOUR, width=3), brush=pg.mkBrush(230, 159, 0, 30)
        )
        self.plot.addItem(self.limits_region)
        self.limits_region.sigRegionChangeFinished.connect(self._report_limits)
        self._updating = False

    def show_values(self, values: NDArray[np.floating[Any]], limits: tuple[float, float], unit: str) -> None:
        """Draw the finite values of a gene and its limits."""
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
