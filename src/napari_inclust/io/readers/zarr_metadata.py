"""Metadata of zarr stores of format 2 and 3, read from their JSON files without opening the store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ...errors import DataError

ELEMENT_TYPES = ("images", "labels", "shapes", "points", "tables")  # of a SpatialData store


def is_zarr(path: Path) -> bool:
    """Whether a folder is a zarr group or array."""
    return any((path / name).is_file() for name in (".zgroup", ".zarray", "zarr.json"))


def is_zarr_array(path: Path) -> bool:
    """Whether a folder is a zarr array, rather than a group."""
    return (path / ".zarray").is_file() or _read_json(path / "zarr.json").get("node_type") == "array"


def is_anndata_zarr(path: Path) -> bool:
    """Whether a folder is an AnnData zarr."""
    return read_attributes(path).get("encoding-type") == "anndata"


def is_spatialdata(path: Path) -> bool:
    """Whether a folder is a SpatialData zarr."""
    return "spatialdata_attrs" in read_attributes(path)


def is_ome_zarr(path: Path) -> bool:
    """Whether a folder is an image (OME-zarr)."""
    attributes = read_attributes(path)
    return "multiscales" in attributes.get("ome", attributes)


def read_attributes(path: Path) -> dict[str, Any]:
    """Read the attributes of a zarr group or array; empty when it is none."""
    if (path / ".zattrs").is_file():
        return _read_json(path / ".zattrs")
    return dict(_read_json(path / "zarr.json").get("attributes", {}))


def element_names(path: Path) -> dict[str, list[str]]:
    """List the elements of a SpatialData store by type, and its coordinate systems ("systems").

    Returns
    -------
    dict with images, labels, shapes, points, tables, systems
    """
    names = {kind: sorted(p.name for p in (path / kind).glob("*") if read_attributes(p)) for kind in ELEMENT_TYPES}
    elements = (read_attributes(path / kind / name) for kind in ELEMENT_TYPES[:-1] for name in names[kind])
    return names | {"systems": sorted({name for attributes in elements for name in _coordinate_systems(attributes)})}


def _coordinate_systems(attributes: dict[str, Any]) -> list[str]:
    """Return the coordinate systems that the transformations of an element lead to."""
    ome = attributes.get("ome", attributes)
    lists = [
        ome.get("coordinateTransformations", []),
        *(m.get("coordinateTransformations", []) for m in ome.get("multiscales", [])),
    ]
    return [t["output"]["name"] for transforms in lists for t in transforms if isinstance(t.get("output"), dict)]


def _read_json(file: Path) -> dict[str, Any]:
    """Return the object in a JSON file; empty when there is none."""
    if not file.is_file():
        return {}
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise DataError(f"{file} is damaged: it holds no JSON object ({error}). Write the store again.") from None
