"""How the file of a section is read, and what reading it gives."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...data.normalize import VALUE_KINDS
from ...errors import ConfigError
from ...utils.settings import check_settings, setting

if TYPE_CHECKING:
    from anndata import AnnData

    from .outlines import Raster

PLANES = ("xy", "xz", "yz")


@dataclass(frozen=True)
class ReadOptions:
    """What the user chooses where the file of a section leaves it open; None or empty: as the file says.

    `read_section` takes the same as keywords, sessions and provenance keep them by name (`to_dict`), and the forms are
    built from the fields.

    Raises
    ------
    ConfigError
        A value that is not among the choices, or another number of columns than two or three.
    """

    values: str | None = setting(
        None,
        "What the numbers of the section are, when it cannot be detected from them",
        choices=VALUE_KINDS,
    )
    pixel_size: float | None = setting(
        None, "Micrometres per unit of the coordinates, when they are pixels", low=0, high=1e6, unit="µm per unit"
    )
    plane: str | None = setting(
        None, "Which two axes to use, when the coordinates are three-dimensional", choices=PLANES
    )
    table: str | None = setting(
        None, "Table of a SpatialData store, modality of a .h5mu file, or bin size of a Visium HD folder"
    )
    system: str | None = setting(None, "Coordinate system of a SpatialData store in which the cells are placed")
    columns: tuple[str, ...] = setting(
        (),
        "Columns of a table that hold x, y and, if a third is given, the names of the cells, when they are not known "
        "by their names",
    )
    segmentation: Path | None = setting(
        None, "Outlines of the cells in a separate file: a label image (.tif, zarr) or polygons (.geojson, .parquet)"
    )

    def __post_init__(self) -> None:
        """Check the values."""
        check_settings(self)
        if self.columns and len(self.columns) not in (2, 3):
            named = f"{len(self.columns)} columns were named ({', '.join(self.columns)})"
            raise ConfigError(f"{named}; expected those with x and y, and as a third the names of the cells.")

    @classmethod
    def from_dict(cls, chosen: Mapping[str, Any]) -> ReadOptions:
        """Build the options from their names and values, as `to_dict` gives them; None is left out.

        Raises
        ------
        ConfigError
            An unknown name, or as the class.
        """
        given = {name: value for name, value in chosen.items() if value is not None}
        unknown = given.keys() - {field.name for field in dataclasses.fields(cls)}
        if unknown:
            raise ConfigError(
                f"unknown reading option {min(unknown)!r}; expected one of "
                f"{', '.join(field.name for field in dataclasses.fields(cls))}."
            )
        if "columns" in given:
            given["columns"] = tuple(given["columns"])
        if "segmentation" in given:
            given["segmentation"] = Path(given["segmentation"])
        return cls(**given)

    def to_dict(self) -> dict[str, Any]:
        """Return what was chosen, by name, as plain values for JSON."""
        plain = {"columns": list(self.columns), "segmentation": self.segmentation and str(self.segmentation)}
        chosen = {field.name: plain.get(field.name, getattr(self, field.name)) for field in dataclasses.fields(self)}
        return {name: value for name, value in chosen.items() if value is not None and value != []}


@dataclass(frozen=True, eq=False)
class LoadedCells:
    """Cells of a file, before they are checked and become a `Section` or `Reference`.

    Attributes
    ----------
    adata
        Coordinates in `obsm["spatial"]` where the file has any.
    raster
        Segmentation and its affine, where the file has outlines or labels.
    unit_note
        How the coordinates were converted to micrometres; empty when `obsm["spatial"]` is as in the file and its unit
        is still to be determined.
    """

    adata: AnnData
    raster: Raster | None = None
    unit_note: str = ""
