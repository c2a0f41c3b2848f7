"""The legend of the domains: colour, name (double-click renames), number of cells; clicks highlight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QColorDialog, QHeaderView, QTreeWidget, QTreeWidgetItem

if TYPE_CHECKING:
    from ...spatial_domains.edit import DomainSegmentation

COLOUR, NAME, SIZE, CONFIDENCE = range(4)


class DomainLegend(QTreeWidget):
    """One line a domain.

    Signals
    -------
    picked(frozenset)
        Domains that are highlighted.
    renamed(domain, name), recoloured(domain, colour)
    """

    picked = Signal(object)
    renamed = Signal(int, str)
    recoloured = Signal(int, str)

    def __init__(self) -> None:
        super().__init__()
        self.setHeaderLabels(["", "Domain", "Cells", "Conf."])
        self.headerItem().setToolTip(CONFIDENCE, "Confidence: mean share of the vote for the domain, 0 to 1")
        self.setIndentation(0)
        self.setToolTip(
            "Click domains to highlight them, again to let go; double-click a name to rename it, a colour to change it"
        )
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.MultiSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setMinimumHeight(120)
        head = self.header()
        head.setStretchLastSection(False)
        head.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        head.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        self._segmentation: DomainSegmentation | None = None
        self.itemSelectionChanged.connect(self._emit_picked)
        self.itemDoubleClicked.connect(self._on_double_click)
        self.itemChanged.connect(self._on_item_changed)

    def show_segmentation(
        self, segmentation: DomainSegmentation | None, confidence: list[float], selected: frozenset[int]
    ) -> None:
        """Other domains, or another highlight.

        Parameters
        ----------
        confidence
            Mean of each domain.
        """
        self.blockSignals(True)
        if segmentation is not self._segmentation:
            self._segmentation = segmentation
            self.clear()
            for i in range(segmentation.n_domains if segmentation is not None else 0):
                assert segmentation is not None
                square = QPixmap(16, 16)
                square.fill(QColor(segmentation.colours[i]))
                item = QTreeWidgetItem(
                    ["", segmentation.names[i], f"{int(segmentation.sizes[i]):,}", f"{confidence[i]:.2f}"]
                )
                icon = QIcon(square)
                icon.addPixmap(square, QIcon.Mode.Selected)  # else Qt tints it
                item.setIcon(COLOUR, icon)
                item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
                for column in (SIZE, CONFIDENCE):
                    item.setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.addTopLevelItem(item)
        for i in range(self.topLevelItemCount()):
            self.topLevelItem(i).setSelected(i in selected)
        self.blockSignals(False)

    def _selected_rows(self) -> frozenset[int]:
        return frozenset(self.indexOfTopLevelItem(item) for item in self.selectedItems())

    def _emit_picked(self) -> None:
        self.picked.emit(self._selected_rows())

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
            self._segmentation = None  # written anew, whether the name is accepted or not
            self.renamed.emit(row, item.text(NAME))
