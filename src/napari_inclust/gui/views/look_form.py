"""How the values of the gene are coloured: limits, colormap, logarithm, threshold."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QPushButton, QWidget

from ...paint.colours import COLORMAPS, SAFE
from ...paint.limits import Percentile
from ..viewer_context import Workbench
from ..widgets.common import Links, allow, choice, form
from ..widgets.flow import Flow

_ALL = -99.0  # what the threshold's box shows as "off"


class LookForm(QWidget):
    """Controls of the session's look.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._session, self._scene = bench.session, bench.scene
        self.low, self.high = _percent(0.0, "Lowest colour: percentile of the values; 0 % is zero"), _percent(99.0, "Highest colour: percentile of the values")
        self.reset = QPushButton("Reset")
        self.own = QCheckBox("own each")
        self.own.setToolTip(
            "Side by side and in figures. Off: equal limits, so that equal colours are equal values. On: measured and imputed values each have their own: the pattern is "
            "compared, not the level, which is foreseen from the reference and may be off"
        )
        self.colormap = choice(
            "Colours of the values. Those named first are even to the eye and safe for the colour-blind",
            [(c if c in SAFE else f"{c} (not for the colour-blind)", c) for c in COLORMAPS],
        )
        self.log = QCheckBox("log")
        self.log.setToolTip("On: log-normalised values. Off: normalised counts (exp(value) - 1)")
        self.threshold = QDoubleSpinBox()
        self.threshold.setRange(_ALL, 1e6)
        self.threshold.setSingleStep(0.1)
        self.threshold.setDecimals(2)
        self.threshold.setKeyboardTracking(False)
        self.threshold.setSpecialValueText("off")
        self.threshold.setToolTip(
            "Only cells with at least this value are drawn in colours, the others grey (left out side by side). Kept for the gene; below all values: off"
        )
        self.high.setPrefix("to ")
        rows = form(self)
        rows.addRow("Limits", Flow(self.low, self.high, self.own, self.reset))
        rows.addRow("Colormap", Flow(self.colormap, self.log))
        rows.addRow("Only cells ≥", self.threshold)

        links = Links(self)
        links.to(bench.session.look_changed, self._show)
        links.to(bench.session.gene_changed, self._show)
        self.low.valueChanged.connect(self._policy)
        self.high.valueChanged.connect(self._policy)
        self.own.clicked.connect(self._own)
        self.reset.clicked.connect(self._reset)
        self.colormap.activated.connect(self._colormap)
        self.log.clicked.connect(self._log)
        self.threshold.valueChanged.connect(self._threshold)
        self._show()

    def _painted(self) -> Any:
        """What is painted, or None."""
        painter = self._scene.painter
        layer = painter.gene_layer() if painter is not None else None
        return None if layer is None else layer.painted

    def _policy(self, *_: Any) -> None:
        self._session.look.set_policy(Percentile(self.low.value(), max(self.high.value(), self.low.value() + 0.1)))

    def _own(self, on: bool) -> None:
        self._session.look.set_own(on)

    def _reset(self) -> None:
        if (painted := self._painted()) is not None:
            self._session.look.reset(painted.name)

    def _colormap(self, *_: Any) -> None:
        self._session.look.set_colormap(self.colormap.currentData())

    def _log(self, on: bool) -> None:
        self._session.set_log(on)

    def _threshold(self, least: float) -> None:
        painted = self._painted()
        if painted is None:
            return
        off = self._session.look.threshold(painted) is None
        if off and _ALL < least < _ALL + 1:  # one step up from "off" with the arrows
            least = round(float(painted.values.min()), 1)
        self._session.look.set_threshold(painted, least if least > min(_ALL + 1, float(painted.values.min())) else None)

    def _show(self) -> None:
        look, painted = self._session.look, self._painted()
        by_hand = painted is not None and look.by_hand(painted.name)
        self.reset.setEnabled(by_hand)
        self.reset.setToolTip("Back to percentiles: the limits of this gene were set by hand" if by_hand else "The limits of this gene follow the percentiles")
        policy = look.policy
        least = None if painted is None else look.threshold(painted)
        shown: list[tuple[Any, float]] = [(self.threshold, _ALL if least is None else least)]
        shown += [(self.low, policy.low), (self.high, policy.high)] if isinstance(policy, Percentile) else []
        for box, value in shown:
            box.blockSignals(True)
            box.setValue(value)
            box.blockSignals(False)
        allow(self.threshold, "" if painted is not None else "Choose a gene first.")
        self.threshold.setSuffix("" if painted is None else f" {painted.unit}")
        self.own.setChecked(look.own)
        self.log.setChecked(look.log)
        self.colormap.setCurrentIndex(self.colormap.findData(look.colormap))


def _percent(value: float, tip: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(0, 100)
    box.setDecimals(1)
    box.setSuffix(" %")
    box.setValue(value)
    box.setToolTip(tip)
    box.setKeyboardTracking(False)
    return box
