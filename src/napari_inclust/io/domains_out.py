"""What goes beside a file with domains: outlines as polygons, evidence as tables."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import OutputError
from .geojson import to_shapes, write_geojson
from .sink import uninterrupted
from .write import as_output_error, check_output, replacing, write_csv

if TYPE_CHECKING:
    import pandas as pd

    from ..core.domain_result import Domains

OUTLINE_SUFFIXES = (".geojson", ".json", ".zarr")
SHAPES = "domains"  # their name in a SpatialData store


def check_outlines(path: Path, inputs: Iterable[str | Path] = ()) -> None:
    """Refuse what `write_outlines` could not write. Raises OutputError."""
    check_output(path, OUTLINE_SUFFIXES, inputs=inputs)


def write_outlines(path: Path, found: Domains) -> None:
    """The chosen domains as polygons in micrometres: GeoJSON, or a SpatialData store with `shapes["domains"]`; replaced only when complete.

    Raises
    ------
    OutputError
        The disk is full or the place cannot be written.
    """
    from ..core.domain_outlines import outlines

    key = found.provenance.get("section_key")
    sections = sorted(set(found.section.adata.obs[key].astype(str))) if key else []
    shapes = outlines(found.segmentation, found.xy, found.sections)
    if path.suffix != ".zarr":
        write_geojson(path, shapes, found.segmentation, sections)
        return
    import spatialdata

    with replacing(path) as part, uninterrupted(), as_output_error(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zarr's, of parquet files inside
        spatialdata.SpatialData(shapes={SHAPES: to_shapes(shapes, found.segmentation, sections)}).write(part)


def check_evidence(folder: Path) -> None:
    """Refuse a folder that tables could not be written to, before any work. Raises OutputError."""
    there = folder if folder.exists() else folder.absolute().parent
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file; the evidence is a folder of tables. Choose another name.")
    if not there.is_dir():
        raise OutputError(f"the folder {there} does not exist. Make it first.")
    if not os.access(there, os.W_OK):
        raise OutputError(f"the folder {there} is read-only. Choose another place for {folder.name}.")


def write_evidence(folder: Path, tables: Mapping[str, pd.DataFrame]) -> None:
    """One CSV a table in a folder, which is made when missing; other files in it stay. Raises OutputError."""
    with as_output_error(folder):
        folder.mkdir(exist_ok=True)
    for name, table in tables.items():
        write_csv(table, folder / f"{name}.csv")
