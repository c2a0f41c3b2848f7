"""SpatialData zarr: its table, the centroids of the shapes or labels that it annotates, and those as the raster."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import DataError
from .outlines import LARGEST, Raster, rasterise, relabel, rings_of

if TYPE_CHECKING:
    from anndata import AnnData


@dataclass(frozen=True, eq=False)
class Opened:
    """Cells of a SpatialData store that have a place."""

    adata: AnnData
    raster: Raster | None
    note: str


def is_spatialdata(path: Path) -> bool:
    attributes = [path / ".zattrs", path / "zarr.json"]
    return path.is_dir() and any(p.is_file() and "spatialdata_attrs" in p.read_text(encoding="utf-8") for p in attributes)


def is_anndata_zarr(path: Path) -> bool:
    for name in (".zattrs", "zarr.json"):
        if (path / name).is_file():
            said = json.loads((path / name).read_text(encoding="utf-8"))
            return said.get("attributes", said).get("encoding-type") == "anndata"
    return False


def read_spatialdata(path: Path, *, table: str | None = None, system: str | None = None, scale: float = 1.0) -> Opened:
    """Cells of a store, placed in one of its coordinate systems.

    Parameters
    ----------
    table
        Name of the table; needed when there are several.
    system
        Name of the coordinate system; default "global", or the only one.
    scale
        Micrometres per unit of the coordinate system.

    Raises
    ------
    DataError
        No table, several without a choice, or a table that annotates nothing.
    """
    import spatialdata

    data = spatialdata.read_zarr(path, selection=("tables", "shapes", "labels"))
    adata = data[_one("table", list(data.tables), table, path, "table")]
    attributes = adata.uns.get("spatialdata_attrs")
    if attributes is None:
        raise DataError(f"the table of {path} annotates no shapes or labels, so its cells have no places.")
    regions = [attributes["region"]] if isinstance(attributes["region"], str) else list(attributes["region"])
    there = [r for r in regions if r in data.shapes or r in data.labels]
    if not there:
        raise DataError(f"the table of {path} annotates {', '.join(regions)}, which the store does not hold.")
    system = _one("coordinate system", list(data.coordinate_systems), system, path, "global")
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
    raster = _raster(data, there[0], kept, attributes["instance_key"], system, scale) if len(there) == 1 else None
    return Opened(kept, raster, f"coordinate system {system!r}{left_out}")


def _one(what: str, names: list[str], wanted: str | None, path: Path, usual: str) -> str:
    """The wanted name, the only one, or the usual one."""
    if wanted is not None and wanted not in names:
        raise DataError(f"{path} has no {what} {wanted!r}; it has {', '.join(names) or 'none'}.")
    choice = wanted or (names[0] if len(names) == 1 else usual if usual in names else None)
    if choice is None:
        raise DataError(f"{path} has {len(names)} {what}s ({', '.join(names)}): choose one with --{what.split()[-1]}." if names else f"{path} has no {what}.")
    return choice


def _raster(data: Any, region: str, adata: AnnData, instance_key: str, system: str, scale: float) -> Raster | None:
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
            (int(row), (ring @ move[0] + move[1]) * scale) for row, shape in zip(rows, outlines, strict=True) if row >= 0 for ring in rings_of(shape)
        )
    element = data.labels[region]
    if hasattr(element, "children"):  # several resolutions: the finest that is not too large
        levels = [next(iter(level.values())) for level in element.values()]
        image = next((level for level in levels if max(level.shape) <= LARGEST), levels[-1])
        factor = levels[0].shape[0] / image.shape[0]
    else:
        image, factor = element, 1.0
    return relabel(np.asarray(image), instances.to_numpy(dtype=np.int64)), _affine(to_system, factor, scale)


def _affine(xy: NDArray[np.float64], factor: float, scale: float) -> NDArray[np.float64]:
    """(row, column) of a pixel centre to (y, x) in micrometres, from an affine of pixel corners in (x, y)."""
    centre = np.array([[factor, 0, factor / 2], [0, factor, factor / 2], [0, 0, 1.0]])
    swap = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1.0]])
    return np.diag([scale, scale, 1.0]) @ swap @ xy @ centre @ swap
