"""Histogram of the gene that is shown, made when it is unfolded."""

from __future__ import annotations

import weakref
from typing import Any

from ..viewer_context import ViewerContext
from ..widgets.common import SignalConnections
from ..widgets.flow import Collapsible


class Histogram(Collapsible):
    """Values of the painted gene with draggable colour limits.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, context: ViewerContext) -> None:
        super().__init__("Histogram", "Values of the gene that is shown, with limits to drag")
        self._session, self._scene = context.session, context.canvas_controller
        self.plot: Any = None
        links = SignalConnections(self)
        links.connect(context.canvas_controller.gene_painted, self._refresh)
        links.connect(context.canvas_controller.look_painted, self._refresh)
        self.toggled.connect(self._refresh)

    def _refresh(self, *_: Any) -> None:
        painter = self._scene.painter
        layer = painter.gene_layer() if painter is not None else None
        if not self.isExpanded() or layer is None:
            return
        if self.plot is None:
            from .base import HistogramPlot

            me = weakref.ref(self)
            self.plot = HistogramPlot(lambda low, high: me() is not None and me()._set_limits(low, high))  # type: ignore[func-returns-value, union-attr]
            self.addWidget(self.plot)
        self.plot.show_values(layer.cell_values.values, tuple(layer.contrast_limits), layer.cell_values.unit)

    def _set_limits(self, low: float, high: float) -> None:
        painter = self._scene.painter
        layer = painter.gene_layer() if painter is not None else None
        if layer is not None:
            self._session.look.set_manual_limits(layer.cell_values, low, high)
