"""The painter of one section in a viewer: its raster and all layers over it."""

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
from .layer_group import LayerGroup, OwnedLayer
from .overlays import Overlays

if TYPE_CHECKING:
    from ...data.section import Section


class Painter(LayerGroup):
    """Paints the cells of one section.

    Parameters
    ----------
    viewer
        napari viewer (held weakly).
    section
        The cells.
    on_limits
        Called with (values, low, high) when the user moves napari's own contrast slider.

    Attributes
    ----------
    category_layer
        Categories of the cells.
    overlays, blend_layers, cell_marks
        Other layers of the section.
    """

    category_layer = OwnedLayer[CategoryLayer]()

    def __init__(
        self, viewer: Any, section: Section, on_limits: Callable[[CellValues, float, float], None] | None = None
    ) -> None:
        self.section = section
        self.raster = section_raster(section)
        self.unit = "pixel" if "in pixels" in section.unit_note else "um"
        super().__init__(viewer, self.unit)
        self.colormap = COLORMAPS[0]
        self._on_limits = on_limits
        self._gene_layers: list[GeneLayer] = []  # one, or two side by side; the user may have removed them
        self._setting_limits = False  # limits are set by the painter, not by the user
        self.cell_categories: CellCategories | None = None
        self.overlays = Overlays(canvas.unwrap(viewer), self.raster, self.unit)
        self.blend_layers = BlendLayers(canvas.unwrap(viewer), self.raster, self.unit)
        self.cell_marks = CellMarks(canvas.unwrap(viewer), self.raster, self.unit)
        self._greyed_out: NDArray[np.bool_] | None = None
        self._front = ""

    @property
    def layers(self) -> list[GeneLayer | CategoryLayer]:
        """The layers of this section that are still in the viewer."""
        categories = self.category_layer
        return [*self._visible_gene_layers, *([] if categories is None else [categories])]

    @property
    def _visible_gene_layers(self) -> list[GeneLayer]:
        return [layer for layer in self._gene_layers if self._in_viewer(layer)]

    def gene_layer(self, index: int = 0) -> GeneLayer | None:
        """Return the layer of the gene (1: the second one, side by side) when it is in the viewer."""
        layer = self._gene_layers[index] if index < len(self._gene_layers) else None
        return layer if self._in_viewer(layer) else None

    def describe(self, row: int) -> str:
        """Describe a cell: id, type and domain."""
        domains = self.overlays.domains
        columns = (self.cell_categories, None if domains is None else domains.cell_categories)
        return " · ".join([self._cell_id(row), *(c.category_text(row) for c in columns if c is not None)])

    def show_categories(self, cell_categories: CellCategories) -> None:
        """Draw categories below the genes."""
        viewer = self._viewer()
        self.cell_categories = cell_categories
        if viewer is None:
            return
        layer = self.category_layer
        if layer is not None:
            layer.show_categories(cell_categories)
        else:
            index = min((viewer.layers.index(x) for x in self.layers), default=0)
            self.category_layer = layer = CategoryLayer(self.raster, cell_categories, self._cell_id, unit=self.unit)
            viewer.layers.insert(index, layer)
            self._prepare_viewer(viewer)
        canvas.set_visible(layer, True)

    def hide_categories(self, hidden: set[int]) -> None:
        """Draw some categories transparent, by code, and make the categories visible."""
        if self.cell_categories is None:
            return
        if self.category_layer is None:
            self.show_categories(self.cell_categories)
        if self.category_layer is not None:
            self.category_layer.hide_categories(hidden)
            canvas.set_visible(self.category_layer, True)

    def show_genes(
        self,
        cell_values: list[CellValues],
        limits: list[tuple[float, float]],
        thresholds: list[float | None] | None = None,
    ) -> None:
        """Draw one gene, or its measured and imputed values side by side in linked views.

        Measured and imputed values share a layer: switching between them takes no longer than switching genes.

        Parameters
        ----------
        cell_values
            One, or two for side by side (left, right).
        limits
            Colour limits of each.
        thresholds
            Value of each below which cells are left out (drawn in grey); None: no cells.
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
            for i, (values, ends, threshold) in enumerate(zip(cell_values, limits, thresholds, strict=True)):
                layer = self.gene_layer(i)
                if layer is None:
                    layer = self._add_gene_layer(viewer, i, values, ends)
                    layer.set_threshold(threshold)
                else:
                    layer.show_gene(values, ends, threshold)
                if layer.colormap.name != (colormap := self._colormap_for(values)):
                    layer.colormap = colormap
        finally:
            self._setting_limits = False
        if side_by_side and self.category_layer is not None:
            canvas.set_visible(self.category_layer, False)
        if switched:
            canvas.grid(viewer).shape = (1, -1) if side_by_side else (-1, -1)
            canvas.grid(viewer).enabled = side_by_side
            outlines = self.overlays.outlines
            if outlines is not None:  # side by side they would have a view of their own
                canvas.set_visible(outlines, not side_by_side)
        self._update_grey_layer()
        if whole:  # else the views keep the detail that the user looks at
            viewer.reset_view()  # after the layers of the views are set
        canvas.update_colour_bars(viewer)

    def show_domains(
        self,
        cell_categories: CellCategories | None,
        confidence: NDArray[np.floating[Any]] | None,
        selected: frozenset[int],
        *,
        shaded: bool,
    ) -> None:
        """Draw domains below the genes, as `Overlays.show_domains`; `bring_to_front` makes them visible."""
        self.overlays.show_domains(
            cell_categories,
            confidence,
            self._cell_id,
            selected,
            shaded=shaded,
            below=[*self._gene_layers, *self.cell_marks.top_layers],
        )

    def bring_to_front(self, kind: str) -> None:
        """Make one kind of layers visible, unless values are side by side.

        Parameters
        ----------
        kind
            "domains", "genes", "blend" or "cells" (categories, or a number of each cell).
        """
        viewer = self._viewer()
        if viewer is None:
            return
        domains, column, categories = self.overlays.domains, self.cell_marks.column_layer, self.category_layer
        blend = list(self.blend_layers.layers.values())
        side_by_side = canvas.grid(viewer).enabled
        for layer, layer_kind in ((domains, "domains"), *((x, "blend") for x in blend), (column, "cells")):
            if layer is not None:
                canvas.set_visible(layer, kind == layer_kind and not side_by_side)
        if side_by_side:
            return
        for layer in self._gene_layers:
            canvas.set_visible(layer, kind == "genes")
        # while genes are in front, the user may have made the categories visible below a transparent gene
        if categories is not None and (kind != self._front or kind == "cells"):
            canvas.set_visible(categories, kind == "cells" and column is None)
        self._front = kind
        front = {
            "domains": domains,
            "blend": next(iter(blend), None),
            "genes": self.gene_layer(),
            "cells": categories if column is None else column,
        }[kind]
        # napari's controls show the active layer; a layer of the user stays active
        if front is not None and viewer.layers.selection.active in [*self.layers, domains, column, *blend, None]:
            viewer.layers.selection.active = front

    def grey_out(self, greyed_out: NDArray[np.bool_] | None) -> None:
        """Draw cells, (cells,) bool, in grey instead of a colour (side by side: leave them out); None: no cells."""
        self._greyed_out = greyed_out
        for layer in self._gene_layers:
            layer.grey_out(greyed_out)
        self._update_grey_layer()

    def _update_grey_layer(self) -> None:
        """Draw cells that are left out in grey, unless values are side by side."""
        viewer = self._viewer()
        has_threshold = any(layer.threshold is not None for layer in self._gene_layers)
        needed = bool(self._gene_layers) and (self._greyed_out is not None or has_threshold)
        on = needed and viewer is not None and not canvas.grid(viewer).enabled
        self.overlays.show_grey(self.describe, self._gene_layers, on=on)

    def update_values(self, update: Callable[[CellValues], CellValues]) -> None:
        """Add to the values that are drawn what only hovering shows (intervals); nothing is drawn again."""
        for layer in self._gene_layers:
            layer.cell_values = update(layer.cell_values)

    def update_limits(
        self,
        limits_of: Callable[[list[CellValues]], list[tuple[float, float]]],
        threshold_of: Callable[[CellValues], float | None],
    ) -> None:
        """Set the colour limits and thresholds of the values that are drawn."""
        layers = self._visible_gene_layers
        if not layers:
            return
        self._setting_limits = True
        try:
            for layer, limits in zip(layers, limits_of([layer.cell_values for layer in layers]), strict=True):
                layer.set_limits(limits)
                layer.set_threshold(threshold_of(layer.cell_values))
        finally:
            self._setting_limits = False
        self._update_grey_layer()

    def cell_text(self, y: float, x: float) -> str:
        """Describe the cell at a position in micrometres: id, type, and the values drawn; empty without a cell."""
        row = self.raster.cell_at(y, x)
        if row is None:
            return ""
        return " · ".join([self.describe(row), *(values.value_text(row) for values in self.pointer_values)])

    @property
    def pointer_values(self) -> list[CellValues]:
        """Values shown for the cell under the pointer."""
        return [layer.cell_values for layer in self._pointer_layers()]

    def _pointer_layers(self) -> list[GeneLayer]:
        """Return the layers whose values are shown for the cell under the pointer: blend or column, else the gene."""
        layers = (*self.blend_layers.layers.values(), self.cell_marks.column_layer)
        visible = [layer for layer in layers if layer is not None and layer.visible]
        return visible or self._visible_gene_layers

    def set_colormap(self, colormap: str) -> None:
        """Set the colormap of the gene layers; values around zero keep the diverging one."""
        self.colormap = colormap
        for layer in self._gene_layers:
            layer.colormap = self._colormap_for(layer.cell_values)

    def _colormap_for(self, cell_values: CellValues) -> str:
        return DIVERGING if cell_values.centred else self.colormap

    def close(self) -> None:
        """Remove all layers of the section."""
        self.overlays.close()
        self.blend_layers.close()
        self.cell_marks.close()
        while self._gene_layers:
            self._remove_last_gene_layer()
        super().close()

    def _add_gene_layer(
        self, viewer: Any, index: int, cell_values: CellValues, limits: tuple[float, float]
    ) -> GeneLayer:
        colormap = self._colormap_for(cell_values)
        layer = GeneLayer(self.raster, cell_values, limits, self.describe, unit=self.unit, colormap=colormap)
        layer.grey_out(self._greyed_out)
        layer.events.contrast_limits.connect(self._on_contrast_limits)
        if not self._gene_layers and self.category_layer is not None:
            self.category_layer.visible = False
        self._gene_layers[index : index + 1] = [layer]
        above = (self.overlays.outlines, self.overlays.uncertainty, *self.cell_marks.top_layers)
        index_above = (viewer.layers.index(x) for x in above if x is not None)
        viewer.layers.insert(min(index_above, default=len(viewer.layers)), layer)
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
