"""The table of genes as docks show it: as large as napari's font, one row chosen."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QHeaderView, QTableView

from .gene_table import GENE, GENES_DOCK_COLUMNS, NOTE, STAR, GeneTableModel

_WIDEST_TEXTS = {STAR: "★", GENE: "Slc17a6xx"}  # of the others: what stands in them


class GeneTableView(QTableView):
    """A table of genes.

    Parameters
    ----------
    columns
        Which are shown, in order.
    """

    def __init__(self, columns: tuple[int, ...] = GENES_DOCK_COLUMNS) -> None:
        super().__init__()
        self.gene_model = GeneTableModel(columns)
        self.setModel(self.gene_model)
        self.setToolTip("Genes: click one to paint it, a title to sort")
        self.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QTableView.SelectionMode.SingleSelection)
        self.setSortingEnabled(True)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        head = self.horizontalHeader()
        head.setSortIndicatorShown(True)
        head.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        head.setSortIndicatorClearable(True)
        head.setMinimumSectionSize(20)
        if NOTE in columns:
            head.setStretchLastSection(True)
        else:
            head.setSectionResizeMode(columns.index(GENE), QHeaderView.ResizeMode.Stretch)
        self.fit_to_font()

    def fit_to_font(self) -> None:
        """Rows and columns as large as the font needs."""
        letters, head = self.fontMetrics(), self.horizontalHeader()
        self.verticalHeader().setDefaultSectionSize(letters.height() + 8)
        self.setMinimumHeight(7 * (letters.height() + 8))
        for i, column in enumerate(self.gene_model.columns):
            if column != NOTE:
                title = str(self.gene_model.headerData(i, Qt.Orientation.Horizontal))
                texts = (
                    *self.gene_model.widest_texts(column),
                    _WIDEST_TEXTS.get(column, ""),
                    title if column == STAR else f"{title} ▾",
                )
                head.resizeSection(i, max(letters.horizontalAdvance(t) for t in texts) + 12)

    def changeEvent(self, event: Any) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.FontChange) and hasattr(self, "gene_model"):
            self.fit_to_font()

    def showEvent(self, event: Any) -> None:  # noqa: N802
        super().showEvent(event)
        self.scrollTo(self.currentIndex())

    def show_gene(self, gene: str | None) -> None:
        """Mark the row of a gene, silently."""
        row, picker = self.gene_model.row_of(gene), self.selectionModel()
        picker.blockSignals(True)
        if row >= 0:
            self.setCurrentIndex(
                self.gene_model.index(row, self.gene_model.columns.index(GENE))
            )  # not the star: the arrow keys stay in the column
            self.updateGeometries()  # else the rows of before bound the scrolling
            self.scrollTo(self.currentIndex())
        else:
            self.clearSelection()
        picker.blockSignals(False)
        self.viewport().update()
