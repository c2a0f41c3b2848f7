"""Rows of a name and a field, for narrow docks and large fonts."""

from __future__ import annotations

from dataclasses import dataclass

from qtpy.QtCore import QRect, QSize, Qt
from qtpy.QtWidgets import QLabel, QLayout, QLayoutItem, QWidget, QWidgetItem

from .flow import minimum_width

_COLUMN_SPACING, _ROW_SPACING = 8, 6  # pixels beside and below


@dataclass(frozen=True, eq=False)
class _Row:
    """A field, with or without a name."""

    label: QWidgetItem | None
    field: QLayoutItem

    @property
    def visible(self) -> bool:
        return not self.field.isEmpty()

    @property
    def label_width(self) -> int:
        return 0 if self.label is None else self.label.sizeHint().width() + _COLUMN_SPACING

    @property
    def label_height(self) -> int:
        return 0 if self.label is None else self.label.sizeHint().height()

    @property
    def minimum_field_width(self) -> int:
        return minimum_width(self.field)

    def field_height(self, width: int) -> int:
        return self.field.heightForWidth(width) if self.field.hasHeightForWidth() else self.field.sizeHint().height()


class FormLayout(QLayout):
    """Names in a column with fields beside them; a field that would be too narrow there goes below its name.

    Qt's own form layout cuts a field beside a long name of another row.

    Parameters
    ----------
    parent
        Widget that is laid out, if any.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__()
        self._rows: list[_Row] = []
        self.setContentsMargins(0, 0, 0, 0)
        if parent is not None:
            parent.setLayout(self)

    def addRow(self, *parts: str | QWidget | QLayout) -> None:  # noqa: N802
        """Add a name and a field, or a field as wide as the form."""
        *name, field = parts
        label = None
        if name and name[0]:
            label = QLabel(str(name[0]))
            self.addChildWidget(label)
        if isinstance(field, QLayout):
            self.addChildLayout(field)
        else:
            assert isinstance(field, QWidget)
            self.addChildWidget(field)
        self._rows.append(
            _Row(
                None if label is None else QWidgetItem(label),
                field if isinstance(field, QLayout) else QWidgetItem(field),
            )
        )
        self.invalidate()

    def labelForField(self, field: QWidget) -> QWidget:  # noqa: N802
        """Return the label with the name of a field."""
        label = self._row_of(field).label
        widget = None if label is None else label.widget()
        assert widget is not None
        return widget

    def setRowVisible(self, field: QWidget, on: bool) -> None:  # noqa: N802
        """Show or hide a field and its name."""
        field.setVisible(on)
        if self._row_of(field).label is not None:
            self.labelForField(field).setVisible(on)

    def _row_of(self, field: QWidget) -> _Row:
        return next(row for row in self._rows if row.field.widget() is field)

    def addItem(self, item: QLayoutItem | None) -> None:  # noqa: N802
        """Add a field without a name."""
        if item is not None:
            self._rows.append(_Row(None, item))

    def _items(self) -> list[QLayoutItem]:
        return [item for row in self._rows for item in (row.label, row.field) if item is not None]

    def count(self) -> int:
        """Return the number of names and fields."""
        return len(self._items())

    def itemAt(self, index: int) -> QLayoutItem | None:  # noqa: N802
        """Return a name or field."""
        items = self._items()
        return items[index] if 0 <= index < len(items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:  # noqa: N802
        """Remove a name or field and return it."""
        item = self.itemAt(index)
        self._rows = [
            _Row(None if row.label is item else row.label, row.field) for row in self._rows if row.field is not item
        ]
        return item

    def expandingDirections(self) -> Qt.Orientation:  # noqa: N802
        """Return that the form can be wider than its hint."""
        return Qt.Orientation.Horizontal

    def hasHeightForWidth(self) -> bool:  # noqa: N802
        """Return that the height depends on the width."""
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802
        """Return the height at a width, in pixels."""
        return max(0, sum(height + _ROW_SPACING for *_, height in self._row_geometry(width)) - _ROW_SPACING)

    def minimumSize(self) -> QSize:  # noqa: N802
        """Return the size with every field below its name."""
        visible = [row for row in self._rows if row.visible]
        width = max((max(row.field.minimumSize().width(), row.label_width) for row in visible), default=0)
        return QSize(width, sum(row.field.minimumSize().height() for row in visible))

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return the size with every field beside its name."""
        visible = [row for row in self._rows if row.visible]
        width = max((row.label_width for row in visible), default=0) + max(
            (row.field.sizeHint().width() for row in visible), default=0
        )
        return QSize(width, self.heightForWidth(width))

    def setGeometry(self, rect: QRect) -> None:  # noqa: N802
        """Place the names and fields."""
        super().setGeometry(rect)
        y = rect.y()
        for row, left, height in self._row_geometry(rect.width()):
            below = 0 if left or row.label is None else row.label_height
            if row.label is not None:
                tall = below or max(row.label_height, min(height, row.field.sizeHint().height()))
                row.label.setGeometry(QRect(rect.x(), y, left - _COLUMN_SPACING if left else rect.width(), tall))
            row.field.setGeometry(QRect(rect.x() + left, y + below, rect.width() - left, height - below))
            y += height + _ROW_SPACING

    def _row_geometry(self, width: int) -> list[tuple[_Row, int, int]]:
        """Return each visible row, the offset of its field (0: at the left, below its name) and its height."""
        visible = [row for row in self._rows if row.visible]
        beside = sorted(
            (row for row in visible if row.label is not None), key=lambda row: row.label_width + row.minimum_field_width
        )
        while (
            beside and max(row.label_width for row in beside) + max(row.minimum_field_width for row in beside) > width
        ):
            beside.pop()  # the row that needs most
        column = max((row.label_width for row in beside), default=0)
        out = []
        for row in visible:
            left = column if row in beside else 0
            height = (
                max(row.label_height, row.field_height(width - left))
                if left
                else row.label_height + row.field_height(width)
            )
            out.append((row, left, height))
        return out
