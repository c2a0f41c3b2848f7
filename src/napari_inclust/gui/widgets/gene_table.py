"""The table of genes: tens of thousands of names, filtered and sorted with numpy in milliseconds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QAbstractTableModel, QEvent, QModelIndex, QSignalBlocker, Qt
from qtpy.QtGui import QFont
from qtpy.QtWidgets import QHeaderView, QTableView

from ..state.gene_rows import GeneTable
from .common import existing

STAR, GENE, KIND, SCORE, KNN, TYPE_MEAN, NOTE, MORAN = range(8)
GENES_DOCK_COLUMNS, QUALITY_DOCK_COLUMNS = (STAR, GENE, KIND, SCORE), (GENE, KIND, SCORE, KNN, TYPE_MEAN, MORAN, NOTE)
_TITLES = ("★", "Gene", "Values", "Score", "kNN", "Type", "Note", "Moran")
_TIPS = (
    "Starred genes: click the star",
    "Click a gene to paint it",
    (
        "Measured in the section, imputed from the reference, or generated: a feature of a modality that only the "
        "reference has"
    ),
    (
        "Held-out Pearson correlation: how well the gene is predicted when it is hidden (1 is perfect). ~0.41: "
        "predicted score of a gene that was never measured, from the scores of those that were"
    ),
    "Held-out Pearson correlation of the baseline: nearest cells of the reference",
    "Held-out Pearson correlation of the baseline: mean of the cell's type",
    "Why no score is predicted for a gene",
    (
        "Moran's I of the imputed values (approximate, of a sample of the cells): 0 is no pattern, 1 a smooth one. An "
        "exclamation mark: far smoother than measured genes become by imputing, do not interpret the pattern"
    ),
)
_NO_MATCH = 99  # rank of a name without any of the words
_NO_SCORE = -2.0  # sorts genes without a score below all others
_WIDEST_NAMES = {STAR: "★", GENE: "Slc17a6xx"}


class GeneTableModel(QAbstractTableModel):
    """Model of the genes; filter and order are index arrays over one fixed table.

    Parameters
    ----------
    columns
        Columns that are shown, in order.
    """

    def __init__(self, columns: tuple[int, ...] = GENES_DOCK_COLUMNS) -> None:
        super().__init__()
        self.columns = columns
        self._table = GeneTable.from_measured(())
        self._lower_names, self._effective_scores = self._table.names, self._table.held_out_scores
        self._rows: NDArray[np.intp] = np.empty(0, dtype=np.intp)
        self._filter: tuple[str, str, float] = ("", "all", -1.0)
        self._sort_order: tuple[int, bool] | None = None
        self.stars: set[str] = set()
        self.recent: list[str] = []

    def set_table(self, table: GeneTable) -> None:
        """Show other genes."""
        self._effective_scores = (
            table.held_out_scores
            if table.predicted_scores is None
            else np.where(np.isfinite(table.held_out_scores), table.held_out_scores, table.predicted_scores)
        )
        self._table, self._lower_names = table, np.char.lower(table.names) if len(table.names) else table.names
        self._update_rows()

    def set_filter(self, text: str, kind: str, minimum_score: float) -> None:
        """Set which genes are shown.

        Parameters
        ----------
        text
            Part of the name, any case; several separated by commas or spaces.
        kind
            "all", "measured", "imputed", "starred" or "recent" (the last one first).
        minimum_score
            Lowest score, held-out or predicted; -1 shows genes without a score too.
        """
        self._filter = (text.strip().lower(), kind, minimum_score)
        self._update_rows()

    def set_stars(self, stars: set[str]) -> None:
        """Set the starred genes."""
        self.stars = stars
        if self._filter[1] == "starred":
            self._update_rows()
        elif len(self._rows):
            star = self.columns.index(STAR) if STAR in self.columns else 0
            self.dataChanged.emit(self.index(0, star), self.index(len(self._rows) - 1, star))

    def set_recent(self, recent: list[str]) -> None:
        """Set the genes that were painted, the last one first."""
        self.recent = recent
        if self._filter[1] == "recent":
            self._update_rows()

    def complete_name(self, word: str) -> str | None:
        """Return the shortest name that begins with a word in any case, or None."""
        if not word or not len(self._lower_names):
            return None
        names = self._table.names[np.char.startswith(self._lower_names, word.lower())]
        return str(min(names, key=lambda name: (len(name), name))) if len(names) else None

    def widest_texts(self, column: int) -> tuple[str, ...]:
        """Return the widest texts of a column."""
        return {
            KIND: ("generated",),
            SCORE: ("not predicted",) if NOTE in self.columns else ("~-0.00",),
            KNN: ("-0.00",),
            TYPE_MEAN: ("-0.00",),
            MORAN: ("~-0.00 !",),
        }.get(column, ())

    def sort(self, column: int, order: Any = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column, or restore the order of the table if it is negative."""
        self._sort_order = None if column < 0 else (self.columns[column], order == Qt.SortOrder.DescendingOrder)
        self._update_rows()

    def gene_at(self, row: int) -> str | None:
        """Return the name in a row, or None outside the table."""
        return str(self._table.names[self._rows[row]]) if 0 <= row < len(self._rows) else None

    def row_of(self, gene: str | None) -> int:
        """Return the row of a gene, or -1."""
        if gene is None or not len(self._rows):
            return -1
        positions = np.flatnonzero(self._table.names[self._rows] == gene)
        return int(positions[0]) if len(positions) else -1

    def _update_rows(self) -> None:
        """Apply the filter and the order."""
        t, (text, kind, minimum_score) = self._table, self._filter
        match_ranks = self._match_ranks([word for word in text.replace(",", " ").split() if word])
        shown = match_ranks < _NO_MATCH
        if kind in ("measured", "imputed"):
            shown &= t.is_imputed == (kind == "imputed")
        elif kind == "starred":
            shown &= np.isin(t.names, list(self.stars))
        elif kind == "recent":
            shown &= np.isin(t.names, self.recent)
        if minimum_score > -1:
            shown &= np.nan_to_num(self._effective_scores, nan=_NO_SCORE) >= minimum_score
        rows = np.flatnonzero(shown)
        if self._sort_order is None:
            if kind == "recent":
                position = {gene: i for i, gene in enumerate(self.recent)}
                rows = np.array(sorted(rows, key=lambda row: position[str(t.names[row])]), dtype=np.intp)
            rows = rows[np.argsort(match_ranks[rows], kind="stable")]
        else:
            column, descending = self._sort_order
            order = np.argsort(self._sort_keys(column, rows), kind="stable")
            rows = rows[order[::-1] if descending else order]
        self.beginResetModel()
        self._rows = rows
        self.endResetModel()

    def _match_ranks(self, words: list[str]) -> NDArray[np.int8]:
        """Rank each name by its best match: 0 is a word, 1 begins with one, 2 contains one, `_NO_MATCH` none."""
        names = self._lower_names
        if not words or not len(names):
            return np.zeros(len(names), dtype=np.int8)
        ranks = []
        for word in words:
            start = np.char.find(names, word)
            ranks.append(np.select([start < 0, start > 0, names == word], [_NO_MATCH, 2, 0], 1))
        best: NDArray[np.int8] = np.min(ranks, axis=0).astype(np.int8)
        return best

    def _sort_keys(self, column: int, rows: NDArray[np.intp]) -> NDArray[Any]:
        t = self._table
        if column == STAR:
            return ~np.isin(t.names[rows], list(self.stars))
        if column == GENE:
            return self._lower_names[rows]
        if column == KIND:
            return t.is_imputed[rows]
        if column == NOTE:
            return np.full(len(rows), "") if t.abstain_reasons is None else t.abstain_reasons[rows].astype(np.str_)
        scores = {
            SCORE: self._effective_scores,
            KNN: t.baseline_scores.get("knn"),
            TYPE_MEAN: t.baseline_scores.get("type_mean"),
            MORAN: t.moran,
        }[column]
        return np.full(len(rows), _NO_SCORE) if scores is None else np.nan_to_num(scores[rows], nan=_NO_SCORE)

    def _item_text(self, i: int, column: int) -> str:
        t = self._table
        if column == STAR:
            return "★" if str(t.names[i]) in self.stars else "☆"
        if column == GENE:
            return str(t.names[i])
        if column == KIND:
            return t.kind_of(i)
        if column == NOTE:
            reason = str(t.abstain_reasons[i]) if t.abstain_reasons is not None else ""
            return f"not predicted: {reason}" if reason else ""
        if column == SCORE:
            if np.isfinite(self._effective_scores[i]):
                is_predicted = not np.isfinite(t.held_out_scores[i])
                return f"{'~' if is_predicted else ''}{self._effective_scores[i]:.2f}"
            return (
                "not predicted" if NOTE in self.columns and t.predicted_scores is not None and t.is_imputed[i] else "-"
            )
        if column == MORAN:
            if t.moran is None or t.moran_inflated is None or not np.isfinite(t.moran[i]):
                return "-"
            return f"~{t.moran[i]:.2f}{' !' if t.moran_inflated[i] else ''}"
        values = t.baseline_scores.get("knn" if column == KNN else "type_mean")
        return "-" if values is None or not np.isfinite(values[i]) else f"{values[i]:.2f}"

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        """Return the number of genes shown."""
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        """Return the number of columns shown."""
        return 0 if parent is not None and parent.isValid() else len(self.columns)

    def headerData(self, section: int, orientation: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802
        """Return the title or tooltip of a column."""
        if orientation == Qt.Orientation.Horizontal and 0 <= section < len(self.columns):
            if role == Qt.ItemDataRole.DisplayRole:
                return _TITLES[self.columns[section]]
            if role == Qt.ItemDataRole.ToolTipRole:
                return _TIPS[self.columns[section]]
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text, alignment, font or tooltip of a cell."""
        if not index.isValid():
            return None
        i, column = self._rows[index.row()], self.columns[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._item_text(i, column)
        if role == Qt.ItemDataRole.TextAlignmentRole and column in (STAR, SCORE, KNN, TYPE_MEAN, MORAN):
            return Qt.AlignmentFlag.AlignCenter
        if role == Qt.ItemDataRole.FontRole and self._table.is_imputed[i]:
            font = QFont()
            font.setItalic(True)
            return font
        if role == Qt.ItemDataRole.ToolTipRole:
            return (self._item_text(i, NOTE) if column in (SCORE, NOTE) else "") or _TIPS[column]
        return None


class GeneTableView(QTableView):
    """Table of genes with one selected row, as large as napari's font needs.

    Parameters
    ----------
    columns
        Columns that are shown, in order.
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
        existing(self.verticalHeader()).hide()
        head = existing(self.horizontalHeader())
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
        """Resize rows and columns to the font."""
        letters, head = self.fontMetrics(), existing(self.horizontalHeader())
        existing(self.verticalHeader()).setDefaultSectionSize(letters.height() + 8)
        self.setMinimumHeight(7 * (letters.height() + 8))
        for i, column in enumerate(self.gene_model.columns):
            if column != NOTE:
                title = str(self.gene_model.headerData(i, Qt.Orientation.Horizontal))
                texts = (
                    *self.gene_model.widest_texts(column),
                    _WIDEST_NAMES.get(column, ""),
                    title if column == STAR else f"{title} ▾",
                )
                head.resizeSection(i, max(letters.horizontalAdvance(t) for t in texts) + 12)

    def changeEvent(self, event: Any) -> None:  # noqa: N802
        """Follow the font of the theme."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.FontChange) and hasattr(self, "gene_model"):
            self.fit_to_font()

    def showEvent(self, event: Any) -> None:  # noqa: N802
        """Scroll to the selected gene."""
        super().showEvent(event)
        self.scrollTo(self.currentIndex())

    def show_gene(self, gene: str | None) -> None:
        """Select the row of a gene without emitting signals."""
        row = self.gene_model.row_of(gene)
        with QSignalBlocker(self.selectionModel()):
            if row >= 0:
                # in the column of the names, so that the arrow keys do not step through the stars
                self.setCurrentIndex(self.gene_model.index(row, self.gene_model.columns.index(GENE)))
                self.updateGeometries()  # otherwise the previous rows bound the scrolling
                self.scrollTo(self.currentIndex())
            else:
                self.clearSelection()
        existing(self.viewport()).update()
