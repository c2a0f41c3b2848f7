"""Save session, Open session: a menu for the corner of the composed dock, and a small dock of its own."""

from __future__ import annotations

from napari.utils.notifications import show_info
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QToolButton, QVBoxLayout, QWidget

from ..sessions.session_file import SUFFIX
from ..viewer_context import Workbench
from ..widgets.common import Links, Message, allow, button

_KIND = f"inClust session (*{SUFFIX} *.json)"
_SAVE = "Files, run, gene, limits, stars, sets, selection, domains, regions, layers and camera; run and domains in files beside it"
_OPEN = "A session that was saved: its files are read again, and everything is shown as it was"


def ask_save(parent: QWidget, bench: Workbench) -> None:
    """Ask where, and save the session there."""
    path, _ = QFileDialog.getSaveFileName(parent, "Save session", f"session{SUFFIX}", _KIND)
    if path:
        bench.restore.save(path if path.endswith(".json") else path + SUFFIX)


def ask_open(parent: QWidget, bench: Workbench) -> None:
    """Ask for a session, and open it."""
    path, _ = QFileDialog.getOpenFileName(parent, "Open session", "", _KIND)
    if path:
        bench.restore.open(path)


class SessionMenu(QToolButton):
    """The two as a menu.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self.setText("☰")
        self.setStyleSheet("QToolButton::menu-indicator { image: none; }")  # it would lie over the text
        self.setToolTip("Save or open the session")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        for text, tip, act in (("Save session…", _SAVE, ask_save), ("Open session…", _OPEN, ask_open)):
            entry = menu.addAction(text)
            entry.setToolTip(tip)
            entry.triggered.connect(lambda _=False, act=act: act(self, bench))
        self.setMenu(menu)
        self._bench = bench
        Links(self).to(bench.restore.changed, self._show)

    def _show(self) -> None:
        r = self._bench.restore
        allow(self, f"{r.busy} …" if r.busy else "")
        if r.message and not r.wrong:
            show_info(r.message)


class SessionDock(QWidget):
    """The two as buttons, with what became of them.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._bench = bench
        self.save, self.open = button("Save session…", _SAVE), button("Open session…", _OPEN)
        self.message = Message()
        row = QHBoxLayout()
        row.addWidget(self.save)
        row.addWidget(self.open)
        box = QVBoxLayout(self)
        box.addLayout(row)
        box.addWidget(self.message)
        box.addStretch(1)
        links = Links(self)
        links.to(bench.restore.changed, self._show)
        links.to(bench.session.data_changed, self._show)
        self.save.clicked.connect(lambda: ask_save(self, bench))
        self.open.clicked.connect(lambda: ask_open(self, bench))
        self._show()

    def _show(self) -> None:
        r = self._bench.restore
        self.message.say(r.busy + " …" if r.busy else r.message, wrong=r.wrong)
        busy = f"{r.busy} …" if r.busy else ""
        allow(self.save, busy or ("" if self._bench.session.section is not None else "Open a section first (Data)."))
        allow(self.open, busy)
