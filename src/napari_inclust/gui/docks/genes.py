"""Genes: search, one click paints, measured beside imputed."""

from __future__ import annotations

import re
from typing import Any

from qtpy.QtCore import QEvent, QModelIndex, Qt
from qtpy.QtWidgets import QDoubleSpinBox, QLabel, QLineEdit, QVBoxLayout, QWidget

from ..plots.histogram import Histogram
from ..viewer_context import Workbench
from ..views.blend import BlendBar
from ..views.compare_view import CompareView
from ..views.gene_sets import GeneSets
from ..views.look_form import LookForm
from ..widgets.common import Links, Message, choice
from ..widgets.flow import Flow
from ..widgets.gene_table import GENE, STAR
from ..widgets.gene_view import GeneView

_NOTHING = "Point at a cell to read it."
_KINDS = [("all genes", "all"), ("measured", "measured"), ("imputed", "imputed"), ("starred", "starred"), ("recent", "recent")]


class GenesDock(QWidget):
    """All genes, searchable; what is clicked is painted.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._session = bench.session
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search genes")
        self.search.setToolTip(
            "Type a part of a name; several, separated by spaces or commas, show all that match any. Tab completes a name, Down goes to the table, Enter paints the first."
        )
        self.search.setClearButtonEnabled(True)
        self.kind = choice("Which genes the table shows", _KINDS)
        self.least = QDoubleSpinBox()
        self.least.setRange(-1, 1)
        self.least.setSingleStep(0.1)
        self.least.setValue(-1)
        self.least.setPrefix("score ≥ ")
        self.least.setSpecialValueText("any score")
        self.least.setToolTip("Lowest score (Pearson, -1 to 1; held-out, or foreseen: ~) of the genes shown; any: genes without a score too")
        self.table = GeneView()
        self.model = self.table.genes
        self.count = QLabel()
        self.count.setToolTip("Genes shown of all genes that can be painted")
        self.hover = QLabel(_NOTHING)
        self.hover.setWordWrap(True)
        self.hover.setToolTip("The cell under the pointer: name, type, value ± spread of the members, measured or imputed")
        self.hover.setMinimumHeight(3 * self.hover.fontMetrics().lineSpacing())
        self.message = Message()
        self.compare, self.look = CompareView(bench), LookForm(bench)
        self.blend, self.histogram, self.sets = BlendBar(bench.session), Histogram(bench), GeneSets(bench)
        self._lay_out()
        self._connect(bench)
        self._genes()
        self._stars()
        self._gene()

    def _lay_out(self) -> None:
        box = QVBoxLayout(self)
        box.addWidget(self.search)
        box.addLayout(Flow(self.kind, self.least))
        box.addWidget(self.table, 1)
        box.addWidget(self.count)
        box.addWidget(self.message)
        box.addWidget(self.compare)
        box.addWidget(self.look)
        box.addWidget(self.histogram)
        box.addWidget(self.blend)
        box.addWidget(self.sets)
        box.addWidget(self.hover)

    def _connect(self, bench: Workbench) -> None:
        links, s = Links(self), bench.session
        links.to(s.data_changed, self._genes)
        links.to(s.run_changed, self._genes)
        links.to(s.foreseen_changed, self._genes)
        links.to(s.gene_changed, self._gene)
        links.to(s.stars_changed, self._stars)
        links.to(bench.scene.hovered, self._hovered)
        links.to(bench.scene.wanted, self.step)
        links.to(bench.scene.decoding.busy_changed, self._imputing)
        links.to(bench.scene.decoding.progressed, self._preparing)
        self.search.textChanged.connect(self._filter)
        self.search.returnPressed.connect(self._first)
        self.search.installEventFilter(self)
        self.kind.activated.connect(self._filter)
        self.least.valueChanged.connect(self._filter)
        self.table.selectionModel().currentRowChanged.connect(self._row)
        self.table.clicked.connect(self._clicked)

    def step(self, by: int) -> None:
        """The next (1) or previous (-1) gene of the table."""
        row = self.model.row_of(self._session.gene) + by
        gene = self.model.gene(row if self._session.gene else 0)
        if gene is not None:
            self._session.choose(gene)

    def eventFilter(self, watched: Any, event: Any) -> bool:  # noqa: N802
        if watched is self.search and event.type() == QEvent.Type.KeyPress:
            if event.key() == Qt.Key.Key_Down:
                self.table.setFocus()
                self.table.setCurrentIndex(self.model.index(max(0, self.model.row_of(self._session.gene)), GENE))
                return True
            if event.key() == Qt.Key.Key_Tab and self._complete():
                return True
        return bool(super().eventFilter(watched, event))

    def _complete(self) -> bool:
        """Complete the last word of the search; False when there is nothing to complete."""
        text = self.search.text()
        word = re.split(r"[ ,]", text)[-1]
        gene = self.model.complete(word)
        if gene is None or gene == word:
            return False
        self.search.setText(text[: len(text) - len(word)] + gene)
        return True

    # what the user does
    def _filter(self, *_: Any) -> None:
        self.model.set_filter(self.search.text(), self.kind.currentData(), self.least.value())
        self._after_reset()

    def _first(self) -> None:
        gene = self.model.gene(0)
        if gene is not None:
            self._session.choose(gene)

    def _row(self, now: QModelIndex, _before: QModelIndex) -> None:
        if now.isValid() and now.column() != STAR:
            self._session.choose(self.model.gene(now.row()))

    def _clicked(self, index: QModelIndex) -> None:
        gene = self.model.gene(index.row())
        if gene is not None and index.column() == STAR:
            self._session.star(gene)
        elif gene is not None:
            self._session.choose(gene)

    # what the session says
    def _genes(self) -> None:
        self.model.set_table(self._session.genes())
        self.setEnabled(self._session.section is not None)
        self.message.say("" if self._session.section is not None else "Open a section first (Data).")
        self._after_reset()
        self._gene()

    def _after_reset(self) -> None:
        self.count.setText(f"{self.model.rowCount():,} of {len(self.model._table.names):,} genes")
        self.table.show_gene(self._session.gene)

    def _gene(self) -> None:
        self.model.set_recent(list(self._session.recent))
        if self.table.currentIndex().row() != self.model.row_of(self._session.gene) or self._session.gene is None:
            self.table.show_gene(self._session.gene)

    def _stars(self) -> None:
        self.model.set_stars(set(self._session.stars))
        self._after_reset()

    def _imputing(self, gene: str) -> None:
        self.message.say(f"Imputing {gene} …" if gene else "")

    def _preparing(self, gene: str, text: str) -> None:
        self.message.say(f"Imputing {gene}, the first gene of this run: {text} …")

    def _hovered(self, text: str) -> None:
        self.hover.setText(text or _NOTHING)
