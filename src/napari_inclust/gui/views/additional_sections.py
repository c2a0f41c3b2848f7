"""Several sections at once: the list that shows and places them, and the note about which one a dock works on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QDoubleSpinBox, QGroupBox, QListWidgetItem, QVBoxLayout, QWidget

from ...paint.layers.additional_sections import Placement
from ..controllers.loading import SECTION
from ..viewer_context import ViewerContext
from ..widgets.common import MessageLabel, SignalConnections, create_combo_box, enable_unless, set_items, show_value
from ..widgets.flow import FlowLayout
from ..widgets.form_layout import FormLayout
from ..widgets.tick_list import TickList


class AdditionalSectionsList(QGroupBox):
    """The sections that can be shown beside the open one, and the placement of the selected one.

    Hidden while only one section was opened.

    Parameters
    ----------
    context
        The context of the viewer.
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
        links.connect(context.additional_sections.sections_changed, self._refresh)
        links.connect(context.loading_controller.loading_changed, self._refresh)
        self.sections.itemChanged.connect(self._on_section_ticked)
        self.sections.currentItemChanged.connect(self._show_placement)
        for part in (self.shift_right, self.shift_down, self.rotation):
            part.valueChanged.connect(self._apply_placement)
        self._refresh()

    def _current_path(self) -> str | None:
        item = self.sections.currentItem()
        return None if item is None else str(item.data(Qt.ItemDataRole.UserRole))

    def _on_section_ticked(self, item: QListWidgetItem) -> None:
        self._additional_sections.set_shown(
            item.data(Qt.ItemDataRole.UserRole), on=item.checkState() == Qt.CheckState.Checked
        )

    def _apply_placement(self, *_: Any) -> None:
        if (path := self._current_path()) is not None:
            placement = Placement(self.shift_right.value(), self.shift_down.value(), self.rotation.value())
            self._additional_sections.move_section(path, placement)

    def _refresh(self, *_: Any) -> None:
        controller, paths = self._additional_sections, self._additional_sections.available_paths
        with QSignalBlocker(self.sections):
            if paths != self.sections.row_data():
                self.sections.clear()
                for path in paths:
                    self.sections.add_row(Path(path).name, ticked=False, tip=path, data=path)
            self.sections.set_ticks([path in controller.shown_paths for path in paths])
        self.sections.fit_height()
        text = controller.error_message or controller.busy
        self.message.show_message(text, is_error=bool(controller.error_message))
        self.setVisible(bool(paths))
        self._show_placement()

    def _show_placement(self, *_: Any) -> None:
        """Show the placement of the selected section."""
        path, layers = self._current_path(), self._additional_sections.section_layers
        placement = Placement() if path is None else layers.placements.get(path, Placement())
        reason = "" if path in layers.sections else "Tick a section and click its name first."
        for part, value in (
            (self.shift_right, placement.right),
            (self.shift_down, placement.down),
            (self.rotation, placement.rotation),
        ):
            show_value(part, value)
            enable_unless(part, reason)


class AdditionalSectionsNote(QWidget):
    """The section that a dock works on while others lie beside it, with a choice of another one; otherwise hidden.

    Parameters
    ----------
    context
        The context of the viewer.
    """

    def __init__(self, context: ViewerContext) -> None:
        super().__init__()
        self._session, self._additional_sections, self._loading = (
            context.session,
            context.additional_sections,
            context.loading_controller,
        )
        self.section = create_combo_box(
            "The section that is worked on; another one is opened in its place, and it lies beside that one", []
        )
        self.message = MessageLabel()
        rows = FormLayout()
        rows.addRow("Section", self.section)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addLayout(rows)
        box.addWidget(self.message)
        links = SignalConnections(self)
        for signal in (
            context.additional_sections.sections_changed,
            context.session.section_changed,
            context.loading_controller.loading_changed,
        ):
            links.connect(signal, self._refresh)
        self.section.activated.connect(self._open_section)
        self._refresh()

    def _open_section(self, *_: Any) -> None:
        path = self.section.currentData()
        if path != self._loading.paths.get(SECTION):
            self._loading.load_section(path, **self._loading.opened_sections[path])

    def _refresh(self, *_: Any) -> None:
        section, path = self._session.section, self._loading.paths.get(SECTION, "")
        others = self._additional_sections.shown_paths
        several = section is not None and bool(others)
        self.setVisible(several)
        if several and section is not None:
            set_items(self.section, [(Path(p).name, p) for p in (path, *others)], path)
            self.message.show_message(f"This dock works on {section.name}. The sections beside it show the gene only.")


def _placement_spin_box(tip: str, unit: str, maximum: float) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(-maximum, maximum)
    box.setDecimals(0)
    box.setSuffix(unit)
    box.setSingleStep(10 if maximum > 1000 else 5)
    box.setKeyboardTracking(False)
    box.setToolTip(tip)
    return box
