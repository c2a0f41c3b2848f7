"""Histogram of the gene that is shown, made when it is unfolded."""

from __future__ import annotations

import weakref
from typing import Any

from ..viewer_context import Workbench
from ..widgets.common import Links
from ..widgets.flow import Fold


class Histogram(Fold):
    """Values of the painted gene with draggable colour limits.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__("Histogram", "Values of the gene that is shown, with limits to drag")
        self._session, self._scene = bench.session, bench.scene
        self.plot: Any = None
        links = Links(self)
        links.to(bench.session.gene_changed, self._show)
        links.to(bench.session.look_changed, self._show)
        self.toggled.connect(self._show)

    def _show(self, *_: Any) -> None:
        painter = self._scene.painter
        layer = painter.gene_layer() if painter is not None else None
        if not self.isExpanded() or layer is None:
            return
        if self.plot is None:
            from .base import HistogramPlot

            me = weakref.ref(self)
            self.plot = HistogramPlot(lambda low, high: me() is not None and me()._moved(low, high))  # type: ignore[func-returns-value, union-attr]
            self.addWidget(self.plot)
        self.plot.show_values(layer.painted.values, tuple(layer.contrast_limits), layer.painted.unit)

    def _moved(self, low: float, high: float) -> None:
        painter = self._scene.painter
        layer = painter.gene_layer() if painter is not None else None
        if layer is not None:
            self._session.look.set_manual(layer.painted, low, high)
