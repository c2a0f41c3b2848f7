"""Colours of the painted gene: limits, colormap, logarithm and threshold, and the histogram of its values."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QDoubleSpinBox, QPushButton, QWidget

from ...paint.limits import COLORMAPS, COLOUR_BLIND_SAFE, PercentileLimits
from ..state.look import LookOptions
from ..viewer_context import ViewerContext
from ..widgets.common import SignalConnections, enable_unless, show_value, weak_method
from ..widgets.flow import Collapsible, FlowLayout
from ..widgets.form import FieldStyle, build_fields, show_values
from ..widgets.form_layout import FormLayout

_THRESHOLD_OFF = -99.0  # shown as "off"
_COLORMAP_TITLES = {
    name: name if name in COLOUR_BLIND_SAFE else f"{name} (not for the colour-blind)" for name in COLORMAPS
}


class LookForm(QWidget):
    """Fields of `LookOptions`, and the threshold of the painted gene.

    Parameters
    ----------
    context
        The context of the viewer.
    """

    def __init__(self, context: ViewerContext) -> None:
        super().__init__()
        self._session, self._scene = context.session, context.canvas_controller
        percentile = FieldStyle(decimals=1, step=1)
        self._fields = build_fields(
            LookOptions,
            low=percentile,
            high=percentile,
            separate_limits={"text": "own each"},
            colormap={"titles": _COLORMAP_TITLES},
            log={"text": "log"},
        )
        self.low, self.high, self.separate_limits, self.colormap, self.log = (
            self._fields[name].native for name in ("low", "high", "separate_limits", "colormap", "log")
        )
        self.high.setPrefix("to ")
        self.reset = QPushButton("Reset")
        self.threshold = QDoubleSpinBox()
        self.threshold.setRange(_THRESHOLD_OFF, 1e6)
        self.threshold.setSingleStep(0.1)
        self.threshold.setDecimals(2)
        self.threshold.setSpecialValueText("off")
        self.threshold.setToolTip(
            "Only cells with at least this value are drawn in colours, the others grey (left out side by side). "
            "Kept for the gene; below all values: off"
        )
        for box in (self.low, self.high, self.threshold):
            box.setKeyboardTracking(False)  # the gene is painted again once the number is complete
        rows = FormLayout(self)
        rows.addRow("Limits", FlowLayout(self.low, self.high, self.separate_limits, self.reset))
        rows.addRow("Colormap", FlowLayout(self.colormap, self.log))
        rows.addRow("Only cells ≥", self.threshold)

        links = SignalConnections(self)
        links.connect(context.session.look.changed, self._refresh)
        links.connect(context.session.look.scale_changed, self._refresh)
        links.connect(context.canvas_controller.gene_painted, self._refresh)
        self._fields["low"].changed.connect(self._set_percentiles)
        self._fields["high"].changed.connect(self._set_percentiles)
        self._fields["separate_limits"].changed.connect(self._set_separate_limits)
        self._fields["colormap"].changed.connect(self._set_colormap)
        self._fields["log"].changed.connect(self._set_log)
        self.reset.clicked.connect(self._reset_limits)
        self.threshold.valueChanged.connect(self._set_threshold)
        self._refresh()

    def _painted_values(self) -> Any:
        """Return the values that are painted, or None."""
        painter = self._scene.painter
        layer = painter.gene_layer() if painter is not None else None
        return None if layer is None else layer.cell_values

    def _set_percentiles(self, *_: Any) -> None:
        low, high = self._fields["low"].value, self._fields["high"].value
        self._session.look.set_limits_policy(PercentileLimits(low, max(high, low + 0.1)))

    def _set_separate_limits(self, separate: bool) -> None:
        self._session.look.set_separate_limits(separate)

    def _reset_limits(self) -> None:
        if (painted := self._painted_values()) is not None:
            self._session.look.reset_limits(painted.name)

    def _set_colormap(self, name: str) -> None:
        self._session.look.set_colormap(name)

    def _set_log(self, on: bool) -> None:
        self._session.look.set_log(on)

    def _set_threshold(self, threshold: float) -> None:
        painted = self._painted_values()
        if painted is None:
            return
        lowest = float(painted.values.min())
        off = self._session.look.threshold_of(painted) is None
        if off and _THRESHOLD_OFF < threshold < _THRESHOLD_OFF + 1:  # one step up from "off" with the arrows
            threshold = round(lowest, 1)
        self._session.look.set_threshold(painted, threshold if threshold > min(_THRESHOLD_OFF + 1, lowest) else None)

    def _refresh(self, *_: Any) -> None:
        look, painted = self._session.look, self._painted_values()
        by_hand = painted is not None and look.has_manual_limits(painted.name)
        self.reset.setEnabled(by_hand)
        self.reset.setToolTip(
            "Back to percentiles: the limits of this gene were set by hand"
            if by_hand
            else "The limits of this gene follow the percentiles"
        )
        show_values(self._fields, look.options)
        minimum = None if painted is None else look.threshold_of(painted)
        show_value(self.threshold, _THRESHOLD_OFF if minimum is None else minimum)
        enable_unless(self.threshold, "" if painted is not None else "Choose a gene first.")
        self.threshold.setSuffix("" if painted is None else f" {painted.unit}")


class Histogram(Collapsible):
    """Values of the painted gene with colour limits to drag, drawn while it is expanded.

    Parameters
    ----------
    context
        The context of the viewer.
    """

    def __init__(self, context: ViewerContext) -> None:
        super().__init__("Histogram", "Values of the gene that is shown, with limits to drag")
        self._session, self._scene = context.session, context.canvas_controller
        self.plot: Any = None
        links = SignalConnections(self)
        links.connect(context.canvas_controller.gene_painted, self._refresh)
        links.connect(context.canvas_controller.look_painted, self._refresh)
        self.toggled.connect(self._refresh)

    def _gene_layer(self) -> Any:
        painter = self._scene.painter
        return painter.gene_layer() if painter is not None else None

    def _refresh(self, *_: Any) -> None:
        layer = self._gene_layer()
        if not self.isExpanded() or layer is None:
            return
        if self.plot is None:
            from ..plots.histogram import HistogramPlot

            self.plot = HistogramPlot(weak_method(self._set_limits))
            self.addWidget(self.plot)
        self.plot.show_values(layer.cell_values.values, tuple(layer.contrast_limits), layer.cell_values.unit)

    def _set_limits(self, low: float, high: float) -> None:
        layer = self._gene_layer()
        if layer is not None:
            self._session.look.set_manual_limits(layer.cell_values, low, high)
