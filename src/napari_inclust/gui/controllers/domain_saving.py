"""Domains as files, by the name that the user chose; runs in a thread."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...data.section import Section
    from ...spatial_domains.find import Domains

SHAPES_SUFFIX = ".shapes.zarr"
FILE_FILTER = f"AnnData (*.h5ad *.zarr);;Outlines (*.geojson);;Outlines for SpatialData (*{SHAPES_SUFFIX})"


def export_domains(domains: Domains, path: Path, key: str) -> str:
    """The section with the domains and their evidence (`.h5ad`, `.zarr`), or their outlines (`.geojson`, `.shapes.zarr`); returns what to tell.

    The SpatialData store that the section came from gets a new table and new shapes, numbered when it has such already.

    Raises
    ------
    OutputError
        Nothing could be written there.
    """
    from ...io.writers.atomic import check_output
    from ...io.writers.domains import (
        check_domains_output,
        check_outlines_output,
        unused_key,
        write_domains,
        write_outlines,
    )
    from ...spatial_domains.markers import evidence, to_long_tables

    given = [p for p in (domains.section.path,) if p is not None]
    if path.suffix == ".geojson" or path.name.endswith(SHAPES_SUFFIX):
        check_outlines_output(path, given)
        write_outlines(path, domains)
        return f"Outlines of {domains.segmentation.n_domains} domains (micrometres) are in {path}."
    into_store = is_source_store(domains.section, path)
    if into_store:
        key = unused_key(path, key)
        check_domains_output(path, path, (), key)
    else:
        check_output(path, inputs=given)
    obs, uns = domains.obs_and_uns(key)
    uns[f"{key}_inclust"]["evidence"] = to_long_tables(evidence(domains))
    write_domains(path, domains, obs, uns, key)
    if into_store:
        return f"{domains.segmentation.n_domains} domains are in {path}: the table inclust_{key} and the shapes inclust_{key}_outlines."
    return f"{domains.segmentation.n_domains} domains are in obs['{key}'] of {path}."


def is_source_store(section: Section | None, path: Path | None = None) -> bool:
    """Whether a section came from a SpatialData store, and (when a path is given) from the one at it."""
    from ...io.readers.zarr_metadata import is_spatialdata

    own = None if section is None else section.path
    if own is None or not own.exists() or not is_spatialdata(own):
        return False
    return path is None or (path.exists() and path.samefile(own))
