"""What reading any kind of file gives, and what may be asked of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anndata import AnnData

    from .outlines import Raster


@dataclass(frozen=True)
class ReadOptions:
    """What the user chose of a file.

    Attributes
    ----------
    table
        Table of a SpatialData zarr, modality of a MuData file, or bin of a Visium HD folder.
    system
        Coordinate system of a SpatialData zarr.
    pixel_size
        Micrometres per unit of the coordinates.
    columns
        Of a table: those with x, y and (third, if given) the names of the cells.
    """

    table: str | None = None
    system: str | None = None
    pixel_size: float | None = None
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class LoadedCells:
    """Cells, their segmentation where there is one, and how their places came to be in micrometres.

    Attributes
    ----------
    note
        Empty when `obsm["spatial"]` is as in the file, and its unit still to be found.
    """

    adata: AnnData
    raster: Raster | None = None
    unit_note: str = ""
