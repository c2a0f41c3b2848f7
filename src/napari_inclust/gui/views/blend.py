"""A blend of three genes: one button for each colour, which is its legend too."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QLabel, QPushButton, QWidget

from ...paint.limits import RGB_CHANNELS
from ..state.session import MEASURED_AND_IMPUTED
from ..viewer_context import ViewerContext
from ..widgets.common import SignalConnections, create_button, enable_unless
from ..widgets.flow import FlowLayout

_CHANNEL_COLOURS = {"red": "#e0533d", "green": "#2e9e4f", "blue": "#4a7be0"}

_TIP = "Put the gene that is shown into {}; click again to remove it (*: imputed)"


class BlendBar(QWidget):
    """Buttons that put the gene that is shown into the red, green or blue of the blend.

    Parameters
    ----------
    context
        The context of the viewer.
    """

    def __init__(self, context: ViewerContext) -> None:
        super().__init__()
        self._session = session = context.session
        self.channel_buttons: dict[str, QPushButton] = {}
        label = QLabel("Blend")
        label.setToolTip("Up to three genes as red, green and blue")
        for channel in RGB_CHANNELS:
            b = self.channel_buttons[channel] = create_button(channel, _TIP.format(channel))
            b.setStyleSheet(f"QPushButton {{ border-bottom: 3px solid {_CHANNEL_COLOURS[channel]}; }}")
            b.clicked.connect(lambda _=False, c=channel: context.gene_controller.toggle_blend_channel(c))
        self.setLayout(FlowLayout(label, *self.channel_buttons.values()))
        links = SignalConnections(self)
        for signal in (
            session.blend_changed,
            session.gene_selected,
            session.view_changed,
            session.run_selected,
            session.section_changed,
        ):
            links.connect(signal, self._refresh)
        self._refresh()

    def _refresh(self, *_: Any) -> None:
        s = self._session
        view = s.effective_view
        reason = (
            "Choose a gene first."
            if view is None
            else "Not side by side: choose Measured or Imputed."
            if view == MEASURED_AND_IMPUTED
            else ""
        )
        for channel, b in self.channel_buttons.items():
            shown = s.blend.get(channel)
            b.setText(channel if shown is None else shown.name + ("*" if shown.is_imputed else ""))
            b.setProperty("tip", (f"{shown.title}. " if shown is not None else "") + _TIP.format(channel))
            enable_unless(b, reason)
