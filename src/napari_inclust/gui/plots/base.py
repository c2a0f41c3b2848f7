"""The base of all plots. pyqtgraph is imported with the first one that is drawn."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
from qtpy.QtCore import QEvent, QSize
from qtpy.QtGui import QFont, QFontMetrics
from qtpy.QtWidgets import QVBoxLayout, QWidget

from ..theme import font_size, theme_colours

ACCENT_COLOUR, SECONDARY_COLOUR = "#E69F00", "#56B4E9"


class ThemedPlot(QWidget):
    """A plot with the colours and font of napari's theme, as high as a number of lines of its text.

    Parameters
    ----------
    bottom, left
        Titles of the axes, with units.
    tip
        Tooltip.

    Attributes
    ----------
    height_lines
        Height in lines of text.
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
        for side in self._titles:  # once, while the range is 0 to 1: a later call would scale the numbers to its prefix
            self.plot.getAxis(side).enableAutoSIPrefix(False)
        self._style: tuple[Any, ...] = ()
        self.restyle()

    @property
    def text_font(self) -> QFont:
        """The font of napari's setting; a style sheet that was set before the plot does not reach its own font."""
        font = QFont(self.font())
        font.setPointSize(font_size())
        return font

    @property
    def line_height(self) -> int:
        """Height of a line of text in pixels."""
        return QFontMetrics(self.text_font).height()

    @property
    def minimum_height(self) -> int:
        """Height of the plot in pixels."""
        return int(self.height_lines * self.line_height)

    @property
    def text_size(self) -> str:
        """Size of the font, for pyqtgraph."""
        return f"{font_size():.1f}pt"

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return the preferred size."""
        return QSize(280, self.minimum_height + 2 * self.line_height)

    def restyle(self) -> None:
        """Apply the colours and the font of the theme."""
        background, ink = theme_colours()
        now = (background, ink, self.text_font.toString())
        if now == self._style:
            return
        self._style = now
        self.plot.setBackground(background)
        self.plot.setMinimumSize(100, self.minimum_height)
        for side, title in self._titles.items():
            axis = self.plot.getAxis(side)
            axis.setPen(ink)
            axis.setTextPen(ink)
            axis.setStyle(tickFont=self.text_font)
            axis.setLabel(title, **{"font-size": self.text_size, "color": ink})
        self.plot.plotItem.layout.setContentsMargins(1, 1, self.line_height // 2, 1)  # room for half of the last number
        self.plot.getAxis("bottom").setHeight(int(2.8 * self.line_height))  # pyqtgraph cuts the letters below the line
        self.set_text_colour(ink)

    def set_text_colour(self, colour: str) -> None:
        """Set the colour of other texts in the plot."""

    def changeEvent(self, event: Any) -> None:  # noqa: N802
        """Follow the theme."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.FontChange) and hasattr(self, "_style"):
            self.restyle()
