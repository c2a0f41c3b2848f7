"""A against B: two groups of cells, gene by gene."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QFileDialog, QVBoxLayout, QWidget

from ...errors import InclustError
from ..controllers.regions import REST_GROUP
from ..viewer_context import ViewerContext
from ..widgets.common import (
    MessageLabel,
    SignalConnections,
    create_button,
    create_combo_box,
    create_form,
    enable_unless,
    set_items,
)
from ..widgets.flow import FlowLayout
from ..widgets.tables import DataFrameView

_TITLES = {
    "gene": "Gene", "kind": "Values", "mean_a": "Mean A", "mean_b": "Mean B", "difference": "A - B", "se": "± SE", "p": "p", "p_adjusted": "p adjusted",
    "direction": "Confirmed", "p_plain": "Plain p",
}  # fmt: skip


class RegionComparison(QWidget):
    """Two choosers and the table of genes.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, context: ViewerContext) -> None:
        super().__init__()
        self._session, self._regions = context.session, context.region_controller
        self.group_a = create_combo_box("Group A: a region, the selected cells or a domain", [])
        self.group_b = create_combo_box("Group B: what A is compared with", [])
        self.start = create_button(
            "Compare A with B",
            "All measured genes by Welch's t-test over cells, and the imputed ones named above by a test that counts the error of imputing",
        )
        self.save = create_button("Save comparison…", "The table below as CSV")
        self.message, self.summary = MessageLabel(), MessageLabel()
        self.table = DataFrameView(
            _TITLES,
            "Genes by p-value; means of log-normalised values (of generated features: in their own unit, and without a test). Imputed genes are in italics: SE and p count the error of imputing; Confirmed: how often a difference "
            "as large was confirmed where the gene was measured; Plain p: as if the values had been measured. Click a title to sort, a gene to paint it",
        )
        rows = create_form()
        rows.addRow("A", self.group_a)
        rows.addRow("B", self.group_b)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addLayout(rows)
        box.addLayout(FlowLayout(self.start, self.save))
        box.addWidget(self.message)
        box.addWidget(self.summary)
        box.addWidget(self.table, 1)

        links, r = SignalConnections(self), context.region_controller
        for signal in (
            r.changed,
            r.statistics_ready,
            context.selected_cells.changed,
            context.domain_controller.changed,
            context.session.section_changed,
        ):
            links.connect(signal, self._refresh)
        links.connect(r.comparison_ready, self._refresh_comparison)
        self.start.clicked.connect(self._start)
        self.save.clicked.connect(self._save)
        self.table.clicked.connect(self._choose_gene)
        self._refresh()
        self._refresh_comparison()

    def _start(self) -> None:
        try:
            self._regions.compare(self.group_a.currentData(), self.group_b.currentData())
            self.message.show_message("")
        except InclustError as error:
            self.message.show_message(str(error), is_error=True)

    def _save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save comparison", "comparison.csv", "CSV (*.csv)")
        if path:
            self._regions.export_comparison(path)

    def _choose_gene(self, index: Any) -> None:
        self._session.select_gene(self.table.text(index.row(), 0))

    def _refresh(self, *_: Any) -> None:
        groups = self._regions.comparison_groups() if self._session.section is not None else []
        a, b = self.group_a.currentData(), self.group_b.currentData()
        a = (
            a if a in groups else next((g for g in groups if g not in (b, REST_GROUP)), None)
        )  # not what it is compared with
        set_items(self.group_a, [(g, g) for g in groups if g != REST_GROUP], a)
        set_items(self.group_b, [(g, g) for g in groups], b if b in groups else REST_GROUP)
        enable_unless(self.start, "" if len(groups) > 1 else "Draw a region, select cells or find domains first.")

    def _refresh_comparison(self) -> None:
        table = self._regions.comparison
        self.table.show_frame(table)
        self.summary.show_message(self._regions.comparison_note)
        enable_unless(self.save, "" if table is not None else "Nothing was compared yet.")
