"""Tissue images as layers under the cells: one a channel, added up, read as far as they are looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image

from .layer_group import LayerGroup

if TYPE_CHECKING:
    from ...io.readers.images import TissueImage

CHANNEL_COLOURS = ("gray", "blue", "green", "magenta", "yellow", "cyan", "red")
_NUCLEAR_STAINS = ("dapi", "hoechst", "dna")
_CROP_SIZE, _N_CROPS = 256, 3  # pixels, along each axis
_LOW_PERCENTILE, _HIGH_PERCENTILE = 1.0, 99.8  # percentiles


@dataclass(frozen=True, eq=False)
class DisplayedImage:
    """An image with the limits between which it is drawn."""

    image: TissueImage
    limits: tuple[float, float]

    @property
    def title(self) -> str:
        return self.image.name if self.image.z is None else f"{self.image.name} · z {self.image.z}"


def with_display_limits(image: TissueImage) -> DisplayedImage:
    """Find limits from crops spread over the finest level: a file without stored levels would have to be read whole for more."""
    if image.is_rgb:
        return DisplayedImage(image, (0, 255))
    rows, columns = (np.linspace(0, max(0, n - _CROP_SIZE), _N_CROPS).astype(int) for n in image.shape)
    crops = [np.asarray(image.levels[0][r : r + _CROP_SIZE, c : c + _CROP_SIZE]).ravel() for r in rows for c in columns]
    low, high = np.percentile(np.concatenate(crops), (_LOW_PERCENTILE, _HIGH_PERCENTILE))
    return DisplayedImage(image, (float(low), float(max(high, low + 1))))


class ImageLayers(LayerGroup):
    """The image layers of one section; what the user changed of a layer stays while it is shown.

    Parameters
    ----------
    viewer
        napari viewer (held weakly).
    unit
        Of the coordinates.
    """

    def __init__(self, viewer: Any, unit: str) -> None:
        super().__init__(viewer, unit)
        self._layers: dict[TissueImage, Image] = {}

    @property
    def layers(self) -> list[Image]:
        """Those that are in the viewer."""
        return [layer for layer in self._layers.values() if self._in_viewer(layer)]

    def show(self, images: list[DisplayedImage]) -> None:
        """Just these images, under everything else, in this order."""
        viewer = self._viewer()
        if viewer is None:
            return
        kept = {p.image for p in images}
        for image in [i for i, layer in self._layers.items() if i not in kept or layer not in viewer.layers]:
            self._remove(self._layers.pop(image))
        active = viewer.layers.selection.active
        for at, p in enumerate(images):
            if p.image not in self._layers:
                self._layers[p.image] = layer = self._make_layer(p, at)
                viewer.layers.insert(min(at, len(viewer.layers)), layer)
        if active is not None and active in viewer.layers:
            viewer.layers.selection.active = active  # the gene keeps napari's sliders

    def close(self) -> None:
        """Remove all."""
        self.show([])

    def _make_layer(self, displayed: DisplayedImage, index: int) -> Image:
        image = displayed.image
        levels = list(image.levels) if len(image.levels) > 1 else image.levels[0]
        look: dict[str, Any] = {"rgb": True, "blending": "translucent_no_depth"}
        if not image.is_rgb:
            nuclei = any(name in image.name.lower() for name in _NUCLEAR_STAINS)
            colour = (
                "blue"
                if nuclei
                else CHANNEL_COLOURS[0]
                if index == 0
                else CHANNEL_COLOURS[1 + index % (len(CHANNEL_COLOURS) - 1)]
            )
            look = {"rgb": False, "blending": "additive", "colormap": colour, "contrast_limits": displayed.limits}
        return Image(
            levels,
            multiscale=isinstance(levels, list),
            affine=image.transform,
            units=(self._unit, self._unit),
            name=displayed.title,
            interpolation2d="linear",
            **look,
        )
