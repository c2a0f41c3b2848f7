"""Layouts for narrow docks and large fonts: rows that break, parts that fold."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QPoint, QRect, QSize, Qt, Signal
from qtpy.QtWidgets import QAbstractSpinBox, QCheckBox, QLabel, QLayout, QLayoutItem, QPushButton, QVBoxLayout, QWidget

_SPACING = 6  # pixels


class FlowLayout(QLayout):
    """Widgets in a row; in several rows where there is not the room for one. Those that can grow share the rest of their row.

    Parameters
    ----------
    widgets
        In order.
    """

    def __init__(self, *widgets: QWidget) -> None:
        super().__init__()
        self._items: list[QLayoutItem] = []
        self.setContentsMargins(0, 0, 0, 0)
        for widget in widgets:
            self.addWidget(widget)

    # what Qt asks for
    def addItem(self, item: QLayoutItem | None) -> None:  # noqa: N802
        if item is not None:
            self._items.append(item)

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:  # noqa: N802
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:  # noqa: N802
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:  # noqa: N802
        return Qt.Orientation.Horizontal

    def hasHeightForWidth(self) -> bool:  # noqa: N802
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802
        rows = self._rows(width)
        return sum(map(_row_height, rows)) + _SPACING * max(0, len(rows) - 1)

    def minimumSize(self) -> QSize:  # noqa: N802
        seen = self._visible_items()
        return QSize(
            max(map(minimum_width, seen), default=0), max((item.sizeHint().height() for item in seen), default=0)
        )

    def sizeHint(self) -> QSize:  # noqa: N802
        return self.minimumSize()

    def setGeometry(self, rect: QRect) -> None:  # noqa: N802
        super().setGeometry(rect)
        y = rect.y()
        for row in self._rows(rect.width()):
            x, height = rect.x(), _row_height(row)
            growing = [item for item in row if item.expandingDirections() & Qt.Orientation.Horizontal]
            growing = growing or [item for item in row if not isinstance(item.widget(), (QLabel, QCheckBox))]
            rest = rect.width() - _row_width(row)
            for item in row:
                share = rest // len(growing) if item in growing else 0
                width = min(item.sizeHint().width() + share, rect.width())
                item.setGeometry(QRect(QPoint(x, y), QSize(width, height)))
                x += width + _SPACING
            y += height + _SPACING

    def _visible_items(self) -> list[QLayoutItem]:
        return [item for item in self._items if not item.isEmpty()]

    def _rows(self, width: int) -> list[list[QLayoutItem]]:
        rows: list[list[QLayoutItem]] = []
        for item in self._visible_items():
            if rows and _row_width([*rows[-1], item]) <= width:
                rows[-1].append(item)
            else:
                rows.append([item])
        return rows


def minimum_width(item: QLayoutItem) -> int:
    """In which an item can be read: Qt's own minimum of a number leaves its unit out."""
    return (item.sizeHint() if isinstance(item.widget(), QAbstractSpinBox) else item.minimumSize()).width()


def _row_width(row: list[QLayoutItem]) -> int:
    return sum(item.sizeHint().width() for item in row) + _SPACING * (len(row) - 1)


def _row_height(row: list[QLayoutItem]) -> int:
    return max(item.sizeHint().height() for item in row)


class Collapsible(QWidget):
    """A part under a title, which a click on the title shows and hides; folded at first.

    Parameters
    ----------
    title
        What the part is.
    tip
        What is found in it.

    Signals
    -------
    toggled(bool)
        Whether it is unfolded now.
    """

    toggled = Signal(bool)

    def __init__(self, title: str, tip: str = "") -> None:
        super().__init__()
        self._title, self._button, self._content = title, QPushButton(), QWidget()
        self._button.setCheckable(True)
        self._button.setStyleSheet("text-align: left; border: none; background: transparent; padding: 4px 0px;")
        self._button.setToolTip(tip)
        inner = QVBoxLayout(self._content)
        inner.setContentsMargins(0, 0, 0, 0)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self._button)
        box.addWidget(self._content, 1)
        self._button.toggled.connect(self._set_expanded)
        self._set_expanded(False)

    def setToolTip(self, tip: str | None) -> None:  # noqa: N802 - Qt's name
        """Of the title; what is inside has tips of its own."""
        self._button.setToolTip(tip)

    def toggleButton(self) -> Any:  # noqa: N802 - as in superqt
        """The title."""
        return self._button

    def isExpanded(self) -> bool:  # noqa: N802 - as in superqt
        """Whether it is unfolded."""
        return bool(self._button.isChecked())

    def expand(self) -> None:
        """Unfold."""
        self._button.setChecked(True)

    def addWidget(self, widget: QWidget, stretch: int = 0) -> None:  # noqa: N802 - as in Qt
        """One more widget inside."""
        self._content.layout().addWidget(widget, stretch)  # type: ignore[union-attr, call-arg]

    def _set_expanded(self, expanded: bool) -> None:
        self._button.setText(f"{'▾' if expanded else '▸'} {self._title}")
        self._content.setVisible(expanded)
        self.toggled.emit(expanded)
