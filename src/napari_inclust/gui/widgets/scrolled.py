"""A dock that scrolls where the window is too small for it."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtWidgets import QAbstractSlider, QAbstractSpinBox, QComboBox, QScrollArea, QScrollBar, QWidget

from .common import existing

_MAX_WIDTH = 640  # pixels


class DockScrollArea(QScrollArea):
    """A scroll area as wide as its widget needs with the current font.

    The wheel scrolls over controls too; it changes the value of a control only after a click on it.

    Parameters
    ----------
    widget
        Its content.
    """

    def __init__(self, widget: QWidget) -> None:
        super().__init__()
        self._content = widget
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setWidget(widget)
        self._install_wheel_filters()

    def eventFilter(self, watched: Any, event: Any) -> bool:  # noqa: N802
        """Leave the wheel over a control without focus to the scroll bar, and follow changes of the content."""
        if event.type() == QEvent.Type.Wheel and watched is not self._content and not watched.hasFocus():
            event.ignore()
            return True
        if event.type() == QEvent.Type.LayoutRequest and watched is self._content:
            self.updateGeometry()  # a scroll area does not propagate the request of its content
            self._install_wheel_filters()
        return bool(super().eventFilter(watched, event))

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return the width of the content with its scroll bar, up to 640 pixels."""
        width = self._content.minimumSizeHint().width() + existing(self.verticalScrollBar()).sizeHint().width()
        return QSize(min(width, _MAX_WIDTH), super().minimumSizeHint().height())

    def _install_wheel_filters(self) -> None:
        """Filter the events of all controls; installing a filter again has no effect."""
        for kind in (QComboBox, QAbstractSpinBox, QAbstractSlider):
            for control in self._content.findChildren(kind):
                if not isinstance(control, QScrollBar):
                    control.installEventFilter(self)
                    control.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
