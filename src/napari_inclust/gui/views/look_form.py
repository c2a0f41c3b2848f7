"""How the values of the gene are coloured: limits, colormap, logarithm, threshold."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QPushButton, QWidget

from ...paint.limits import COLORMAPS, COLOUR_BLIND_SAFE, PercentileLimits
from ..viewer_context import ViewerContext
from ..widgets.common import SignalConnections, create_combo_box, create_form, enable_unless
from ..widgets.flow import FlowLayout

_THRESHOLD_OFF = -99.0  # what the threshold's box shows as "off"


class LookForm(QWidget):
    """Controls of the session's look.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, context: ViewerContext) -> None:
        super().__init__()
        self._session, self._scene = context.session, context.canvas_controller
        self.low, self.high = (
            _percentile_spin_box(0.0, "Lowest colour: percentile of the values; 0 % is zero"),
            _percentile_spin_box(99.0, "Highest colour: percentile of the values"),
        )
        self.reset = QPushButton("Reset")
        self.separate_limits = QCheckBox("own each")
        self.separate_limits.setToolTip(
            "Side by side and in figures. Off: equal limits, so that equal colours are equal values. On: measured and imputed values each have their own: the pattern is "
            "compared, not the level, which is foreseen from the reference and may be off"
        )
        self.colormap = create_combo_box(
            "Colours of the values. Those named first are even to the eye and safe for the colour-blind",
            [(c if c in COLOUR_BLIND_SAFE else f"{c} (not for the colour-blind)", c) for c in COLORMAPS],
        )
        self.log = QCheckBox("log")
        self.log.setToolTip("On: log-normalised values. Off: normalised counts (exp(value) - 1)")
        self.threshold = QDoubleSpinBox()
        self.threshold.setRange(_THRESHOLD_OFF, 1e6)
        self.threshold.setSingleStep(0.1)
        self.threshold.setDecimals(2)
        self.threshold.setKeyboardTracking(False)
        self.threshold.setSpecialValueText("off")
        self.threshold.setToolTip(
            "Only cells with at least this value are drawn in colours, the others grey (left out side by side). Kept for the gene; below all values: off"
        )
        self.high.setPrefix("to ")
        rows = create_form(self)
        rows.addRow("Limits", FlowLayout(self.low, self.high, self.separate_limits, self.reset))
        rows.addRow("Colormap", FlowLayout(self.colormap, self.log))
        rows.addRow("Only cells ≥", self.threshold)

        links = SignalConnections(self)
        links.connect(context.session.look.changed, self._refresh)
        links.connect(context.session.look.scale_changed, self._refresh)
        links.connect(context.canvas_controller.gene_painted, self._refresh)
        self.low.valueChanged.connect(self._set_percentiles)
        self.high.valueChanged.connect(self._set_percentiles)
        self.separate_limits.clicked.connect(self._set_separate_limits)
        self.reset.clicked.connect(self._reset_limits)
        self.colormap.activated.connect(self._set_colormap)
        self.log.clicked.connect(self._set_log)
        self.threshold.valueChanged.connect(self._set_threshold)
        self._refresh()

    def _painted_values(self) -> Any:
        """What is painted, or None."""
        painter = self._scene.painter
        layer = painter.gene_layer() if painter is not None else None
        return None if layer is None else layer.cell_values

    def _set_percentiles(self, *_: Any) -> None:
        self._session.look.set_limits_policy(
            PercentileLimits(self.low.value(), max(self.high.value(), self.low.value() + 0.1))
        )

    def _set_separate_limits(self, on: bool) -> None:
        self._session.look.set_separate_limits(on)

    def _reset_limits(self) -> None:
        if (painted := self._painted_values()) is not None:
            self._session.look.reset_limits(painted.name)

    def _set_colormap(self, *_: Any) -> None:
        self._session.look.set_colormap(self.colormap.currentData())

    def _set_log(self, on: bool) -> None:
        self._session.look.set_log(on)

    def _set_threshold(self, threshold: float) -> None:
        painted = self._painted_values()
        if painted is None:
            return
        off = self._session.look.threshold_of(painted) is None
        if off and _THRESHOLD_OFF < threshold < _THRESHOLD_OFF + 1:  # one step up from "off" with the arrows
            threshold = round(float(painted.values.min()), 1)
        self._session.look.set_threshold(
            painted, threshold if threshold > min(_THRESHOLD_OFF + 1, float(painted.values.min())) else None
        )

    def _refresh(self) -> None:
        look, painted = self._session.look, self._painted_values()
        by_hand = painted is not None and look.has_manual_limits(painted.name)
        self.reset.setEnabled(by_hand)
        self.reset.setToolTip(
            "Back to percentiles: the limits of this gene were set by hand"
            if by_hand
            else "The limits of this gene follow the percentiles"
        )
        policy = look.limits_policy
        least = None if painted is None else look.threshold_of(painted)
        shown: list[tuple[Any, float]] = [(self.threshold, _THRESHOLD_OFF if least is None else least)]
        shown += [(self.low, policy.low), (self.high, policy.high)] if isinstance(policy, PercentileLimits) else []
        for box, value in shown:
            box.blockSignals(True)
            box.setValue(value)
            box.blockSignals(False)
        enable_unless(self.threshold, "" if painted is not None else "Choose a gene first.")
        self.threshold.setSuffix("" if painted is None else f" {painted.unit}")
        self.separate_limits.setChecked(look.separate_limits)
        self.log.setChecked(look.log)
        self.colormap.setCurrentIndex(self.colormap.findData(look.colormap))


def _percentile_spin_box(value: float, tip: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(0, 100)
    box.setDecimals(1)
    box.setSuffix(" %")
    box.setValue(value)
    box.setToolTip(tip)
    box.setKeyboardTracking(False)
    return box
