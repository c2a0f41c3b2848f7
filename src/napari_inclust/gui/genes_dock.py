"""Genes: search, one click paints, measured beside imputed."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QModelIndex, Qt
from qtpy.QtWidgets import QButtonGroup, QDoubleSpinBox, QFormLayout, QHBoxLayout, QHeaderView, QLabel, QLineEdit, QPushButton, QTableView, QVBoxLayout, QWidget

from ..paint.layers import COLORMAPS
from ..paint.limits import Percentile
from .bench import Workbench
from .blend import BlendBar
from .gene_table import GENE, KIND, SCORE, STAR, GeneModel
from .histogram import Histogram
from .session import VIEWS
from .widgets import Links, Message, choice

_TEXT = {"measured": "Measured", "imputed": "Imputed", "side by side": "Side by side"}
_NOTHING = "Point at a cell to read it."


class GenesDock(QWidget):
    """All genes, searchable; what is clicked is painted.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._session, self._scene = bench.session, bench.scene
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search genes (parts of names, several at once)")
        self.search.setToolTip(
            "Type a part of a name; several, separated by spaces or commas, show all that match any. Down goes to the table, Enter paints the first."
        )
        self.search.setClearButtonEnabled(True)
        self.kind = choice("Which genes the table shows", [("all genes", "all"), ("measured", "measured"), ("imputed", "imputed"), ("starred", "starred")])
        self.least = QDoubleSpinBox()
        self.least.setRange(-1, 1)
        self.least.setSingleStep(0.1)
        self.least.setValue(-1)
        self.least.setSpecialValueText("any")
        self.least.setMinimumWidth(90)
        self.least.setToolTip("Lowest score (Pearson, -1 to 1; held-out, or foreseen: ~) of the genes shown; any: genes without a score too")
        self.model = GeneModel()
        self.table = QTableView()
        self.table.setModel(self.model)
        self.count = QLabel()
        self.count.setToolTip("Genes shown of all genes that can be painted")
        self.views = {v: QPushButton(_TEXT[v]) for v in VIEWS}
        self.low, self.high = _percent(0.0, "Lowest colour: percentile of the values"), _percent(99.0, "Highest colour: percentile of the values")
        self.reset = QPushButton("Reset limits")
        self.colormap = choice("Colours of the values; viridis, magma and cividis are safe for the colour-blind", [(c, c) for c in COLORMAPS])
        self.hover = QLabel(_NOTHING)
        self.hover.setWordWrap(True)
        self.hover.setToolTip("The cell under the pointer: name, type, value ± spread of the members, measured or imputed")
        self.hover.setMinimumHeight(54)
        self.message = Message()
        self.blend, self.histogram = BlendBar(bench.session), Histogram(bench)
        self._lay_out()
        self._connect(bench)
        self._genes()
        self._gene()

    def _lay_out(self) -> None:
        table = self.table
        table.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QTableView.SelectionMode.SingleSelection)
        table.setSortingEnabled(True)
        table.horizontalHeader().setSortIndicatorShown(True)
        table.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        table.horizontalHeader().setSortIndicatorClearable(True)
        table.verticalHeader().hide()
        table.setShowGrid(False)
        table.setWordWrap(False)
        head = table.horizontalHeader()
        head.setSectionResizeMode(GENE, QHeaderView.ResizeMode.Stretch)
        for column, width in ((STAR, 34), (KIND, 84), (SCORE, 64)):
            table.setColumnWidth(column, width)
        self.group = QButtonGroup(self)
        views = QHBoxLayout()
        for button in self.views.values():
            button.setCheckable(True)
            self.group.addButton(button)
            views.addWidget(button)
        filters = QHBoxLayout()
        filters.addWidget(self.kind, 2)
        filters.addWidget(QLabel("score ≥"))
        filters.addWidget(self.least, 1)
        limits = QHBoxLayout()
        limits.addWidget(self.low, 1)
        limits.addWidget(QLabel("to"))
        limits.addWidget(self.high, 1)
        colours = QHBoxLayout()
        colours.addWidget(self.colormap, 1)
        colours.addWidget(self.reset)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.addRow("Limits", limits)
        form.addRow("Colormap", colours)
        box = QVBoxLayout(self)
        box.addWidget(self.search)
        box.addLayout(filters)
        box.addWidget(table, 1)
        box.addWidget(self.count)
        box.addWidget(self.message)
        box.addLayout(views)
        box.addLayout(form)
        box.addWidget(self.histogram)
        box.addWidget(self.blend)
        box.addWidget(self.hover)

    def _connect(self, bench: Workbench) -> None:
        links, s = Links(self), bench.session
        links.to(s.data_changed, self._genes)
        links.to(s.run_changed, self._genes)
        links.to(s.foreseen_changed, self._genes)
        links.to(s.gene_changed, self._gene)
        links.to(s.look_changed, self._look)
        links.to(s.stars_changed, self._stars)
        links.to(bench.scene.hovered, self._hovered)
        links.to(bench.scene.wanted, self.step)
        links.to(bench.scene.decoding.busy_changed, self._imputing)
        self.search.textChanged.connect(self._filter)
        self.search.returnPressed.connect(self._first)
        self.search.installEventFilter(self)
        self.kind.activated.connect(self._filter)
        self.least.valueChanged.connect(self._filter)
        self.table.selectionModel().currentRowChanged.connect(self._row)
        self.table.clicked.connect(self._clicked)
        self.group.buttonClicked.connect(self._view)
        self.low.valueChanged.connect(self._policy)
        self.high.valueChanged.connect(self._policy)
        self.reset.clicked.connect(self._reset)
        self.colormap.activated.connect(self._colormap)

    def step(self, by: int) -> None:
        """The next (1) or previous (-1) gene of the table."""
        row = self.model.row_of(self._session.gene) + by
        gene = self.model.gene(row if self._session.gene else 0)
        if gene is not None:
            self._session.choose(gene)

    def eventFilter(self, watched: Any, event: Any) -> bool:  # noqa: N802
        if watched is self.search and event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Down:
            self.table.setFocus()
            self.table.selectRow(max(0, self.model.row_of(self._session.gene)))
            return True
        return super().eventFilter(watched, event)

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
            self._scene.bring("genes")

    def _view(self, button: Any) -> None:
        self._session.set_view(next(v for v, b in self.views.items() if b is button))
        self._scene.bring("genes")

    def _policy(self, *_: Any) -> None:
        self._session.set_policy(Percentile(self.low.value(), max(self.high.value(), self.low.value() + 0.1)))

    def _reset(self) -> None:
        if self._session.gene is not None:
            self._session.reset_limits(self._session.gene)

    def _colormap(self, *_: Any) -> None:
        self._session.set_colormap(self.colormap.currentData())

    # what the session says
    def _genes(self) -> None:
        self.model.set_table(self._session.genes())
        self.setEnabled(self._session.section is not None)
        self.message.say("" if self._session.section is not None else "Open a section first (Data).")
        self._after_reset()
        self._gene()

    def _after_reset(self) -> None:
        self.count.setText(f"{self.model.rowCount():,} of {len(self.model._table.names):,} genes")
        self._select()

    def _select(self) -> None:
        row, picker = self.model.row_of(self._session.gene), self.table.selectionModel()
        picker.blockSignals(True)
        if row >= 0:
            self.table.selectRow(row)
            self.table.scrollTo(self.model.index(row, GENE))
        else:
            self.table.clearSelection()
        picker.blockSignals(False)
        self.table.viewport().update()

    def _gene(self) -> None:
        if self.table.currentIndex().row() != self.model.row_of(self._session.gene):
            self._select()
        cannot = self._session.views_of(self._session.gene)
        for view, button in self.views.items():
            button.setEnabled(not cannot[view])
            button.setToolTip(cannot[view] or {"measured": "Measured values", "imputed": "Imputed values (for a measured gene: predicted while it was hidden)",
                                               "side by side": "Measured left, imputed right, in linked views with equal limits"}[view])  # fmt: skip
        shown = self._session.effective_view
        self.group.setExclusive(False)
        for view, button in self.views.items():
            button.setChecked(view == shown and not cannot[view])
        self.group.setExclusive(True)
        self._look()

    def _look(self) -> None:
        by_hand = self._session.gene in self._session.manual
        self.reset.setEnabled(by_hand)
        self.reset.setToolTip("Back to percentiles: the limits of this gene were set by hand" if by_hand else "The limits of this gene follow the percentiles")
        self.colormap.setCurrentText(self._session.colormap)

    def _stars(self) -> None:
        self.model.set_stars(set(self._session.stars))
        self._after_reset()

    def _imputing(self, gene: str) -> None:
        self.message.say(f"Imputing {gene} …" if gene else "")

    def _hovered(self, text: str) -> None:
        self.hover.setText(text or _NOTHING)


def _percent(value: float, tip: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(0, 100)
    box.setDecimals(1)
    box.setSuffix(" %")
    box.setValue(value)
    box.setToolTip(tip)
    box.setKeyboardTracking(False)
    box.setMinimumWidth(96)
    return box
