"""A scatter plot of the cells by PCA or UMAP, whose selection is that on the tissue."""

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
    enable_unless,
)
from ..widgets.flow import FlowLayout
from ..widgets.form_layout import FormLayout

BY_TYPES, BY_DOMAINS, BY_VALUES = "types", "domains", "values"
_GREY = (128, 128, 128, 255)


class EmbeddingView(QWidget):
    """The method of the embedding, the colours of the points, and the plot.

    Parameters
    ----------
    context
        The context of the viewer.
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
            "PCA: at once, all cells. UMAP: preserves neighbourhoods, takes 15 to 60 seconds, embeds at most 20,000 "
            "cells",
            [(m, m) for m in (PCA, UMAP)],
        )
        self.start = create_button(
            "Place the cells",
            "Embed the cells by the latent representation of the run, or by the measured genes when there is no run",
        )
        self.cancel = create_button("Cancel", "Stop after this step")
        self.colour_by = create_combo_box(
            "Colours of the points",
            [("cell types", BY_TYPES), ("domains", BY_DOMAINS), ("the gene or number shown", BY_VALUES)],
        )
        self.message = MessageLabel()
        self.plot: Any = None
        rows = FormLayout()
        rows.addRow("Points by", self.colour_by)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addLayout(FlowLayout(self.method, self.start, self.cancel))
        self._layout.addWidget(self.message)
        self._layout.addLayout(rows)
        self._drawn_embedding: Any = None

        links = SignalConnections(self)
        links.connect(context.embedding_controller.status_changed, self._refresh)
        links.connect(context.session.section_changed, self._refresh)
        for signal in (
            context.session.cell_categories_changed,
            context.canvas_controller.gene_painted,
            context.canvas_controller.look_painted,
            context.domain_controller.domains_changed,
            context.cell_selection.display_changed,
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
        controller, embedding = self._embedding_controller, self._embedding_controller.embedding
        reason = "" if self._session.section is not None else "Open a section first (Data)."
        enable_unless(self.start, "The cells are being embedded." if controller.busy else reason)
        self.cancel.setVisible(bool(controller.busy))
        self.message.show_message(controller.message, is_error=controller.is_error)
        if embedding is not None and embedding is not self._drawn_embedding:
            if self.plot is None:
                from ..plots.points import PointPlot

                self.plot = PointPlot()
                self._layout.addWidget(self.plot, 1)
                self.plot.lasso_drawn.connect(self._select_inside)
            self.plot.show_points(embedding.xy)
        self._drawn_embedding = embedding
        if self.plot is not None:
            self.plot.setVisible(embedding is not None)
        self._update_colours()

    def _select_inside(self, corners: NDArray[np.float64]) -> None:
        from ...spatial.regions import points_in_polygon

        embedding = self._embedding_controller.embedding
        if embedding is not None:
            self._selection.select(
                points_in_polygon(corners, embedding.xy)[embedding.nearest_embedded], f"{embedding.method} lasso"
            )

    def _update_colours(self, *_: Any) -> None:
        embedding, selection = self._embedding_controller.embedding, self._selection.current
        if (
            embedding is None
            or self.plot is None
            or (selection is not None and len(selection.mask) != len(embedding.nearest_embedded))
        ):
            return
        self.plot.set_colours(
            self._cell_colours()[embedding.embedded_rows],
            None if selection is None else selection.mask[embedding.embedded_rows],
        )

    def _cell_colours(self) -> NDArray[np.uint8]:
        """Return the RGBA colour of each cell, (cells, 4)."""
        source, painter = self.colour_by.currentData(), self._scene.painter
        types = {BY_TYPES: self._session.cell_categories, BY_DOMAINS: self._domain_controller.domain_categories()}.get(
            source
        )
        if types is not None:
            return category_colours(types)
        layer = None if painter is None else painter.cell_marks.column_layer or painter.gene_layer()
        if source == BY_VALUES and layer is not None:
            return value_colours(layer.cell_values.values, layer.contrast_limits, layer.colormap)
        assert self._session.section is not None
        return np.tile(np.array(_GREY, dtype=np.uint8), (self._session.section.n_cells, 1))


def category_colours(types: CellCategories) -> NDArray[np.uint8]:
    """Return the RGBA colour of each cell's category, (cells, 4); grey where it has none."""
    table = np.array([*np.round(255 * types.colours).tolist(), _GREY], dtype=np.uint8)
    colours: NDArray[np.uint8] = table[types.codes]  # the code -1 is the last row
    return colours


def value_colours(values: NDArray[np.floating[Any]], limits: tuple[float, float], colormap: Any) -> NDArray[np.uint8]:
    """Return the RGBA colours of values between limits, (cells, 4), by a napari colormap; NaN is transparent."""
    table = np.round(255 * np.asarray(colormap.map(np.linspace(0, 1, 256)))).astype(np.uint8)
    share = np.nan_to_num((values - limits[0]) / max(limits[1] - limits[0], 1e-12))
    out: NDArray[np.uint8] = table[(255 * np.clip(share, 0, 1)).astype(np.uint8)]
    out[~np.isfinite(values), 3] = 0
    return out
