"""One section in a viewer: its raster, and the layers painted over it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..limits import COLORMAPS, DIVERGING
from ..raster.cell_raster import section_raster
from ..values import CellCategories, CellValues
from . import canvas
from .blend import BlendLayers
from .cell_layers import CategoryLayer, GeneLayer
from .cell_marks import CellMarks
from .layer_group import LayerGroup
from .overlays import Overlays

if TYPE_CHECKING:
    from ...data.section import Section


class Painter(LayerGroup):
    """Paints one section. Layers that the user removed are made anew at the next paint.

    Parameters
    ----------
    viewer
        napari viewer (held weakly).
    section
        The cells.
    on_limits
        Called with (what is painted, low, high) when the user moves napari's own contrast slider.
    """

    def __init__(
        self, viewer: Any, section: Section, on_limits: Callable[[CellValues, float, float], None] | None = None
    ) -> None:
        self.section = section
        self.raster = section_raster(section)
        self.unit = "pixel" if "in pixels" in section.unit_note else "um"
        super().__init__(viewer, self.unit)
        self.colormap = COLORMAPS[0]
        self._on_limits = on_limits
        self._gene_layers: list[GeneLayer] = []  # one, or two side by side
        self._category_layer: CategoryLayer | None = None
        self._setting_limits = False  # the limits are being set here, not by the user
        self.cell_categories: CellCategories | None = None
        self.overlays = Overlays(canvas.unwrap(viewer), self.raster, self.unit)
        self.blend_layers = BlendLayers(canvas.unwrap(viewer), self.raster, self.unit)
        self.cell_marks = CellMarks(canvas.unwrap(viewer), self.raster, self.unit)
        self._greyed_out: NDArray[np.bool_] | None = None
        self._front = ""

    @property
    def layers(self) -> list[GeneLayer | CategoryLayer]:
        """The layers of this section that are still in the viewer."""
        mine: list[GeneLayer | CategoryLayer] = [
            *self._gene_layers,
            *([self._category_layer] if self._category_layer is not None else []),
        ]
        return [layer for layer in mine if self._in_viewer(layer)]

    def gene_layer(self, index: int = 0) -> GeneLayer | None:
        """The gene's layer (or the second one, side by side) when it is in the viewer."""
        return (
            self._gene_layers[index]
            if index < len(self._gene_layers) and self._in_viewer(self._gene_layers[index])
            else None
        )

    def describe(self, row: int) -> str:
        """Cell id, type and domain."""
        domains = self.overlays.domains
        parts = [
            self._cell_id(row),
            *([self.cell_categories.category_text(row)] if self.cell_categories is not None else []),
            *([domains.cell_categories.category_text(row)] if domains is not None else []),
        ]
        return " · ".join(parts)

    def show_categories(self, cell_categories: CellCategories) -> None:
        """Paint categories below the genes."""
        viewer = self._viewer()
        self.cell_categories = cell_categories
        if viewer is None:
            return
        if self._category_layer is not None and self._in_viewer(self._category_layer):
            self._category_layer.show_categories(cell_categories)
        else:
            self._category_layer = CategoryLayer(self.raster, cell_categories, self._cell_id, unit=self.unit)
            viewer.layers.insert(
                0
                if not self.layers
                else min(viewer.layers.index(x) for x in self.layers if x is not self._category_layer),
                self._category_layer,
            )
            self._prepare_viewer(viewer)
        canvas.set_visible(self._category_layer, True)

    def hide_categories(self, hidden: set[int]) -> None:
        """Draw some categories transparent, by code, and bring the categories to view."""
        if self.cell_categories is None:
            return
        if self._category_layer is None or not self._in_viewer(self._category_layer):
            self.show_categories(self.cell_categories)
        if self._category_layer is not None:
            self._category_layer.hide_categories(hidden)
            canvas.set_visible(self._category_layer, True)

    def show_genes(
        self,
        cell_values: list[CellValues],
        limits: list[tuple[float, float]],
        thresholds: list[float | None] | None = None,
    ) -> None:
        """Paint one gene in place, or its measured and imputed values side by side in linked views.

        One layer shows measured or imputed: switching between them costs no more than switching genes.

        Parameters
        ----------
        shown
            One, or two for side by side (left, right).
        limits
            Colour limits of each.
        least
            Value of each below which cells are left out (shown grey); None: all are drawn.
        """
        viewer = self._viewer()
        if viewer is None:
            return
        thresholds = [None] * len(cell_values) if thresholds is None else thresholds
        side_by_side = len(cell_values) > 1
        switched = canvas.grid(viewer).enabled != side_by_side
        whole = switched and bool(self._gene_layers) and canvas.shows_whole_scene(viewer)
        self._setting_limits = True
        try:
            while len(self._gene_layers) > len(cell_values):
                self._remove_last_gene_layer()
            for i, (painted, ends) in enumerate(zip(cell_values, limits, strict=True)):
                layer = self.gene_layer(i)
                if layer is None:
                    layer = self._add_gene_layer(viewer, i, painted, ends)
                    layer.set_threshold(thresholds[i])
                else:
                    layer.show_gene(painted, ends, thresholds[i])
                if layer.colormap.name != (colours := self._colormap_for(painted)):
                    layer.colormap = colours
        finally:
            self._setting_limits = False
        if side_by_side and self._category_layer is not None and self._in_viewer(self._category_layer):
            canvas.set_visible(self._category_layer, False)
        if switched:
            canvas.grid(viewer).shape = (1, -1) if side_by_side else (-1, -1)
            canvas.grid(viewer).enabled = side_by_side
            outlines = self.overlays.outlines
            if outlines is not None:  # side by side they would have a place of their own
                canvas.set_visible(outlines, not side_by_side)
        self._update_grey_layer()
        if whole:  # else the user looks at a detail: the views keep it
            viewer.reset_view()  # once it is settled which layers have a view
        canvas.update_colour_bars(viewer)

    def show_domains(
        self,
        cell_categories: CellCategories | None,
        confidence: NDArray[np.floating[Any]] | None,
        selected: frozenset[int],
        *,
        shaded: bool,
    ) -> None:
        """Domains under the genes; see `bring`."""
        self.overlays.show_domains(
            cell_categories,
            confidence,
            self._cell_id,
            selected,
            shaded=shaded,
            below=[*self._gene_layers, *self.cell_marks.top_layers],
        )

    def bring_to_front(self, kind: str) -> None:
        """Bring "domains", "genes", "blend" or "cells" (their categories, or a number of each) to view, when they are not beside each other."""
        viewer, domains, blend, column = (
            self._viewer(),
            self.overlays.domains,
            self.blend_layers.layers.values(),
            self.cell_marks.column_layer,
        )
        if viewer is None:
            return
        side_by_side = canvas.grid(viewer).enabled
        for layer, mine in ((domains, "domains"), *((x, "blend") for x in blend), (column, "cells")):
            if layer is not None:
                canvas.set_visible(layer, kind == mine and not side_by_side)
        if not side_by_side:
            for layer in self._gene_layers:
                canvas.set_visible(layer, kind == "genes")
            if self._category_layer is not None and (
                kind != self._front or kind == "cells"
            ):  # else they may shine through a transparent gene
                canvas.set_visible(self._category_layer, kind == "cells" and column is None)
            self._front = kind
            cells = column if column is not None else self._category_layer
            brought = {
                "domains": domains,
                "blend": next(iter(blend), None),
                "genes": self.gene_layer(),
                "cells": cells,
            }[kind]
            mine = [self._category_layer, domains, column, *blend, *self._gene_layers, None]
            if (
                brought is not None and self._in_viewer(brought) and viewer.layers.selection.active in mine
            ):  # napari's own controls follow; a layer of the user's keeps them
                viewer.layers.selection.active = brought

    def grey_out(self, greyed_out: NDArray[np.bool_] | None) -> None:
        """Draw some cells grey instead of in their value's colour (left out, side by side); None: none."""
        self._greyed_out = greyed_out
        for layer in self._gene_layers:
            layer.grey_out(greyed_out)
        self._update_grey_layer()

    def _update_grey_layer(self) -> None:
        """Cells that are left out show grey, but for side by side."""
        viewer = self._viewer()
        out = bool(self._gene_layers) and (
            self._greyed_out is not None or any(layer.threshold is not None for layer in self._gene_layers)
        )
        self.overlays.show_grey(
            self.describe, self._gene_layers, on=out and viewer is not None and not canvas.grid(viewer).enabled
        )

    def update_values(self, update: Callable[[CellValues], CellValues]) -> None:
        """Tell more of the genes that are painted (intervals): hovering says it; nothing is painted anew."""
        for layer in self._gene_layers:
            layer.cell_values = update(layer.cell_values)

    def update_limits(
        self,
        limits_of: Callable[[list[CellValues]], list[tuple[float, float]]],
        threshold_of: Callable[[CellValues], float | None],
    ) -> None:
        """Other colour limits and thresholds for what is painted."""
        alive = [layer for layer in self._gene_layers if self._in_viewer(layer)]
        if alive:
            self._setting_limits = True
            try:
                for layer, limits in zip(alive, limits_of([layer.cell_values for layer in alive]), strict=True):
                    layer.set_limits(limits)
                    layer.set_threshold(threshold_of(layer.cell_values))
            finally:
                self._setting_limits = False
            self._update_grey_layer()

    def cell_text(self, y: float, x: float) -> str:
        """The cell at a place in micrometres in words: id, type, and the value of each gene that is painted; empty where there is none."""
        row = self.raster.cell_at(y, x)
        if row is None:
            return ""
        return " · ".join([self.describe(row), *(painted.value_text(row) for painted in self.pointer_values)])

    @property
    def pointer_values(self) -> list[CellValues]:
        """The values that the pointer tells."""
        return [layer.cell_values for layer in self._pointer_layers()]

    def _pointer_layers(self) -> list[GeneLayer]:
        """Layers whose values the pointer tells: the blend or a number of the cells while it is seen, else the gene."""
        seen = [
            layer
            for layer in (*self.blend_layers.layers.values(), self.cell_marks.column_layer)
            if layer is not None and layer.visible
        ]
        return seen or [layer for layer in self._gene_layers if self._in_viewer(layer)]

    def set_colormap(self, colormap: str) -> None:
        """Another colormap for both gene layers."""
        self.colormap = colormap
        for layer in self._gene_layers:
            layer.colormap = self._colormap_for(layer.cell_values)

    def _colormap_for(self, painted: CellValues) -> str:
        return DIVERGING if painted.centred else self.colormap

    def close(self) -> None:
        """Remove the layers of this section."""
        viewer = self._viewer()
        self.overlays.close()
        self.blend_layers.close()
        self.cell_marks.close()
        while self._gene_layers:
            self._remove_last_gene_layer()
        if viewer is not None and self._category_layer is not None and self._category_layer in viewer.layers:
            viewer.layers.remove(self._category_layer)
        self._category_layer = None

    def _add_gene_layer(self, viewer: Any, index: int, painted: CellValues, limits: tuple[float, float]) -> GeneLayer:
        layer = GeneLayer(
            self.raster, painted, limits, self.describe, unit=self.unit, colormap=self._colormap_for(painted)
        )
        layer.grey_out(self._greyed_out)
        layer.events.contrast_limits.connect(self._on_contrast_limits)
        if not self._gene_layers and self._category_layer is not None:
            self._category_layer.visible = False
        self._gene_layers[index : index + 1] = [layer]
        over = [
            viewer.layers.index(x)
            for x in (self.overlays.outlines, self.overlays.uncertainty, *self.cell_marks.top_layers)
            if x is not None
        ]
        viewer.layers.insert(min(over, default=len(viewer.layers)), layer)
        self._prepare_viewer(viewer)
        return layer

    def _remove_last_gene_layer(self) -> None:
        layer, viewer = self._gene_layers.pop(), self._viewer()
        layer.events.contrast_limits.disconnect(self._on_contrast_limits)
        if viewer is not None and layer in viewer.layers:
            viewer.layers.remove(layer)
            if self._gene_layers and self._in_viewer(self._gene_layers[0]):
                viewer.layers.selection.active = self._gene_layers[0]

    def _on_contrast_limits(self, event: Any) -> None:
        if not self._setting_limits and self._on_limits is not None:
            low, high = event.source.contrast_limits
            self._on_limits(event.source.cell_values, float(low), float(high))

    def _cell_id(self, row: int) -> str:
        return str(self.section.adata.obs_names[row])
