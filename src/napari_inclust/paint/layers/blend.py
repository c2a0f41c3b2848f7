"""Up to three genes as red, green and blue over the cells."""

from __future__ import annotations

from collections.abc import Mapping

from ..limits import RGB_CHANNELS
from ..values import CellValues
from . import canvas
from .cell_layers import DescribeCell, GeneLayer
from .layer_group import CellLayerGroup


class BlendLayers(CellLayerGroup):
    """One layer for each channel, blended additively; each has napari's own sliders and colour bar."""

    @property
    def layers(self) -> dict[str, GeneLayer]:
        """Layers that are in the viewer, by channel."""
        layers = {channel: self._owned_layer(channel) for channel in RGB_CHANNELS}
        return {channel: layer for channel, layer in layers.items() if layer is not None}

    def show(
        self, genes: Mapping[str, CellValues], limits: Mapping[str, tuple[float, float]], describe: DescribeCell
    ) -> None:
        """Draw genes, by channel; channels without a gene are removed.

        Parameters
        ----------
        genes, limits
            Values and colour limits by channel ("red", "green", "blue").
        describe
            As of `GeneLayer`.
        """
        viewer = self._viewer()
        if viewer is None:
            return
        for channel in RGB_CHANNELS:
            cell_values, layer = genes.get(channel), self.layers.get(channel)
            if cell_values is None:
                self._remove_owned(channel)
                continue
            if layer is None:
                layer = GeneLayer(
                    self._raster, cell_values, limits[channel], describe, unit=self._unit, colormap=channel
                )
                self._owned[channel] = layer
                viewer.layers.append(layer)
            elif layer.cell_values is not cell_values:
                layer.show_gene(cell_values, limits[channel])
            layer.name = f"{channel}: {cell_values.title}"
        for i, layer in enumerate(sorted(self.layers.values(), key=viewer.layers.index)):
            # the lowest layer hides the canvas, which is white in the light theme
            layer.blending = "additive" if i else "translucent"
        canvas.scale_bar(viewer).visible = True
        canvas.update_colour_bars(viewer)
