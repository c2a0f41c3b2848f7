"""SpatialData zarr: its table, the centroids of the shapes or labels that it annotates, and those as the raster."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import DataError
from .options import LoadedCells, ReadOptions
from .outlines import MAX_RASTER_SIDE, Raster, outer_rings, pixel_affine, rasterise, relabel

if TYPE_CHECKING:
    from anndata import AnnData


def open_spatialdata(path: Path, options: ReadOptions) -> LoadedCells:
    """Read the cells of a store with coordinates in one of its systems; raises as `cells_from_spatialdata`."""
    return cells_from_spatialdata(read_elements(path, ("tables", "shapes", "labels")), options, path)


def read_elements(path: Path, element_types: tuple[str, ...]) -> Any:
    """Read the elements of some types of a store, as a SpatialData object."""
    import spatialdata

    return spatialdata.read_zarr(path, selection=element_types)


def cells_from_spatialdata(data: Any, options: ReadOptions, path: Path | str) -> LoadedCells:
    """Take the cells of a SpatialData object that are annotated by a shape or label.

    Parameters
    ----------
    data : spatialdata.SpatialData
    options
        Table and coordinate system where there are several (default "table" and "global"), and micrometres per unit of
        the system.
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
    regions = annotated_regions(attributes)
    known = [region for region in regions if region in data.shapes or region in data.labels]
    if not known:
        raise DataError(f"the table of {path} annotates {', '.join(regions)}, which the store does not hold.")
    system = choose_name("coordinate system", list(data.coordinate_systems), options.system, path, "global")
    scale = options.pixel_size or 1.0
    instances, region_of = adata.obs[attributes["instance_key"]], adata.obs[attributes["region_key"]].astype(str)
    xy = np.full((adata.n_obs, 2), np.nan)
    for region in known:
        rows = np.flatnonzero(region_of == region)
        centroids = spatialdata.get_centroids(data[region], coordinate_system=system).compute()
        centroids.index = centroids.index.astype(str)
        xy[rows] = centroids[["x", "y"]].reindex(instances.iloc[rows].astype(str)).to_numpy()
    located = np.flatnonzero(np.isfinite(xy).all(1))
    cells = adata[located].copy()
    cells.obsm["spatial"] = xy[located] * scale
    n_lost = adata.n_obs - len(located)
    left_out = f"; {n_lost} of {adata.n_obs} cells without a shape left out" if n_lost else ""
    raster = (
        _rasterise_element(data, known[0], cells, attributes["instance_key"], system, options)
        if len(known) == 1
        else None
    )
    if options.pixel_size:
        cells.uns["spatial_unit"] = "micrometre"
    unit = (
        f"{scale:g} um per unit, as given"
        if options.pixel_size
        else "unit not stated in the file: taken as micrometres"
    )
    return LoadedCells(cells, raster, f"coordinate system {system!r}{left_out}; {unit}")


def annotated_regions(attributes: Mapping[str, Any]) -> list[str]:
    """Return the elements that a table annotates, from its `uns["spatialdata_attrs"]`."""
    region = attributes["region"]
    return [region] if isinstance(region, str) else list(region)


def choose_name(description: str, names: list[str], requested: str | None, path: Path | str, default: str) -> str:
    """Choose one of several names: the requested one, the only one, or the usual one.

    Raises
    ------
    DataError
        No such name, or several without a choice.
    """
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


def affine_to_micrometres(transforms: Mapping[str, Any], options: ReadOptions, system: str) -> NDArray[np.float64]:
    """Return (3, 3) from the (x, y) of an element to micrometres (x, y).

    Parameters
    ----------
    transforms
        Of the element, by coordinate system.
    options
        Micrometres per unit of the coordinate system.
    system
        One of the coordinate systems.
    """
    scale = options.pixel_size or 1.0
    return np.asarray(np.diag([scale, scale, 1.0]) @ transforms[system].to_affine_matrix(("x", "y"), ("x", "y")))


def _rasterise_element(
    data: Any, region: str, adata: AnnData, instance_key: str, system: str, options: ReadOptions
) -> Raster | None:
    """Draw the annotated element as a raster in micrometres."""
    from spatialdata.transformations import get_transformation

    to_um = affine_to_micrometres(get_transformation(data[region], get_all=True), options, system)
    instances = adata.obs[instance_key]
    if region in data.shapes:
        shapes = data.shapes[region]
        rows = pd.Index(instances.astype(str)).get_indexer(shapes.index.astype(str))
        outlines = shapes.geometry if "radius" not in shapes else shapes.geometry.buffer(shapes["radius"])
        return rasterise(
            (row, ring @ to_um[:2, :2].T + to_um[:2, 2]) for row, ring in outer_rings(rows, outlines.to_numpy())
        )
    element = data.labels[region]
    if hasattr(element, "children"):  # several resolutions: the finest that is not too large
        levels = [next(iter(level.values())) for level in element.values()]
        image = next((level for level in levels if max(level.shape) <= MAX_RASTER_SIDE), levels[-1])
        factor = levels[0].shape[0] / image.shape[0]
    else:
        image, factor = element, 1.0
    return relabel(np.asarray(image), instances.to_numpy(dtype=np.int64)), pixel_affine(to_um, factor)
