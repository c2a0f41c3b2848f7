"""Three genes in one picture: a button a colour, which is the legend too."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QLabel, QPushButton, QWidget

from ...paint.colours import CHANNELS
from ..state.session import BOTH, Session
from ..widgets.common import Links, allow, button
from ..widgets.flow import Flow

_INK = {"red": "#e0533d", "green": "#2e9e4f", "blue": "#4a7be0"}

_TIP = "Put the gene that is shown into {}; again: take it out (*: imputed)"


class BlendBar(QWidget):
    """Puts the gene that is shown into the red, green or blue of a blend.

    Parameters
    ----------
    session
        Whose blend it is.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.channels: dict[str, QPushButton] = {}
        label = QLabel("Blend")
        label.setToolTip("Up to three genes as red, green and blue")
        for channel in CHANNELS:
            b = self.channels[channel] = button(channel, _TIP.format(channel))
            b.setStyleSheet(f"QPushButton {{ border-bottom: 3px solid {_INK[channel]}; }}")
            b.clicked.connect(lambda _=False, c=channel: session.put(c))
        self.setLayout(Flow(label, *self.channels.values()))
        links = Links(self)
        for signal in (session.blend_changed, session.gene_changed, session.data_changed):
            links.to(signal, self._show)
        self._show()

    def _show(self, *_: Any) -> None:
        s = self._session
        view = s.effective_view
        why = "Choose a gene first." if view is None else "Not side by side: choose Measured or Imputed." if view == BOTH else ""
        for channel, b in self.channels.items():
            shown = s.blend.get(channel)
            b.setText(channel if shown is None else shown.name + ("*" if shown.is_imputed else ""))
            b.setProperty("tip", (f"{shown.title}. " if shown is not None else "") + _TIP.format(channel))
            allow(b, why)
