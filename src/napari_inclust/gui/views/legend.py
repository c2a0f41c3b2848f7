"""Legends of categories: a list with ticks, and coloured names in a line of text."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QListWidgetItem

from ...paint.values import CellCategories
from ..widgets.common import WrappedLabel
from ..widgets.tick_list import TickList

_MAX_NAMES = 24  # in a line of coloured names
_SWATCH = 16  # pixels


class CategoryLegend(TickList):
    """A row for each category: colour, name and number of cells.

    Attributes
    ----------
    hidden_changed
        Signal with the set of codes of the categories that are not drawn.
    picked
        Signal with the frozenset of codes of the categories whose names are selected.
    """

    hidden_changed = Signal(object)
    picked = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setToolTip(
            "Categories of the cells. Click a name to select its cells (several with Ctrl); untick to hide, "
            "double-click to see alone, again to see all"
        )
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self._types: CellCategories | None = None
        self.hide()
        self.itemChanged.connect(self._emit_hidden)
        self.itemDoubleClicked.connect(self._toggle_show_only)
        self.itemSelectionChanged.connect(self._emit_picked)

    def show_types(self, types: CellCategories | None) -> None:
        """Show other categories, all ticked."""
        if types is self._types:
            return
        self._types = types
        self.setMinimumHeight(5 * self.fontMetrics().height())
        self.setMaximumHeight(13 * self.fontMetrics().height())
        with QSignalBlocker(self):
            self.clear()
            if types is not None:
                counts = np.bincount(types.codes[types.codes >= 0], minlength=len(types.categories))
                for name, colour, n in zip(types.categories, types.colours, counts, strict=True):
                    text = f"{name}  ({n:,} cell{'' if n == 1 else 's'})"
                    self.add_row(text, ticked=True, icon=colour_icon(QColor.fromRgbF(*map(float, colour))))
        self.setVisible(self.count() > 0)

    def clear_picked(self) -> None:
        """Deselect all names without emitting signals."""
        with QSignalBlocker(self):
            self.clearSelection()

    def _emit_hidden(self, *_: object) -> None:
        self.hidden_changed.emit({i for i, ticked in enumerate(self.ticks()) if not ticked})

    def _emit_picked(self) -> None:
        self.picked.emit(frozenset(self.row(item) for item in self.selectedItems()))

    def _toggle_show_only(self, item: QListWidgetItem) -> None:
        only = [row == self.row(item) for row in range(self.count())]
        with QSignalBlocker(self):
            self.set_ticks([True] * self.count() if self.ticks() == only else only)
        self._emit_hidden()


class ColouredNames(WrappedLabel):
    """Names of categories below a plot, each after a square of its colour."""

    def show_names(self, names: Sequence[str], colours: NDArray[np.float64], shares: NDArray[np.float64]) -> None:
        """Show the names with the largest shares first, at most 24.

        Parameters
        ----------
        names
            Of the categories.
        colours : (categories, 3 or 4)
            From 0 to 1.
        shares : (groups, categories)
            Sorted by the largest over the groups.
        """
        order = np.argsort(-np.nan_to_num(shares).max(0, initial=0), kind="stable")[:_MAX_NAMES]
        hexes = [QColor.fromRgbF(*map(float, colour[:3])).name() for colour in colours]
        squares = [
            f"<span style='color:{hexes[i]}'>■</span>&nbsp;{escape(names[i]).replace(' ', '&nbsp;')}" for i in order
        ]
        more = f" … and {len(names) - len(order)} more" if len(names) > len(order) else ""
        self.setText(" ".join(squares) + more)


def colour_icon(colour: QColor) -> QIcon:
    """Return a square of a colour, which Qt does not tint in selected rows."""
    square = QPixmap(_SWATCH, _SWATCH)
    square.fill(colour)
    icon = QIcon(square)
    icon.addPixmap(square, QIcon.Mode.Selected)
    return icon
