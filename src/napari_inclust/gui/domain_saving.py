"""Domains as files, by the name that the user chose; runs in a thread."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..core.domains import Domains

SHAPES = ".shapes.zarr"
FILTER = f"AnnData (*.h5ad *.zarr);;Outlines (*.geojson);;Outlines for SpatialData (*{SHAPES})"


def save_domains(found: Domains, path: Path, key: str) -> str:
    """The section with the domains and their evidence (`.h5ad`, `.zarr`), or their outlines (`.geojson`, `.shapes.zarr`); returns what to tell.

    Raises
    ------
    OutputError
        Nothing could be written there.
    """
    from ..core.domain_evidence import evidence, stored
    from ..io.annotate import write_annotated
    from ..io.domains_out import check_outlines, write_outlines
    from ..io.write import check_output

    given = [p for p in (found.section.path,) if p is not None]
    if path.suffix == ".geojson" or path.name.endswith(SHAPES):
        check_outlines(path, given)
        write_outlines(path, found)
        return f"Outlines of {found.segmentation.k} domains (micrometres) are in {path}."
    check_output(path, inputs=given)
    obs, uns = found.columns(key)
    uns[f"{key}_inclust"]["evidence"] = stored(evidence(found))
    write_annotated(path, found.section.adata, obs, uns)
    return f"{found.segmentation.k} domains are in obs['{key}'] of {path}."
