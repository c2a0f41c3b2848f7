"""The list of regions: name (double-click renames), cells, area, density."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHeaderView, QTreeWidget, QTreeWidgetItem

from ..controllers.regions import RegionController

NAME, CELLS, AREA, DENSITY = range(4)
_MIN_VISIBLE_ROWS, _MAX_VISIBLE_ROWS = 3, 8  # lines that are seen at once


class RegionList(QTreeWidget):
    """One line a region.

    Signals
    -------
    renamed(index, name)
    """

    renamed = Signal(int, str)

    def __init__(self) -> None:
        super().__init__()
        self.setHeaderLabels(["Region", "Cells", "Area,\nmm²", "Cells\nper mm²"])
        self.setToolTip("Regions in the order in which they were drawn; double-click a name to rename it")
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        head = self.header()
        head.setStretchLastSection(False)
        head.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        head.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        self._names: list[str] = []
        self.itemChanged.connect(self._on_item_changed)

    def show_regions(self, regions: RegionController) -> None:
        """Other regions, or what was counted of them; numbers that are not known yet are dots."""
        row, facts = self.current_row(), regions.statistics
        known = {} if facts is None else {r: facts.sizes.iloc[i] for i, r in enumerate(facts.regions)}
        self._names = [r.name for r in regions.regions]
        self.blockSignals(True)
        self.clear()
        for region in regions.regions:
            line = known.get(region)
            numbers = (
                ["…"] * 3
                if line is None
                else [f"{line['cells']:,.0f}", f"{line['area_um2'] / 1e6:,.3g}", f"{line['cells_per_mm2']:,.0f}"]
            )
            item = QTreeWidgetItem([region.name, *numbers])
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
            for column in (CELLS, AREA, DENSITY):
                item.setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.addTopLevelItem(item)
        if self.topLevelItemCount():
            self.setCurrentItem(self.topLevelItem(min(max(row, 0), self.topLevelItemCount() - 1)))
        self.blockSignals(False)
        rows = min(max(len(regions.regions), _MIN_VISIBLE_ROWS), _MAX_VISIBLE_ROWS)
        self.setFixedHeight(
            self.header().sizeHint().height() + int(1.4 * rows * self.fontMetrics().height()) + 2 * self.frameWidth()
        )

    def current_row(self) -> int:
        """The line that is chosen, -1 without any."""
        return self.indexOfTopLevelItem(self.currentItem()) if self.currentItem() is not None else -1

    def _on_item_changed(self, item: Any, column: int) -> None:
        at = self.indexOfTopLevelItem(item)
        if column == NAME and item.text(NAME) != self._names[at]:
            self.renamed.emit(at, item.text(NAME))
