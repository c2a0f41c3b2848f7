"""The loss by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyqtgraph as pg
from qtpy.QtWidgets import QSizePolicy

from ..theme import font_size
from .base import ThemedPlot

_LEGEND_WIDTH = 24  # number of columns times the size of the font in points
_TERM_COLOURS = {
    "loss": "#E69F00",
    "validation": "#56B4E9",
    "reconstruction": "#009E73",
    "prior": "#CC79A7",
    "labels": "#D55E00",
    "entropy": "#999999",
}


class LossPlot(ThemedPlot):
    """Loss terms and validation by epoch."""

    height_lines = 15

    def __init__(self) -> None:
        self.legend: Any = None
        super().__init__(
            "epoch",
            "loss (weighted)",
            "Weighted loss terms of each epoch, averaged over the members; validation: cells that no gradient sees",
        )
        self.legend = pg.LegendItem()
        self.legend.setSizePolicy(*2 * [QSizePolicy.Policy.Minimum])
        self.plot.plotItem.layout.addItem(self.legend, 4, 1)  # below the axis, never over the curves
        self.plot.plotItem.legend = self.legend
        self._curves: dict[str, Any] = {}
        self.set_text_colour(self._style[1])

    def set_text_colour(self, colour: str) -> None:
        """Set the colour of the legend."""
        if self.legend is None:
            return
        self.legend.setColumnCount(max(1, _LEGEND_WIDTH // font_size()))
        self.legend.setLabelTextColor(colour)
        self.legend.setLabelTextSize(self.text_size)
        for _, label in self.legend.items:
            label.setText(label.text, color=colour, size=self.text_size)

    def show_history(self, history: Sequence[Any]) -> None:
        """Draw all epochs so far."""
        steps = [e for e in history if e.terms]
        names = list(dict.fromkeys(n for e in steps for n in e.terms))
        for name in [n for n in self._curves if n not in names and n != "validation"]:
            self.plot.removeItem(self._curves.pop(name))
        x = [e.number for e in steps]
        for name in names:
            self._curve(name).setData(x, [e.terms.get(name, float("nan")) for e in steps])
        self._curve("validation").setData(x, [e.validation for e in steps])

    def curve_values(self, name: str) -> list[float]:
        """Return the values of a curve."""
        data = self._curves[name].getData()[1] if name in self._curves else None
        return [] if data is None else [float(v) for v in data]

    def _curve(self, name: str) -> Any:
        if name not in self._curves:
            colour = _TERM_COLOURS.get(name, pg.intColor(len(self._curves)))
            self._curves[name] = self.plot.plot(
                name=name, pen=pg.mkPen(colour, width=2 if name in ("loss", "validation") else 1)
            )
        return self._curves[name]
