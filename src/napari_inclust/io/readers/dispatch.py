"""Open a file or folder as a `Section` (cells with coordinates) or a `Reference` (cells with all genes)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ...data.section import PIXEL_SIZE_KEY, Reference, Section
from ...errors import DataError, InclustError
from . import anndata_files, cosmx, merscope_xenium, spatialdata_zarr, tables, tenx, visium, zarr_metadata
from .guard import check_headers
from .options import LoadedCells, ReadOptions
from .outlines import CellRings, rasterise
from .segmentation import read_segmentation

if TYPE_CHECKING:
    from anndata import AnnData


@dataclass(frozen=True)
class FileFormat:
    """How a kind of file is recognised and read.

    Attributes
    ----------
    name
        In messages.
    matches
        Whether a path that exists is of this kind; judged by names rather than contents, where possible.
    open
        The cells; coordinates in `obsm["spatial"]` where there are any.
    tables, coordinate_systems, columns
        The choices that files of this kind offer, listed without reading the cells.
    """

    name: str
    matches: Callable[[Path], bool]
    open: Callable[[Path, ReadOptions], LoadedCells]
    tables: Callable[[Path], list[str]] = lambda path: []
    coordinate_systems: Callable[[Path], list[str]] = lambda path: []
    columns: Callable[[Path], list[str]] = lambda path: []


class AvailableOptions(NamedTuple):
    """The choices that a file offers: tables, coordinate systems, and the columns of plain tables."""

    tables: list[str] = []
    coordinate_systems: list[str] = []
    columns: list[str] = []


def _reader_without_outlines(read: Callable[[Path], AnnData]) -> Callable[[Path, ReadOptions], LoadedCells]:
    """Make a reader of cells whose unit is as the file says, or unknown."""
    return lambda path, options: LoadedCells(read(path))


def _reader_with_outlines(
    read: Callable[[Path], AnnData], rings: Callable[[Path, AnnData], CellRings]
) -> Callable[[Path, ReadOptions], LoadedCells]:
    """Make a reader of an instrument's folder with coordinates in micrometres and outlines."""

    def open_folder(path: Path, options: ReadOptions) -> LoadedCells:
        adata = read(path)
        return LoadedCells(adata, rasterise(rings(path, adata)), "micrometres, as the instrument writes them")

    return open_folder


_T = TypeVar("_T")
SPATIALDATA = "SpatialData"
FORMATS = (
    FileFormat("AnnData", lambda p: p.suffix == ".h5ad", _reader_without_outlines(anndata_files.read_h5ad)),
    FileFormat(
        SPATIALDATA,
        zarr_metadata.is_spatialdata,
        spatialdata_zarr.open_spatialdata,
        lambda p: zarr_metadata.element_names(p)["tables"],
        lambda p: zarr_metadata.element_names(p)["systems"],
    ),
    FileFormat("AnnData zarr", zarr_metadata.is_anndata_zarr, _reader_without_outlines(anndata_files.read_zarr)),
    FileFormat(
        "MERSCOPE folder",
        merscope_xenium.is_merscope,
        _reader_with_outlines(merscope_xenium.read_merscope, merscope_xenium.merscope_rings),
    ),
    FileFormat(
        "Xenium folder",
        merscope_xenium.is_xenium,
        _reader_with_outlines(merscope_xenium.read_xenium, merscope_xenium.xenium_rings),
    ),
    FileFormat("CosMx folder", cosmx.is_cosmx, cosmx.open_cosmx),
    FileFormat("Visium HD folder", visium.is_visium_hd, visium.open_visium_hd, visium.bin_names),
    FileFormat("Visium folder", visium.is_visium, visium.open_visium),
    FileFormat(
        "MuData",
        lambda p: p.suffix == ".h5mu",
        lambda p, options: LoadedCells(anndata_files.read_modality(p, options.table)),
        anndata_files.modality_names,
    ),
    FileFormat("loom", lambda p: p.suffix == ".loom", _reader_without_outlines(anndata_files.read_loom)),
    FileFormat("10x matrix", tenx.is_tenx_h5, _reader_without_outlines(tenx.read_tenx_h5)),
    FileFormat("10x folder", tenx.is_mtx_folder, _reader_without_outlines(tenx.read_mtx_folder)),
    FileFormat(
        "table",
        tables.is_table,
        lambda p, options: LoadedCells(tables.read_table(p, options.columns)),
        columns=tables.column_names,
    ),
    FileFormat(
        "pair of tables",
        tables.is_table_folder,
        lambda p, options: LoadedCells(tables.read_table_folder(p, options.columns)),
        columns=tables.column_names,
    ),
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
    columns: Sequence[str] = (),
    segmentation: str | Path | None = None,
) -> Section:
    """Open a tissue section.

    Parameters
    ----------
    path
        `.h5ad`, `.h5mu` or AnnData zarr with `obsm["spatial"]`, a SpatialData zarr, a MERSCOPE, Xenium, CosMx, Visium
        or Visium HD folder, a table with x and y, or a folder with a table of values and one of cells.
    values
        "counts", "linear" or "lognorm", when detection should not decide.
    pixel_size
        Micrometres per unit of the coordinates, when they are pixels.
    plane
        "xy", "xz" or "yz" for three-dimensional coordinates.
    flatten
        Take x and y of three-dimensional coordinates when no plane is given, and say so in `unit_note`; otherwise they
        are refused.
    table, system
        Table and coordinate system of a SpatialData zarr that has several; `table` also names a modality of `.h5mu` or
        a bin size of Visium HD.
    columns
        Of a table: those with x and y, and (third, if given) the names of the cells, when they are not known by their
        names.
    segmentation
        A label image (TIFF, zarr) or polygons (GeoJSON, Parquet) of the cells, instead of what the file has; see
        `io.readers.segmentation`.

    Raises
    ------
    DataError
        A file that is missing, truncated, of an unknown kind or empty, or values and coordinates that cannot be used.
    """
    outlines = None if segmentation is None else Path(segmentation)
    options = ReadOptions(values, pixel_size, plane, table, system, tuple(columns), outlines)
    return open_section(path, options, flatten=flatten)


def open_section(path: str | Path, options: ReadOptions, *, flatten: bool = False) -> Section:
    """Open a tissue section with all options in one object; parameters and errors as `read_section`."""
    path = Path(path)
    file_format = detect_format(path)
    loaded = load_cells(file_format, path, options)
    if file_format.columns(path) and "spatial" not in loaded.adata.obsm:
        raise DataError(tables.missing_coordinates_message(path))
    return _build_section(loaded, path, options, flatten=flatten)


def available_options(path: str | Path) -> AvailableOptions:
    """List the choices that a file offers; empty lists where there is no choice. Raises as `detect_format`."""
    path = Path(path)
    file_format = detect_format(path)

    def read(path: Path) -> AvailableOptions:
        return AvailableOptions(
            file_format.tables(path), file_format.coordinate_systems(path), file_format.columns(path)
        )

    return read_safely(path, read, file_format.name)


def read_reference(path: str | Path, *, values: str | None = None) -> Reference:
    """Open a reference.

    Parameters
    ----------
    path
        `.h5ad`, `.h5mu`, AnnData zarr, 10x `.h5` or mtx folder, loom or table.
    values
        "counts", "linear" or "lognorm", when detection should not decide.

    Raises
    ------
    DataError
        As `read_section`.
    """
    path = Path(path)
    return Reference.from_adata(read_adata(path), name=path.stem, path=path, values=values)


def read_section_or_reference(path: str | Path, options: ReadOptions | None = None) -> Reference:
    """Open a file as a section when its cells have coordinates, else as a reference.

    Three-dimensional coordinates are drawn in x and y unless a plane is chosen. Raises as `read_section`.
    """
    path, options = Path(path), options or ReadOptions()
    loaded = load_cells(detect_format(path), path, options)
    if "spatial" not in loaded.adata.obsm:
        return Reference.from_adata(loaded.adata, name=path.stem, path=path, values=options.values)
    return _build_section(loaded, path, options, flatten=True)


def section_from_spatialdata(data: Any, path: str | Path, options: ReadOptions) -> Section:
    """Build a section from a SpatialData object that is open already; raises as `read_section`.

    Parameters
    ----------
    data : spatialdata.SpatialData
    path
        Where it is stored, or a name for it.
    options
        Values, pixel size, table and coordinate system.
    """
    path = Path(path)
    loaded = read_safely(path, lambda p: spatialdata_zarr.cells_from_spatialdata(data, options, p), SPATIALDATA)
    return _build_section(loaded, path, options, flatten=True)


def detect_format(path: Path) -> FileFormat:
    """Recognise the kind of a file or folder.

    Raises
    ------
    DataError
        It does not exist, or is of no known kind.
    """
    if not path.exists():
        raise DataError(f"no file {path}. Check the name.")
    file_format = guess_format(path)
    if file_format is None:
        raise DataError(
            f"{path} is {'a folder' if path.is_dir() else 'a file'} of no known kind; expected one of "
            f"{', '.join(f.name for f in FORMATS)}.{_describe_folder(path) if path.is_dir() else ''}"
        )
    return file_format


def _describe_folder(folder: Path) -> str:
    """Name the first files in a folder that could be opened instead."""
    formats = {p.name: guess_format(p) for p in sorted(folder.iterdir())}
    names = [f"{name} ({file_format.name})" for name, file_format in formats.items() if file_format is not None]
    return f" It holds {', '.join(names[:3])}{', ...' if len(names) > 3 else ''}: name one of these." if names else ""


def guess_format(path: Path) -> FileFormat | None:
    """Recognise the kind of a path without reading its contents; None for no known kind."""
    return read_safely(path, lambda p: next((f for f in FORMATS if f.matches(p)), None), "file")


def read_adata(path: Path) -> AnnData:
    """Read the cells of a file of any kind as AnnData. Raises as `read_section`."""
    return load_cells(detect_format(path), path, ReadOptions()).adata


def load_cells(file_format: FileFormat, path: Path, options: ReadOptions) -> LoadedCells:
    """Read a file after checking the sizes that its headers announce (`guard`).

    Raises
    ------
    DataError
        A file that is truncated or damaged, or announces more than it can hold.
    """

    def read(path: Path) -> LoadedCells:
        check_headers(path)
        return file_format.open(path, options)

    return read_safely(path, read, file_format.name)


def read_safely(path: Path, read: Callable[[Path], _T], description: str) -> _T:
    """Read a file, with one clear error for everything that can be wrong with the file itself.

    Parameters
    ----------
    description
        What it is read as, in the message.

    Raises
    ------
    DataError
        No permission, or a file that is truncated, damaged or another kind of file.
    """
    try:
        with warnings.catch_warnings():
            # notes on old files and names that are not unique: Reference.from_adata checks and reports these
            warnings.simplefilter("ignore")
            return read(path)
    except InclustError:
        raise
    except PermissionError:
        raise DataError(f"no permission to read {path}.") from None
    except Exception as error:  # libraries raise many kinds on a damaged file
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{path} cannot be read as {description}: it is truncated, damaged or another kind of file ({reason}). "
            "Write it again, or check the name."
        ) from error


def _build_section(loaded: LoadedCells, path: Path, options: ReadOptions, *, flatten: bool) -> Section:
    """Check the cells and their coordinates, and add the outlines."""
    adata, plane = loaded.adata, options.plane
    three_dimensional = getattr(adata.obsm.get("spatial"), "shape", ())[1:] == (3,)
    flattened = three_dimensional and plane is None and flatten
    axes = ("xyz".index(plane[0]), "xyz".index(plane[1])) if plane else (0, 1) if flattened else None
    pixel_size = None if loaded.unit_note else options.pixel_size
    if pixel_size is not None:
        adata.uns[PIXEL_SIZE_KEY] = pixel_size  # goes into every result
    section = Section.from_adata(
        adata, name=path.stem, path=path, values=options.values, pixel_size=pixel_size, plane=axes
    )
    note = loaded.unit_note or section.unit_note
    chosen = options.to_dict()
    chosen.pop("values", None)  # a section keeps the kind of its values by itself
    section = replace(
        section,
        unit_note=f"three-dimensional, drawn in the plane xy; {note}" if flattened else note,
        read_options=chosen,
    )
    if options.segmentation is None:
        return section if loaded.raster is None else section.with_raster(*loaded.raster)
    return section.with_raster(
        *read_safely(
            options.segmentation,
            lambda p: read_segmentation(p, section, options.pixel_size),
            "the outlines of cells",
        )
    )
