"""Which values of the gene are shown: measured, imputed, both, or their difference."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QButtonGroup, QLabel, QPushButton, QSlider, QVBoxLayout, QWidget

from ...paint.values import MEASURED
from ..state.session import DIFFERENCE, IMPUTED, MEASURED_AND_IMPUTED, SWIPE, VIEWS
from ..viewer_context import ViewerContext
from ..widgets.common import SignalConnections, enable_unless, show_value
from ..widgets.flow import FlowLayout

_FLICKER_INTERVAL_MS = 700
_VIEW_TITLES = {
    MEASURED: "Measured",
    IMPUTED: "Imputed",
    MEASURED_AND_IMPUTED: "Side by side",
    SWIPE: "Swipe",
    DIFFERENCE: "Difference",
}
_TIPS = {
    MEASURED: "Measured values",
    IMPUTED: "Imputed values (for a measured gene: predicted while it was hidden)",
    MEASURED_AND_IMPUTED: "Measured left, imputed right, in linked views; equal limits unless 'own each' is ticked",
    SWIPE: "Measured left of a line, imputed right of it, with equal limits; the slider moves the line, Flicker "
    "alternates the two",
    DIFFERENCE: "Imputed minus measured (log-normalised): red where more is imputed than was measured, blue where "
    "less, white where equal",
}


class CompareView(QWidget):
    """Buttons of the views; for the swipe, a slider and a button that flickers.

    Parameters
    ----------
    context
        The context of the viewer.
    """

    def __init__(self, context: ViewerContext) -> None:
        super().__init__()
        self._session, self._scene = context.session, context.canvas_controller
        self.view_buttons = {v: QPushButton(_VIEW_TITLES[v]) for v in VIEWS}
        self.button_group = QButtonGroup(self)
        self.flicker = QPushButton("Flicker")
        self.flicker.setCheckable(True)
        self.flicker.setToolTip(
            f"Alternate between measured and imputed every {_FLICKER_INTERVAL_MS / 1000} s, with equal limits"
        )
        self.divider = QSlider(Qt.Orientation.Horizontal)
        self.divider.setRange(0, 100)
        self.divider.setToolTip("Where measured (left) changes to imputed (right), in % of the width of the section")
        self.divider_label = QLabel()
        for view, b in self.view_buttons.items():
            b.setToolTip(_TIPS[view])
            b.setCheckable(True)
            self.button_group.addButton(b)
        self.swipe_controls = QWidget()
        self.swipe_controls.setLayout(
            FlowLayout(QLabel("measured"), self.divider, QLabel("imputed"), self.divider_label)
        )
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addLayout(FlowLayout(*self.view_buttons.values(), self.flicker))
        box.addWidget(self.swipe_controls)
        self._flicker_timer = QTimer(self)
        self._flicker_timer.setInterval(_FLICKER_INTERVAL_MS)

        links, s = SignalConnections(self), context.session
        for signal in (
            s.gene_selected,
            s.view_changed,
            s.divider_moved,
            s.section_changed,
            s.run_selected,
            s.generated_changed,
        ):
            links.connect(signal, self._refresh)
        self.button_group.buttonClicked.connect(self._set_view)
        self.divider.valueChanged.connect(self._set_divider)
        self.flicker.toggled.connect(self._toggle_flicker)
        self._flicker_timer.timeout.connect(self._flicker_step)
        self._refresh()

    def _set_view(self, button: Any) -> None:
        self.flicker.setChecked(False)
        self._session.set_view(next(v for v, b in self.view_buttons.items() if b is button))
        self._scene.bring_to_front("genes")

    def _set_divider(self, value: int) -> None:
        self.flicker.setChecked(False)
        self._session.set_divider_fraction(value / 100)

    def _toggle_flicker(self, on: bool) -> None:
        if on:
            self._session.set_view(SWIPE)
            self._scene.bring_to_front("genes")
            self._flicker_step()
            self._flicker_timer.start()
        else:
            self._flicker_timer.stop()
            if self._session.divider_fraction in (0, 1):
                self._session.set_divider_fraction(0.5)

    def _flicker_step(self) -> None:
        self._session.set_divider_fraction(1.0 if self._session.divider_fraction == 0 else 0.0)

    def _refresh(self) -> None:
        s = self._session
        obstacles, shown = s.view_obstacles(s.gene), s.effective_view
        self.button_group.setExclusive(False)
        for view, b in self.view_buttons.items():
            enable_unless(b, obstacles[view])
            b.setChecked(view == shown and not obstacles[view])
        self.button_group.setExclusive(True)
        enable_unless(self.flicker, obstacles[SWIPE])
        if shown != SWIPE and self.flicker.isChecked():
            self.flicker.setChecked(False)
        self.swipe_controls.setVisible(shown == SWIPE)
        show_value(self.divider, round(100 * s.divider_fraction))
        self.divider_label.setText(f"{100 * s.divider_fraction:.0f} %")
