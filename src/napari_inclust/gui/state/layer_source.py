"""Sections that another plugin has open: layers that carry a SpatialData object, as those of napari-spatialdata do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

SDATA_KEY = "sdata"  # in layer.metadata


@dataclass(frozen=True, eq=False)
class SpatialDataLayer:
    """A SpatialData object behind a layer.

    Attributes
    ----------
    name
        For people.
    path
        Where it is stored, or the name of its layer when it is in memory only.
    system
        Coordinate system in which it is shown, when the layer says so.
    """

    name: str
    sdata: Any
    path: Path
    coordinate_system: str | None


def spatialdata_layers(viewer: Any) -> list[SpatialDataLayer]:
    """One for each SpatialData object behind the layers of a viewer."""
    found: dict[int, SpatialDataLayer] = {}
    for layer in viewer.layers:
        data = layer.metadata.get(SDATA_KEY)
        if data is None or id(data) in found or not hasattr(data, "tables"):
            continue
        stored = getattr(data, "path", None)
        path = Path(stored) if stored is not None else Path(str(layer.metadata.get("name") or layer.name))
        found[id(data)] = SpatialDataLayer(
            f"{path.stem} (layer {layer.name})", data, path, layer.metadata.get("_current_cs")
        )
    return list(found.values())
