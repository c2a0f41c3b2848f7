"""SpatialData zarr: its table, the centroids of the shapes or labels that it annotates, and those as the raster."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...errors import DataError
from .options import LoadedCells, ReadOptions
from .outlines import MAX_RASTER_SIDE, Raster, outer_rings, pixel_affine, rasterise, relabel

if TYPE_CHECKING:
    from anndata import AnnData

ELEMENT_TYPES = ("images", "labels", "shapes", "points", "tables")


def is_spatialdata(path: Path) -> bool:
    attributes = [path / ".zattrs", path / "zarr.json"]
    return path.is_dir() and any(
        p.is_file() and "spatialdata_attrs" in p.read_text(encoding="utf-8") for p in attributes
    )


def is_anndata_zarr(path: Path) -> bool:
    for name in (".zattrs", "zarr.json"):
        if (path / name).is_file():
            said = json.loads((path / name).read_text(encoding="utf-8"))
            return said.get("attributes", said).get("encoding-type") == "anndata"
    return False


def element_names(path: Path) -> dict[str, list[str]]:
    """Names of the elements of a store by kind, and of its coordinate systems ("systems"), without opening it.

    Returns
    -------
    dict with images, labels, shapes, points, tables, systems
    """
    found = {kind: sorted(p.name for p in (path / kind).glob("*") if _read_attributes(p)) for kind in ELEMENT_TYPES}
    said = (_read_attributes(path / kind / name) for kind in ELEMENT_TYPES[:-1] for name in found[kind])
    return found | {"systems": sorted({name for attributes in said for name in _coordinate_systems(attributes)})}


def open_spatialdata(path: Path, options: ReadOptions) -> LoadedCells:
    """Cells of a store, placed in one of its coordinate systems (see `place`)."""
    return cells_from_spatialdata(read_elements(path, ("tables", "shapes", "labels")), options, path)


def read_elements(path: Path, element_types: tuple[str, ...]) -> Any:
    """A store as a SpatialData object, with some kinds of its elements."""
    import spatialdata

    return spatialdata.read_zarr(path, selection=element_types)


def cells_from_spatialdata(data: Any, options: ReadOptions, path: Path | str) -> LoadedCells:
    """Cells of a SpatialData object that have a place.

    Parameters
    ----------
    data : spatialdata.SpatialData
    asked
        Table and coordinate system where there are several (default "table" and "global"), micrometres per unit of the system.
    path
        For messages.

    Raises
    ------
    DataError
        No table, several without a choice, or a table that annotates nothing.
    """
    import spatialdata

    adata = data[choose_name("table", list(data.tables), options.table, path, "table")]
    attributes = adata.uns.get("spatialdata_attrs")
    if attributes is None:
        raise DataError(f"the table of {path} annotates no shapes or labels, so its cells have no places.")
    regions = [attributes["region"]] if isinstance(attributes["region"], str) else list(attributes["region"])
    there = [r for r in regions if r in data.shapes or r in data.labels]
    if not there:
        raise DataError(f"the table of {path} annotates {', '.join(regions)}, which the store does not hold.")
    system = choose_name("coordinate system", list(data.coordinate_systems), options.system, path, "global")
    scale = options.pixel_size or 1.0
    instances, region_of = adata.obs[attributes["instance_key"]], adata.obs[attributes["region_key"]].astype(str)
    xy = np.full((adata.n_obs, 2), np.nan)
    for region in there:
        rows = np.flatnonzero(region_of == region)
        found = spatialdata.get_centroids(data[region], coordinate_system=system).compute()
        found.index = found.index.astype(str)
        xy[rows] = found[["x", "y"]].reindex(instances.iloc[rows].astype(str)).to_numpy()
    placed = np.isfinite(xy).all(1)
    kept = adata[placed].copy()
    kept.obsm["spatial"] = xy[placed] * scale
    left_out = f"; {int((~placed).sum())} of {len(placed)} cells without a shape left out" if not placed.all() else ""
    raster = (
        _rasterise_element(data, there[0], kept, attributes["instance_key"], system, scale) if len(there) == 1 else None
    )
    if options.pixel_size:
        kept.uns["spatial_unit"] = "micrometre"
    unit = (
        f"{scale:g} um per unit, as given"
        if options.pixel_size
        else "unit not stated in the file: taken as micrometres"
    )
    return LoadedCells(kept, raster, f"coordinate system {system!r}{left_out}; {unit}")


def choose_name(description: str, names: list[str], requested: str | None, path: Path | str, default: str) -> str:
    """The wanted name, the only one, or the usual one."""
    if requested is not None and requested not in names:
        raise DataError(f"{path} has no {description} {requested!r}; it has {', '.join(names) or 'none'}.")
    choice = requested or (names[0] if len(names) == 1 else default if default in names else None)
    if choice is None:
        raise DataError(
            f"{path} has {len(names)} {description}s ({', '.join(names)}): choose one with --{description.split()[-1]}."
            if names
            else f"{path} has no {description}."
        )
    return choice


def _read_attributes(path: Path) -> dict[str, Any]:
    """The attributes of a zarr group, empty when it is none."""
    for name in (".zattrs", "zarr.json"):
        if (path / name).is_file():
            said = json.loads((path / name).read_text(encoding="utf-8"))
            return dict(said.get("attributes", {}) if name == "zarr.json" else said)
    return {}


def _coordinate_systems(attributes: dict[str, Any]) -> list[str]:
    """Coordinate systems that the transformations of an element lead to."""
    said = attributes.get("ome", attributes)
    lists = [
        said.get("coordinateTransformations", []),
        *(m.get("coordinateTransformations", []) for m in said.get("multiscales", [])),
    ]
    return [t["output"]["name"] for transforms in lists for t in transforms if isinstance(t.get("output"), dict)]


def _rasterise_element(
    data: Any, region: str, adata: AnnData, instance_key: str, system: str, scale: float
) -> Raster | None:
    """The annotated element as a raster in micrometres."""
    from spatialdata.transformations import get_transformation

    to_system = get_transformation(data[region], to_coordinate_system=system).to_affine_matrix(("x", "y"), ("x", "y"))
    instances = adata.obs[instance_key]
    if region in data.shapes:
        shapes = data.shapes[region]
        rows = pd.Index(instances.astype(str)).get_indexer(shapes.index.astype(str))
        outlines = shapes.geometry if "radius" not in shapes else shapes.geometry.buffer(shapes["radius"])
        move = to_system[:2, :2].T, to_system[:2, 2]
        return rasterise(
            (row, (ring @ move[0] + move[1]) * scale) for row, ring in outer_rings(rows, outlines.to_numpy())
        )
    element = data.labels[region]
    if hasattr(element, "children"):  # several resolutions: the finest that is not too large
        levels = [next(iter(level.values())) for level in element.values()]
        image = next((level for level in levels if max(level.shape) <= MAX_RASTER_SIDE), levels[-1])
        factor = levels[0].shape[0] / image.shape[0]
    else:
        image, factor = element, 1.0
    return relabel(np.asarray(image), instances.to_numpy(dtype=np.int64)), np.diag([scale, scale, 1.0]) @ pixel_affine(
        to_system, factor
    )
