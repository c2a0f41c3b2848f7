"""The sections of the session as a list: which are shown beside the open one, moved and turned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDoubleSpinBox, QGroupBox, QListWidgetItem, QVBoxLayout

from ...paint.layers.additional_sections import Placement
from ..viewer_context import ViewerContext
from ..widgets.common import MessageLabel, SignalConnections, enable_unless
from ..widgets.flow import FlowLayout
from ..widgets.tick_list import TickList

_VISIBLE_ROWS = 5


class AdditionalSectionsList(QGroupBox):
    """Ticks, and the place of the section that is highlighted; hidden while there is one section only.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, context: ViewerContext) -> None:
        super().__init__("Sections side by side")
        self._additional_sections = context.additional_sections
        self.sections = TickList()
        self.sections.setToolTip(
            "Ticked sections lie beside the open one; the chosen gene is painted in all of them, in equal colours"
        )
        self.sections.setAccessibleName("Sections side by side")
        self.shift_right = _placement_spin_box("Moved to the right, in micrometres", " µm right", 1e7)
        self.shift_down = _placement_spin_box("Moved down, in micrometres", " µm down", 1e7)
        self.rotation = _placement_spin_box("Turned clockwise about its centre, in degrees", "°", 360)
        self.message = MessageLabel()
        box = QVBoxLayout(self)
        box.addWidget(self.sections)
        box.addLayout(FlowLayout(self.shift_right, self.shift_down, self.rotation))
        box.addWidget(self.message)
        links = SignalConnections(self)
        links.connect(context.additional_sections.changed, self._refresh)
        links.connect(context.loading_controller.changed, self._refresh)
        self.sections.itemChanged.connect(self._on_section_ticked)
        self.sections.currentItemChanged.connect(self._show_placement)
        for part in (self.shift_right, self.shift_down, self.rotation):
            part.valueChanged.connect(self._apply_placement)
        self._refresh()

    def _on_section_ticked(self, item: QListWidgetItem) -> None:
        self._additional_sections.set_shown(
            item.data(Qt.ItemDataRole.UserRole), on=item.checkState() == Qt.CheckState.Checked
        )

    def _apply_placement(self, *_: Any) -> None:
        item = self.sections.currentItem()
        if item is not None:
            self._additional_sections.move_section(
                item.data(Qt.ItemDataRole.UserRole),
                Placement(self.shift_right.value(), self.shift_down.value(), self.rotation.value()),
            )

    def _refresh(self, *_: Any) -> None:
        b, others = self._additional_sections, self._additional_sections.available_paths
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
            self.sections.item(i).setCheckState(
                Qt.CheckState.Checked if path in b.shown_paths else Qt.CheckState.Unchecked
            )
        self.sections.blockSignals(False)
        height = self.sections.sizeHintForRow(0) if others else 0
        self.sections.setFixedHeight(height * min(_VISIBLE_ROWS, len(others)) + 2 * self.sections.frameWidth() + 2)
        self.message.show_message(b.error_message or b.busy, is_error=bool(b.error_message))
        self.setVisible(bool(others))
        self._show_placement()

    def _show_placement(self, *_: Any) -> None:
        """The place of the highlighted section."""
        item = self.sections.currentItem()
        path = None if item is None else item.data(Qt.ItemDataRole.UserRole)
        place = (
            self._additional_sections.section_layers.placements.get(path, Placement())
            if path is not None
            else Placement()
        )
        for part, value in (
            (self.shift_right, place.right),
            (self.shift_down, place.down),
            (self.rotation, place.rotation),
        ):
            part.blockSignals(True)
            part.setValue(value)
            part.blockSignals(False)
            enable_unless(
                part,
                ""
                if path in self._additional_sections.section_layers.sections
                else "Tick a section and click its name first.",
            )


def _placement_spin_box(tip: str, unit: str, maximum: float) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(-maximum, maximum)
    box.setDecimals(0)
    box.setSuffix(unit)
    box.setSingleStep(10 if maximum > 1000 else 5)
    box.setKeyboardTracking(False)
    box.setToolTip(tip)
    return box
