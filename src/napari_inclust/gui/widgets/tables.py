"""Tables of data frames, sorted by a click on a title."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSortFilterProxyModel, Qt
from qtpy.QtGui import QFont
from qtpy.QtWidgets import QTableView

from .common import existing

if TYPE_CHECKING:
    import pandas as pd

_SORT_ROLE = Qt.ItemDataRole.UserRole


class DataFrameModel(QAbstractTableModel):
    """Model of a data frame: numbers with three digits, imputed genes in italics.

    Parameters
    ----------
    titles
        Title of each column that is shown, by its name.
    """

    def __init__(self, titles: dict[str, str]) -> None:
        super().__init__()
        self._titles = titles
        self._table: pd.DataFrame | None = None
        self._column_names: list[str] = []

    def show_frame(self, table: pd.DataFrame | None) -> None:
        """Show another data frame, or none."""
        self.beginResetModel()
        self._table = table
        self._column_names = [] if table is None else [n for n in self._titles if n in table]
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        """Return the number of rows."""
        return 0 if self._table is None else len(self._table)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        """Return the number of columns shown."""
        return len(self._column_names)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text, sort key, alignment or font of a cell."""
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
            font = QFont()
            font.setItalic(True)
            return font
        return None

    def headerData(  # noqa: N802
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return the title of a column."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self._titles[self._column_names[section]]
        return None


class DataFrameView(QTableView):
    """Sorted view of a data frame.

    Parameters
    ----------
    titles
        As `DataFrameModel`.
    tip
        Tooltip.
    """

    def __init__(self, titles: dict[str, str], tip: str) -> None:
        super().__init__()
        self.frame_model, self._sort_proxy = DataFrameModel(titles), QSortFilterProxyModel()
        self._sort_proxy.setSourceModel(self.frame_model)
        self._sort_proxy.setSortRole(_SORT_ROLE)
        self.setModel(self._sort_proxy)
        self.setSortingEnabled(True)
        existing(self.horizontalHeader()).setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        existing(self.verticalHeader()).hide()
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setToolTip(tip)

    def show_frame(self, table: Any) -> None:
        """Show another data frame in its own order, or hide without rows."""
        self.frame_model.show_frame(table)
        self._sort_proxy.sort(-1)
        existing(self.horizontalHeader()).setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.resizeColumnsToContents()
        self.setMinimumHeight(8 * self.fontMetrics().height())
        existing(self.verticalHeader()).setDefaultSectionSize(int(1.6 * self.fontMetrics().height()))
        self.setVisible(table is not None and len(table) > 0)

    def text(self, row: int, column: int) -> str:
        """Return the text of a cell."""
        return str(self._sort_proxy.index(row, column).data())
