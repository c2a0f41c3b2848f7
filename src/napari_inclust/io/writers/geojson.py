"""GeoJSON as QuPath reads and writes it, and outlines of domains as GeoJSON or SpatialData shapes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .atomic import as_output_error, atomic_output

if TYPE_CHECKING:
    from ...spatial_domains.edit import DomainSegmentation
    from ...spatial_domains.outlines import DomainOutline


def write_feature_collection(path: Path, features: Iterable[dict[str, Any]]) -> None:
    """Write features one by one, a line each; replaced only when complete.

    Raises
    ------
    OutputError
        The disk is full or the place cannot be written.
    """
    with atomic_output(path) as part, as_output_error(path), open(part, "w", encoding="utf-8") as file:
        file.write('{"type": "FeatureCollection", "features": [')
        for i, feature in enumerate(features):
            file.write((",\n" if i else "\n") + json.dumps(feature, ensure_ascii=False))
        file.write("\n]}\n")


def make_feature(geometry: Any, properties: dict[str, Any], **members: Any) -> dict[str, Any]:
    """Make a GeoJSON feature of a shapely geometry.

    Parameters
    ----------
    properties
        As QuPath has them, such as `name`.
    members
        Further members of the feature, such as its id.
    """
    import shapely

    return {
        "type": "Feature",
        **members,
        "geometry": json.loads(shapely.to_geojson(geometry)),
        "properties": properties,
    }


def make_classification(name: str, colour: str) -> dict[str, Any]:
    """Make a QuPath class with a colour #rrggbb."""
    return {"name": name, "color": to_rgb(colour)}


def to_rgb(colour: str) -> list[int]:
    """Convert #rrggbb to red, green and blue from 0 to 255."""
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


def write_domain_geojson(
    path: Path, outlines: Sequence[DomainOutline], segmentation: DomainSegmentation, sections: Sequence[str] = ()
) -> None:
    """Write one feature for each domain and section, with its name and colour; coordinates in micrometres.

    Parameters
    ----------
    sections
        Names of the sections, when there are several.

    Raises
    ------
    OutputError
        The disk is full or the place cannot be written.
    """
    features = []
    for o in outlines:
        name = segmentation.names[o.domain]
        properties = {"objectType": "annotation", "name": name, "cells": o.n_cells}
        properties["classification"] = make_classification(name, segmentation.colours[o.domain])
        if len(sections):
            properties["section"] = sections[o.section]
        features.append(make_feature(o.polygon, properties))
    write_feature_collection(path, features)


def to_spatialdata_shapes(
    outlines: Sequence[DomainOutline], segmentation: DomainSegmentation, sections: Sequence[str] = ()
) -> Any:
    """Convert outlines to a shapes element of SpatialData, for `sdata.shapes["domains"]`."""
    import geopandas
    from spatialdata.models import ShapesModel

    table = {"name": [segmentation.names[o.domain] for o in outlines], "cells": [o.n_cells for o in outlines]}
    if len(sections):
        table["section"] = [sections[o.section] for o in outlines]
    return ShapesModel.parse(geopandas.GeoDataFrame(table, geometry=[o.polygon for o in outlines]))
