"""What speaks for the domains: marker genes and who lies beside whom; found in a thread when they are asked for."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QAbstractItemView, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from ..viewer_context import ViewerContext
from ..widgets.common import SignalConnections, create_combo_box, create_form

MARKERS, ADJACENCY = "markers", "adjacency"
GENE_COLUMN = 1


class DomainEvidence(QWidget):
    """A chooser, and below it a table or a heat map.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, context: ViewerContext) -> None:
        super().__init__()
        self._session, self._domain_controller = context.session, context.domain_controller
        self.evidence_choice = create_combo_box(
            "Marker genes of each domain (t-test against the other cells, by scanpy; measured and imputed apart), or which domains lie beside each other",
            [("nothing", None), ("marker genes", MARKERS), ("adjacency", ADJACENCY)],
        )
        self.marker_tree = QTreeWidget()
        self.marker_tree.setHeaderLabels(["Domain", "Gene", "Values", "log2 fold"])
        self.marker_tree.setToolTip(
            "Marker genes, best first; of the highlighted domains, or of all. The p-values only rank. Click a gene to paint it"
        )
        self.marker_tree.setRootIsDecorated(False)
        self.marker_tree.setUniformRowHeights(True)
        self.marker_tree.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.marker_tree.setMinimumHeight(140)
        self.plot: Any = None
        self._tables: dict[str, Any] = {}
        self._requested_segmentation: Any = None
        rows = create_form()
        rows.addRow("Evidence", self.evidence_choice)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addLayout(rows)
        self._layout.addWidget(self.marker_tree)
        links = SignalConnections(self)
        links.connect(context.domain_controller.changed, self._request_evidence)
        links.connect(context.domain_controller.look_changed, self._refresh)
        links.connect(context.domain_controller.evidence_ready, self._set_tables)
        self.evidence_choice.activated.connect(self._request_evidence)
        self.marker_tree.itemClicked.connect(self._paint_gene)
        self._refresh()

    def _request_evidence(self, *_: Any) -> None:
        seg = self._domain_controller.segmentation
        if self.evidence_choice.currentData() is None or seg is None:
            self._requested_segmentation, self._tables = None, {}
        elif seg is not self._requested_segmentation:
            self._requested_segmentation, self._tables = seg, {}
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
                from ..plots.adjacency import AdjacencyPlot

                self.plot = AdjacencyPlot()
                self._layout.addWidget(self.plot)
            self.plot.show_ratios(self._tables[ADJACENCY])
        if self.plot is not None:
            self.plot.setVisible(kind == ADJACENCY)
        if kind == MARKERS:
            self._fill_markers()

    def _fill_markers(self) -> None:
        self.marker_tree.clear()
        table, seg = self._tables.get(MARKERS), self._domain_controller.segmentation
        if table is None or seg is None:
            return
        chosen = {seg.names[i] for i in self._domain_controller.highlighted}
        for row in table.itertuples():
            if not chosen or row.domain in chosen:
                self.marker_tree.addTopLevelItem(
                    QTreeWidgetItem([row.domain, row.gene, row.kind, f"{row.log2_fold_change:.2f}"])
                )
        for column in range(4):
            self.marker_tree.resizeColumnToContents(column)

    def _paint_gene(self, item: Any, _: int) -> None:
        self._session.select_gene(item.text(GENE_COLUMN))
