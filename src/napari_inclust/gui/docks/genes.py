"""Genes: the searchable table, the views of the painted gene and its colours."""

from __future__ import annotations

import re
from typing import Any

from qtpy.QtCore import QEvent, QModelIndex, Qt
from qtpy.QtWidgets import QDoubleSpinBox, QLabel, QLineEdit, QVBoxLayout, QWidget

from ..viewer_context import ViewerContext
from ..views.blend import BlendBar
from ..views.compare_view import CompareView
from ..views.gene_sets import GeneSetForm
from ..views.look import Histogram, LookForm
from ..widgets.common import MessageLabel, SignalConnections, create_combo_box, existing
from ..widgets.flow import FlowLayout
from ..widgets.gene_table import GENE, STAR, GeneTableView

_NO_CELL_TEXT = "Point at a cell to read it."
_KIND_FILTERS = [
    ("all genes", "all"),
    ("measured", "measured"),
    ("imputed", "imputed"),
    ("starred", "starred"),
    ("recent", "recent"),
]


class GenesDock(QWidget):
    """A searchable table of all genes, of which the selected one is painted.

    Parameters
    ----------
    context
        The context of the viewer.
    """

    def __init__(self, context: ViewerContext) -> None:
        super().__init__()
        self._session = context.session
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search genes")
        self.search.setToolTip(
            "Type a part of a name; several, separated by spaces or commas, show all that match any. Tab completes a "
            "name, Down goes to the table, Enter paints the first."
        )
        self.search.setClearButtonEnabled(True)
        self.kind_filter = create_combo_box("Which genes the table shows", _KIND_FILTERS)
        self.minimum_score = QDoubleSpinBox()
        self.minimum_score.setRange(-1, 1)
        self.minimum_score.setSingleStep(0.1)
        self.minimum_score.setValue(-1)
        self.minimum_score.setPrefix("score ≥ ")
        self.minimum_score.setSpecialValueText("any score")
        self.minimum_score.setToolTip(
            "Lowest score (Pearson, -1 to 1; held-out, or predicted: ~) of the genes shown; any: genes without a score "
            "too"
        )
        self.table = GeneTableView()
        self.model = self.table.gene_model
        self.count_label = QLabel()
        self.count_label.setToolTip("Genes shown of all genes that can be painted")
        self.hover_label = QLabel(_NO_CELL_TEXT)
        self.hover_label.setWordWrap(True)
        self.hover_label.setToolTip(
            "The cell under the pointer: name, type, value ± spread of the members, measured or imputed"
        )
        self.hover_label.setMinimumHeight(3 * self.hover_label.fontMetrics().lineSpacing())
        self.message = MessageLabel()
        self.compare_view, self.look = CompareView(context), LookForm(context)
        self.blend_bar, self.histogram, self.gene_sets = (
            BlendBar(context),
            Histogram(context),
            GeneSetForm(context),
        )
        self._lay_out()
        self._connect(context)
        self._refresh_genes()
        self._refresh_stars()
        self._refresh_gene()

    def _lay_out(self) -> None:
        box = QVBoxLayout(self)
        box.addWidget(self.search)
        box.addLayout(FlowLayout(self.kind_filter, self.minimum_score))
        box.addWidget(self.table, 1)
        box.addWidget(self.count_label)
        box.addWidget(self.message)
        box.addWidget(self.compare_view)
        box.addWidget(self.look)
        box.addWidget(self.histogram)
        box.addWidget(self.blend_bar)
        box.addWidget(self.gene_sets)
        box.addWidget(self.hover_label)

    def _connect(self, context: ViewerContext) -> None:
        links, s = SignalConnections(self), context.session
        for signal in (s.section_changed, s.run_selected, s.generated_changed, s.predicted_scores_changed):
            links.connect(signal, self._refresh_genes)
        links.connect(s.gene_selected, self._refresh_gene)
        links.connect(s.starred_genes_changed, self._refresh_stars)
        links.connect(context.canvas_controller.cell_hovered, self._show_hover)
        links.connect(context.canvas_controller.gene_step_requested, self.step_gene)
        links.connect(context.gene_controller.pending_gene_changed, self._show_imputing)
        links.connect(context.gene_controller.progressed, self._show_preparing)
        self.search.textChanged.connect(self._apply_filter)
        self.search.returnPressed.connect(self._choose_first)
        self.search.installEventFilter(self)
        self.kind_filter.activated.connect(self._apply_filter)
        self.minimum_score.valueChanged.connect(self._apply_filter)
        existing(self.table.selectionModel()).currentRowChanged.connect(self._choose_row)
        self.table.clicked.connect(self._on_clicked)

    def step_gene(self, offset: int) -> None:
        """Paint the next (1) or previous (-1) gene of the table."""
        row = self.model.row_of(self._session.gene) + offset
        gene = self.model.gene_at(row if self._session.gene else 0)
        if gene is not None:
            self._session.select_gene(gene)

    def eventFilter(self, watched: Any, event: Any) -> bool:  # noqa: N802
        """Handle the keys Down and Tab in the search field."""
        if watched is self.search and event.type() == QEvent.Type.KeyPress:
            if event.key() == Qt.Key.Key_Down:
                self.table.setFocus()
                self.table.setCurrentIndex(self.model.index(max(0, self.model.row_of(self._session.gene)), GENE))
                return True
            if event.key() == Qt.Key.Key_Tab and self._complete_word():
                return True
        return bool(super().eventFilter(watched, event))

    def _complete_word(self) -> bool:
        """Complete the last word of the search; return whether there was anything to complete."""
        text = self.search.text()
        word = re.split(r"[ ,]", text)[-1]
        gene = self.model.complete_name(word)
        if gene is None or gene == word:
            return False
        self.search.setText(text[: len(text) - len(word)] + gene)
        return True

    def _apply_filter(self, *_: Any) -> None:
        self.model.set_filter(self.search.text(), self.kind_filter.currentData(), self.minimum_score.value())
        self._after_reset()

    def _choose_first(self) -> None:
        gene = self.model.gene_at(0)
        if gene is not None:
            self._session.select_gene(gene)

    def _choose_row(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if current.isValid() and current.column() != STAR:
            self._session.select_gene(self.model.gene_at(current.row()))

    def _on_clicked(self, index: QModelIndex) -> None:
        gene = self.model.gene_at(index.row())
        if gene is not None and index.column() == STAR:
            self._session.toggle_star(gene)
        elif gene is not None:
            self._session.select_gene(gene)

    def _refresh_genes(self) -> None:
        self.model.set_table(self._session.gene_table())
        self.setEnabled(self._session.section is not None)
        self.message.show_message("" if self._session.section is not None else "Open a section first (Data).")
        self._after_reset()
        self._refresh_gene()

    def _after_reset(self) -> None:
        self.count_label.setText(f"{self.model.rowCount():,} of {len(self.model._table.names):,} genes")
        self.table.show_gene(self._session.gene)

    def _refresh_gene(self) -> None:
        self.model.set_recent(list(self._session.recent_genes))
        if self.table.currentIndex().row() != self.model.row_of(self._session.gene) or self._session.gene is None:
            self.table.show_gene(self._session.gene)

    def _refresh_stars(self) -> None:
        self.model.set_stars(set(self._session.starred_genes))
        self._after_reset()

    def _show_imputing(self, gene: str) -> None:
        self.message.show_message(f"Imputing {gene} …" if gene else "")

    def _show_preparing(self, gene: str, text: str) -> None:
        self.message.show_message(f"Imputing {gene}, the first gene of this run: {text} …")

    def _show_hover(self, text: str) -> None:
        self.hover_label.setText(text or _NO_CELL_TEXT)
