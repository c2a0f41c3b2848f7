"""Regions as GeoJSON: polygons with names, in micrometres; QuPath reads and writes the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from ..spatial.regions import Region
from .writers.geojson import make_feature, write_feature_collection


def write_regions(path: Path, regions: Sequence[Region]) -> None:
    """Write one feature for each region.

    Raises
    ------
    OutputError
        The disk is full or the place cannot be written.
    """
    import shapely

    write_feature_collection(
        path,
        (
            make_feature(
                shapely.Polygon(region.corners),
                {"objectType": "annotation", "name": region.name, "area_um2": region.area},
            )
            for region in regions
        ),
    )


def read_regions(path: str | Path) -> list[Region]:
    """Read the polygons of a GeoJSON file, in micrometres; every part of a feature is one region. Holes are filled.

    Raises
    ------
    DataError
        A file that is not GeoJSON, or has no polygon.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        features = content if isinstance(content, list) else content.get("features", [content])
        regions = [region for i, feature in enumerate(features) for region in _parse_feature(feature, i)]
    except (OSError, ValueError, AttributeError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise DataError(
            f"{path} is not GeoJSON that can be read ({type(error).__name__}: {error}). Expected a FeatureCollection "
            "of polygons."
        ) from error
    if not regions:
        raise DataError(
            f"{path} holds no polygon. Expected a FeatureCollection with Polygon or MultiPolygon geometries, in "
            "micrometres."
        )
    return regions


def _parse_feature(feature: dict[str, Any], number: int) -> list[Region]:
    """Read the outer rings of one feature; other geometries than polygons have none."""
    geometry, properties = feature["geometry"], feature.get("properties") or {}
    label = properties.get("name") or (properties.get("classification") or {}).get("name")
    name = str(label or f"region {number + 1}")
    coordinates = geometry["coordinates"]
    parts = {"Polygon": [coordinates], "MultiPolygon": coordinates}.get(geometry["type"], [])
    corners = [np.asarray(part[0], dtype=np.float64)[:, :2] for part in parts]
    corners = [c[:-1] if len(c) > 1 and (c[0] == c[-1]).all() else c for c in corners]
    return [Region(name if len(corners) == 1 else f"{name} {i + 1}", c) for i, c in enumerate(corners) if len(c) >= 3]
