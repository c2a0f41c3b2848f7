"""The table of genes: tens of thousands of names, filtered and sorted with numpy in milliseconds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtGui import QFont

from ..state.gene_rows import GeneTable

STAR, GENE, KIND, SCORE, KNN, TYPE_MEAN, NOTE, MORAN = range(8)
GENES_DOCK_COLUMNS, QUALITY_DOCK_COLUMNS = (STAR, GENE, KIND, SCORE), (GENE, KIND, SCORE, KNN, TYPE_MEAN, MORAN, NOTE)
_TITLES = ("★", "Gene", "Values", "Score", "kNN", "Type", "Note", "Moran")
_TIPS = (
    "Starred genes: click the star",
    "Click a gene to paint it",
    "Measured in the section, imputed from the reference, or generated: a feature of a modality that only the reference has",
    "Held-out Pearson correlation: how well the gene is predicted when it is hidden (1 is perfect). ~0.41: foreseen for a gene that was never measured, from the scores of those that were",
    "Held-out Pearson correlation of the baseline: nearest cells of the reference",
    "Held-out Pearson correlation of the baseline: mean of the cell's type",
    "Why nothing is foreseen of a gene",
    "Moran's I of the imputed values (approximate, of a sample of the cells): 0 is no pattern, 1 a smooth one. An exclamation mark: far smoother than measured genes become by imputing, do not read the pattern as found",
)


class GeneTableModel(QAbstractTableModel):
    """Genes as rows; filter and order are index arrays over one fixed table.

    Parameters
    ----------
    columns
        Which are shown, in order.
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
        """Other genes."""
        self._effective_scores = (
            table.held_out_scores
            if table.predicted_scores is None
            else np.where(np.isfinite(table.held_out_scores), table.held_out_scores, table.predicted_scores)
        )
        self._table, self._lower_names = table, np.char.lower(table.names) if len(table.names) else table.names
        self._update_rows()

    def set_filter(self, text: str, kind: str, minimum_score: float) -> None:
        """Show only some genes.

        Parameters
        ----------
        text
            Part of the name, any case; several separated by commas or spaces.
        kind
            "all", "measured", "imputed", "starred" or "recent" (the last one first).
        least
            Lowest score, held-out or foreseen; -1 shows genes without a score too.
        """
        self._filter = (text.strip().lower(), kind, minimum_score)
        self._update_rows()

    def set_stars(self, stars: set[str]) -> None:
        """Other stars."""
        self.stars = stars
        if self._filter[1] == "starred":
            self._update_rows()
        elif len(self._rows):
            star = self.columns.index(STAR) if STAR in self.columns else 0
            self.dataChanged.emit(self.index(0, star), self.index(len(self._rows) - 1, star))

    def set_recent(self, recent: list[str]) -> None:
        """Other genes that were painted, the last one first."""
        self.recent = recent
        if self._filter[1] == "recent":
            self._update_rows()

    def complete_name(self, word: str) -> str | None:
        """The first gene by name that begins with a word, any case; None: none does."""
        names = (
            self._table.names[np.char.startswith(self._lower_names, word.lower())]
            if word and len(self._lower_names)
            else []
        )
        return str(min(names, key=lambda n: (len(n), n))) if len(names) else None

    def widest_texts(self, column: int) -> tuple[str, ...]:
        """The widest texts that may stand in a column."""
        return {
            KIND: ("generated",),
            SCORE: ("not foreseen",) if NOTE in self.columns else ("~-0.00",),
            KNN: ("-0.00",),
            TYPE_MEAN: ("-0.00",),
            MORAN: ("~-0.00 !",),
        }.get(column, ())

    def sort(self, column: int, order: Any = Qt.SortOrder.AscendingOrder) -> None:
        self._sort_order = None if column < 0 else (self.columns[column], order == Qt.SortOrder.DescendingOrder)
        self._update_rows()

    def gene_at(self, row: int) -> str | None:
        """Name in a row, or None outside the table."""
        return str(self._table.names[self._rows[row]]) if 0 <= row < len(self._rows) else None

    def row_of(self, gene: str | None) -> int:
        """Row of a gene, or -1."""
        at = np.flatnonzero(self._table.names[self._rows] == gene) if gene is not None and len(self._rows) else []
        return int(at[0]) if len(at) else -1

    def _update_rows(self) -> None:
        t, (text, kind, least) = self._table, self._filter
        keep = np.ones(len(t.names), dtype=bool)
        words = [w for w in text.replace(",", " ").split() if w]
        first = np.zeros(len(t.names), dtype=np.int8)  # exact, then beginnings, then the rest
        if words and len(t.names):
            place = np.min(
                [
                    np.where(
                        p := np.char.find(self._lower_names, w),
                        np.where(p < 0, 99, 2),
                        np.where(self._lower_names == w, 0, 1),
                    )
                    for w in words
                ],
                axis=0,
            )
            keep, first = place < 99, place.astype(np.int8)
        if kind in ("measured", "imputed"):
            keep &= t.is_imputed == (kind == "imputed")
        elif kind == "starred":
            keep &= np.isin(t.names, list(self.stars))
        elif kind == "recent":
            keep &= np.isin(t.names, self.recent)
        if least > -1:
            keep &= np.nan_to_num(self._effective_scores, nan=-2.0) >= least
        rows = np.flatnonzero(keep)
        if self._sort_order is None:
            if kind == "recent":
                place_of = {g: i for i, g in enumerate(self.recent)}
                rows = np.array(sorted(rows, key=lambda r: place_of[str(t.names[r])]), dtype=np.intp)
            rows = rows[np.argsort(first[rows], kind="stable")]
        else:
            column, down = self._sort_order
            key: Any = {
                STAR: lambda r: ~np.isin(t.names[r], list(self.stars)), GENE: lambda r: self._lower_names[r],
                KIND: lambda r: t.is_imputed[r], SCORE: lambda r: np.nan_to_num(self._effective_scores[r], nan=-2.0),
                KNN: lambda r: self._baseline_scores("knn", r), TYPE_MEAN: lambda r: self._baseline_scores("type_mean", r), NOTE: lambda r: self._notes(r),
                MORAN: lambda r: np.full(len(r), -2.0) if t.moran is None else np.nan_to_num(t.moran[r], nan=-2.0),
            }[column](rows)  # fmt: skip
            order = np.argsort(key, kind="stable")
            rows = rows[order[::-1] if down else order]
        self.beginResetModel()
        self._rows = rows
        self.endResetModel()

    def _baseline_scores(self, name: str, rows: Any) -> NDArray[np.floating[Any]]:
        values = self._table.baseline_scores.get(name)
        return np.full(len(rows), -2.0) if values is None else np.nan_to_num(values[rows], nan=-2.0)

    def _notes(self, rows: Any) -> NDArray[np.str_]:
        return (
            np.full(len(rows), "")
            if self._table.abstain_reasons is None
            else self._table.abstain_reasons[rows].astype(np.str_)
        )

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
            return f"not foreseen: {reason}" if reason else ""
        if column == SCORE:
            foreseen = np.isfinite(self._effective_scores[i]) and not np.isfinite(t.held_out_scores[i])
            nothing = (
                "not foreseen" if NOTE in self.columns and t.predicted_scores is not None and t.is_imputed[i] else "-"
            )
            return (
                nothing
                if not np.isfinite(self._effective_scores[i])
                else f"{'~' if foreseen else ''}{self._effective_scores[i]:.2f}"
            )
        if column == MORAN:
            known = t.moran is not None and t.moran_inflated is not None and np.isfinite(t.moran[i])
            return f"~{t.moran[i]:.2f}{' !' if t.moran_inflated[i] else ''}" if known else "-"
        values = t.baseline_scores.get("knn" if column == KNN else "type_mean")
        return "-" if values is None or not np.isfinite(values[i]) else f"{values[i]:.2f}"

    # Qt
    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        return 0 if parent is not None and parent.isValid() else len(self.columns)

    def headerData(self, section: int, orientation: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802
        if orientation == Qt.Orientation.Horizontal and 0 <= section < len(self.columns):
            if role == Qt.ItemDataRole.DisplayRole:
                return _TITLES[self.columns[section]]
            if role == Qt.ItemDataRole.ToolTipRole:
                return _TIPS[self.columns[section]]
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
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
