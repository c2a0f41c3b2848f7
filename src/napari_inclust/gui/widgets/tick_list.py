"""A list of names with boxes to tick."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import QListWidget, QListWidgetItem

from ..theme import tick_style

_VISIBLE_ROWS = 5


class TickList(QListWidget):
    """Rows with boxes in the style of napari's check boxes: those of Qt are invisible in its themes while empty."""

    def add_row(self, text: str, *, ticked: bool, tip: str = "", data: Any = None, icon: QIcon | None = None) -> None:
        """Add a row.

        Parameters
        ----------
        text, tip, icon
            Name, tooltip and picture of the row.
        data
            Value that `rows` returns for it.
        """
        item = QListWidgetItem(text) if icon is None else QListWidgetItem(icon, text)
        item.setToolTip(tip)
        item.setData(Qt.ItemDataRole.UserRole, data)
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
        item.setCheckState(_state(ticked))
        self.addItem(item)

    def rows(self) -> list[QListWidgetItem]:
        """Return the rows in order."""
        return [item for i in range(self.count()) if (item := self.item(i)) is not None]

    def row_data(self) -> list[Any]:
        """Return the data of each row."""
        return [item.data(Qt.ItemDataRole.UserRole) for item in self.rows()]

    def ticks(self) -> list[bool]:
        """Return for each row whether it is ticked."""
        return [item.checkState() == Qt.CheckState.Checked for item in self.rows()]

    def set_ticks(self, ticks: list[bool]) -> None:
        """Tick or untick each row."""
        for item, ticked in zip(self.rows(), ticks, strict=True):
            item.setCheckState(_state(ticked))

    def fit_height(self) -> None:
        """Take the height of the rows, of at most five."""
        height = self.sizeHintForRow(0) if self.count() else 0
        self.setFixedHeight(height * min(_VISIBLE_ROWS, self.count()) + 2 * self.frameWidth() + 2)

    def showEvent(self, event: Any) -> None:  # noqa: N802
        """Apply the style of the theme."""
        super().showEvent(event)
        self._apply_style()

    def changeEvent(self, event: Any) -> None:  # noqa: N802
        """Apply the style of another theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and self.isVisible():
            self._apply_style()

    def _apply_style(self) -> None:
        style = tick_style()
        if style != self.styleSheet():  # setting it emits another style change
            self.setStyleSheet(style)


def _state(ticked: bool) -> Qt.CheckState:
    return Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked
