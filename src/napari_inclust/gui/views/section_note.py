"""Which of several sections a dock is about, and another one to work on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QVBoxLayout, QWidget

from ..controllers.loading import SECTION
from ..viewer_context import ViewerContext
from ..widgets.common import MessageLabel, SignalConnections, create_combo_box, create_form, set_items


class AdditionalSectionsNote(QWidget):
    """Says which section is worked on while others lie beside it, and opens another one of them; hidden else.

    Parameters
    ----------
    bench
        The workbench of the viewer.
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
        rows = create_form()
        rows.addRow("Section", self.section)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addLayout(rows)
        box.addWidget(self.message)
        links = SignalConnections(self)
        for signal in (
            context.additional_sections.changed,
            context.session.section_changed,
            context.loading_controller.changed,
        ):
            links.connect(signal, self._refresh)
        self.section.activated.connect(self._open_section)
        self._refresh()

    def _open_section(self, *_: Any) -> None:
        path = self.section.currentData()
        if path != self._loading.paths.get(SECTION):
            self._loading.load_section(path, **self._loading.opened_sections[path])

    def _refresh(self, *_: Any) -> None:
        section, path, beside = (
            self._session.section,
            self._loading.paths.get(SECTION, ""),
            self._additional_sections.shown_paths,
        )
        several = section is not None and bool(beside)
        self.setVisible(several)
        if several and section is not None:
            set_items(self.section, [(Path(p).name, p) for p in (path, *beside)], path)
            self.message.show_message(f"All here is about {section.name}. The sections beside it show the gene only.")
