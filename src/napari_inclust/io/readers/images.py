"""Tissue images of a section: channels and planes with their affine to micrometres. Pixels are read when drawn."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from . import cosmx, spatialdata_zarr, visium
from .image_pyramid import ImagePyramid, open_image_pyramid
from .options import ReadOptions
from .outlines import pixel_affine

if TYPE_CHECKING:
    import dask.array as da

_MOSAIC_FILE_PATTERN = re.compile(r"mosaic_(?P<channel>.+)_z(?P<z>\d+)\.tiff?$")


@dataclass(frozen=True, eq=False)
class TissueImage:
    """One channel of one plane.

    Attributes
    ----------
    name
        The channel.
    levels
        Finest first, each (rows, columns), or (rows, columns, 3 or 4) for a colour image; dask arrays.
    transform : (3, 3)
        (row, column) of a pixel centre of the finest level to micrometres (y, x).
    z
        Number of the plane, where there are several.
    """

    name: str
    levels: tuple[da.Array, ...]
    transform: NDArray[np.float64]
    z: int | None = None

    @property
    def is_rgb(self) -> bool:
        """Whether it is a colour image."""
        return bool(self.levels[0].ndim == 3)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the finest level."""
        return int(self.levels[0].shape[0]), int(self.levels[0].shape[1])

    @property
    def pixel_size(self) -> float:
        """Micrometres per pixel."""
        return float(np.sqrt(abs(np.linalg.det(self.transform[:2, :2]))))


def find_images(path: Path, *, system: str | None = None, pixel_size: float | None = None) -> list[TissueImage]:
    """List the images that belong to a section.

    Parameters
    ----------
    path
        A SpatialData zarr, or a MERSCOPE, Xenium, CosMx, Visium or Visium HD folder; other kinds have none.
    system
        Coordinate system of a SpatialData zarr.
    pixel_size
        As for `read_section`, so that images and cells are aligned.

    Raises
    ------
    DataError
        Images that are damaged or without their position.
    """
    from .dispatch import detect_format, read_safely

    read = _READERS.get(detect_format(path).name)
    options = ReadOptions(system=system, pixel_size=pixel_size)
    return [] if read is None else read_safely(path, lambda p: list(read(p, options)), "images")


def open_image(path: Path, *, pixel_size: float | None = None) -> list[TissueImage]:
    """Open an image file, its first pixel at the origin.

    Parameters
    ----------
    path
        TIFF, OME-TIFF, PNG, JPEG, a zarr array or an OME-zarr.
    pixel_size
        Micrometres per pixel; needed when the file does not say.

    Raises
    ------
    DataError
        An unknown kind, a damaged file, or an unknown pixel size.
    """
    from .dispatch import read_safely

    if not path.exists():
        raise DataError(f"no file {path}. Check the name.")
    pixels = read_safely(path, open_image_pyramid, "an image")
    size = (pixel_size, pixel_size) if pixel_size else pixels.pixel_size
    if size is None:
        raise DataError(f"{path} does not say how large its pixels are. Give the micrometres per pixel.")
    return list(split_channels(pixels, np.diag([size[1], size[0], 1.0]), path.name.split(".")[0]))


def split_channels(pixels: ImagePyramid, to_um: NDArray[np.float64], name: str) -> Iterator[TissueImage]:
    """Split an image by channel and plane.

    Parameters
    ----------
    to_um : (3, 3)
        Pixel corners (x, y) to micrometres (x, y).
    name
        For channels without a name.
    """
    affine = pixel_affine(to_um)
    if pixels.is_rgb:
        yield TissueImage(name, tuple(level[0, 0] for level in pixels.levels), affine)
        return
    n_channels, n_planes = pixels.levels[0].shape[:2]
    named = len(pixels.channels) == n_channels and all(pixels.channels)
    for c in range(n_channels):
        channel = pixels.channels[c] if named else name if n_channels == 1 else f"{name} {c}"
        for z in range(n_planes):
            yield TissueImage(
                channel, tuple(level[c, z] for level in pixels.levels), affine, z if n_planes > 1 else None
            )


def _merscope_images(path: Path, options: ReadOptions) -> Iterator[TissueImage]:
    """Open images/mosaic_<channel>_z<plane>.tif with micron_to_mosaic_pixel_transform.csv."""
    file = path / "images" / "micron_to_mosaic_pixel_transform.csv"
    mosaics = sorted(
        (m["channel"], int(m["z"]), p)
        for p in (path / "images").glob("mosaic_*")
        if (m := _MOSAIC_FILE_PATTERN.match(p.name))
    )
    if not mosaics:
        return
    if not file.is_file():
        raise DataError(f"{path / 'images'} lacks {file.name}, so the position of its mosaics is unknown.")
    to_um = np.linalg.inv(np.loadtxt(file)).astype(np.float64)
    for channel, z, p in mosaics:
        for image in split_channels(open_image_pyramid(p), to_um, channel):
            yield TissueImage(channel, image.levels, image.transform, z)


def _xenium_images(path: Path, options: ReadOptions) -> Iterator[TissueImage]:
    """Open morphology_focus (a folder since version 2) and the stack morphology.ome.tif."""
    experiment = json.loads((path / "experiment.xenium").read_text(encoding="utf-8"))
    size = float(experiment.get("pixel_size", 0.2125))
    to_um = np.diag([size, size, 1.0])
    focus = sorted((path / "morphology_focus").glob("*.ome.tif"))
    files = [*focus, *(path / n for n in ("morphology_focus.ome.tif", "morphology_mip.ome.tif", "morphology.ome.tif"))]
    seen: set[str] = set()
    for file in files:
        if not file.is_file():
            continue
        pixels = open_image_pyramid(file)
        for image in split_channels(pixels, to_um, file.name.split(".")[0]):
            name = image.name if file in focus or not pixels.channels else f"{file.name.split('.')[0]} {image.name}"
            # the files of one OME-TIFF name each other: opening the first gives all channels
            if file not in focus or name not in seen:
                yield TissueImage(name, image.levels, image.transform, image.z)
        if file in focus:
            seen |= set(pixels.channels)


def _cosmx_images(path: Path, options: ReadOptions) -> Iterator[TissueImage]:
    """Open CellComposite/*_F<fov>: each field of view is positioned by its cells."""
    for fov, file, to_um, upside_down in cosmx.field_images(path, "CellComposite", options.pixel_size):
        pixels = open_image_pyramid(file)
        if upside_down:
            rows = -3 if pixels.is_rgb else -2
            pixels = ImagePyramid(
                tuple(level[(..., slice(None, None, -1), *[slice(None)] * (-rows - 1))] for level in pixels.levels),
                pixels.channels,
            )
        yield from split_channels(pixels, to_um, f"composite, field {fov}")


def _visium_images(path: Path, options: ReadOptions) -> Iterator[TissueImage]:
    """Open spatial/tissue_hires_image.png and the lowres one."""
    for name, file, to_um in visium.tissue_image_files(path, options.pixel_size):
        yield from split_channels(open_image_pyramid(file), to_um, name)


def _read_spatialdata_images(path: Path, options: ReadOptions) -> Iterator[TissueImage]:
    return spatialdata_images(spatialdata_zarr.read_elements(path, ("images",)), path, options)


def spatialdata_images(data: Any, path: Path | str, options: ReadOptions) -> Iterator[TissueImage]:
    """List the images of a SpatialData object that lie in the coordinate system of its cells.

    Parameters
    ----------
    data : spatialdata.SpatialData
    path
        For messages.
    options
        Coordinate system, and micrometres per unit of it.
    """
    from spatialdata.transformations import get_transformation

    system = (
        spatialdata_zarr.choose_name("coordinate system", list(data.coordinate_systems), options.system, path, "global")
        if data.images
        else ""
    )
    for name, element in data.images.items():
        levels = (
            [next(iter(level.values())) for level in element.values()] if hasattr(element, "children") else [element]
        )
        transforms = get_transformation(element, get_all=True)
        if system not in transforms:
            continue
        to_um = spatialdata_zarr.affine_to_micrometres(transforms, options, system)
        axes = levels[0].dims
        channels = tuple(str(c) for c in np.asarray(levels[0].coords["c"])) if "c" in levels[0].coords else ()
        several = len(data.images) > 1
        if "z" not in axes and len(channels) in (3, 4) and levels[0].dtype == np.uint8 and _are_rgb_channels(channels):
            arrays = tuple(level.transpose("y", "x", "c").data[None, None] for level in levels)
            yield from split_channels(ImagePyramid(arrays, ()), to_um, name)
            continue
        arrays = tuple(
            (level.expand_dims("z") if "z" not in axes else level).transpose("c", "z", "y", "x").data
            for level in levels
        )
        named = tuple(c if not c.isdigit() else f"{name} {c}" for c in channels)
        if len(channels) == 1:
            named = (name,)
        elif several:
            named = tuple(n if n.startswith(name) else f"{name} {n}" for n in named)
        yield from split_channels(ImagePyramid(arrays, named), to_um, name)


def _are_rgb_channels(channels: tuple[str, ...]) -> bool:
    """Whether channels have the names of colours."""
    return "".join(c.lower()[:1] for c in channels) in ("rgb", "rgba", "012", "0123")


_READERS: dict[str, Callable[[Path, ReadOptions], Iterator[TissueImage]]] = {
    "SpatialData": _read_spatialdata_images,
    "MERSCOPE folder": _merscope_images,
    "Xenium folder": _xenium_images,
    "CosMx folder": _cosmx_images,
    "Visium folder": _visium_images,
    "Visium HD folder": _visium_images,
}
