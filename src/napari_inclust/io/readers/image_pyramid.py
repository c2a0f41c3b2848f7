"""Images on disk as lazy pyramids: TIFF and OME-TIFF, zarr and OME-zarr, PNG and JPEG. Pixels are read when drawn."""

from __future__ import annotations

import weakref
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import DataError
from .zarr_metadata import is_ome_zarr, is_zarr_array

if TYPE_CHECKING:
    import dask.array as da

TIFF_SUFFIXES, IMAGE_SUFFIXES = (".tif", ".tiff", ".btf", ".qptiff"), (".png", ".jpg", ".jpeg")
_CHUNK_PIXELS = 1024  # on a side of a dask chunk
_MAX_COARSEST_PIXELS = 1024  # on the longer side of the coarsest level
_MICROMETRES_PER_UNIT = {
    "µm": 1.0,
    "um": 1.0,
    "micrometer": 1.0,
    "micrometre": 1.0,
    "nm": 1e-3,
    "nanometer": 1e-3,
    "mm": 1e3,
    "millimeter": 1e3,
}


@dataclass(frozen=True, eq=False)
class ImagePyramid:
    """An image at several resolutions.

    Attributes
    ----------
    levels
        Finest first, each (channels, planes, rows, columns), or (1, 1, rows, columns, 3 or 4) for a colour image.
    channels
        Their names, empty where the file has none.
    pixel_size
        Micrometres per pixel (y, x), None when the file does not say.
    """

    levels: tuple[da.Array, ...]
    channels: tuple[str, ...]
    pixel_size: tuple[float, float] | None = None

    @property
    def is_rgb(self) -> bool:
        """Whether it is a colour image, with one value a colour in each pixel."""
        return bool(self.levels[0].ndim == 5)


def is_image(path: Path) -> bool:
    """Whether a path is an image, by the suffix of a file or the metadata of a zarr."""
    return path.suffix.lower() in (*TIFF_SUFFIXES, *IMAGE_SUFFIXES) or is_zarr_array(path) or is_ome_zarr(path)


def open_image_pyramid(path: Path) -> ImagePyramid:
    """Open an image of any of these kinds.

    Raises
    ------
    DataError
        An unknown kind, or axes that are not those of an image.
    """
    suffix = path.suffix.lower()
    if suffix in TIFF_SUFFIXES:
        return _open_tiff(path)
    if suffix in IMAGE_SUFFIXES:
        return _open_png_or_jpeg(path)
    if is_zarr_array(path) or is_ome_zarr(path):
        return _open_zarr(path)
    raise DataError(
        f"{path} is no image that can be read; expected {', '.join((*TIFF_SUFFIXES, *IMAGE_SUFFIXES))}, or a zarr that "
        "holds an image."
    )


def add_coarser_levels(levels: list[da.Array], row_axis: int = -2) -> tuple[da.Array, ...]:
    """Add coarser levels by leaving out every other pixel, until the whole image fits a screen."""
    out = list(levels)
    axes = (row_axis % out[0].ndim, row_axis % out[0].ndim + 1)
    while max(out[-1].shape[a] for a in axes) > _MAX_COARSEST_PIXELS:
        out.append(out[-1][tuple(slice(None, None, 2) if a in axes else slice(None) for a in range(out[-1].ndim))])
    return tuple(out)


def _open_tiff(path: Path) -> ImagePyramid:
    import dask.array as da
    import numpy as np
    import tifffile

    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        axes = series.axes
        names, size = _parse_ome_xml(file.ome_metadata) if file.ome_metadata else ((), None)
        stored = [_TiffLevel(series.aszarr(level=i)) for i in range(len(series.levels))]
    levels = [
        _order_axes(
            da.from_array(a, chunks=_dask_chunks(a.array), name=False, meta=np.empty((0,) * a.ndim, a.dtype)),
            axes,
            path,
        )
        for a in stored
    ]
    return ImagePyramid(add_coarser_levels(levels, -3 if levels[0].ndim == 5 else -2), names, size)


class _TiffLevel:
    """One level of a TIFF as an array; its file is closed when the last reference is gone."""

    def __init__(self, store: Any) -> None:
        import zarr

        self.array = zarr.open_array(store, mode="r")
        self.shape, self.dtype, self.ndim = self.array.shape, self.array.dtype, self.array.ndim
        weakref.finalize(self, store.close)

    def __getitem__(self, key: Any) -> Any:
        return self.array[key]


def _dask_chunks(array: Any) -> tuple[int, ...]:
    """Join whole stored chunks to about `_CHUNK_PIXELS`: as they are, strips of one row would be one task each."""
    return tuple(
        min(n, -(-_CHUNK_PIXELS // c) * c) if n > 4 else n for n, c in zip(array.shape, array.chunks, strict=True)
    )


def _open_png_or_jpeg(path: Path) -> ImagePyramid:
    import dask.array as da
    import numpy as np
    from dask.delayed import delayed
    from PIL import Image

    with Image.open(path) as image:
        (width, height), mode = image.size, "L" if image.mode in ("1", "L") else "RGB"

    def read() -> Any:
        with Image.open(path) as image:
            return np.asarray(image.convert(mode))

    shape = (height, width) if mode == "L" else (height, width, 3)
    level = _order_axes(da.from_delayed(delayed(read)(), shape, np.uint8), "YX" if mode == "L" else "YXS", path)
    return ImagePyramid(add_coarser_levels([level], -2 if mode == "L" else -3), ())


def _open_zarr(path: Path) -> ImagePyramid:
    import dask.array as da
    import zarr

    if is_zarr_array(path):
        level = da.from_zarr(zarr.open_array(path, mode="r"))
        axes = {2: "YX", 3: "YXS" if level.shape[-1] in (3, 4) and level.dtype == "uint8" else "CYX"}.get(
            level.ndim, ""
        )
        level = _order_axes(level, axes, path)
        return ImagePyramid(add_coarser_levels([level], -3 if level.ndim == 5 else -2), ())
    group = zarr.open_group(path, mode="r")
    attributes: Any = group.attrs.get("ome", dict(group.attrs))
    scales = attributes["multiscales"][0]
    named_axes = [a if isinstance(a, dict) else {"name": a} for a in scales.get("axes", [{"name": n} for n in "tczyx"])]
    letters = "".join(a["name"].upper() for a in named_axes)
    levels = [_order_axes(da.from_zarr(group[d["path"]]), letters, path) for d in scales["datasets"]]
    unit = _MICROMETRES_PER_UNIT.get(str(named_axes[-1].get("unit", "")))
    steps = next(
        (t["scale"] for t in scales["datasets"][0].get("coordinateTransformations", []) if t["type"] == "scale"), None
    )
    size = (steps[-2] * unit, steps[-1] * unit) if unit and steps else None
    names = tuple(str(c.get("label", "")) for c in attributes.get("omero", {}).get("channels", []))
    return ImagePyramid(add_coarser_levels(levels), names, size)


def _order_axes(array: da.Array, axes: str, path: Path) -> da.Array:
    """Transpose an array, whose axes are named by letters, to (channels, planes, rows, columns[, colours])."""
    colours = "S" in axes
    for letter in [a for a in axes if a not in "CZYXS"]:  # time, and axes without a name
        at = axes.index(letter)
        if array.shape[at] == 1 or letter == "T":
            array, axes = array[(slice(None),) * at + (0,)], axes.replace(letter, "", 1)
        elif letter in "QI" and "C" not in axes:
            axes = axes.replace(letter, "C", 1)
    if set(axes) - set("CZYXS") or not {"Y", "X"} <= set(axes) or array.ndim != len(axes):
        raise DataError(
            f"{path} has the axes {axes or array.shape}, which are not those of an image; expected rows and columns, "
            "and channels or planes."
        )
    if colours and (array.shape[axes.index("S")] not in (3, 4)):
        axes, colours = axes.replace("S", "C"), False
    order = [a for a in ("CZYXS" if colours else "CZYX") if a in axes]
    array = array.transpose([axes.index(a) for a in order])
    for position, letter in enumerate("CZ"):
        if letter not in axes:
            array = array[(slice(None),) * position + (None,)]
    return array[:1, :1] if colours else array


def _parse_ome_xml(text: str) -> tuple[tuple[str, ...], tuple[float, float] | None]:
    """Read channel names and micrometres per pixel (y, x) from OME-XML."""
    pixels = next((e for e in ET.fromstring(text).iter() if e.tag.endswith("}Pixels")), None)
    if pixels is None:
        return (), None
    names = tuple(c.get("Name", "") for c in pixels if c.tag.endswith("}Channel"))
    steps = [
        (pixels.get(f"PhysicalSize{a}"), _MICROMETRES_PER_UNIT.get(pixels.get(f"PhysicalSize{a}Unit", "µm")))
        for a in "YX"
    ]
    if any(value is None or unit is None for value, unit in steps):
        return names, None
    y, x = (float(value) * unit for value, unit in steps)  # type: ignore[arg-type,operator]
    return names, (y, x)
