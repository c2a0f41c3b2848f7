"""Molecules of a gene as points: a sample of those in view, all of them once few enough are."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Points
from numpy.typing import NDArray

from . import canvas
from .layer_group import LayerGroup, OwnedLayer

MAX_POINTS = 20_000  # drawn at once
_SIZE = 0.6  # micrometres
_COLOUR = "#ff4dd2"


class MoleculeLayer(LayerGroup):
    """A layer of points over all others; its name says how many of the molecules it shows.

    Attributes
    ----------
    layer
        The layer of points.
    """

    layer = OwnedLayer[Points]()

    def __init__(self, viewer: Any, unit: str) -> None:
        super().__init__(viewer, unit)
        self._gene = ""
        self._yx: NDArray[np.float32] = np.zeros((0, 2), dtype=np.float32)

    def show(self, gene: str, xy: NDArray[np.float32]) -> None:
        """Show the molecules of a gene, (molecules, 2) in micrometres."""
        self._gene = gene
        self._yx = np.random.default_rng(0).permutation(xy)[:, ::-1]  # the first points in view are a random sample
        if self.layer is None:
            layer = Points(
                np.zeros((0, 2)),
                size=_SIZE,
                face_color=_COLOUR,
                border_width=0,
                units=(self._unit, self._unit),
                canvas_size_limits=(3, 30),  # pixels of the screen
            )
            self.layer = layer
            self._insert(layer, [])
        self.update_view()

    def update_view(self) -> None:
        """Show the molecules in view, or a sample of them: after the view moved."""
        viewer, layer = self._viewer(), self.layer
        if viewer is None or layer is None:
            return
        low, high = visible_bounds(viewer)
        many = len(self._yx) > MAX_POINTS
        in_view = self._yx[((self._yx >= low) & (self._yx <= high)).all(1)] if many else self._yx
        layer.data = in_view[:MAX_POINTS]
        part = f"{MAX_POINTS:,} of {len(in_view):,} in view" if len(in_view) > MAX_POINTS else f"{len(in_view):,}"
        layer.name = f"{self._gene} · {part} molecules" + (f", {len(self._yx):,} in all" if many else "")


def visible_bounds(viewer: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the low and high corner (y, x) of the area that the canvas shows."""
    camera = canvas.camera(viewer)
    size = np.asarray(viewer.canvas.size if hasattr(viewer, "canvas") else viewer._canvas_size, dtype=np.float64)
    half, centre = size / max(camera.zoom, 1e-12) / 2, np.asarray(camera.center[-2:])
    return centre - half, centre + half
