"""Outlines of domains as files: GeoJSON (opens in QuPath) and SpatialData shapes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .atomic import as_output_error, atomic_output

if TYPE_CHECKING:
    from ...spatial_domains.edit import DomainSegmentation
    from ...spatial_domains.outlines import DomainOutline


def write_domain_geojson(
    path: Path, outlines: Sequence[DomainOutline], segmentation: DomainSegmentation, sections: Sequence[str] = ()
) -> None:
    """One feature a domain and section, with its name and colour; coordinates in micrometres.

    Parameters
    ----------
    sections
        Names of the sections.

    Raises
    ------
    OutputError
        The disk is full or the place cannot be written.
    """
    import shapely

    features = []
    for o in outlines:
        rgb = [int(segmentation.colours[o.domain][i : i + 2], 16) for i in (1, 3, 5)]
        facts: dict[str, Any] = {"objectType": "annotation", "name": segmentation.names[o.domain], "cells": o.n_cells}
        facts |= {"classification": {"name": segmentation.names[o.domain], "color": rgb}} | (
            {"section": sections[o.section]} if len(sections) else {}
        )
        features.append({"type": "Feature", "geometry": json.loads(shapely.to_geojson(o.polygon)), "properties": facts})
    with atomic_output(path) as part, as_output_error(path):
        part.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")


def to_spatialdata_shapes(
    outlines: Sequence[DomainOutline], segmentation: DomainSegmentation, sections: Sequence[str] = ()
) -> Any:
    """The same as a shapes element of SpatialData: `sdata.shapes["domains"] = to_shapes(...)`."""
    import geopandas
    from spatialdata.models import ShapesModel

    table = {"name": [segmentation.names[o.domain] for o in outlines], "cells": [o.n_cells for o in outlines]}
    if len(sections):
        table["section"] = [sections[o.section] for o in outlines]
    return ShapesModel.parse(geopandas.GeoDataFrame(table, geometry=[o.polygon for o in outlines]))
