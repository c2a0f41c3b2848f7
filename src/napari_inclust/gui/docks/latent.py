"""The cells as points in the plane of a PCA or UMAP: selecting there selects on the tissue, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtWidgets import QVBoxLayout, QWidget

from ...paint.values import CellTypes
from ..controllers.embedding_controller import PCA, UMAP
from ..viewer_context import Workbench
from ..widgets.common import Links, Message, allow, button, choice, form
from ..widgets.flow import Flow

TYPES, DOMAINS, VALUES = "types", "domains", "values"
_GREY = (128, 128, 128, 255)


class LatentView(QWidget):
    """A chooser of the method, one of the colours, and the plot.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._session, self._placing, self._selection = bench.session, bench.placing, bench.selection
        self._finding, self._scene = bench.finding, bench.scene
        self.method = choice(
            "PCA: at once, all cells. UMAP: neighbourhoods kept, a quarter to a whole minute, at most 20,000 cells placed", [(m, m) for m in (PCA, UMAP)]
        )
        self.start = button("Place the cells", "Draw the cells by what the run learned of them (its latent), or by the measured genes when there is no run")
        self.cancel = button("Cancel", "Stop after this step")
        self.colour = choice("What the points are coloured by", [("cell types", TYPES), ("domains", DOMAINS), ("the gene or number shown", VALUES)])
        self.message = Message()
        self.plot: Any = None
        rows = form()
        rows.addRow("Points by", self.colour)
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.addLayout(Flow(self.method, self.start, self.cancel))
        self._box.addWidget(self.message)
        self._box.addLayout(rows)
        self._drawn: Any = None

        links = Links(self)
        links.to(bench.placing.changed, self._show)
        links.to(bench.session.data_changed, self._show)
        for signal in (
            bench.session.types_changed,
            bench.session.gene_changed,
            bench.session.look_changed,
            bench.finding.changed,
            bench.marking.changed,
            bench.selection.changed,
        ):
            links.to(signal, self._paint)
        self.start.clicked.connect(self._start)
        self.cancel.clicked.connect(bench.placing.cancel)
        self.colour.activated.connect(self._paint)
        self._show()

    def _start(self) -> None:
        self._placing.start(self.method.currentData())

    def _show(self, *_: Any) -> None:
        placing, found = self._placing, self._placing.found
        why = "" if self._session.section is not None else "Open a section first (Data)."
        allow(self.start, "The cells are being placed." if placing.busy else why)
        self.cancel.setVisible(placing.busy)
        self.message.say(placing.message, wrong=placing.wrong)
        if found is not None and found is not self._drawn:
            if self.plot is None:
                from ..plots.points import PointPlot

                self.plot = PointPlot()
                self._box.addWidget(self.plot, 1)
                self.plot.drawn.connect(self._lassoed)
            self.plot.show_points(found.xy)
        self._drawn = found
        if self.plot is not None:
            self.plot.setVisible(found is not None)
        self._paint()

    def _lassoed(self, corners: NDArray[np.float64]) -> None:
        from ...spatial.regions import inside

        found = self._placing.found
        if found is not None:
            self._selection.select(inside(corners, found.xy)[found.follows], f"{found.name} lasso")

    def _paint(self, *_: Any) -> None:
        found, now = self._placing.found, self._selection.now
        if found is None or self.plot is None or (now is not None and len(now.cells) != len(found.follows)):
            return
        self.plot.paint(self._colours()[found.rows], None if now is None else now.cells[found.rows])

    def _colours(self) -> NDArray[np.uint8]:
        """(cells, 4) RGBA."""
        wanted, painter = self.colour.currentData(), self._scene.painter
        types = {TYPES: self._session.types, DOMAINS: self._finding.types()}.get(wanted)
        if types is not None:
            return of_types(types)
        layer = None if painter is None else painter.cells.column or painter.gene_layer()
        if wanted == VALUES and layer is not None:
            return of_values(layer.painted.values, layer.contrast_limits, layer.colormap)
        assert self._session.section is not None
        return np.tile(np.array(_GREY, dtype=np.uint8), (self._session.section.n_cells, 1))


def of_types(types: CellTypes) -> NDArray[np.uint8]:
    """(cells, 4) the colour of each cell's category; grey where it has none."""
    table = np.array([*np.round(255 * types.colours).tolist(), _GREY], dtype=np.uint8)
    return table[types.codes]  # -1 is the last


def of_values(values: NDArray[np.floating[Any]], limits: tuple[float, float], colormap: Any) -> NDArray[np.uint8]:
    """(cells, 4) colours of values between limits, by a napari colormap; nothing where there is no value."""
    table = np.round(255 * np.asarray(colormap.map(np.linspace(0, 1, 256)))).astype(np.uint8)
    share = np.nan_to_num((values - limits[0]) / max(limits[1] - limits[0], 1e-12))
    out = table[(255 * np.clip(share, 0, 1)).astype(np.uint8)]
    out[~np.isfinite(values), 3] = 0
    return out
