"""Outlines of domains as files: GeoJSON (opens in QuPath) and SpatialData shapes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .atomic import as_output_error, replacing

if TYPE_CHECKING:
    from ...spatial_domains.edit import Segmentation
    from ...spatial_domains.outlines import Outline


def write_geojson(path: Path, outlines: Sequence[Outline], seg: Segmentation, sections: Sequence[str] = ()) -> None:
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
        rgb = [int(seg.colours[o.domain][i : i + 2], 16) for i in (1, 3, 5)]
        facts: dict[str, Any] = {"objectType": "annotation", "name": seg.names[o.domain], "cells": o.cells}
        facts |= {"classification": {"name": seg.names[o.domain], "color": rgb}} | ({"section": sections[o.section]} if len(sections) else {})
        features.append({"type": "Feature", "geometry": json.loads(shapely.to_geojson(o.shape)), "properties": facts})
    with replacing(path) as part, as_output_error(path):
        part.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")


def to_shapes(outlines: Sequence[Outline], seg: Segmentation, sections: Sequence[str] = ()) -> Any:
    """The same as a shapes element of SpatialData: `sdata.shapes["domains"] = to_shapes(...)`."""
    import geopandas
    from spatialdata.models import ShapesModel

    table = {"name": [seg.names[o.domain] for o in outlines], "cells": [o.cells for o in outlines]}
    if len(sections):
        table["section"] = [sections[o.section] for o in outlines]
    return ShapesModel.parse(geopandas.GeoDataFrame(table, geometry=[o.shape for o in outlines]))
