"""A dock that scrolls where the window is too small for it."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtWidgets import QAbstractSlider, QAbstractSpinBox, QComboBox, QScrollArea, QScrollBar, QWidget

_MAX_WIDTH = 640  # pixels that a dock may ask for


class DockScrollArea(QScrollArea):
    """As wide as its widget needs with the present font.

    The wheel scrolls, also over a control: it changes the value of a control that was clicked only.

    Parameters
    ----------
    widget
        What is scrolled.
    """

    def __init__(self, widget: QWidget) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setWidget(widget)
        self._install_wheel_filters()

    def eventFilter(self, watched: Any, event: Any) -> bool:  # noqa: N802 - Qt's name
        if event.type() == QEvent.Type.Wheel and watched is not self.widget() and not watched.hasFocus():
            event.ignore()
            return True
        if event.type() == QEvent.Type.LayoutRequest and watched is self.widget():
            self.updateGeometry()  # Qt does not ask again by itself
            self._install_wheel_filters()
        return bool(super().eventFilter(watched, event))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        inner = self.widget()
        width = (
            inner.minimumSizeHint().width() + self.verticalScrollBar().sizeHint().width() if inner is not None else 0
        )
        return QSize(min(width, _MAX_WIDTH), super().minimumSizeHint().height())

    def _install_wheel_filters(self) -> None:
        """Watch the wheel over all controls; one that is watched already stays so."""
        for kind in (QComboBox, QAbstractSpinBox, QAbstractSlider):
            for control in self.widget().findChildren(kind):
                if not isinstance(control, QScrollBar):
                    control.installEventFilter(self)
                    control.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
