"""Molecules of a gene as points: as many as can be told apart, more of them the closer one looks."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Points
from numpy.typing import NDArray

from . import canvas
from .layer_group import LayerGroup

MAX_POINTS = 20_000  # points on the screen
_SIZE = 0.6  # micrometres; never smaller than three pixels of the screen
_COLOUR = "#ff4dd2"


class MoleculeLayer(LayerGroup):
    """A layer of points over everything, named by how many of all it shows.

    Parameters
    ----------
    viewer
        napari viewer (held weakly).
    unit
        Of the coordinates.
    """

    def __init__(self, viewer: Any, unit: str) -> None:
        super().__init__(viewer, unit)
        self._gene = ""
        self._yx: NDArray[np.float32] = np.zeros((0, 2), dtype=np.float32)
        self._layer: Points | None = None

    @property
    def layer(self) -> Points | None:
        return self._layer if self._in_viewer(self._layer) else None

    def show(self, gene: str, xy: NDArray[np.float32]) -> None:
        """All molecules of a gene, (molecules, 2) in micrometres."""
        self._gene = gene
        self._yx = np.random.default_rng(0).permutation(xy)[:, ::-1]  # whatever part of them is shown is a fair one
        if self.layer is None:
            self._layer = Points(
                np.zeros((0, 2)),
                size=_SIZE,
                face_color=_COLOUR,
                border_width=0,
                units=(self._unit, self._unit),
                canvas_size_limits=(3, 30),
            )
            self._insert(self._layer, [])
        self.update_view()

    def update_view(self) -> None:
        """Show those in view, or a fair part of them: after the view moved."""
        viewer, layer = self._viewer(), self.layer
        if viewer is None or layer is None:
            return
        low, high = visible_bounds(viewer)
        seen = self._yx[((self._yx >= low) & (self._yx <= high)).all(1)] if len(self._yx) > MAX_POINTS else self._yx
        layer.data = seen[:MAX_POINTS]
        part = f"{MAX_POINTS:,} of {len(seen):,} in view" if len(seen) > MAX_POINTS else f"{len(seen):,}"
        layer.name = f"{self._gene} · {part} molecules" + (
            f", {len(self._yx):,} in all" if len(self._yx) > MAX_POINTS else ""
        )

    def close(self) -> None:
        """Remove the layer."""
        self._layer = self._remove(self._layer)


def visible_bounds(viewer: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Low and high corner (y, x) of what the canvas shows."""
    now = canvas.camera(viewer)
    size = np.asarray(viewer.canvas.size if hasattr(viewer, "canvas") else viewer._canvas_size, dtype=np.float64)
    half, centre = size / max(now.zoom, 1e-12) / 2, np.asarray(now.center[-2:])
    return centre - half, centre + half
