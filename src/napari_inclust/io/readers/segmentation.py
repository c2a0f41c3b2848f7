"""Outlines of cells in a separate file: a label image (TIFF, zarr) or polygons (GeoJSON, Parquet)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import DataError
from .image_pyramid import is_image, open_image_pyramid
from .outlines import MAX_RASTER_SIDE, Raster, outer_rings, pixel_affine, rasterise, relabel

if TYPE_CHECKING:
    from ...data.section import Section

ID_COLUMNS = ("label_id", "label", "cell_ID", "cell_id", "EntityID", "instance_id", "instance_key", "object_id", "id")
_MIN_SHARE_ON_LABELS = 0.2  # of the cells; with fewer on a label, the outlines do not belong to the section


def read_segmentation(path: Path, section: Section, pixel_size: float | None = None) -> Raster:
    """Read the outlines of the cells of a section as its raster.

    A label or polygon belongs to the cell whose name, or whose entry in a column of `obs` such as `label_id` or
    `cell_id`, is its number; when no column fits, to the cell whose centre lies in it.

    Parameters
    ----------
    path
        `.tif`, a zarr array or OME-zarr with whole numbers (0 is background); `.geojson` or `.json`; `.parquet` with a
        geometry, or with the vertices of outlines in rows (cell_id, vertex_x, vertex_y).
    section
        With coordinates in micrometres.
    pixel_size
        Micrometres per pixel of a label image, or per unit of polygons. By default that of a label image is as the file
        says, or 1 when the coordinates of the section are in pixels; polygons are in the unit of the coordinates.

    Raises
    ------
    DataError
        An unknown kind, no pixel size, or labels that are not where the cells are.
    """
    if not path.exists():
        raise DataError(f"no file {path}. Check the name.")
    if path.suffix.lower() in (".geojson", ".json", ".parquet"):
        raster = _read_polygons(path, section, pixel_size or 1.0)
    elif is_image(path):
        raster = _read_label_image(path, section, pixel_size)
    else:
        raise DataError(
            f"{path} holds no outlines that can be read; expected a label image (.tif, zarr) or polygons (.geojson, "
            ".parquet)."
        )
    _check_overlap(raster, section, path)
    return raster


def _read_label_image(path: Path, section: Section, pixel_size: float | None) -> Raster:
    pixels = open_image_pyramid(path)
    first = pixels.levels[0]
    if pixels.is_rgb or first.dtype.kind not in "iu" or first.shape[:2] != (1, 1):
        raise DataError(
            f"{path} is no label image: expected one plane of whole numbers, found {first.dtype} of shape "
            f"{first.shape}."
        )
    size = (
        (pixel_size, pixel_size)
        if pixel_size
        else pixels.pixel_size or ((1.0, 1.0) if "in pixels" in section.unit_note else None)
    )
    if size is None:
        raise DataError(f"{path} does not say how large its pixels are. Give the micrometres per pixel (--pixel-size).")
    step = -(-max(first.shape[-2:]) // MAX_RASTER_SIDE)
    image = np.asarray(first[0, 0, ::step, ::step])
    transform = pixel_affine(np.diag([size[1], size[0], 1.0]), step)
    ids = _match_label_ids(section, np.unique(image[image > 0]))
    if ids is None:
        ids = _labels_at_centroids(image, transform, section.xy)
    rows = np.flatnonzero(ids > 0)
    labels = relabel(image, ids[rows])
    return np.r_[0, rows + 1].astype(np.int32)[labels], transform


def _read_polygons(path: Path, section: Section, scale: float) -> Raster:
    names, shapes = _read_shapes(path)
    by_name = {str(n): i for i, n in enumerate(names)}
    candidates = [
        section.adata.obs_names.astype(str),
        *(section.adata.obs[c].astype(str) for c in ID_COLUMNS if c in section.adata.obs),
    ]
    matched = max(
        (np.array([by_name.get(str(n), -1) for n in column]) for column in candidates),
        key=lambda m: int((m >= 0).sum()),
    )
    if (matched >= 0).mean() < 0.5:
        matched = _containing_polygon(shapes, section.xy / scale)
    rows = np.flatnonzero(matched >= 0)
    raster = rasterise(
        (row, ring * scale) for row, ring in outer_rings(rows, np.asarray(shapes, dtype=object)[matched[rows]])
    )
    if raster is None:
        raise DataError(f"no polygon of {path} belongs to a cell of {section.name}: neither by name nor by position.")
    return raster


def _read_shapes(path: Path) -> tuple[list[Any], list[Any]]:
    """Read the ids and shapely polygons of a file."""
    import shapely

    if path.suffix.lower() != ".parquet":
        content = json.loads(path.read_text(encoding="utf-8"))
        features = content.get("features", []) if isinstance(content, dict) else content
        return [_feature_id(f, i) for i, f in enumerate(features)], [
            shapely.from_geojson(json.dumps(f["geometry"])) for f in features
        ]
    table = pd.read_parquet(path)
    lower = {str(c).lower(): str(c) for c in table}
    name = next((lower[c.lower()] for c in ID_COLUMNS if c.lower() in lower), None)
    if "geometry" in lower:
        table = table[table[lower["geometry"]].notna()]
        return list(table[name] if name else table.index), list(shapely.from_wkb(table[lower["geometry"]].to_numpy()))
    if name and {"vertex_x", "vertex_y"} <= set(lower):
        groups = [
            (n, g[["vertex_x", "vertex_y"]].to_numpy(dtype=np.float64)) for n, g in table.groupby(name, sort=False)
        ]
        rings = [(n, p) for n, p in groups if len(p) >= 3]
        return [n for n, _ in rings], [shapely.Polygon(p) for _, p in rings]
    raise DataError(
        f"{path} holds no outlines: expected a column geometry, or cell_id, vertex_x and vertex_y; found "
        f"{', '.join(map(str, table.columns[:8]))}."
    )


def _feature_id(feature: dict[str, Any], number: int) -> Any:
    """Return the id of a GeoJSON feature, or of its properties; its number when it has none."""
    values = ({"id": feature.get("id")}, feature.get("properties") or {})
    return next((v[c] for v in values for c in ID_COLUMNS if v.get(c) is not None), number)


def _match_label_ids(section: Section, labels: NDArray[Any]) -> NDArray[np.int64] | None:
    """Find the label of each cell in a column of obs or in the names of the cells.

    Returns
    -------
    (cells,) int64 or None
        Of the column with most labels, 0 for cells without one; None when no column has labels for half of the cells.
    """
    best: NDArray[np.int64] | None = None
    for values in (
        *(section.adata.obs[c] for c in ID_COLUMNS if c in section.adata.obs),
        pd.Series(section.adata.obs_names),
    ):
        numbers = pd.to_numeric(values.astype(str), errors="coerce").fillna(0).to_numpy()
        ids = np.where(np.isin(numbers, labels), numbers, 0).astype(np.int64)
        if len(np.unique(ids[ids > 0])) == (ids > 0).sum() > (0 if best is None else (best > 0).sum()):
            best = ids
    return best if best is not None and (best > 0).mean() >= 0.5 else None


def _labels_at_centroids(
    image: NDArray[Any], transform: NDArray[np.float64], xy: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return the label under the centre of each cell; 0 on background, and for all but the first cell on a label."""
    labels = _sample_at_points(image, transform, xy)
    first = np.zeros(len(labels), dtype=bool)
    first[np.unique(labels, return_index=True)[1]] = True
    return np.where(first, labels, 0)


def _sample_at_points(
    image: NDArray[Any], transform: NDArray[np.float64], xy: NDArray[np.float64]
) -> NDArray[np.int64]:
    row, column, _ = np.round(np.linalg.inv(transform) @ np.c_[xy[:, ::-1], np.ones(len(xy))].T).astype(int)
    inside = (row >= 0) & (column >= 0) & (row < image.shape[0]) & (column < image.shape[1])
    out = np.zeros(len(xy), dtype=np.int64)
    out[inside] = image[row[inside], column[inside]]
    return out


def _containing_polygon(shapes: list[Any], xy: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the index of the polygon around each point, -1 where there is none."""
    import shapely

    point, shape = shapely.STRtree(shapes).query(shapely.points(xy), predicate="within")
    out = np.full(len(xy), -1, dtype=np.int64)
    out[point] = shape
    return out


def _check_overlap(raster: Raster, section: Section, path: Path) -> None:
    """Refuse labels that are not where the cells are."""
    share = float((_sample_at_points(*raster, section.xy) > 0).mean())
    if share < _MIN_SHARE_ON_LABELS:
        raise DataError(
            f"the outlines in {path} do not fit {section.name}: only {share:.0%} of its cells have their centre on an "
            "outline. Check the pixel size, and that both have the same origin."
        )
