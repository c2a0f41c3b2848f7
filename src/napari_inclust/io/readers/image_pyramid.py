"""Pictures on disk as lazy pyramids: TIFF and OME-TIFF, zarr and OME-zarr, PNG and JPEG. Nothing is read until it is looked at."""

from __future__ import annotations

import weakref
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import DataError

if TYPE_CHECKING:
    import dask.array as da

TIFF_SUFFIXES, IMAGE_SUFFIXES = (".tif", ".tiff", ".btf", ".qptiff"), (".png", ".jpg", ".jpeg")
_CHUNK_PIXELS = 1024  # pixels
_MAX_COARSEST_PIXELS = 1024  # pixels of the coarsest level, at most, on the longer side
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
    """A picture at several resolutions.

    Attributes
    ----------
    levels
        Finest first, each (channels, planes, rows, columns), or (1, 1, rows, columns, 3 or 4) for a colour picture.
    channels
        Their names, empty where the file has none.
    size
        Micrometres per pixel (y, x), None when the file does not say.
    """

    levels: tuple[da.Array, ...]
    channels: tuple[str, ...]
    pixel_size: tuple[float, float] | None = None

    @property
    def is_rgb(self) -> bool:
        return bool(self.levels[0].ndim == 5)


def is_image(path: Path) -> bool:
    """Whether a path is named as one of these kinds; a zarr is asked what it holds."""
    return path.suffix.lower() in (*TIFF_SUFFIXES, *IMAGE_SUFFIXES) or (path.is_dir() and _zarr_kind(path) != "")


def open_image_pyramid(path: Path) -> ImagePyramid:
    """Open a picture by its kind.

    Raises
    ------
    DataError
        A kind that is not known, or axes that are no picture's.
    """
    suffix = path.suffix.lower()
    if suffix in TIFF_SUFFIXES:
        return _open_tiff(path)
    if suffix in IMAGE_SUFFIXES:
        return _open_png_or_jpeg(path)
    if path.is_dir() and _zarr_kind(path):
        return _open_zarr(path)
    raise DataError(
        f"{path} is no picture that is known here; expected {', '.join((*TIFF_SUFFIXES, *IMAGE_SUFFIXES))}, or a zarr that holds an image."
    )


def add_coarser_levels(levels: list[da.Array], row_axis: int = -2) -> tuple[da.Array, ...]:
    """The levels, and coarser ones by leaving out every other pixel until the whole fits a screen."""
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
        axes, names, size = series.axes, (), None
        if file.ome_metadata:
            names, size = _parse_ome_xml(file.ome_metadata)
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
    """One level of a TIFF as an array; its file is closed when nobody holds it any more."""

    def __init__(self, store: Any) -> None:
        import zarr

        self.array = zarr.open_array(store, mode="r")
        self.shape, self.dtype, self.ndim = self.array.shape, self.array.dtype, self.array.ndim
        weakref.finalize(self, store.close)

    def __getitem__(self, key: Any) -> Any:
        return self.array[key]


def _dask_chunks(array: Any) -> tuple[int, ...]:
    """Whole stored chunks, joined until they are some hundred pixels: strips of one row would be a task each."""
    return tuple(
        min(n, -(-_CHUNK_PIXELS // c) * c) if n > 4 else n for n, c in zip(array.shape, array.chunks, strict=True)
    )


def _open_png_or_jpeg(path: Path) -> ImagePyramid:
    import dask
    import dask.array as da
    import numpy as np
    from PIL import Image

    with Image.open(path) as image:
        (width, height), mode = image.size, "L" if image.mode in ("1", "L") else "RGB"

    def read() -> Any:
        with Image.open(path) as image:
            return np.asarray(image.convert(mode))

    shape = (height, width) if mode == "L" else (height, width, 3)
    level = _order_axes(da.from_delayed(dask.delayed(read)(), shape, np.uint8), "YX" if mode == "L" else "YXS", path)
    return ImagePyramid(add_coarser_levels([level], -2 if mode == "L" else -3), ())


def _zarr_kind(path: Path) -> str:
    """ "image" for an OME-zarr, "array" for a plain array, else empty."""
    import json

    for name in (".zattrs", "zarr.json", ".zarray"):
        if (path / name).is_file():
            said = json.loads((path / name).read_text(encoding="utf-8"))
            if name == ".zarray" or said.get("node_type") == "array":
                return "array"
            attributes = said.get("attributes", said)
            if "multiscales" in attributes.get("ome", attributes):
                return "image"
    return ""


def _open_zarr(path: Path) -> ImagePyramid:
    import dask.array as da
    import zarr

    if _zarr_kind(path) == "array":
        level = da.from_zarr(zarr.open_array(path, mode="r"))
        axes = {2: "YX", 3: "YXS" if level.shape[-1] in (3, 4) and level.dtype == "uint8" else "CYX"}.get(
            level.ndim, ""
        )
        level = _order_axes(level, axes, path)
        return ImagePyramid(add_coarser_levels([level], -3 if level.ndim == 5 else -2), ())
    group = zarr.open_group(path, mode="r")
    said: Any = group.attrs.get("ome", dict(group.attrs))
    scales = said["multiscales"][0]
    axes = [a if isinstance(a, dict) else {"name": a} for a in scales.get("axes", [{"name": n} for n in "tczyx"])]
    letters = "".join(a["name"].upper() for a in axes)
    levels = [_order_axes(da.from_zarr(group[d["path"]]), letters, path) for d in scales["datasets"]]
    unit = _MICROMETRES_PER_UNIT.get(str(axes[-1].get("unit", "")))
    steps = next(
        (t["scale"] for t in scales["datasets"][0].get("coordinateTransformations", []) if t["type"] == "scale"), None
    )
    size = (steps[-2] * unit, steps[-1] * unit) if unit and steps else None
    names = tuple(str(c.get("label", "")) for c in said.get("omero", {}).get("channels", []))
    return ImagePyramid(add_coarser_levels(levels), names, size)


def _order_axes(array: da.Array, axes: str, path: Path) -> da.Array:
    """Axes named by letters as (channels, planes, rows, columns[, colours])."""
    colours = "S" in axes
    for letter in [a for a in axes if a not in "CZYXS"]:  # time, and axes without a name
        at = axes.index(letter)
        if array.shape[at] == 1 or letter == "T":
            array, axes = array[(slice(None),) * at + (0,)], axes.replace(letter, "", 1)
        elif letter in "QI" and "C" not in axes:
            axes = axes.replace(letter, "C", 1)
    if set(axes) - set("CZYXS") or not {"Y", "X"} <= set(axes) or array.ndim != len(axes):
        raise DataError(
            f"{path} has the axes {axes or array.shape}, which are no picture's; expected rows and columns, and channels or planes."
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
    """Channel names and micrometres per pixel (y, x) of an OME-XML."""
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
