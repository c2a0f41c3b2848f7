"""Which of several sections a dock is about."""

from __future__ import annotations

from typing import Any

from .bench import Workbench
from .widgets import Links, Message


class BesideNote(Message):
    """Says which section is worked on while others lie beside it; empty else.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._session, self._beside = bench.session, bench.beside
        links = Links(self)
        links.to(bench.beside.changed, self._show)
        links.to(bench.session.data_changed, self._show)
        self._show()

    def _show(self, *_: Any) -> None:
        section = self._session.section
        several = section is not None and bool(self._beside.shown)
        self.say(
            f"Of {section.name}, the open section. Those beside it show the gene only: open one (Data, Opened) to work on it."
            if several and section is not None
            else ""
        )
