"""The live loss curve. pyqtgraph is imported here only, when the first curve is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyqtgraph as pg
from qtpy.QtCore import QSize
from qtpy.QtWidgets import QVBoxLayout, QWidget

_COLOURS = {"loss": "#E69F00", "validation": "#56B4E9", "reconstruction": "#009E73", "prior": "#CC79A7", "labels": "#D55E00", "entropy": "#999999"}


class LossPlot(QWidget):
    """Loss terms and validation by epoch.

    Parameters
    ----------
    background, foreground
        Colours of napari's theme.
    """

    def __init__(self, background: str, foreground: str) -> None:
        super().__init__()
        self.plot = pg.PlotWidget()
        self.plot.setMenuEnabled(False)
        self.plot.setLabel("bottom", "epoch")
        self.plot.setLabel("left", "loss (weighted)")
        self.plot.setToolTip("Weighted loss terms of each epoch, averaged over the members; validation: cells that no gradient sees")
        self.legend = self.plot.addLegend(offset=(-5, 5), labelTextSize="8pt")
        self.plot.setMinimumSize(100, 150)
        self.plot.sizeHint = self.sizeHint
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self.plot)
        self._lines: dict[str, Any] = {}
        self.restyle(background, foreground)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(300, 190)  # pyqtgraph's own hint is higher than a laptop's dock

    def restyle(self, background: str, foreground: str) -> None:
        """Follow the theme."""
        self.plot.setBackground(background)
        for side in ("left", "bottom"):
            axis = self.plot.getAxis(side)
            axis.setPen(foreground)
            axis.setTextPen(foreground)
        self.legend.setLabelTextColor(foreground)
        for _, label in self.legend.items:
            label.setText(label.text, color=foreground)

    def show_history(self, history: Sequence[Any]) -> None:
        """Draw all epochs so far."""
        steps = [e for e in history if e.terms]
        names = list(dict.fromkeys(n for e in steps for n in e.terms))
        for name in [n for n in self._lines if n not in names and n != "validation"]:
            self.plot.removeItem(self._lines.pop(name))
        x = [e.number for e in steps]
        for name in names:
            self._line(name).setData(x, [e.terms.get(name, float("nan")) for e in steps])
        self._line("validation").setData(x, [e.validation for e in steps])

    def values(self, name: str) -> list[float]:
        """What a line shows."""
        data = self._lines[name].getData()[1] if name in self._lines else None
        return [] if data is None else [float(v) for v in data]

    def _line(self, name: str) -> Any:
        if name not in self._lines:
            colour = _COLOURS.get(name, pg.intColor(len(self._lines)))
            self._lines[name] = self.plot.plot(name=name, pen=pg.mkPen(colour, width=2 if name in ("loss", "validation") else 1))
        return self._lines[name]
