"""Three genes as red, green and blue over the cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..limits import RGB_CHANNELS
from ..raster.cell_raster import CellRaster
from ..values import CellValues
from . import canvas
from .cell_layers import DescribeCell, GeneLayer
from .layer_group import CellLayerGroup


class BlendLayers(CellLayerGroup):
    """One layer a channel, added up; each keeps napari's own sliders and colour bar."""

    def __init__(self, viewer: Any, raster: CellRaster, unit: str) -> None:
        super().__init__(viewer, raster, unit)
        self._layers: dict[str, GeneLayer] = {}

    @property
    def layers(self) -> dict[str, GeneLayer]:
        """Those that are in the viewer, by channel."""
        return {c: self._layers[c] for c in RGB_CHANNELS if self._in_viewer(self._layers.get(c))}

    def show(
        self, genes: Mapping[str, CellValues], limits: Mapping[str, tuple[float, float]], describe: DescribeCell
    ) -> None:
        """Draw these genes, by channel; channels without one are removed."""
        viewer = self._viewer()
        if viewer is None:
            return
        for channel, layer in self.layers.items():
            if channel not in genes:
                viewer.layers.remove(layer)
        alive = self.layers
        self._layers = dict(alive)
        for channel in [c for c in RGB_CHANNELS if c in genes]:
            shown, layer = genes[channel], alive.get(channel)
            if layer is None:
                self._layers[channel] = layer = GeneLayer(
                    self._raster, shown, limits[channel], describe, unit=self._unit, colormap=channel
                )
                viewer.layers.append(layer)
            elif layer.cell_values is not shown:
                layer.show_gene(shown, limits[channel])
            layer.name = f"{channel}: {shown.title}"
        for i, layer in enumerate(sorted(self.layers.values(), key=viewer.layers.index)):
            layer.blending = (
                "additive" if i else "translucent"
            )  # the lowest hides the canvas, which is white in the light theme
        canvas.scale_bar(viewer).visible = True
        canvas.update_colour_bars(viewer)

    def close(self) -> None:
        """Remove all."""
        self.show({}, {}, str)
