"""Which values of the gene are seen: measured, imputed, both beside each other, divided by a line, or their difference."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QButtonGroup, QLabel, QPushButton, QSlider, QVBoxLayout, QWidget

from ..state.session import BOTH, DIFFERENCE, IMPUTED, MEASURED, SWIPE, VIEWS
from ..viewer_context import Workbench
from ..widgets.common import Links, allow
from ..widgets.flow import Flow

_FLICKER = 700  # ms between measured and imputed
_TEXT = {MEASURED: "Measured", IMPUTED: "Imputed", BOTH: "Side by side", SWIPE: "Swipe", DIFFERENCE: "Difference"}
_TIPS = {
    MEASURED: "Measured values",
    IMPUTED: "Imputed values (for a measured gene: predicted while it was hidden)",
    BOTH: "Measured left, imputed right, in linked views; with equal limits unless 'own each' is ticked",
    SWIPE: "Measured left of a line, imputed right of it, with equal limits; the slider moves the line, Flicker changes between the two by itself",
    DIFFERENCE: "Imputed minus measured (log-normalised): red where more is imputed than was measured, blue where less, white where equal",
}


class CompareView(QWidget):
    """Buttons of the views; with the swipe a slider and the flicker.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._session, self._scene = bench.session, bench.scene
        self.buttons = {v: QPushButton(_TEXT[v]) for v in VIEWS}
        self.group = QButtonGroup(self)
        self.flicker = QPushButton("Flicker")
        self.flicker.setCheckable(True)
        self.flicker.setToolTip(f"Change between measured and imputed every {_FLICKER / 1000} s, with equal limits")
        self.divide = QSlider(Qt.Orientation.Horizontal)
        self.divide.setRange(0, 100)
        self.divide.setToolTip("Where measured (left) changes to imputed (right), in % of the width of the section")
        self.place = QLabel()
        for view, b in self.buttons.items():
            b.setToolTip(_TIPS[view])
            b.setCheckable(True)
            self.group.addButton(b)
        self.swipe = QWidget()
        self.swipe.setLayout(Flow(QLabel("measured"), self.divide, QLabel("imputed"), self.place))
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addLayout(Flow(*self.buttons.values(), self.flicker))
        box.addWidget(self.swipe)
        self._clock = QTimer(self)
        self._clock.setInterval(_FLICKER)

        links, s = Links(self), bench.session
        for signal in (s.gene_changed, s.data_changed, s.run_changed):
            links.to(signal, self._show)
        self.group.buttonClicked.connect(self._view)
        self.divide.valueChanged.connect(self._divide)
        self.flicker.toggled.connect(self._flicker)
        self._clock.timeout.connect(self._tick)
        self._show()

    def _view(self, button: Any) -> None:
        self.flicker.setChecked(False)
        self._session.set_view(next(v for v, b in self.buttons.items() if b is button))
        self._scene.bring("genes")

    def _divide(self, value: int) -> None:
        self.flicker.setChecked(False)
        self._session.set_divide(value / 100)

    def _flicker(self, on: bool) -> None:
        if on:
            self._session.set_view(SWIPE)
            self._scene.bring("genes")
            self._tick()
            self._clock.start()
        else:
            self._clock.stop()
            if self._session.divide in (0, 1):
                self._session.set_divide(0.5)

    def _tick(self) -> None:
        self._session.set_divide(1.0 if self._session.divide == 0 else 0.0)

    def _show(self) -> None:
        s = self._session
        cannot, shown = s.views_of(s.gene), s.effective_view
        self.group.setExclusive(False)
        for view, b in self.buttons.items():
            allow(b, cannot[view])
            b.setChecked(view == shown and not cannot[view])
        self.group.setExclusive(True)
        allow(self.flicker, cannot[SWIPE])
        if shown != SWIPE and self.flicker.isChecked():
            self.flicker.setChecked(False)
        self.swipe.setVisible(shown == SWIPE)
        self.divide.blockSignals(True)
        self.divide.setValue(round(100 * s.divide))
        self.divide.blockSignals(False)
        self.place.setText(f"{100 * s.divide:.0f} %")
