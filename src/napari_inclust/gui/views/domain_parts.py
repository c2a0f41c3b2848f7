"""Parts of the Domains dock: the legend, what the domains are made of, and the evidence for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QHeaderView,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ..state.columns import categorical_columns, categories_from_column
from ..viewer_context import ViewerContext
from ..widgets.common import SignalConnections, create_combo_box, set_items
from ..widgets.form_layout import FormLayout
from .legend import ColouredNames, colour_icon

if TYPE_CHECKING:
    from ...spatial_domains.edit import DomainSegmentation

COLOUR, NAME, SIZE, CONFIDENCE = range(4)  # columns of the legend
MARKERS, ADJACENCY = "markers", "adjacency"
_GENE_COLUMN = 1  # of the table of marker genes


class DomainLegend(QTreeWidget):
    """A row for each domain: colour, name, number of cells and confidence.

    Attributes
    ----------
    picked
        Signal with the frozenset of domains that are highlighted.
    renamed, recoloured
        Signals with a domain and its new name or colour.
    """

    picked = Signal(object)
    renamed = Signal(int, str)
    recoloured = Signal(int, str)

    def __init__(self) -> None:
        super().__init__()
        self.setHeaderLabels(["", "Domain", "Cells", "Conf."])
        title, head = self.headerItem(), self.header()
        assert title is not None
        assert head is not None
        title.setToolTip(CONFIDENCE, "Confidence: mean share of the vote for the domain, 0 to 1")
        head.setStretchLastSection(False)
        head.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        head.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        self.setIndentation(0)
        self.setToolTip(
            "Click domains to highlight them, again to let go; double-click a name to rename it, a colour to change it"
        )
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.MultiSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setMinimumHeight(120)
        self._segmentation: DomainSegmentation | None = None
        self.itemSelectionChanged.connect(self._emit_picked)
        self.itemDoubleClicked.connect(self._on_double_click)
        self.itemChanged.connect(self._on_item_changed)

    def show_segmentation(
        self, segmentation: DomainSegmentation | None, confidence: list[float], selected: frozenset[int]
    ) -> None:
        """Show other domains, or another highlight, without emitting signals.

        Parameters
        ----------
        segmentation
            The domains, or None.
        confidence
            Mean of each domain, 0 to 1.
        selected
            Domains that are highlighted.
        """
        with QSignalBlocker(self):
            if segmentation is not self._segmentation:
                self._segmentation = segmentation
                self.clear()
                if segmentation is not None:
                    self._add_rows(segmentation, confidence)
            for i in range(self.topLevelItemCount()):
                item = self.topLevelItem(i)
                assert item is not None
                item.setSelected(i in selected)

    def _add_rows(self, segmentation: DomainSegmentation, confidence: list[float]) -> None:
        for i in range(segmentation.n_domains):
            texts = ["", segmentation.names[i], f"{int(segmentation.sizes[i]):,}", f"{confidence[i]:.2f}"]
            item = QTreeWidgetItem(texts)
            item.setIcon(COLOUR, colour_icon(QColor(segmentation.colours[i])))
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
            for column in (SIZE, CONFIDENCE):
                item.setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.addTopLevelItem(item)

    def _emit_picked(self) -> None:
        self.picked.emit(frozenset(self.indexOfTopLevelItem(item) for item in self.selectedItems()))

    def _on_double_click(self, item: Any, column: int) -> None:
        row = self.indexOfTopLevelItem(item)
        if column == COLOUR and self._segmentation is not None:
            colour = QColorDialog.getColor(QColor(self._segmentation.colours[row]), self)
            if colour.isValid():
                self.recoloured.emit(row, colour.name())
        else:
            self.editItem(item, NAME)

    def _on_item_changed(self, item: Any, column: int) -> None:
        row = self.indexOfTopLevelItem(item)
        if column == NAME and self._segmentation is not None and item.text(NAME) != self._segmentation.names[row]:
            self._segmentation = None  # fill the rows again, whether the name is accepted or not
            self.renamed.emit(row, item.text(NAME))


class DomainComposition(QWidget):
    """What each domain is made of, by a column of the section: stacked bars and the names of the colours.

    Parameters
    ----------
    context
        The context of the viewer.
    """

    def __init__(self, context: ViewerContext) -> None:
        super().__init__()
        self._session, self._domain_controller = context.session, context.domain_controller
        self.column = create_combo_box(
            "Column of the section whose categories are counted in each domain", [("none", None)]
        )
        self.category_legend = ColouredNames()
        self.category_legend.hide()
        self.plot: Any = None
        self._layout = _titled_column(self, "Made of", self.column, self.category_legend)
        links = SignalConnections(self)
        links.connect(context.session.section_changed, self._refresh_columns)
        links.connect(context.domain_controller.domains_changed, self._request_composition)
        links.connect(context.domain_controller.composition_ready, self._show_composition)
        self.column.activated.connect(self._request_composition)
        self._requested: tuple[Any, Any] | None = None
        self._refresh_columns()

    def _refresh_columns(self) -> None:
        s = self._session
        names = categorical_columns(s.section.adata.obs) if s.section is not None else []
        preferred = s.cell_categories.name if s.cell_categories is not None else None
        current = self.column.currentData() or preferred or next(iter(names), None)
        set_items(self.column, [("none", None), *((n, n) for n in names)], current)
        self._requested = None
        self._request_composition()

    def _request_composition(self, *_: Any) -> None:
        request = (self._domain_controller.segmentation, self.column.currentData())
        if request != self._requested:
            self._requested = request
            self._domain_controller.request_composition(request[1])
        for part in (self.plot, self.category_legend):
            if part is not None:
                part.setVisible(request[1] is not None)

    def _show_composition(self, table: Any) -> None:
        section = self._session.section
        if section is None or table.columns.name != self.column.currentData():
            return
        if self.plot is None:
            from ..plots.domains import CompositionPlot

            self.plot = CompositionPlot()
            self._layout.insertWidget(1, self.plot)
        types = categories_from_column(section, table.columns.name)
        colour_of = dict(zip(types.categories, types.colours, strict=True))
        coloured = [column for column in table.columns if str(column) in colour_of]
        shares, colours = table[coloured].to_numpy(), np.array([colour_of[str(column)] for column in coloured])
        self.plot.show_shares(list(table.index), shares, colours)
        self.category_legend.show_names([str(column) for column in coloured], colours, shares)
        self.category_legend.show()


class DomainEvidence(QWidget):
    """Evidence for the domains, computed when it is chosen: marker genes as a table, or adjacency as a heat map.

    Parameters
    ----------
    context
        The context of the viewer.
    """

    def __init__(self, context: ViewerContext) -> None:
        super().__init__()
        self._session, self._domain_controller = context.session, context.domain_controller
        self.evidence_choice = create_combo_box(
            "Marker genes of each domain (t-test against the other cells, by scanpy; measured and imputed apart), "
            "or which domains lie beside each other",
            [("nothing", None), ("marker genes", MARKERS), ("adjacency", ADJACENCY)],
        )
        self.marker_tree = QTreeWidget()
        self.marker_tree.setHeaderLabels(["Domain", "Gene", "Values", "log2 fold"])
        self.marker_tree.setToolTip(
            "Marker genes, best first; of the highlighted domains, or of all. The p-values only rank. "
            "Click a gene to paint it"
        )
        self.marker_tree.setRootIsDecorated(False)
        self.marker_tree.setUniformRowHeights(True)
        self.marker_tree.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.marker_tree.setMinimumHeight(140)
        self.plot: Any = None
        self._tables: dict[str, Any] = {}
        self._requested_segmentation: Any = None
        self._layout = _titled_column(self, "Evidence", self.evidence_choice, self.marker_tree)
        links = SignalConnections(self)
        links.connect(context.domain_controller.domains_changed, self._request_evidence)
        links.connect(context.domain_controller.look_changed, self._refresh)
        links.connect(context.domain_controller.evidence_ready, self._set_tables)
        self.evidence_choice.activated.connect(self._request_evidence)
        self.marker_tree.itemClicked.connect(self._paint_gene)
        self._refresh()

    def _request_evidence(self, *_: Any) -> None:
        segmentation = self._domain_controller.segmentation
        if self.evidence_choice.currentData() is None or segmentation is None:
            self._requested_segmentation, self._tables = None, {}
        elif segmentation is not self._requested_segmentation:
            self._requested_segmentation, self._tables = segmentation, {}
            self._domain_controller.request_evidence()
        self._refresh()

    def _set_tables(self, tables: dict[str, Any]) -> None:
        self._tables = tables
        self._refresh()

    def _refresh(self, *_: Any) -> None:
        kind = self.evidence_choice.currentData()
        self.marker_tree.setVisible(kind == MARKERS)
        if kind == ADJACENCY and ADJACENCY in self._tables:
            if self.plot is None:
                from ..plots.domains import AdjacencyPlot

                self.plot = AdjacencyPlot()
                self._layout.addWidget(self.plot)
            self.plot.show_ratios(self._tables[ADJACENCY])
        if self.plot is not None:
            self.plot.setVisible(kind == ADJACENCY)
        if kind == MARKERS:
            self._fill_markers()

    def _fill_markers(self) -> None:
        self.marker_tree.clear()
        table, segmentation = self._tables.get(MARKERS), self._domain_controller.segmentation
        if table is None or segmentation is None:
            return
        highlighted = {segmentation.names[i] for i in self._domain_controller.highlighted}
        for row in table.itertuples():
            if not highlighted or row.domain in highlighted:
                texts = [row.domain, row.gene, row.kind, f"{row.log2_fold_change:.2f}"]
                self.marker_tree.addTopLevelItem(QTreeWidgetItem(texts))
        for column in range(4):
            self.marker_tree.resizeColumnToContents(column)

    def _paint_gene(self, item: Any, _: int) -> None:
        self._session.select_gene(item.text(_GENE_COLUMN))


def _titled_column(widget: QWidget, title: str, chooser: QWidget, content: QWidget) -> QVBoxLayout:
    """Lay out a chooser with its title above the content."""
    rows = FormLayout()
    rows.addRow(title, chooser)
    column = QVBoxLayout(widget)
    column.setContentsMargins(0, 0, 0, 0)
    column.addLayout(rows)
    column.addWidget(content)
    return column
