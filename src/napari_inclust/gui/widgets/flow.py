"""Layouts for narrow docks and large fonts: rows that break, parts that collapse."""

from __future__ import annotations

from qtpy.QtCore import QPoint, QRect, QSize, Qt
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import QAbstractSpinBox, QBoxLayout, QCheckBox, QLabel, QLayout, QLayoutItem, QSizePolicy, QWidget
from superqt import QCollapsible
from superqt.utils import QFlowLayout

_SPACING = 6  # pixels
_QT_MAXIMUM_SIZE = 16_777_215  # pixels, QWIDGETSIZE_MAX: no limit


class FlowLayout(QFlowLayout):
    """Widgets in a row that breaks into several where it is too wide.

    Unlike superqt's layout, rows are filled: widgets that can grow share the rest of their row, hidden widgets take no
    space, and a spin box is never narrower than its number with the unit.

    Parameters
    ----------
    widgets
        In order.
    """

    def __init__(self, *widgets: QWidget) -> None:
        super().__init__()
        self.setContentsMargins(0, 0, 0, 0)
        for widget in widgets:
            self.addWidget(widget)

    def heightForWidth(self, width: int) -> int:  # noqa: N802
        """Return the height of all rows at a width, in pixels."""
        rows = self._rows(width)
        return sum(map(_row_height, rows)) + _SPACING * max(0, len(rows) - 1)

    def minimumSize(self) -> QSize:  # noqa: N802
        """Return the size of the largest widget."""
        visible = self._visible_items()
        height = max((item.sizeHint().height() for item in visible), default=0)
        return QSize(max(map(minimum_width, visible), default=0), height)

    def setGeometry(self, rect: QRect) -> None:  # noqa: N802
        """Place the widgets."""
        QLayout.setGeometry(self, rect)
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
        items = map(self.itemAt, range(self.count()))
        return [item for item in items if item is not None and not item.isEmpty()]

    def _rows(self, width: int) -> list[list[QLayoutItem]]:
        rows: list[list[QLayoutItem]] = []
        for item in self._visible_items():
            if rows and _row_width([*rows[-1], item]) <= width:
                rows[-1].append(item)
            else:
                rows.append([item])
        return rows


def minimum_width(item: QLayoutItem) -> int:
    """Return the width in pixels in which an item can be read; Qt's own minimum of a spin box leaves its unit out."""
    return (item.sizeHint() if isinstance(item.widget(), QAbstractSpinBox) else item.minimumSize()).width()


def _row_width(row: list[QLayoutItem]) -> int:
    return sum(item.sizeHint().width() for item in row) + _SPACING * (len(row) - 1)


def _row_height(row: list[QLayoutItem]) -> int:
    return max(item.sizeHint().height() for item in row)


class Collapsible(QCollapsible):
    """A part under a title, which a click on the title shows and hides; collapsed at first.

    Unlike superqt's widget, collapsed content is hidden, so that it needs no width and is not drawn, expanded content
    can take the rest of the dock, and the arrow is text, which follows the colours of napari's theme.

    Parameters
    ----------
    title
        Name of the part.
    tip
        Tooltip of the title.
    """

    def __init__(self, title: str, tip: str = "") -> None:
        super().__init__(expandedIcon=QIcon(), collapsedIcon=QIcon())
        self._title = title
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self.toggleButton().setStyleSheet("text-align: left; border: none; background: transparent; padding: 4px 0px;")
        self.toggleButton().setToolTip(tip)
        for layout in (self.layout(), self.content().layout()):
            assert layout is not None
            layout.setContentsMargins(0, 0, 0, 0)
            layout.setAlignment(Qt.AlignmentFlag(0))  # superqt's alignment at the top keeps the content from growing
        self.collapse()

    def addWidget(self, widget: QWidget, stretch: int = 0) -> None:  # noqa: N802
        """Add a widget below the others."""
        layout = self.content().layout()
        assert isinstance(layout, QBoxLayout)
        layout.addWidget(widget, stretch)  # without superqt's event filter, which bounds the height at every resize

    def expand(self, animate: bool = False) -> None:
        """Show the content."""
        self._show_content(True)
        super().expand(animate=False)
        self.content().setMaximumHeight(_QT_MAXIMUM_SIZE)

    def collapse(self, animate: bool = False) -> None:
        """Hide the content."""
        self._show_content(False)
        super().collapse(animate=False)

    def _show_content(self, visible: bool) -> None:
        self.content().setVisible(visible)
        self.setText(f"{'▾' if visible else '▸'} {self._title}")
