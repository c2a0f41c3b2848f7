"""Additional sections beside the open one, each at its position, painted like the open one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..raster.cell_raster import CellRaster, LabelArray, section_raster
from ..values import CellCategories, CellValues
from . import canvas
from .cell_layers import CategoryLayer, GeneLayer
from .layer_group import CellLayerGroup, OwnedLayer

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...data.section import Section

_GAP = 0.08  # between sections, as a share of the largest extent
_SYNCED_PROPERTIES = ("contrast_limits", "colormap", "gamma", "opacity", "visible")
_TISSUE_COLOUR = np.array([[0.5, 0.5, 0.5, 0.35]])


@dataclass(frozen=True)
class Placement:
    """How the user moved a section from its default position.

    Attributes
    ----------
    right, down
        Micrometres.
    rotation
        Degrees clockwise about the centre of the section.
    """

    right: float = 0.0
    down: float = 0.0
    rotation: float = 0.0

    def matrix(
        self, low: NDArray[np.float64], high: NDArray[np.float64], corner: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the (3, 3) homogeneous matrix from (y, x) of the section to (y, x) of the canvas.

        Parameters
        ----------
        low, high : (2,)
            Corners (y, x) of the section.
        corner : (2,)
            Default position of the low corner on the canvas.
        """
        angle, centre = np.deg2rad(self.rotation), (low + high) / 2
        cos, sin = np.cos(angle), np.sin(angle)
        rotation = np.array([[cos, sin], [-sin, cos]])  # y points down: from x to y is clockwise
        out = np.eye(3)
        out[:2, :2] = rotation
        out[:2, 2] = corner - low + centre - rotation @ centre + (self.down, self.right)
        return out


class MovedRaster(CellRaster):
    """The raster of a section, moved to another position.

    Parameters
    ----------
    base
        Raster of the section.
    matrix : (3, 3)
        From (y, x) of the section to (y, x) of the canvas.
    """

    def __init__(self, base: CellRaster, matrix: NDArray[np.float64]) -> None:
        self._base, self.matrix = base, matrix
        self.shapes, self.n_cells = base.shapes, base.n_cells

    @property
    def affine(self) -> NDArray[np.float64]:
        """See `CellRaster.affine`."""
        out: NDArray[np.float64] = self.matrix @ self._base.affine
        return out

    def labels(self, level: int, rows: slice, columns: slice) -> LabelArray:
        """See `CellRaster.labels`."""
        return self._base.labels(level, rows, columns)


class AdditionalSection(CellLayerGroup):
    """The layers of one additional section: its cells in grey, and the gene over them.

    Attributes
    ----------
    tissue_layer
        All cells.
    gene_layer
        The gene.
    """

    tissue_layer = OwnedLayer[CategoryLayer]()
    gene_layer = OwnedLayer[GeneLayer]()

    def __init__(self, viewer: Any, section: Section, unit: str) -> None:
        self.section = section
        self.low, self.high = section.xy.min(0)[::-1], section.xy.max(0)[::-1]
        self.raster = MovedRaster(section_raster(section), np.eye(3))
        super().__init__(viewer, self.raster, unit)
        self._main_layer: Any = None

    @property
    def xy(self) -> NDArray[np.float64]:
        """Positions of the cells on the canvas, (cells, 2) in micrometres."""
        moved = self.section.xy[:, 1::-1] @ self.raster.matrix[:2, :2].T + self.raster.matrix[:2, 2]
        out: NDArray[np.float64] = moved[:, ::-1]
        return out

    def move(self, matrix: NDArray[np.float64]) -> None:
        """Move the layers by a matrix (3, 3) from (y, x) of the section to (y, x) of the canvas."""
        self.raster.matrix = matrix
        for layer in (self.tissue_layer, self.gene_layer):
            if layer is not None:
                layer.affine = self.raster.affine

    def show(self, cell_values: CellValues | None, main_layer: GeneLayer | None, threshold: float | None) -> None:
        """Paint the cells with the limits and colours of the gene layer of the open section.

        Parameters
        ----------
        cell_values
            Values of the gene; None: the tissue stays grey.
        main_layer
            Gene layer of the open section; None: the tissue stays grey.
        threshold
            Value below which cells are left out.
        """
        if self.tissue_layer is None:
            codes = np.zeros(self.section.n_cells, dtype=np.int32)
            all_cells = CellCategories("cells", codes, (f"not painted in {self.section.name}",), _TISSUE_COLOUR)
            tissue = CategoryLayer(self.raster, all_cells, self._cell_id, unit=self._unit)
            tissue.name = f"cells · {self.section.name}"
            self.tissue_layer = tissue
            self._insert_above(tissue, None)
        if cell_values is None or main_layer is None:
            self.gene_layer = None
            self._connect_main_layer(None)
            return
        limits = (float(main_layer.contrast_limits[0]), float(main_layer.contrast_limits[1]))
        layer = self.gene_layer
        if layer is None:
            layer = GeneLayer(
                self.raster, cell_values, limits, self._cell_id, unit=self._unit, colormap=main_layer.colormap
            )
            self.gene_layer = layer
            self._insert_above(layer, self.tissue_layer)
        layer.show_gene(cell_values, limits, threshold)
        layer.name = f"{cell_values.title} · {self.section.name}"
        if hasattr(layer, "colorbar"):
            layer.colorbar.visible = False  # that of the open section has the same limits
        self._connect_main_layer(main_layer)

    def cell_text(self, y: float, x: float) -> str:
        """Describe the cell at a position in micrometres; empty without a cell."""
        row = self.raster.cell_at(y, x)
        if row is None:
            return ""
        layer = self.gene_layer
        return self._cell_id(row) if layer is None else layer.describe(row)

    def close(self) -> None:
        """Remove the layers."""
        self._connect_main_layer(None)
        super().close()

    def _cell_id(self, row: int) -> str:
        return f"{self.section.adata.obs_names[row]} of {self.section.name}"

    def _insert_above(self, layer: Any, base: Any) -> None:
        """Add a layer above another one; None: below all layers."""
        viewer = self._viewer()
        if viewer is None:
            return
        with canvas.keep_active_layer(viewer):
            viewer.layers.insert(viewer.layers.index(base) + 1 if base in viewer.layers else 0, layer)

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
        """Copy the look of the gene layer of the open section.

        The layers are hidden side by side, where each layer would have a view of its own.
        """
        viewer, layer, main_layer = self._viewer(), self.gene_layer, self._main_layer
        one_view = viewer is not None and not canvas.grid(viewer).enabled
        if self.tissue_layer is not None:
            canvas.set_visible(self.tissue_layer, one_view)
        if layer is None or main_layer is None:
            return
        (low, high), (lowest, highest) = main_layer.contrast_limits, layer.contrast_limits_range
        layer.contrast_limits_range = (min(lowest, low), max(highest, high))
        for name in ("contrast_limits", "gamma", "opacity"):
            setattr(layer, name, getattr(main_layer, name))
        if layer.colormap.name != main_layer.colormap.name:
            layer.colormap = main_layer.colormap
        canvas.set_visible(layer, one_view and main_layer.visible)


class AdditionalSectionLayers:
    """The layers of all additional sections, in rows beside the open one.

    Parameters
    ----------
    viewer
        napari viewer (held weakly).

    Attributes
    ----------
    sections, placements
        By the path of the section.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = canvas.weak_viewer(viewer)
        self.sections: dict[str, AdditionalSection] = {}
        self.placements: dict[str, Placement] = {}
        self._grid = canvas.grid(viewer)
        self._grid.events.enabled.connect(self._sync_all)

    def add(self, path: str, section: Section, unit: str) -> None:
        """Add a section; `show` paints it."""
        viewer = self._viewer()
        if viewer is not None:
            self.sections[path] = AdditionalSection(viewer, section, unit)

    def remove(self, path: str) -> None:
        """Remove a section, if it is there."""
        section = self.sections.pop(path, None)
        if section is not None:
            section.close()

    def arrange(self, main_section: Section) -> None:
        """Lay out all sections in rows from left to right, as square as possible; the open section is not moved."""
        low, high = main_section.xy.min(0)[::-1], main_section.xy.max(0)[::-1]
        step = np.max([high - low, *(s.high - s.low for s in self.sections.values())], axis=0)
        step = step + _GAP * step.max()
        columns = int(np.ceil(np.sqrt(len(self.sections) + 1)))
        for i, (path, section) in enumerate(self.sections.items(), start=1):
            corner = low + step * divmod(i, columns)
            section.move(self.placements.get(path, Placement()).matrix(section.low, section.high, corner))

    def show(
        self,
        values_of: Callable[[str], CellValues | None],
        main_layer: GeneLayer | None,
        threshold_of: Callable[[CellValues], float | None],
    ) -> None:
        """Paint all sections.

        Parameters
        ----------
        values_of
            Values to paint in a section, by its path; None: the gene is unknown there.
        main_layer
            Gene layer of the open section, whose limits, colours and visibility the others copy.
        threshold_of
            Value below which cells are left out.
        """
        for path, section in self.sections.items():
            cell_values = values_of(path)
            section.show(cell_values, main_layer, None if cell_values is None else threshold_of(cell_values))

    def cell_text(self, y: float, x: float) -> str:
        """Describe the cell of any section at a position in micrometres; empty without a cell."""
        return next((text for s in self.sections.values() if (text := s.cell_text(y, x))), "")

    def close(self) -> None:
        """Remove all sections."""
        for path in list(self.sections):
            self.remove(path)
        self._grid.events.enabled.disconnect(self._sync_all)

    def _sync_all(self, *_: Any) -> None:
        for section in self.sections.values():
            section.sync()
