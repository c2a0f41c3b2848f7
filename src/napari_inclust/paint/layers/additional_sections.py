"""Other sections beside the one that is worked on: each with its place, painted as the first one is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..raster.cell_raster import CellRaster, LabelArray, section_raster
from ..values import CellCategories, CellValues
from . import canvas
from .cell_layers import CategoryLayer, GeneLayer
from .layer_group import CellLayerGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ...data.section import Section

_GAP = 0.08  # between sections, of the largest extent
_SYNCED_PROPERTIES = ("contrast_limits", "colormap", "gamma", "opacity", "visible")
_TISSUE_COLOUR = np.array([[0.5, 0.5, 0.5, 0.35]])


@dataclass(frozen=True)
class Placement:
    """How a section is moved from where it would lie by itself: micrometres to the right and down, and degrees clockwise about its centre."""

    right: float = 0.0
    down: float = 0.0
    rotation: float = 0.0

    def matrix(
        self, low: NDArray[np.float64], high: NDArray[np.float64], corner: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """(3, 3) from the section's own (y, x) to the canvas.

        Parameters
        ----------
        low, high : (2,)
            Corners (y, x) of the section.
        corner : (2,)
            Where its low corner is to lie.
        """
        angle, centre = np.deg2rad(self.rotation), (low + high) / 2
        turned = np.array(
            [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
        )  # y points down: x towards y is clockwise
        out = np.eye(3)
        out[:2, :2] = turned
        out[:2, 2] = corner - low + centre - turned @ centre + (self.down, self.right)
        return out


class MovedRaster(CellRaster):
    """The same cells at another place.

    Parameters
    ----------
    base
        Where they are by themselves.
    matrix : (3, 3)
        From there to the canvas.
    """

    def __init__(self, base: CellRaster, matrix: NDArray[np.float64]) -> None:
        self._base, self.matrix = base, matrix
        self.shapes, self.n_cells = base.shapes, base.n_cells

    @property
    def affine(self) -> NDArray[np.float64]:
        out: NDArray[np.float64] = self.matrix @ self._base.affine
        return out

    def labels(self, level: int, rows: slice, columns: slice) -> LabelArray:
        return self._base.labels(level, rows, columns)


class AdditionalSection(CellLayerGroup):
    """One section beside the first: its tissue in grey, and the gene over it."""

    def __init__(self, viewer: Any, section: Section, unit: str) -> None:
        self.section = section
        self.low, self.high = section.xy.min(0)[::-1], section.xy.max(0)[::-1]
        self.raster = MovedRaster(section_raster(section), np.eye(3))
        super().__init__(viewer, self.raster, unit)
        self._tissue_layer: CategoryLayer | None = None
        self._gene_layer: GeneLayer | None = None
        self._main_layer: Any = None

    @property
    def gene_layer(self) -> GeneLayer | None:
        """The layer of the gene, when there is one."""
        return self._gene_layer if self._in_viewer(self._gene_layer) else None

    @property
    def xy(self) -> NDArray[np.float64]:
        """(cells, 2) where its cells lie on the canvas, in micrometres."""
        moved = self.section.xy[:, 1::-1] @ self.raster.matrix[:2, :2].T + self.raster.matrix[:2, 2]
        out: NDArray[np.float64] = moved[:, ::-1]
        return out

    @property
    def tissue_layer(self) -> CategoryLayer | None:
        """The layer of all its cells."""
        return self._tissue_layer if self._in_viewer(self._tissue_layer) else None

    def move(self, matrix: NDArray[np.float64]) -> None:
        """To another place."""
        self.raster.matrix = matrix
        for layer in (self.tissue_layer, self.gene_layer):
            if layer is not None:
                layer.affine = self.raster.affine

    def show(self, cell_values: CellValues | None, main_layer: GeneLayer | None, threshold: float | None) -> None:
        """Paint its cells, in the limits and colours of the layer that leads; None: only grey tissue."""
        if self.tissue_layer is None:
            every = CellCategories(
                "cells",
                np.zeros(self.section.n_cells, dtype=np.int32),
                (f"not painted in {self.section.name}",),
                _TISSUE_COLOUR,
            )
            self._tissue_layer = CategoryLayer(self.raster, every, self._cell_id, unit=self._unit)
            self._tissue_layer.name = f"cells · {self.section.name}"
            self._insert_above(self._tissue_layer, [])
        if cell_values is None or main_layer is None:
            self._gene_layer = self._remove(self._gene_layer)
            self._connect_main_layer(None)
            return
        limits = (float(main_layer.contrast_limits[0]), float(main_layer.contrast_limits[1]))
        if self.gene_layer is None:
            self._gene_layer = GeneLayer(
                self.raster, cell_values, limits, self._cell_id, unit=self._unit, colormap=main_layer.colormap
            )
            self._insert_above(self._gene_layer, [self._tissue_layer])
        assert self._gene_layer is not None
        self._gene_layer.show_gene(cell_values, limits, threshold)
        self._gene_layer.name = f"{cell_values.title} · {self.section.name}"
        if hasattr(self._gene_layer, "colorbar"):
            self._gene_layer.colorbar.visible = False  # equal colours are equal values: one bar is enough
        self._connect_main_layer(main_layer)

    def cell_text(self, y: float, x: float) -> str:
        """The cell at a place in words; empty where there is none."""
        row = self.raster.cell_at(y, x)
        if row is None:
            return ""
        return self._cell_id(row) if self.gene_layer is None else self.gene_layer.describe(row)

    def close(self) -> None:
        """Remove its layers."""
        self._connect_main_layer(None)
        self._tissue_layer, self._gene_layer = self._remove(self._tissue_layer), self._remove(self._gene_layer)

    def _cell_id(self, row: int) -> str:
        return f"{self.section.adata.obs_names[row]} of {self.section.name}"

    def _insert_above(self, layer: Any, over: Sequence[Any]) -> None:
        """Below all that is there, but over its own."""
        viewer = self._viewer()
        if viewer is None:
            return
        active = viewer.layers.selection.active
        viewer.layers.insert(max((viewer.layers.index(x) + 1 for x in over if x in viewer.layers), default=0), layer)
        if active is not None and active in viewer.layers:
            viewer.layers.selection.active = active

    def _connect_main_layer(self, main_layer: GeneLayer | None) -> None:
        if main_layer is not self._main_layer:
            for name in _SYNCED_PROPERTIES:
                if self._main_layer is not None:
                    getattr(self._main_layer.events, name).disconnect(self.sync)
                if main_layer is not None:
                    getattr(main_layer.events, name).connect(self.sync)
            self._main_layer = main_layer
        self.sync()

    def sync(self, *_: Any) -> None:
        """Look as the layer that leads; in linked views, where every layer would have a place of its own, not be seen."""
        viewer, mine, leader = self._viewer(), self.gene_layer, self._main_layer
        alone = viewer is not None and not canvas.grid(viewer).enabled
        if self.tissue_layer is not None:
            canvas.set_visible(self.tissue_layer, alone)
        if mine is None or leader is None:
            return
        low, high = leader.contrast_limits
        mine.contrast_limits_range = (min(mine.contrast_limits_range[0], low), max(mine.contrast_limits_range[1], high))
        for name in ("contrast_limits", "gamma", "opacity"):
            setattr(mine, name, getattr(leader, name))
        if mine.colormap.name != leader.colormap.name:
            mine.colormap = leader.colormap
        canvas.set_visible(mine, alone and leader.visible)


class AdditionalSectionLayers:
    """Sections in rows beside the first one, by name.

    Parameters
    ----------
    viewer
        napari viewer (held weakly).
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = canvas.weak_viewer(viewer)
        self.sections: dict[str, AdditionalSection] = {}
        self.placements: dict[str, Placement] = {}
        self._grid = canvas.grid(viewer)
        self._grid.events.enabled.connect(self._sync_all)

    def add(self, name: str, section: Section, unit: str) -> None:
        """One more section; it is painted by `show`."""
        viewer = self._viewer()
        if viewer is not None:
            self.sections[name] = AdditionalSection(viewer, section, unit)

    def remove(self, name: str) -> None:
        """Without one."""
        guest = self.sections.pop(name, None)
        if guest is not None:
            guest.close()

    def arrange(self, first: Section) -> None:
        """All in rows, left to right, as square as can be, the first section where it is."""
        low, high = first.xy.min(0)[::-1], first.xy.max(0)[::-1]
        step = np.max([high - low, *(g.high - g.low for g in self.sections.values())], axis=0)
        step = step + _GAP * step.max()
        columns = int(np.ceil(np.sqrt(len(self.sections) + 1)))
        for i, (name, guest) in enumerate(self.sections.items(), start=1):
            corner = low + step * divmod(i, columns)
            guest.move(self.placements.get(name, Placement()).matrix(guest.low, guest.high, corner))

    def show(
        self,
        values: Callable[[str], CellValues | None],
        main_layer: GeneLayer | None,
        threshold_of: Callable[[CellValues], float | None],
    ) -> None:
        """Paint all.

        Parameters
        ----------
        values
            What is painted in a section; None: nothing is known of it there.
        leader
            The layer of the first section, whose limits, colours and visibility the others take.
        least
            Value below which cells are left out.
        """
        for name, guest in self.sections.items():
            painted = values(name)
            guest.show(painted, main_layer, None if painted is None else threshold_of(painted))

    def cell_text(self, y: float, x: float) -> str:
        """The cell of any of them at a place, in words."""
        return next((text for g in self.sections.values() if (text := g.cell_text(y, x))), "")

    def close(self) -> None:
        """Remove all."""
        for name in list(self.sections):
            self.remove(name)
        self._grid.events.enabled.disconnect(self._sync_all)

    def _sync_all(self, *_: Any) -> None:
        for guest in self.sections.values():
            guest.sync()
