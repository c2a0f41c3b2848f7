"""Data frames in a dock: read, sorted by a click on a title, copied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSortFilterProxyModel, Qt
from qtpy.QtWidgets import QTableView

if TYPE_CHECKING:
    import pandas as pd

_SORT_ROLE = Qt.ItemDataRole.UserRole


class DataFrameModel(QAbstractTableModel):
    """A data frame; numbers with three digits, imputed genes in italics.

    Parameters
    ----------
    titles
        Titles of the columns by their names: others are not shown.
    """

    def __init__(self, titles: dict[str, str]) -> None:
        super().__init__()
        self._titles = titles
        self._table: pd.DataFrame | None = None
        self._column_names: list[str] = []

    def show_frame(self, table: pd.DataFrame | None) -> None:
        """Other rows."""
        self.beginResetModel()
        self._table = table
        self._column_names = [] if table is None else [n for n in self._titles if n in table]
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - Qt's name
        return 0 if self._table is None else len(self._table)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - Qt's name
        return len(self._column_names)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if self._table is None:
            return None
        value = self._table[self._column_names[index.column()]].iloc[index.row()]
        number = not isinstance(value, str)
        if role == Qt.ItemDataRole.DisplayRole:
            return (f"{value:.3g}" if value == value else "none") if number else value
        if role == _SORT_ROLE:
            return float(value) if number else value
        if role == Qt.ItemDataRole.TextAlignmentRole and number:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if (
            role == Qt.ItemDataRole.FontRole
            and "imputed" in self._table
            and bool(self._table["imputed"].iloc[index.row()])
        ):
            from qtpy.QtGui import QFont

            font = QFont()
            font.setItalic(True)
            return font
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802 - Qt's name
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self._titles[self._column_names[section]]
        return None


class DataFrameView(QTableView):
    """A sorted view of a data frame.

    Parameters
    ----------
    titles
        As `FrameModel`.
    tip
        What the rows are.
    """

    def __init__(self, titles: dict[str, str], tip: str) -> None:
        super().__init__()
        self.frame_model, self._sort_proxy = DataFrameModel(titles), QSortFilterProxyModel()
        self._sort_proxy.setSourceModel(self.frame_model)
        self._sort_proxy.setSortRole(_SORT_ROLE)
        self.setModel(self._sort_proxy)
        self.setSortingEnabled(True)
        self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.verticalHeader().hide()
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setToolTip(tip)

    def show_frame(self, table: Any) -> None:
        """Other rows, in their own order."""
        self.frame_model.show_frame(table)
        self._sort_proxy.sort(-1)
        self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.resizeColumnsToContents()
        self.setMinimumHeight(8 * self.fontMetrics().height())
        self.verticalHeader().setDefaultSectionSize(int(1.6 * self.fontMetrics().height()))
        self.setVisible(table is not None and len(table) > 0)

    def text(self, row: int, column: int) -> str:
        """What a cell shows."""
        return str(self._sort_proxy.index(row, column).data())
