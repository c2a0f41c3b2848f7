"""The table of genes as docks show it: as large as napari's font, one row chosen."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QHeaderView, QTableView

from .gene_table import GENE, IN_GENES, STAR, WHY, GeneModel

_WIDEST = {STAR: "★", GENE: "Slc17a6xx"}  # of the others: what stands in them


class GeneView(QTableView):
    """A table of genes.

    Parameters
    ----------
    columns
        Which are shown, in order.
    """

    def __init__(self, columns: tuple[int, ...] = IN_GENES) -> None:
        super().__init__()
        self.genes = GeneModel(columns)
        self.setModel(self.genes)
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
        if WHY in columns:
            head.setStretchLastSection(True)
        else:
            head.setSectionResizeMode(columns.index(GENE), QHeaderView.ResizeMode.Stretch)
        self.fit()

    def fit(self) -> None:
        """Rows and columns as large as the font needs."""
        letters, head = self.fontMetrics(), self.horizontalHeader()
        self.verticalHeader().setDefaultSectionSize(letters.height() + 8)
        self.setMinimumHeight(7 * (letters.height() + 8))
        for i, column in enumerate(self.genes.columns):
            if column != WHY:
                title = str(self.genes.headerData(i, Qt.Orientation.Horizontal))
                texts = (*self.genes.texts_of(column), _WIDEST.get(column, ""), title if column == STAR else f"{title} ▾")
                head.resizeSection(i, max(letters.horizontalAdvance(t) for t in texts) + 12)

    def changeEvent(self, event: Any) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.FontChange) and hasattr(self, "genes"):
            self.fit()

    def showEvent(self, event: Any) -> None:  # noqa: N802
        super().showEvent(event)
        self.scrollTo(self.currentIndex())

    def show_gene(self, gene: str | None) -> None:
        """Mark the row of a gene, silently."""
        row, picker = self.genes.row_of(gene), self.selectionModel()
        picker.blockSignals(True)
        if row >= 0:
            self.setCurrentIndex(self.genes.index(row, self.genes.columns.index(GENE)))  # not the star: the arrow keys stay in the column
            self.updateGeometries()  # else the rows of before bound the scrolling
            self.scrollTo(self.currentIndex())
        else:
            self.clearSelection()
        picker.blockSignals(False)
        self.viewport().update()
