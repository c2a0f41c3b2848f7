"""Domains as files: the cells with their columns, outlines as polygons, evidence as tables."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import OutputError
from ..readers.zarr_metadata import is_spatialdata
from .atomic import as_output_error, atomic_output, check_output, write_csv
from .geojson import to_spatialdata_shapes, write_domain_geojson
from .hdf5_sink import defer_interrupts

if TYPE_CHECKING:
    import pandas as pd

    from ...spatial_domains.result import Domains

OUTLINE_SUFFIXES = (".geojson", ".json", ".zarr")
SHAPES_NAME = "domains"  # in a SpatialData store


def check_domains_output(path: Path, spatial: Path, inputs: Iterable[str | Path], key: str) -> None:
    """Refuse, before any work, a target that `write_domains` could not write. Raises `OutputError`."""
    if path.exists() and spatial.exists() and path.samefile(spatial) and is_spatialdata(path):
        from .spatialdata_store import check_new_element

        check_new_element(path, "tables", f"inclust_{key}", option="--key")
        check_new_element(path, "shapes", f"inclust_{key}_outlines", option="--key")
    else:
        check_output(path, inputs=inputs)


def unused_key(store: Path, key: str) -> str:
    """Return the key, numbered when a SpatialData store has domains of that key already."""
    names = (key, *(f"{key}_{i}" for i in range(2, 1000)))
    return next(
        k
        for k in names
        if not (store / "tables" / f"inclust_{k}").exists()
        and not (store / "shapes" / f"inclust_{k}_outlines").exists()
    )


def write_domains(path: Path, domains: Domains, obs: dict[str, Any], uns: dict[str, Any], key: str) -> None:
    """Write the section with its domains: a new file, or new elements in the SpatialData store that it came from.

    These are a table with the columns and shapes with the outlines.

    The outlines are in the coordinate system and the unit that the section was read in (`Section.read_options`).

    Raises
    ------
    OutputError
        The disk is full, the place cannot be written, or the store has elements of these names.
    """
    from .anndata_files import write_annotated

    adata = domains.section.adata
    if not is_spatialdata(path):
        write_annotated(path, adata, obs, uns)
        return
    import anndata
    from spatialdata.transformations import Scale, set_transformation

    from ...spatial_domains.outlines import outlines
    from ..readers.spatialdata_zarr import choose_name
    from ..readers.zarr_metadata import element_names
    from .atomic import to_storable
    from .spatialdata_store import add_shapes, add_table

    attributes = adata.uns["spatialdata_attrs"]
    columns = adata.obs[[attributes["region_key"], attributes["instance_key"]]].assign(**obs)
    table = anndata.AnnData(
        obs=columns, obsm={"spatial": adata.obsm["spatial"]}, uns=to_storable(uns) | {"spatialdata_attrs": attributes}
    )
    shapes = to_spatialdata_shapes(outlines(domains.segmentation, domains.xy, domains.sections), domains.segmentation)
    chosen = domains.section.read_options
    per_unit = 1 / chosen.get("pixel_size", 1.0)
    system = choose_name("coordinate system", element_names(path)["systems"], chosen.get("system"), path, "global")
    set_transformation(shapes, {system: Scale([per_unit, per_unit], axes=("x", "y"))}, set_all=True)
    add_shapes(path, shapes, f"inclust_{key}_outlines")
    add_table(path, table, f"inclust_{key}")


def check_outlines_output(path: Path, inputs: Iterable[str | Path] = ()) -> None:
    """Refuse, before any work, a target that `write_outlines` could not write. Raises `OutputError`."""
    check_output(path, OUTLINE_SUFFIXES, inputs=inputs)


def write_outlines(path: Path, domains: Domains) -> None:
    """Write domains as polygons in micrometres: GeoJSON, or a SpatialData store with `shapes["domains"]`.

    A file is replaced only when the new one is complete.

    Raises
    ------
    OutputError
        The disk is full or the place cannot be written.
    """
    from ...spatial_domains.outlines import outlines

    key = domains.provenance.get("section_key")
    sections = sorted(set(domains.section.adata.obs[key].astype(str))) if key else []
    shapes = outlines(domains.segmentation, domains.xy, domains.sections)
    if path.suffix != ".zarr":
        write_domain_geojson(path, shapes, domains.segmentation, sections)
        return
    import spatialdata

    with atomic_output(path) as part, defer_interrupts(), as_output_error(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zarr's, of parquet files inside
        spatialdata.SpatialData(
            shapes={SHAPES_NAME: to_spatialdata_shapes(shapes, domains.segmentation, sections)}
        ).write(part)


def check_evidence_folder(folder: Path) -> None:
    """Refuse, before any work, a folder that tables could not be written to. Raises `OutputError`."""
    existing = folder if folder.exists() else folder.absolute().parent
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file; the evidence is a folder of tables. Choose another name.")
    if not existing.is_dir():
        raise OutputError(f"the folder {existing} does not exist. Make it first.")
    if not os.access(existing, os.W_OK):
        raise OutputError(f"the folder {existing} is read-only. Choose another place for {folder.name}.")


def write_evidence(folder: Path, tables: Mapping[str, pd.DataFrame]) -> None:
    """Write one CSV for each table in a folder; other files in it stay. Raises `OutputError`."""
    with as_output_error(folder):
        folder.mkdir(exist_ok=True)
    for name, table in tables.items():
        write_csv(table, folder / f"{name}.csv")
