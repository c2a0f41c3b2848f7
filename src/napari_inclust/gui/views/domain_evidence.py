"""What speaks for the domains: marker genes and who lies beside whom; found in a thread when they are asked for."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QAbstractItemView, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from ..viewer_context import Workbench
from ..widgets.common import Links, choice, form

MARKERS, ADJACENCY = "markers", "adjacency"
GENE = 1


class Evidence(QWidget):
    """A chooser, and below it a table or a heat map.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._session, self._finding = bench.session, bench.finding
        self.kind = choice(
            "Marker genes of each domain (t-test against the other cells, by scanpy; measured and imputed apart), or which domains lie beside each other",
            [("nothing", None), ("marker genes", MARKERS), ("adjacency", ADJACENCY)],
        )
        self.genes = QTreeWidget()
        self.genes.setHeaderLabels(["Domain", "Gene", "Values", "log2 fold"])
        self.genes.setToolTip("Marker genes, best first; of the highlighted domains, or of all. The p-values only rank. Click a gene to paint it")
        self.genes.setRootIsDecorated(False)
        self.genes.setUniformRowHeights(True)
        self.genes.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.genes.setMinimumHeight(140)
        self.plot: Any = None
        self._tables: dict[str, Any] = {}
        self._asked: Any = None
        rows = form()
        rows.addRow("Evidence", self.kind)
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.addLayout(rows)
        self._box.addWidget(self.genes)
        links = Links(self)
        links.to(bench.finding.changed, self._ask)
        links.to(bench.finding.look_changed, self._show)
        links.to(bench.finding.gathered, self._take)
        self.kind.activated.connect(self._ask)
        self.genes.itemClicked.connect(self._paint)
        self._show()

    def _ask(self, *_: Any) -> None:
        seg = self._finding.segmentation
        if self.kind.currentData() is None or seg is None:
            self._asked, self._tables = None, {}
        elif seg is not self._asked:
            self._asked, self._tables = seg, {}
            self._finding.gather()
        self._show()

    def _take(self, tables: dict[str, Any]) -> None:
        self._tables = tables
        self._show()

    def _show(self, *_: Any) -> None:
        kind = self.kind.currentData()
        self.genes.setVisible(kind == MARKERS)
        if kind == ADJACENCY and ADJACENCY in self._tables:
            if self.plot is None:
                from ..plots.adjacency import AdjacencyPlot

                self.plot = AdjacencyPlot()
                self._box.addWidget(self.plot)
            self.plot.show_ratios(self._tables[ADJACENCY])
        if self.plot is not None:
            self.plot.setVisible(kind == ADJACENCY)
        if kind == MARKERS:
            self._list()

    def _list(self) -> None:
        self.genes.clear()
        table, seg = self._tables.get(MARKERS), self._finding.segmentation
        if table is None or seg is None:
            return
        chosen = {seg.names[i] for i in self._finding.selected}
        for row in table.itertuples():
            if not chosen or row.domain in chosen:
                self.genes.addTopLevelItem(QTreeWidgetItem([row.domain, row.gene, row.kind, f"{row.log2_fold_change:.2f}"]))
        for column in range(4):
            self.genes.resizeColumnToContents(column)

    def _paint(self, item: Any, _: int) -> None:
        self._session.choose(item.text(GENE))
