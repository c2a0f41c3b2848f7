"""Regions as GeoJSON: polygons with names, in micrometres; QuPath reads and writes the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import DataError
from ..spatial.regions import Region
from .writers.atomic import as_output_error, atomic_output


def write_regions(path: Path, regions: Sequence[Region]) -> None:
    """One feature a region.

    Raises
    ------
    OutputError
        The disk is full or the place cannot be written.
    """
    features = []
    for region in regions:
        ring = np.vstack([region.corners, region.corners[:1]])
        facts = {"objectType": "annotation", "name": region.name, "area_um2": region.area}
        features.append(
            {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring.tolist()]}, "properties": facts}
        )
    with atomic_output(path) as part, as_output_error(path):
        part.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")


def read_regions(path: str | Path) -> list[Region]:
    """Polygons of a GeoJSON file, in micrometres; a feature of several parts gives one region a part. Holes are filled.

    Raises
    ------
    DataError
        Not GeoJSON, or without a polygon.
    """
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        features = found if isinstance(found, list) else found.get("features", [found])
        regions = [region for i, feature in enumerate(features) for region in _parse_feature(feature, i)]
    except (OSError, ValueError, AttributeError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise DataError(
            f"{path} is not GeoJSON that can be read ({type(error).__name__}: {error}). Expected a FeatureCollection of polygons."
        ) from error
    if not regions:
        raise DataError(
            f"{path} holds no polygon. Expected a FeatureCollection with Polygon or MultiPolygon geometries, in micrometres."
        )
    return regions


def _parse_feature(feature: dict, number: int) -> list[Region]:  # type: ignore[type-arg]
    geometry, facts = feature["geometry"], feature.get("properties") or {}
    name = str(facts.get("name") or (facts.get("classification") or {}).get("name") or f"region {number + 1}")
    rings = {"Polygon": lambda c: [c[0]], "MultiPolygon": lambda c: [part[0] for part in c]}.get(
        geometry["type"], lambda c: []
    )(geometry["coordinates"])
    corners = [np.asarray(ring, dtype=np.float64)[:, :2] for ring in rings]
    corners = [c[:-1] if len(c) > 1 and (c[0] == c[-1]).all() else c for c in corners]
    return [Region(name if len(corners) == 1 else f"{name} {i + 1}", c) for i, c in enumerate(corners) if len(c) >= 3]
