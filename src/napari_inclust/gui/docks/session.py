"""Saving and opening sessions: a menu in the corner of the dock of all steps, and a dock of its own."""

from __future__ import annotations

from napari.utils.notifications import show_info
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QToolButton, QVBoxLayout, QWidget

from ..sessions.session_file import SUFFIX
from ..viewer_context import ViewerContext
from ..widgets.common import MessageLabel, SignalConnections, create_button, enable_unless, existing

_FILE_FILTER = f"inClust session (*{SUFFIX} *.json)"
_SAVE_TIP = (
    "Files, run, gene, limits, stars, sets, selection, domains, regions, layers and camera; run and domains in files "
    "beside it"
)
_OPEN_TIP = "A session that was saved: its files are read again, and everything is shown as it was"


def save_session_dialog(parent: QWidget, context: ViewerContext) -> None:
    """Ask for a file and save the session to it."""
    path, _ = QFileDialog.getSaveFileName(parent, "Save session", f"session{SUFFIX}", _FILE_FILTER)
    if path:
        context.session_io.save(path if path.endswith(".json") else path + SUFFIX)


def open_session_dialog(parent: QWidget, context: ViewerContext) -> None:
    """Ask for a session file and open it."""
    path, _ = QFileDialog.getOpenFileName(parent, "Open session", "", _FILE_FILTER)
    if path:
        context.session_io.open(path)


class SessionMenu(QToolButton):
    """Menu that saves or opens a session.

    Parameters
    ----------
    context
        The context of the viewer.
    """

    def __init__(self, context: ViewerContext) -> None:
        super().__init__()
        self.setText("☰")
        self.setStyleSheet("QToolButton::menu-indicator { image: none; }")  # it would lie over the text
        self.setToolTip("Save or open the session")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        for text, tip, act in (
            ("Save session…", _SAVE_TIP, save_session_dialog),
            ("Open session…", _OPEN_TIP, open_session_dialog),
        ):
            entry = existing(menu.addAction(text))
            entry.setToolTip(tip)
            entry.triggered.connect(lambda _=False, act=act: act(self, context))
        self.setMenu(menu)
        self._context = context
        SignalConnections(self).connect(context.session_io.status_changed, self._refresh)

    def _refresh(self) -> None:
        r = self._context.session_io
        enable_unless(self, f"{r.busy} …" if r.busy else "")
        if r.message and not r.is_error:
            show_info(r.message)


class SessionDock(QWidget):
    """Buttons that save or open a session, with a message about the result.

    Parameters
    ----------
    context
        The context of the viewer.
    """

    def __init__(self, context: ViewerContext) -> None:
        super().__init__()
        self._context = context
        self.save, self.open = create_button("Save session…", _SAVE_TIP), create_button("Open session…", _OPEN_TIP)
        self.message = MessageLabel()
        row = QHBoxLayout()
        row.addWidget(self.save)
        row.addWidget(self.open)
        box = QVBoxLayout(self)
        box.addLayout(row)
        box.addWidget(self.message)
        box.addStretch(1)
        links = SignalConnections(self)
        links.connect(context.session_io.status_changed, self._refresh)
        links.connect(context.session.section_changed, self._refresh)
        self.save.clicked.connect(lambda: save_session_dialog(self, context))
        self.open.clicked.connect(lambda: open_session_dialog(self, context))
        self._refresh()

    def _refresh(self) -> None:
        r = self._context.session_io
        self.message.show_message(r.busy + " …" if r.busy else r.message, is_error=r.is_error)
        busy = f"{r.busy} …" if r.busy else ""
        enable_unless(
            self.save, busy or ("" if self._context.session.section is not None else "Open a section first (Data).")
        )
        enable_unless(self.open, busy)
