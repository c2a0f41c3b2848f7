"""Tissue images as layers under the cells: one for each channel, blended additively, read on demand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image

from . import canvas
from .layer_group import LayerGroup

if TYPE_CHECKING:
    from ...io.readers.images import TissueImage

CHANNEL_COLOURS = ("gray", "blue", "green", "magenta", "yellow", "cyan", "red")
_NUCLEAR_STAINS = ("dapi", "hoechst", "dna")
_CROP_SIZE, _N_CROPS = 256, 3  # pixels; crops along each axis
_LOW_PERCENTILE, _HIGH_PERCENTILE = 1.0, 99.8  # of the pixels of the crops


@dataclass(frozen=True, eq=False)
class DisplayedImage:
    """An image with its contrast limits."""

    image: TissueImage
    limits: tuple[float, float]

    @property
    def title(self) -> str:
        """Name of the layer."""
        return self.image.name if self.image.z is None else f"{self.image.name} · z {self.image.z}"


def with_display_limits(image: TissueImage) -> DisplayedImage:
    """Set contrast limits from crops spread over the finest level, so that large files are not read as a whole."""
    if image.is_rgb:
        return DisplayedImage(image, (0, 255))
    rows, columns = (np.linspace(0, max(0, n - _CROP_SIZE), _N_CROPS).astype(int) for n in image.shape)
    crops = [np.asarray(image.levels[0][r : r + _CROP_SIZE, c : c + _CROP_SIZE]).ravel() for r in rows for c in columns]
    low, high = np.percentile(np.concatenate(crops), (_LOW_PERCENTILE, _HIGH_PERCENTILE))
    return DisplayedImage(image, (float(low), float(max(high, low + 1))))


class ImageLayers(LayerGroup):
    """The image layers of one section; settings that the user changed are kept while a layer is shown."""

    @property
    def layers(self) -> list[Image]:
        """Layers that are in the viewer."""
        return [layer for layer in self._owned.values() if self._in_viewer(layer)]

    def show(self, images: list[DisplayedImage]) -> None:
        """Show these images and no others, under all other layers, in this order."""
        viewer = self._viewer()
        if viewer is None:
            return
        shown = {displayed.image for displayed in images}
        for image in [i for i, layer in self._owned.items() if i not in shown or layer not in viewer.layers]:
            self._remove_owned(image)
        with canvas.keep_active_layer(viewer):
            for index, displayed in enumerate(images):
                if displayed.image not in self._owned:
                    self._owned[displayed.image] = layer = self._make_layer(displayed, index)
                    viewer.layers.insert(min(index, len(viewer.layers)), layer)

    def _make_layer(self, displayed: DisplayedImage, index: int) -> Image:
        image = displayed.image
        levels = list(image.levels) if len(image.levels) > 1 else image.levels[0]
        options: dict[str, Any] = {"rgb": True, "blending": "translucent_no_depth"}
        if not image.is_rgb:
            colour = CHANNEL_COLOURS[1 + index % (len(CHANNEL_COLOURS) - 1)] if index else CHANNEL_COLOURS[0]
            if any(name in image.name.lower() for name in _NUCLEAR_STAINS):
                colour = "blue"
            options = {"rgb": False, "blending": "additive", "colormap": colour, "contrast_limits": displayed.limits}
        return Image(
            levels,
            multiscale=isinstance(levels, list),
            affine=image.transform,
            units=(self._unit, self._unit),
            name=displayed.title,
            interpolation2d="linear",
            **options,
        )
