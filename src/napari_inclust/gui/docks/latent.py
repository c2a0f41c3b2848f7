"""The cells as points in the plane of a PCA or UMAP: selecting there selects on the tissue, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtWidgets import QVBoxLayout, QWidget

from ...paint.values import CellCategories
from ..controllers.embedding_controller import PCA, UMAP
from ..viewer_context import ViewerContext
from ..widgets.common import (
    MessageLabel,
    SignalConnections,
    create_button,
    create_combo_box,
    create_form,
    enable_unless,
)
from ..widgets.flow import FlowLayout

BY_TYPES, BY_DOMAINS, BY_VALUES = "types", "domains", "values"
_GREY = (128, 128, 128, 255)


class EmbeddingView(QWidget):
    """A chooser of the method, one of the colours, and the plot.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, context: ViewerContext) -> None:
        super().__init__()
        self._session, self._embedding_controller, self._selection = (
            context.session,
            context.embedding_controller,
            context.selected_cells,
        )
        self._domain_controller, self._scene = context.domain_controller, context.canvas_controller
        self.method = create_combo_box(
            "PCA: at once, all cells. UMAP: neighbourhoods kept, a quarter to a whole minute, at most 20,000 cells placed",
            [(m, m) for m in (PCA, UMAP)],
        )
        self.start = create_button(
            "Place the cells",
            "Draw the cells by what the run learned of them (its latent), or by the measured genes when there is no run",
        )
        self.cancel = create_button("Cancel", "Stop after this step")
        self.colour_by = create_combo_box(
            "What the points are coloured by",
            [("cell types", BY_TYPES), ("domains", BY_DOMAINS), ("the gene or number shown", BY_VALUES)],
        )
        self.message = MessageLabel()
        self.plot: Any = None
        rows = create_form()
        rows.addRow("Points by", self.colour_by)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addLayout(FlowLayout(self.method, self.start, self.cancel))
        self._layout.addWidget(self.message)
        self._layout.addLayout(rows)
        self._drawn_embedding: Any = None

        links = SignalConnections(self)
        links.connect(context.embedding_controller.changed, self._refresh)
        links.connect(context.session.section_changed, self._refresh)
        for signal in (
            context.session.cell_categories_changed,
            context.canvas_controller.gene_painted,
            context.canvas_controller.look_painted,
            context.domain_controller.changed,
            context.cell_selection.changed,
            context.selected_cells.changed,
        ):
            links.connect(signal, self._update_colours)
        self.start.clicked.connect(self._start)
        self.cancel.clicked.connect(context.embedding_controller.cancel)
        self.colour_by.activated.connect(self._update_colours)
        self._refresh()

    def _start(self) -> None:
        self._embedding_controller.start(self.method.currentData())

    def _refresh(self, *_: Any) -> None:
        placing, found = self._embedding_controller, self._embedding_controller.embedding
        why = "" if self._session.section is not None else "Open a section first (Data)."
        enable_unless(self.start, "The cells are being placed." if placing.busy else why)
        self.cancel.setVisible(placing.busy)
        self.message.show_message(placing.message, is_error=placing.is_error)
        if found is not None and found is not self._drawn_embedding:
            if self.plot is None:
                from ..plots.points import PointPlot

                self.plot = PointPlot()
                self._layout.addWidget(self.plot, 1)
                self.plot.lasso_drawn.connect(self._select_inside)
            self.plot.show_points(found.xy)
        self._drawn_embedding = found
        if self.plot is not None:
            self.plot.setVisible(found is not None)
        self._update_colours()

    def _select_inside(self, corners: NDArray[np.float64]) -> None:
        from ...spatial.regions import points_in_polygon

        found = self._embedding_controller.embedding
        if found is not None:
            self._selection.select(
                points_in_polygon(corners, found.xy)[found.nearest_embedded], f"{found.method} lasso"
            )

    def _update_colours(self, *_: Any) -> None:
        found, now = self._embedding_controller.embedding, self._selection.current
        if found is None or self.plot is None or (now is not None and len(now.mask) != len(found.nearest_embedded)):
            return
        self.plot.set_colours(
            self._cell_colours()[found.embedded_rows], None if now is None else now.mask[found.embedded_rows]
        )

    def _cell_colours(self) -> NDArray[np.uint8]:
        """(cells, 4) RGBA."""
        wanted, painter = self.colour_by.currentData(), self._scene.painter
        types = {BY_TYPES: self._session.cell_categories, BY_DOMAINS: self._domain_controller.domain_categories()}.get(
            wanted
        )
        if types is not None:
            return category_colours(types)
        layer = None if painter is None else painter.cell_marks.column_layer or painter.gene_layer()
        if wanted == BY_VALUES and layer is not None:
            return value_colours(layer.cell_values.values, layer.contrast_limits, layer.colormap)
        assert self._session.section is not None
        return np.tile(np.array(_GREY, dtype=np.uint8), (self._session.section.n_cells, 1))


def category_colours(types: CellCategories) -> NDArray[np.uint8]:
    """(cells, 4) the colour of each cell's category; grey where it has none."""
    table = np.array([*np.round(255 * types.colours).tolist(), _GREY], dtype=np.uint8)
    return table[types.codes]  # -1 is the last


def value_colours(values: NDArray[np.floating[Any]], limits: tuple[float, float], colormap: Any) -> NDArray[np.uint8]:
    """(cells, 4) colours of values between limits, by a napari colormap; nothing where there is no value."""
    table = np.round(255 * np.asarray(colormap.map(np.linspace(0, 1, 256)))).astype(np.uint8)
    share = np.nan_to_num((values - limits[0]) / max(limits[1] - limits[0], 1e-12))
    out = table[(255 * np.clip(share, 0, 1)).astype(np.uint8)]
    out[~np.isfinite(values), 3] = 0
    return out
