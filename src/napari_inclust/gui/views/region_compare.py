"""A against B: two groups of cells, gene by gene."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QFileDialog, QVBoxLayout, QWidget

from ...errors import InclustError
from ..controllers.regions import REST
from ..viewer_context import Workbench
from ..widgets.common import Links, Message, allow, button, choice, fill, form
from ..widgets.flow import Flow
from ..widgets.tables import FrameView

_TITLES = {
    "gene": "Gene", "kind": "Values", "mean_a": "Mean A", "mean_b": "Mean B", "difference": "A - B", "se": "± SE", "p": "p", "p_adjusted": "p adjusted",
    "direction": "Confirmed", "p_plain": "Plain p",
}  # fmt: skip


class RegionCompare(QWidget):
    """Two choosers and the table of genes.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._session, self._regions = bench.session, bench.regions
        self.a = choice("Group A: a region, the selected cells or a domain", [])
        self.b = choice("Group B: what A is compared with", [])
        self.start = button(
            "Compare A with B", "All measured genes by Welch's t-test over cells, and the imputed ones named above by a test that counts the error of imputing"
        )
        self.save = button("Save comparison…", "The table below as CSV")
        self.message, self.said = Message(), Message()
        self.table = FrameView(
            _TITLES,
            "Genes by p-value; means of log-normalised values (of generated features: in their own unit, and without a test). Imputed genes are in italics: SE and p count the error of imputing; Confirmed: how often a difference "
            "as large was confirmed where the gene was measured; Plain p: as if the values had been measured. Click a title to sort, a gene to paint it",
        )
        rows = form()
        rows.addRow("A", self.a)
        rows.addRow("B", self.b)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addLayout(rows)
        box.addLayout(Flow(self.start, self.save))
        box.addWidget(self.message)
        box.addWidget(self.said)
        box.addWidget(self.table, 1)

        links, r = Links(self), bench.regions
        for signal in (r.changed, r.counted, bench.selection.changed, bench.finding.changed, bench.session.data_changed):
            links.to(signal, self._show)
        links.to(r.compared, self._compared)
        self.start.clicked.connect(self._start)
        self.save.clicked.connect(self._save)
        self.table.clicked.connect(self._clicked)
        self._show()
        self._compared()

    def _start(self) -> None:
        try:
            self._regions.compare(self.a.currentData(), self.b.currentData())
            self.message.say("")
        except InclustError as error:
            self.message.say(str(error), wrong=True)

    def _save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save comparison", "comparison.csv", "CSV (*.csv)")
        if path:
            self._regions.save_comparison(path)

    def _clicked(self, index: Any) -> None:
        self._session.choose(self.table.text(index.row(), 0))

    def _show(self, *_: Any) -> None:
        groups = self._regions.groups() if self._session.section is not None else []
        a, b = self.a.currentData(), self.b.currentData()
        a = a if a in groups else next((g for g in groups if g not in (b, REST)), None)  # not what it is compared with
        fill(self.a, [(g, g) for g in groups if g != REST], a)
        fill(self.b, [(g, g) for g in groups], b if b in groups else REST)
        allow(self.start, "" if len(groups) > 1 else "Draw a region, select cells or find domains first.")

    def _compared(self) -> None:
        table = self._regions.comparison
        self.table.show_frame(table)
        self.said.say(self._regions.said)
        allow(self.save, "" if table is not None else "Nothing was compared yet.")
