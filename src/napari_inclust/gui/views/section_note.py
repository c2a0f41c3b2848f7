"""Which of several sections a dock is about, and another one to work on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QVBoxLayout, QWidget

from ..controllers.loading import SECTION
from ..viewer_context import Workbench
from ..widgets.common import Links, Message, choice, fill, form


class BesideNote(QWidget):
    """Says which section is worked on while others lie beside it, and opens another one of them; hidden else.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._session, self._beside, self._loading = bench.session, bench.beside, bench.loading
        self.section = choice("The section that is worked on; another one is opened in its place, and it lies beside that one", [])
        self.message = Message()
        rows = form()
        rows.addRow("Section", self.section)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addLayout(rows)
        box.addWidget(self.message)
        links = Links(self)
        for signal in (bench.beside.changed, bench.session.data_changed, bench.loading.changed):
            links.to(signal, self._show)
        self.section.activated.connect(self._open)
        self._show()

    def _open(self, *_: Any) -> None:
        path = self.section.currentData()
        if path != self._loading.path.get(SECTION):
            self._loading.section(path, **self._loading.sections[path])

    def _show(self, *_: Any) -> None:
        section, path, beside = self._session.section, self._loading.path.get(SECTION, ""), self._beside.shown
        several = section is not None and bool(beside)
        self.setVisible(several)
        if several and section is not None:
            fill(self.section, [(Path(p).name, p) for p in (path, *beside)], path)
            self.message.say(f"All here is about {section.name}. The sections beside it show the gene only.")
