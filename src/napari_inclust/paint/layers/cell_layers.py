"""napari layers over a cell raster: a gene as an image, categories as labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
    """What hovering says: the cell under the pointer instead of a bare number."""

    raster: CellRaster
    describe: DescribeCell
    _refresh_paused = False

    @contextmanager
    def pause_refresh(self) -> Iterator[None]:
        """Read and draw nothing meanwhile: napari does so after each of several changes that belong together."""
        self._refresh_paused = True
        try:
            yield
        finally:
            self._refresh_paused = False

    def refresh(self, *args: Any, **kwargs: Any) -> None:
        """napari's own, but for `held`."""
        if not self._refresh_paused:
            super().refresh(*args, **kwargs)  # type: ignore[misc]

    def _reset_data_level(self) -> None:
        """Other values of the same cells are drawn at the level that is on the screen: napari would draw the coarsest level first, and then again."""

    def cell_text(self, position: Any) -> str:
        """The cell at a place (y, x) in micrometres, in words."""
        row = self.raster.cell_at(float(position[-2]), float(position[-1]))
        return NO_CELL if row is None else self.describe(row)

    def get_status(self, position: Any = None, **kwargs: Any) -> dict[str, str]:
        """napari's status line, with the cell in words."""
        status: dict[str, str] = super().get_status(position, **kwargs)  # type: ignore[misc]
        if position is not None:
            status["value"] = self.cell_text(position)
            status["coordinates"] = f"{status['coords']}: {status['value']}"
        return status

    def _get_tooltip_text(self, position: Any, **kwargs: Any) -> str:
        return self.cell_text(position)


class GeneLayer(_CellLayer, Image):
    """One gene over the cells. A switch to another gene costs what is on the screen, not the number of cells.

    Parameters
    ----------
    raster
        Where the cells are.
    painted
        Values, kind and score.
    limits
        Colour limits, low and high.
    describe
        Row of a cell to its text (id, type); the value is added here.
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
        super().__init__(value_pyramid(raster, cell_values.values), multiscale=True, rgb=False, contrast_limits=limits, affine=raster.affine, units=(unit, unit),
                         name=cell_values.title, metadata=_metadata(cell_values), interpolation2d="nearest", **kwargs)  # fmt: skip
        if hasattr(self, "colorbar"):
            self.colorbar.visible = True
        self._extend_limits_range(limits)

    @property
    def _type_string(self) -> str:
        return "image"

    def describe(self, row: int) -> str:
        """Cell, type, value, spread, and whether it is imputed."""
        return f"{self._describe_cell(row)} · {self.cell_values.value_text(row)}"

    def show_gene(self, cell_values: CellValues, limits: tuple[float, float], threshold: float | None = None) -> None:
        """Paint another gene, in place; cells whose value is below `least` are left out."""
        self.cell_values, self.threshold = cell_values, threshold
        self._update_data()
        self.set_limits(limits)
        self.name = cell_values.title
        self.metadata = _metadata(cell_values)

    def grey_out(self, greyed_out: NDArray[np.bool_] | None) -> None:
        """Leave some cells out (a layer below shows them grey); hovering still tells their values."""
        if greyed_out is not self._greyed_out:
            self._greyed_out = greyed_out
            self._update_data()

    def set_threshold(self, threshold: float | None) -> None:
        """Leave out cells whose value is below; None: none."""
        if threshold != self.threshold:
            self.threshold = threshold
            self._update_data()

    def _update_data(self) -> None:
        values = self.cell_values.values
        for out in (self._greyed_out, None if self.threshold is None else values < self.threshold):
            values = values if out is None else np.where(out, np.float32(np.nan), values)
        with self.pause_refresh():
            self.data = value_pyramid(self.raster, values)  # type: ignore[assignment]
        self.refresh(extent=False)  # the cells stay where they are

    def set_limits(self, limits: tuple[float, float]) -> None:
        """Other colour limits."""
        with self.events.contrast_limits.blocker():  # else the colour bar is drawn anew for each of them
            self._extend_limits_range(limits)
        self.contrast_limits = limits

    def _extend_limits_range(self, limits: tuple[float, float]) -> None:
        """Let the slider of napari's own control reach all values."""
        values = self.cell_values.values
        low, high = (
            (float(f.reduce(values)) for f in (np.fmin, np.fmax)) if values.size else limits
        )  # quicker than nanmin at a million cells
        low, high = (low if np.isfinite(low) else limits[0]), (high if np.isfinite(high) else limits[1])
        self.contrast_limits_range = (min(low, limits[0]), max(high, limits[1]))


class CategoryLayer(_CellLayer, Labels):
    """Categories over the cells.

    Parameters
    ----------
    raster
        Where the cells are.
    types
        Categories and their colours.
    describe
        Row of a cell to its text.
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
        super().__init__(code_pyramid(raster, cell_categories.codes), multiscale=True, affine=raster.affine, units=(unit, unit), name=cell_categories.name,
                         colormap=_colormap(cell_categories), opacity=1.0, **kwargs)  # fmt: skip

    @property
    def _type_string(self) -> str:
        return "labels"

    def describe(self, row: int) -> str:
        """Cell and its category."""
        return f"{self._describe_cell(row)} · {self.cell_categories.name}: {self.cell_categories.category_text(row)}"

    def show_categories(self, cell_categories: CellCategories) -> None:
        """Paint other categories, in place."""
        self.cell_categories = cell_categories
        with self.pause_refresh():
            self.colormap = _colormap(cell_categories)
        self.data = code_pyramid(self.raster, cell_categories.codes)  # type: ignore[assignment]
        self.name = cell_categories.name

    def hide_categories(self, hidden: set[int]) -> None:
        """Draw some categories transparent, by code."""
        self.colormap = _colormap(self.cell_categories, hidden)


def _colormap(cell_categories: CellCategories, hidden: set[int] | None = None) -> DirectLabelColormap:
    colours: dict[int | None, Any] = {0: "transparent", None: "transparent"}
    colours |= {i + 1: "transparent" if hidden and i in hidden else c for i, c in enumerate(cell_categories.colours)}
    return DirectLabelColormap(color_dict=colours)


def _metadata(cell_values: CellValues) -> dict[str, Any]:
    return {"gene": cell_values.name, "kind": cell_values.kind, "score": cell_values.score, "unit": cell_values.unit}


def veil_colormap(colour: str) -> Colormap:
    """From transparent to one colour: laid over others, it takes their place by and by."""
    rgb = transform_color(colour)[0, :3]
    return Colormap([[*rgb, 0.0], [*rgb, 1.0]], name=f"veil {colour}")
