"""Parts of the Regions dock: the list of regions and the comparison of two groups of cells."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QFileDialog, QHeaderView, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from ...errors import InclustError
from ..controllers.regions import REST_GROUP, RegionController
from ..viewer_context import ViewerContext
from ..widgets.common import (
    MessageLabel,
    SignalConnections,
    create_button,
    create_combo_box,
    enable_unless,
    set_items,
)
from ..widgets.flow import FlowLayout
from ..widgets.form_layout import FormLayout
from ..widgets.tables import DataFrameView

NAME, CELLS, AREA, DENSITY = range(4)  # columns of the list
_MIN_VISIBLE_ROWS, _MAX_VISIBLE_ROWS = 3, 8
_TITLES = {
    "gene": "Gene",
    "kind": "Values",
    "mean_a": "Mean A",
    "mean_b": "Mean B",
    "difference": "A - B",
    "se": "± SE",
    "p": "p",
    "p_adjusted": "p adjusted",
    "direction": "Confirmed",
    "p_plain": "Plain p",
}


class RegionList(QTreeWidget):
    """A row for each region: name, cells, area and density.

    Attributes
    ----------
    renamed
        Signal with the index of a region and its new name.
    """

    renamed = Signal(int, str)

    def __init__(self) -> None:
        super().__init__()
        self.setHeaderLabels(["Region", "Cells", "Area,\nmm²", "Cells\nper mm²"])
        self.setToolTip("Regions in the order in which they were drawn; double-click a name to rename it")
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        head = self._head()
        head.setStretchLastSection(False)
        head.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        head.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        self._names: list[str] = []
        self.itemChanged.connect(self._on_item_changed)

    def show_regions(self, regions: RegionController) -> None:
        """Show other regions, or their sizes; those not computed yet are dots."""
        row, statistics = self.current_row(), regions.statistics
        sizes = {} if statistics is None else {r: statistics.sizes.iloc[i] for i, r in enumerate(statistics.regions)}
        self._names = [r.name for r in regions.regions]
        with QSignalBlocker(self):
            self.clear()
            for region in regions.regions:
                self.addTopLevelItem(_region_row(region.name, sizes.get(region)))
            if self.topLevelItemCount():
                self.setCurrentItem(self.topLevelItem(min(max(row, 0), self.topLevelItemCount() - 1)))
        rows = min(max(len(regions.regions), _MIN_VISIBLE_ROWS), _MAX_VISIBLE_ROWS)
        line, frame = self.fontMetrics().height(), 2 * self.frameWidth()
        self.setFixedHeight(self._head().sizeHint().height() + int(1.4 * rows * line) + frame)

    def _head(self) -> QHeaderView:
        head = self.header()
        assert head is not None
        return head

    def current_row(self) -> int:
        """Return the selected row, or -1."""
        return self.indexOfTopLevelItem(self.currentItem()) if self.currentItem() is not None else -1

    def _on_item_changed(self, item: Any, column: int) -> None:
        at = self.indexOfTopLevelItem(item)
        if column == NAME and item.text(NAME) != self._names[at]:
            self.renamed.emit(at, item.text(NAME))


def _region_row(name: str, sizes: Any) -> QTreeWidgetItem:
    numbers = ["…"] * 3
    if sizes is not None:
        numbers = [f"{sizes['cells']:,.0f}", f"{sizes['area_um2'] / 1e6:,.3g}", f"{sizes['cells_per_mm2']:,.0f}"]
    item = QTreeWidgetItem([name, *numbers])
    item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
    for column in (CELLS, AREA, DENSITY):
        item.setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    return item


class RegionComparison(QWidget):
    """Comparison of two groups of cells, gene by gene.

    Parameters
    ----------
    context
        The context of the viewer.
    """

    def __init__(self, context: ViewerContext) -> None:
        super().__init__()
        self._session, self._regions = context.session, context.region_controller
        self.group_a = create_combo_box("Group A: a region, the selected cells or a domain", [])
        self.group_b = create_combo_box("Group B: what A is compared with", [])
        self.start = create_button(
            "Compare A with B",
            "All measured genes by Welch's t-test over cells, and the imputed ones named above by a test that includes "
            "the error of imputing",
        )
        self.save = create_button("Save comparison…", "The table below as CSV")
        self.message, self.summary = MessageLabel(), MessageLabel()
        self.table = DataFrameView(
            _TITLES,
            "Genes by p-value; means of log-normalised values (of generated features: in their own unit, and without a "
            "test). Imputed genes are in italics: SE and p include the error of imputing; Confirmed: how often a "
            "difference as large was confirmed where the gene was measured; Plain p: as if the values had been "
            "measured. Click a title to sort, a gene to paint it",
        )
        rows = FormLayout()
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
            r.regions_changed,
            r.status_changed,
            r.statistics_ready,
            context.selected_cells.changed,
            context.domain_controller.domains_changed,
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
        if a not in groups:  # any but the one that it is compared with
            a = next((g for g in groups if g not in (b, REST_GROUP)), None)
        set_items(self.group_a, [(g, g) for g in groups if g != REST_GROUP], a)
        set_items(self.group_b, [(g, g) for g in groups], b if b in groups else REST_GROUP)
        enable_unless(self.start, "" if len(groups) > 1 else "Draw a region, select cells or find domains first.")

    def _refresh_comparison(self) -> None:
        table = self._regions.comparison
        self.table.show_frame(table)
        self.summary.show_message(self._regions.comparison_note)
        enable_unless(self.save, "" if table is not None else "Nothing was compared yet.")
