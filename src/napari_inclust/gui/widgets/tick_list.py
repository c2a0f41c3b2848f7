"""A list with boxes to tick: Qt's own cannot be seen in napari's themes while they are empty."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QListWidget

from ..theme import tick_style


class TickList(QListWidget):
    """Its boxes are those that napari draws elsewhere, in the present theme."""

    def showEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        super().showEvent(event)
        self._apply_style()

    def changeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and self.isVisible():
            self._apply_style()

    def _apply_style(self) -> None:
        style = tick_style()
        if style != self.styleSheet():  # setting it changes the style
            self.setStyleSheet(style)
