"""The legend of the cell categories: colour, name, number of cells; a tick hides a category, a click on a name selects its cells."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QListWidgetItem

from ...paint.values import CellCategories
from ..widgets.tick_list import TickList


class CategoryLegend(TickList):
    """One line a category.

    Signals
    -------
    hidden(set)
        Codes of the categories that are not drawn.
    picked(frozenset)
        Codes of the categories whose names were clicked; several with Ctrl or Shift.
    """

    hidden_changed = Signal(object)
    picked = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setToolTip(
            "Categories of the cells. Click a name to select its cells (several with Ctrl); untick to hide, double-click to see alone, again to see all"
        )
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self._types: CellCategories | None = None
        self.hide()
        self.itemChanged.connect(self._emit_hidden)
        self.itemDoubleClicked.connect(self._toggle_show_only)
        self.itemSelectionChanged.connect(self._emit_picked)

    def show_types(self, types: CellCategories | None) -> None:
        """Other categories."""
        if types is self._types:
            return
        self._types = types
        self.setMinimumHeight(5 * self.fontMetrics().height())
        self.setMaximumHeight(13 * self.fontMetrics().height())
        self.blockSignals(True)
        self.clear()
        if types is not None:
            counts = np.bincount(types.codes[types.codes >= 0], minlength=len(types.categories))
            for name, colour, n in zip(types.categories, types.colours, counts, strict=True):
                square = QPixmap(14, 14)
                square.fill(QColor.fromRgbF(*(float(c) for c in colour)))
                item = QListWidgetItem(QIcon(square), f"{name}  ({n:,} cell{'' if n == 1 else 's'})")
                item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
                item.setCheckState(Qt.CheckState.Checked)
                self.addItem(item)
        self.blockSignals(False)
        self.setVisible(self.count() > 0)

    def _ticked_codes(self) -> set[int]:
        return {i for i in range(self.count()) if self.item(i).checkState() == Qt.CheckState.Checked}

    def _emit_hidden(self, *_: object) -> None:
        self.hidden_changed.emit(set(range(self.count())) - self._ticked_codes())

    def _emit_picked(self) -> None:
        self.picked.emit(frozenset(self.row(item) for item in self.selectedItems()))

    def clear_picked(self) -> None:
        """No name is clicked any more; nothing is told."""
        self.blockSignals(True)
        self.clearSelection()
        self.blockSignals(False)

    def _toggle_show_only(self, item: QListWidgetItem) -> None:
        only = {self.row(item)}
        every = set(range(self.count()))
        ticked = every if self._ticked_codes() == only else only
        self.blockSignals(True)
        for i in every:
            self.item(i).setCheckState(Qt.CheckState.Checked if i in ticked else Qt.CheckState.Unchecked)
        self.blockSignals(False)
        self._emit_hidden()
