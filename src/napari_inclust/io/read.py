"""Open a file or folder as a `Section` (cells with places) or a `Reference` (cells with all genes)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.section import Reference, Section
from ..errors import DataError, InclustError
from . import spatial_zarr, tables, tenx, vendors
from .outlines import Raster, rasterise

if TYPE_CHECKING:
    from anndata import AnnData

PLANES = ("xy", "xz", "yz")


@dataclass(frozen=True)
class Format:
    """How a kind of file is told from others and read.

    Attributes
    ----------
    name
        For people.
    fits
        Whether a path that exists is of this kind; looks at names, not at contents, where it can.
    read
        The cells; places in `obsm["spatial"]` where there are any.
    rings
        Outlines of the cells, when the kind has them.
    """

    name: str
    fits: Callable[[Path], bool]
    read: Callable[[Path], AnnData]
    rings: Callable[[Path, AnnData], Any] | None = None


def _h5ad(path: Path) -> AnnData:
    import anndata

    return anndata.read_h5ad(path)


def _zarr(path: Path) -> AnnData:
    import anndata

    return anndata.read_zarr(path)


SPATIALDATA = "SpatialData"
COSMX = "CosMx folder"
FORMATS = (
    Format("AnnData", lambda p: p.suffix == ".h5ad", _h5ad),
    Format(SPATIALDATA, spatial_zarr.is_spatialdata, lambda p: spatial_zarr.read_spatialdata(p).adata),
    Format("AnnData zarr", spatial_zarr.is_anndata_zarr, _zarr),
    Format("MERSCOPE folder", vendors.is_merscope, vendors.read_merscope, vendors.merscope_rings),
    Format("Xenium folder", vendors.is_xenium, vendors.read_xenium, vendors.xenium_rings),
    Format(COSMX, vendors.is_cosmx, vendors.read_cosmx),
    Format("MuData", lambda p: p.suffix == ".h5mu", tenx.read_h5mu),
    Format("loom", lambda p: p.suffix == ".loom", tenx.read_loom),
    Format("10x matrix", tenx.is_tenx_h5, tenx.read_tenx_h5),
    Format("10x folder", tenx.is_mtx_folder, tenx.read_mtx_folder),
    Format("table", tables.is_table, tables.read_table),
    Format("pair of tables", tables.is_table_folder, tables.read_table_folder),
)


def read_section(
    path: str | Path,
    *,
    values: str | None = None,
    pixel_size: float | None = None,
    plane: str | None = None,
    flatten: bool = False,
    table: str | None = None,
    system: str | None = None,
) -> Section:
    """Open a tissue section.

    Parameters
    ----------
    path
        `.h5ad`, `.h5mu` or AnnData zarr with `obsm["spatial"]`, a SpatialData zarr, a MERSCOPE, Xenium or CosMx folder, a table with x and y, or a
        folder with a table of values and one of cells.
    values
        "counts", "linear" or "lognorm", when detection should not decide.
    pixel_size
        Micrometres per unit of the coordinates, when they are pixels.
    plane
        "xy", "xz" or "yz" for three-dimensional coordinates.
    flatten
        Take x and y of three-dimensional coordinates when no plane is given, and say so in `unit_note`; otherwise they are refused.
    table, system
        Table and coordinate system of a SpatialData zarr that has several.

    Raises
    ------
    DataError
        A file that is missing, truncated, of an unknown kind or empty, or values and coordinates that cannot be used.
    """
    path = Path(path)
    kind = recognise(path)
    if kind.name == SPATIALDATA:
        opened = _careful(path, lambda p: spatial_zarr.read_spatialdata(p, table=table, system=system, scale=pixel_size or 1.0), kind.name)
        section = _section(opened.adata, path, values=values, pixel_size=None, plane=plane, flatten=flatten)
        unit = f"{pixel_size:g} um per unit, as given" if pixel_size else "unit not stated in the file: taken as micrometres"
        section = replace(section, unit_note=f"{opened.note}; {unit}")
        return section if opened.raster is None else section.with_raster(*opened.raster)
    if kind.name == COSMX:
        adata = _careful(path, lambda p: vendors.read_cosmx(p, pixel_size), kind.name)
        used = (
            f"{pixel_size:g} um per pixel, as given"
            if pixel_size
            else f"{vendors.COSMX_PIXEL:g} um per pixel, as CosMx instruments have; --pixel-size says otherwise"
        )
        return replace(_section(adata, path, values=values, pixel_size=None, plane=plane, flatten=flatten), unit_note=used)
    adata = _careful(path, kind.read, kind.name)
    section = _section(adata, path, values=values, pixel_size=pixel_size, plane=plane, flatten=flatten)
    raster: Raster | None = None if kind.rings is None else _careful(path, lambda p: rasterise(kind.rings(p, adata)), kind.name)
    return section if raster is None else section.with_raster(*raster)


def read_reference(path: str | Path, *, values: str | None = None) -> Reference:
    """Open a reference: `.h5ad`, `.h5mu`, AnnData zarr, 10x `.h5` or mtx folder, loom or table. Raises as `read_section`."""
    path = Path(path)
    return Reference.from_adata(read_adata(path), name=path.stem, path=path, values=values)


def read_any(path: str | Path, *, values: str | None = None, **places: Any) -> Reference:
    """Open a file as a section when its cells have places, as a reference when they have none; `places` as for `read_section`."""
    path = Path(path)
    kind = recognise(path)
    if kind.rings is None and kind.name not in (SPATIALDATA, COSMX):
        adata = _careful(path, kind.read, kind.name)
        if "spatial" not in adata.obsm:
            return Reference.from_adata(adata, name=path.stem, path=path, values=values)
    return read_section(path, values=values, flatten=True, **places)


def recognise(path: Path) -> Format:
    """The kind of a file or folder.

    Raises
    ------
    DataError
        It does not exist, or is of no kind that is known.
    """
    if not path.exists():
        raise DataError(f"no file {path}. Check the name.")
    kind = _careful(path, lambda p: next((f for f in FORMATS if f.fits(p)), None), "file")
    if kind is None:
        raise DataError(
            f"{path} is {'a folder' if path.is_dir() else 'a file'} of no kind that is known here; expected one of {', '.join(f.name for f in FORMATS)}."
        )
    return kind


def read_adata(path: Path) -> AnnData:
    """The cells of a file as AnnData, whatever its kind."""
    kind = recognise(path)
    return _careful(path, kind.read, kind.name)


def _careful(path: Path, read: Callable[[Path], Any], kind: str) -> Any:
    """One clear error for everything that can be wrong with a file itself."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # readers' notes on old files and names that are not unique: checked and told by Reference.from_adata
            return read(path)
    except InclustError:
        raise
    except PermissionError:
        raise DataError(f"no permission to read {path}.") from None
    except Exception as error:  # readers raise many kinds on a damaged file; all mean the same to the user
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{path} cannot be read as {kind}: it is truncated, damaged or another kind of file ({reason}). Write it again, or check the name."
        ) from error


def _section(adata: AnnData, path: Path, *, values: str | None, pixel_size: float | None, plane: str | None, flatten: bool) -> Section:
    if plane not in (None, *PLANES):
        raise DataError(f"unknown plane {plane!r}; expected {', '.join(PLANES)}.")
    solid = getattr(adata.obsm.get("spatial"), "shape", ())[1:] == (3,)
    flattened = solid and plane is None and flatten
    axes = ("xyz".index(plane[0]), "xyz".index(plane[1])) if plane else (0, 1) if flattened else None
    section = Section.from_adata(adata, name=path.stem, path=path, values=values, pixel_size=pixel_size, plane=axes)
    return replace(section, unit_note=f"three-dimensional, drawn in the plane xy; {section.unit_note}") if flattened else section
