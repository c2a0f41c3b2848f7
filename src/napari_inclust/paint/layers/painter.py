"""One section in a viewer: its raster, and the layers painted over it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..blend import Blend
from ..colours import COLORMAPS, DIVERGING
from ..raster.cell_raster import section_raster
from ..values import CellTypes, CellValues
from . import canvas
from .cell_layers import GeneLayer, TypeLayer
from .cell_marks import CellLayers
from .overlays import Overlays
from .owned import Placed

if TYPE_CHECKING:
    from ...data.section import Section


class Painter(Placed):
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

    def __init__(self, viewer: Any, section: Section, on_limits: Callable[[CellValues, float, float], None] | None = None) -> None:
        self.section = section
        self.raster = section_raster(section)
        self.unit = "pixel" if "in pixels" in section.unit_note else "um"
        super().__init__(viewer, self.unit)
        self.colormap = COLORMAPS[0]
        self._on_limits = on_limits
        self._genes: list[GeneLayer] = []  # one, or two side by side
        self._types: TypeLayer | None = None
        self._own = False  # the limits are being set here, not by the user
        self.types: CellTypes | None = None
        self.overlays = Overlays(canvas.unwrapped(viewer), self.raster, self.unit)
        self.blend = Blend(canvas.unwrapped(viewer), self.raster, self.unit)
        self.cells = CellLayers(canvas.unwrapped(viewer), self.raster, self.unit)
        self._faded: NDArray[np.bool_] | None = None
        self._brought = ""

    @property
    def layers(self) -> list[GeneLayer | TypeLayer]:
        """The layers of this section that are still in the viewer."""
        mine: list[GeneLayer | TypeLayer] = [*self._genes, *([self._types] if self._types is not None else [])]
        return [layer for layer in mine if self._alive(layer)]

    def gene_layer(self, index: int = 0) -> GeneLayer | None:
        """The gene's layer (or the second one, side by side) when it is in the viewer."""
        return self._genes[index] if index < len(self._genes) and self._alive(self._genes[index]) else None

    def describe(self, row: int) -> str:
        """Cell id, type and domain."""
        domains = self.overlays.domains
        parts = [self._name_only(row), *([self.types.text(row)] if self.types is not None else []), *([domains.types.text(row)] if domains is not None else [])]
        return " · ".join(parts)

    def paint_types(self, types: CellTypes) -> None:
        """Paint categories below the genes."""
        viewer = self._viewer()
        self.types = types
        if viewer is None:
            return
        if self._types is not None and self._alive(self._types):
            self._types.show(types)
        else:
            self._types = TypeLayer(self.raster, types, self._name_only, unit=self.unit)
            viewer.layers.insert(0 if not self.layers else min(viewer.layers.index(x) for x in self.layers if x is not self._types), self._types)
            self._furnish(viewer)
        canvas.see(self._types, True)

    def hide_types(self, hidden: set[int]) -> None:
        """Draw some categories transparent, by code, and bring the categories to view."""
        if self.types is None:
            return
        if self._types is None or not self._alive(self._types):
            self.paint_types(self.types)
        if self._types is not None:
            self._types.hide(hidden)
            canvas.see(self._types, True)

    def paint(self, shown: list[CellValues], limits: list[tuple[float, float]], least: list[float | None] | None = None) -> None:
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
        least = [None] * len(shown) if least is None else least
        side_by_side = len(shown) > 1
        switched = canvas.grid(viewer).enabled != side_by_side
        whole = switched and bool(self._genes) and canvas.shows_all(viewer)
        self._own = True
        try:
            while len(self._genes) > len(shown):
                self._drop()
            for i, (painted, ends) in enumerate(zip(shown, limits, strict=True)):
                layer = self.gene_layer(i)
                if layer is None:
                    layer = self._add(viewer, i, painted, ends)
                    layer.cut(least[i])
                else:
                    layer.show(painted, ends, least[i])
                if layer.colormap.name != (colours := self._colours(painted)):
                    layer.colormap = colours
        finally:
            self._own = False
        if side_by_side and self._types is not None and self._alive(self._types):
            canvas.see(self._types, False)
        if switched:
            canvas.grid(viewer).shape = (1, -1) if side_by_side else (-1, -1)
            canvas.grid(viewer).enabled = side_by_side
            outlines = self.overlays.outlines
            if outlines is not None:  # side by side they would have a place of their own
                canvas.see(outlines, not side_by_side)
        self._grey()
        if whole:  # else the user looks at a detail: the views keep it
            viewer.reset_view()  # once it is settled which layers have a view
        canvas.settle(viewer)

    def show_domains(self, types: CellTypes | None, confidence: NDArray[np.floating[Any]] | None, selected: frozenset[int], *, shaded: bool) -> None:
        """Domains under the genes; see `bring`."""
        self.overlays.show_domains(types, confidence, self._name_only, selected, shaded=shaded, below=[*self._genes, *self.cells.over])

    def bring(self, what: str) -> None:
        """Bring "domains", "genes", "blend" or "cells" (their categories, or a number of each) to view, when they are not beside each other."""
        viewer, domains, blend, column = self._viewer(), self.overlays.domains, self.blend.layers.values(), self.cells.column
        if viewer is None:
            return
        side_by_side = canvas.grid(viewer).enabled
        for layer, mine in ((domains, "domains"), *((x, "blend") for x in blend), (column, "cells")):
            if layer is not None:
                canvas.see(layer, what == mine and not side_by_side)
        if not side_by_side:
            for layer in self._genes:
                canvas.see(layer, what == "genes")
            if self._types is not None and (what != self._brought or what == "cells"):  # else they may shine through a transparent gene
                canvas.see(self._types, what == "cells" and column is None)
            self._brought = what
            cells = column if column is not None else self._types
            brought = {"domains": domains, "blend": next(iter(blend), None), "genes": self.gene_layer(), "cells": cells}[what]
            mine = [self._types, domains, column, *blend, *self._genes, None]
            if (
                brought is not None and self._alive(brought) and viewer.layers.selection.active in mine
            ):  # napari's own controls follow; a layer of the user's keeps them
                viewer.layers.selection.active = brought

    def fade(self, faded: NDArray[np.bool_] | None) -> None:
        """Draw some cells grey instead of in their value's colour (left out, side by side); None: none."""
        self._faded = faded
        for layer in self._genes:
            layer.fade(faded)
        self._grey()

    def _grey(self) -> None:
        """Cells that are left out show grey, but for side by side."""
        viewer = self._viewer()
        out = bool(self._genes) and (self._faded is not None or any(layer.least is not None for layer in self._genes))
        self.overlays.show_grey(self.describe, self._genes, on=out and viewer is not None and not canvas.grid(viewer).enabled)

    def annotate(self, better: Callable[[CellValues], CellValues]) -> None:
        """Tell more of the genes that are painted (intervals): hovering says it; nothing is painted anew."""
        for layer in self._genes:
            layer.painted = better(layer.painted)

    def relimit(self, limits_of: Callable[[list[CellValues]], list[tuple[float, float]]], least_of: Callable[[CellValues], float | None]) -> None:
        """Other colour limits and thresholds for what is painted."""
        alive = [layer for layer in self._genes if self._alive(layer)]
        if alive:
            self._own = True
            try:
                for layer, limits in zip(alive, limits_of([layer.painted for layer in alive]), strict=True):
                    layer.limit(limits)
                    layer.cut(least_of(layer.painted))
            finally:
                self._own = False
            self._grey()

    def cell_text(self, y: float, x: float) -> str:
        """The cell at a place in micrometres in words: id, type, and the value of each gene that is painted; empty where there is none."""
        row = self.raster.cell_at(y, x)
        if row is None:
            return ""
        return " · ".join([self.describe(row), *(painted.text(row) for painted in self.read)])

    @property
    def read(self) -> list[CellValues]:
        """The values that the pointer tells."""
        return [layer.painted for layer in self._read()]

    def _read(self) -> list[GeneLayer]:
        """Layers whose values the pointer tells: the blend or a number of the cells while it is seen, else the gene."""
        seen = [layer for layer in (*self.blend.layers.values(), self.cells.column) if layer is not None and layer.visible]
        return seen or [layer for layer in self._genes if self._alive(layer)]

    def recolour(self, colormap: str) -> None:
        """Another colormap for both gene layers."""
        self.colormap = colormap
        for layer in self._genes:
            layer.colormap = self._colours(layer.painted)

    def _colours(self, painted: CellValues) -> str:
        return DIVERGING if painted.centred else self.colormap

    def close(self) -> None:
        """Remove the layers of this section."""
        viewer = self._viewer()
        self.overlays.close()
        self.blend.close()
        self.cells.close()
        while self._genes:
            self._drop()
        if viewer is not None and self._types is not None and self._types in viewer.layers:
            viewer.layers.remove(self._types)
        self._types = None

    def _add(self, viewer: Any, index: int, painted: CellValues, limits: tuple[float, float]) -> GeneLayer:
        layer = GeneLayer(self.raster, painted, limits, self.describe, unit=self.unit, colormap=self._colours(painted))
        layer.fade(self._faded)
        layer.events.contrast_limits.connect(self._limits_moved)
        if not self._genes and self._types is not None:
            self._types.visible = False
        self._genes[index : index + 1] = [layer]
        over = [viewer.layers.index(x) for x in (self.overlays.outlines, self.overlays.uncertainty, *self.cells.over) if x is not None]
        viewer.layers.insert(min(over, default=len(viewer.layers)), layer)
        self._furnish(viewer)
        return layer

    def _drop(self) -> None:
        layer, viewer = self._genes.pop(), self._viewer()
        layer.events.contrast_limits.disconnect(self._limits_moved)
        if viewer is not None and layer in viewer.layers:
            viewer.layers.remove(layer)
            if self._genes and self._alive(self._genes[0]):
                viewer.layers.selection.active = self._genes[0]

    def _limits_moved(self, event: Any) -> None:
        if not self._own and self._on_limits is not None:
            low, high = event.source.contrast_limits
            self._on_limits(event.source.painted, float(low), float(high))

    def _name_only(self, row: int) -> str:
        return str(self.section.adata.obs_names[row])
