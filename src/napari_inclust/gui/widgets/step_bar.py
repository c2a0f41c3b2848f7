"""Tabs one below the other with level text: as many steps as one likes in a narrow dock."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QStyle, QStyleOptionTab, QStylePainter, QTabBar, QTabWidget

from ..theme import theme_colours

_DISABLED_OPACITY = 0.35  # opacity of the text of a step that is not possible yet


class StepTabBar(QTabBar):
    """Qt turns the text of tabs at the side; here it is level."""

    def tabSizeHint(self, index: int) -> QSize:  # noqa: N802 - Qt's name
        return super().tabSizeHint(index).transposed()

    def paintEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        painter, option = QStylePainter(self), QStyleOptionTab()
        text = QColor(theme_colours()[1])
        for i in range(self.count()):
            self.initStyleOption(option, i)
            painter.drawControl(QStyle.ControlElement.CE_TabBarTabShape, option)
            text.setAlphaF(1.0 if self.isTabEnabled(i) else _DISABLED_OPACITY)
            painter.setPen(text)
            painter.drawText(self.tabRect(i), Qt.AlignmentFlag.AlignCenter, self.tabText(i))


class StepTabs(QTabWidget):
    """Steps in order, from top to bottom."""

    def __init__(self) -> None:
        super().__init__()
        self.setTabBar(StepTabBar())
        self.setTabPosition(QTabWidget.TabPosition.West)
