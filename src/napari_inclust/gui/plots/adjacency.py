"""Which domains lie beside which, as a heat map. Imports pyqtgraph: imported when it is first drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg

from ..theme import theme_colours
from .base import ThemedPlot

_MAX_LOG2_RATIO = 3.0  # doublings at which the colours end
_MAX_NAME_LETTERS = 14  # letters of a domain's name


class AdjacencyPlot(ThemedPlot):
    """Neighbouring pairs of cells over those expected by chance, as doublings: orange is more, blue is fewer."""

    height_lines = 14

    def __init__(self) -> None:
        self._ratio_labels: list[Any] = []
        super().__init__(
            "domain, in the order of the rows",
            "",
            "Pairs of neighbouring cells of two domains over those expected by chance; the number is their ratio (1: chance). Orange: more, blue: fewer",
        )
        self._image = pg.ImageItem(axisOrder="row-major")
        self._image.setColorMap(pg.ColorMap([0.0, 0.5, 1.0], [(86, 180, 233), (128, 128, 128, 40), (230, 159, 0)]))
        self.plot.addItem(self._image)
        self.plot.getViewBox().invertY(True)

    def set_text_colour(self, colour: str) -> None:
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
        for place, number in enumerate(self._ratio_labels):
            row, column = divmod(place, len(ratio))
            number.setPos(column + 0.5, row + 0.5)
            self.plot.addItem(number)
        names = [str(name)[:_MAX_NAME_LETTERS] for name in table.index]
        self.plot.getAxis("left").setTicks([[(i + 0.5, name) for i, name in enumerate(names)]])
        self.plot.getAxis("bottom").setTicks([[(i + 0.5, f"{i + 1}") for i in range(len(names))]])

    def ratios(self) -> list[str]:
        """The numbers that are drawn, row by row."""
        return [number.toPlainText() for number in self._ratio_labels]
