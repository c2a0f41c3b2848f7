"""napari layers over a cell raster: genes as images, categories as labels."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from napari.utils.colormaps import Colormap, DirectLabelColormap
from napari.utils.colormaps.standardize_color import transform_color
from numpy.typing import NDArray

from ..raster.cell_raster import CellRaster
from ..raster.pyramids import code_pyramid, value_pyramid
from ..values import CellCategories, CellValues

DescribeCell = Callable[[int], str]
NO_CELL = "no cell here"


class _CellLayer:
    """A layer of cells, which describes the cell under the pointer in the status line and the tooltip."""

    raster: CellRaster
    describe: DescribeCell
    _refresh_paused = False

    @contextmanager
    def pause_refresh(self) -> Iterator[None]:
        """Skip reading and drawing, which napari does after each change, during several related changes."""
        self._refresh_paused = True
        try:
            yield
        finally:
            self._refresh_paused = False

    def refresh(self, *args: Any, **kwargs: Any) -> None:
        """Refresh as napari does, unless `pause_refresh` is active."""
        if not self._refresh_paused:
            super().refresh(*args, **kwargs)  # type: ignore[misc]

    def _reset_data_level(self) -> None:
        """Keep the level that is drawn when values change: napari would draw the coarsest level first."""

    def cell_text(self, position: Any) -> str:
        """Describe the cell at a position (y, x) in micrometres."""
        row = self.raster.cell_at(float(position[-2]), float(position[-1]))
        return NO_CELL if row is None else self.describe(row)

    def get_status(self, position: Any = None, **kwargs: Any) -> dict[str, str]:
        """Return the status line of napari, with the description of the cell."""
        status: dict[str, str] = super().get_status(position, **kwargs)  # type: ignore[misc]
        if position is not None:
            status["value"] = self.cell_text(position)
            status["coordinates"] = f"{status['coords']}: {status['value']}"
        return status

    def _get_tooltip_text(self, position: Any, **kwargs: Any) -> str:
        return self.cell_text(position)


class GeneLayer(_CellLayer, Image):  # type: ignore[misc]  # napari is not typed
    """One gene over the cells. The time to switch genes depends on the size of the screen, not on the number of cells.

    Parameters
    ----------
    raster
        Labels of the cells.
    cell_values
        Values, kind and score.
    limits
        Colour limits, low and high.
    describe
        Function of the row of a cell that gives its text (id, type); the value is added here.
    unit
        Unit of the coordinates.
    **kwargs
        Of `napari.layers.Image`.
    """

    def __init__(
        self,
        raster: CellRaster,
        cell_values: CellValues,
        limits: tuple[float, float],
        describe: DescribeCell,
        unit: str = "um",
        **kwargs: Any,
    ) -> None:
        self.raster = raster
        self.cell_values = cell_values
        self._describe_cell = describe
        self._greyed_out: NDArray[np.bool_] | None = None
        self.threshold: float | None = None
        super().__init__(
            value_pyramid(raster, cell_values.values),
            multiscale=True,
            rgb=False,
            contrast_limits=limits,
            affine=raster.affine,
            units=(unit, unit),
            name=cell_values.title,
            metadata=_metadata(cell_values),
            interpolation2d="nearest",
            **kwargs,
        )
        if hasattr(self, "colorbar"):
            self.colorbar.visible = True
        self._extend_limits_range(limits)

    @property
    def _type_string(self) -> str:
        return "image"

    def describe(self, row: int) -> str:
        """Describe a cell: id, type, value with spread, and whether it is imputed."""
        return f"{self._describe_cell(row)} · {self.cell_values.value_text(row)}"

    def show_gene(self, cell_values: CellValues, limits: tuple[float, float], threshold: float | None = None) -> None:
        """Draw another gene in this layer; cells with a value below the threshold are left out."""
        self.cell_values, self.threshold = cell_values, threshold
        self._update_data()
        self.set_limits(limits)
        self.name = cell_values.title
        self.metadata = _metadata(cell_values)

    def grey_out(self, greyed_out: NDArray[np.bool_] | None) -> None:
        """Leave out cells, (cells,) bool; a layer below shows them in grey. Hovering still shows their values."""
        if greyed_out is not self._greyed_out:
            self._greyed_out = greyed_out
            self._update_data()

    def set_threshold(self, threshold: float | None) -> None:
        """Leave out cells with a value below the threshold; None: no cells."""
        if threshold != self.threshold:
            self.threshold = threshold
            self._update_data()

    def _update_data(self) -> None:
        values = self.cell_values.values
        for excluded in (self._greyed_out, None if self.threshold is None else values < self.threshold):
            values = values if excluded is None else np.where(excluded, np.float32(np.nan), values)
        with self.pause_refresh():
            self.data = value_pyramid(self.raster, values)
        self.refresh(extent=False)  # the extent does not change

    def set_limits(self, limits: tuple[float, float]) -> None:
        """Set the colour limits."""
        with self.events.contrast_limits.blocker():  # else the colour bar is drawn twice
            self._extend_limits_range(limits)
        self.contrast_limits = limits

    def _extend_limits_range(self, limits: tuple[float, float]) -> None:
        """Let the slider of napari's own controls reach all values."""
        values, (low, high) = self.cell_values.values, limits
        if values.size:
            lowest, highest = float(np.fmin.reduce(values)), float(np.fmax.reduce(values))  # faster than nanmin
            low = min(low, lowest) if np.isfinite(lowest) else low
            high = max(high, highest) if np.isfinite(highest) else high
        self.contrast_limits_range = (low, high)


class CategoryLayer(_CellLayer, Labels):  # type: ignore[misc]  # napari is not typed
    """Categories over the cells.

    Parameters
    ----------
    raster
        Labels of the cells.
    cell_categories
        Categories and their colours.
    describe
        Function of the row of a cell that gives its text.
    unit
        Unit of the coordinates.
    **kwargs
        Of `napari.layers.Labels`.
    """

    def __init__(
        self,
        raster: CellRaster,
        cell_categories: CellCategories,
        describe: DescribeCell,
        unit: str = "um",
        **kwargs: Any,
    ) -> None:
        self.raster = raster
        self.cell_categories = cell_categories
        self._describe_cell = describe
        super().__init__(
            code_pyramid(raster, cell_categories.codes),
            multiscale=True,
            affine=raster.affine,
            units=(unit, unit),
            name=cell_categories.name,
            colormap=_category_colormap(cell_categories),
            opacity=1.0,
            **kwargs,
        )

    @property
    def _type_string(self) -> str:
        return "labels"

    def describe(self, row: int) -> str:
        """Describe a cell and its category."""
        return f"{self._describe_cell(row)} · {self.cell_categories.name}: {self.cell_categories.category_text(row)}"

    def show_categories(self, cell_categories: CellCategories) -> None:
        """Draw other categories in this layer."""
        self.cell_categories = cell_categories
        with self.pause_refresh():
            self.colormap = _category_colormap(cell_categories)
        self.data = code_pyramid(self.raster, cell_categories.codes)
        self.name = cell_categories.name

    def hide_categories(self, hidden: set[int]) -> None:
        """Draw some categories transparent, by code."""
        self.colormap = _category_colormap(self.cell_categories, hidden)


def label_colormap(colours: Mapping[int, Any]) -> DirectLabelColormap:
    """Make a colormap of labels; the background and labels without a colour are transparent.

    Parameters
    ----------
    colours
        Colours by label, from 1.
    """
    transparent: dict[int | None, Any] = {0: "transparent", None: "transparent"}
    return DirectLabelColormap(color_dict=transparent | dict(colours))


def _category_colormap(cell_categories: CellCategories, hidden: Collection[int] = ()) -> DirectLabelColormap:
    colours = enumerate(cell_categories.colours)
    return label_colormap({code + 1: "transparent" if code in hidden else colour for code, colour in colours})


def _metadata(cell_values: CellValues) -> dict[str, Any]:
    return {"gene": cell_values.name, "kind": cell_values.kind, "score": cell_values.score, "unit": cell_values.unit}


def veil_colormap(colour: str) -> Colormap:
    """Make a colormap from transparent to one colour, which covers the layers below gradually."""
    rgb = transform_color(colour)[0, :3]
    return Colormap([[*rgb, 0.0], [*rgb, 1.0]], name=f"veil {colour}")
