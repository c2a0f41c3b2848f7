"""The sections of the session as a list: which are shown beside the open one, moved and turned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDoubleSpinBox, QGroupBox, QListWidgetItem, QVBoxLayout

from ...paint.layers.side_by_side import Placement
from ..viewer_context import Workbench
from ..widgets.common import Links, Message, allow
from ..widgets.flow import Flow
from ..widgets.tick_list import TickList

_ROWS = 5


class BesideList(QGroupBox):
    """Ticks, and the place of the section that is highlighted; hidden while there is one section only.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__("Sections side by side")
        self._beside = bench.beside
        self.sections = TickList()
        self.sections.setToolTip("Ticked sections lie beside the open one; the chosen gene is painted in all of them, in equal colours")
        self.sections.setAccessibleName("Sections side by side")
        self.right = _spin("Moved to the right, in micrometres", " µm right", 1e7)
        self.down = _spin("Moved down, in micrometres", " µm down", 1e7)
        self.turn = _spin("Turned clockwise about its centre, in degrees", "°", 360)
        self.message = Message()
        box = QVBoxLayout(self)
        box.addWidget(self.sections)
        box.addLayout(Flow(self.right, self.down, self.turn))
        box.addWidget(self.message)
        links = Links(self)
        links.to(bench.beside.changed, self._show)
        links.to(bench.loading.changed, self._show)
        self.sections.itemChanged.connect(self._tick)
        self.sections.currentItemChanged.connect(self._place)
        for part in (self.right, self.down, self.turn):
            part.valueChanged.connect(self._move)
        self._show()

    def _tick(self, item: QListWidgetItem) -> None:
        self._beside.show(item.data(Qt.ItemDataRole.UserRole), on=item.checkState() == Qt.CheckState.Checked)

    def _move(self, *_: Any) -> None:
        item = self.sections.currentItem()
        if item is not None:
            self._beside.place(item.data(Qt.ItemDataRole.UserRole), Placement(self.right.value(), self.down.value(), self.turn.value()))

    def _show(self, *_: Any) -> None:
        b, others = self._beside, self._beside.others
        self.sections.blockSignals(True)
        if others != [self.sections.item(i).data(Qt.ItemDataRole.UserRole) for i in range(self.sections.count())]:
            self.sections.clear()
            for path in others:
                item = QListWidgetItem(Path(path).name)
                item.setToolTip(path)
                item.setData(Qt.ItemDataRole.UserRole, path)
                item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
                self.sections.addItem(item)
        for i, path in enumerate(others):
            self.sections.item(i).setCheckState(Qt.CheckState.Checked if path in b.shown else Qt.CheckState.Unchecked)
        self.sections.blockSignals(False)
        height = self.sections.sizeHintForRow(0) if others else 0
        self.sections.setFixedHeight(height * min(_ROWS, len(others)) + 2 * self.sections.frameWidth() + 2)
        self.message.say(b.problem or b.busy, wrong=bool(b.problem))
        self.setVisible(bool(others))
        self._place()

    def _place(self, *_: Any) -> None:
        """The place of the highlighted section."""
        item = self.sections.currentItem()
        path = None if item is None else item.data(Qt.ItemDataRole.UserRole)
        place = self._beside.gallery.places.get(path, Placement()) if path is not None else Placement()
        for part, value in ((self.right, place.right), (self.down, place.down), (self.turn, place.turn)):
            part.blockSignals(True)
            part.setValue(value)
            part.blockSignals(False)
            allow(part, "" if path in self._beside.gallery.guests else "Tick a section and click its name first.")


def _spin(tip: str, unit: str, most: float) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(-most, most)
    box.setDecimals(0)
    box.setSuffix(unit)
    box.setSingleStep(10 if most > 1000 else 5)
    box.setKeyboardTracking(False)
    box.setToolTip(tip)
    return box
