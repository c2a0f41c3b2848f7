"""Label images and polygons in files of their own become the outlines of a section's cells."""

from __future__ import annotations

import json
import warnings

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import tifffile

from napari_inclust.errors import DataError
from napari_inclust.io.readers.dispatch import read_section


def own(section):
    """How many cells have their centre on their own label."""
    row, column, _ = np.round(
        np.linalg.inv(section.raster_transform) @ np.c_[section.xy[:, ::-1], np.ones(section.n_cells)].T
    ).astype(int)
    on = section.raster[np.clip(row, 0, section.raster.shape[0] - 1), np.clip(column, 0, section.raster.shape[1] - 1)]
    return float((on == np.arange(section.n_cells) + 1).mean())


@pytest.fixture
def field(shared, tmp_path):
    """One real CosMx field: cells in pixels as a file, and its label image."""
    cells = ad.read_h5ad(shared / "data" / "cosmx_lung" / "cosmx_lung_cells.h5ad")
    cells[cells.obs["fov"] == "F002"].write_h5ad(tmp_path / "cells.h5ad")
    return tmp_path / "cells.h5ad", shared / "data" / "cosmx_lung" / "labels_F002.tif"


def test_a_label_image_is_matched_by_the_column_of_labels(field):
    section = read_section(field[0], segmentation=field[1])
    assert own(section) > 0.9
    found = np.bincount(section.raster.ravel(), minlength=section.n_cells + 1)[1:]
    np.testing.assert_array_equal(found, section.adata.obs["area_px"])


def test_a_label_image_is_matched_by_place_without_such_a_column(field):
    cells = ad.read_h5ad(field[0])
    truth = cells.obs.pop("area_px")
    del cells.obs["label_id"]
    cells.obs_names = [f"cell {i}" for i in range(cells.n_obs)]
    cells.write_h5ad(field[0])
    section = read_section(field[0], segmentation=field[1])
    assert own(section) > 0.9
    found = np.bincount(section.raster.ravel(), minlength=section.n_cells + 1)[1:]
    assert (found == truth.to_numpy()).mean() > 0.9


def test_a_label_image_in_pixels_follows_the_pixel_size(field):
    section = read_section(field[0], segmentation=field[1], pixel_size=0.18)
    assert own(section) > 0.9
    assert section.raster_transform[0, 0] == pytest.approx(0.18)


def test_the_large_real_label_image_of_ca1_fits_its_cells(shared, tmp_path):
    with np.load(shared / "data" / "iss_ca1" / "label_image.coo.npz") as parts:
        shape = tuple(parts["shape"])
        image = sp.coo_matrix((parts["data"], (parts["row"], parts["col"])), shape=shape).toarray().astype(np.int32)
    tifffile.imwrite(tmp_path / "labels.tif", image, compression="deflate")
    cells = shared / "data" / "iss_ca1" / "iss_ca1_cells.h5ad"
    section = read_section(cells, segmentation=tmp_path / "labels.tif")
    assert own(section) > 0.9
    assert section.raster.max() == section.n_cells


def test_labels_that_are_elsewhere_are_refused(field, tmp_path):
    image = tifffile.imread(field[1])
    tifffile.imwrite(tmp_path / "away.tif", np.pad(image, ((3000, 0), (3000, 0))))
    with pytest.raises(DataError, match="do not fit cells: only 0%"):
        read_section(field[0], segmentation=tmp_path / "away.tif")


def test_a_section_in_micrometres_needs_the_pixel_size_of_its_labels(field):
    cells = ad.read_h5ad(field[0])
    cells.uns["spatial_unit"] = "micrometre"
    cells.write_h5ad(field[0])
    with pytest.raises(DataError, match="does not say how large its pixels are"):
        read_section(field[0], segmentation=field[1])


@pytest.mark.parametrize("kind", ["geojson", "vertices", "wkb"])
@pytest.mark.parametrize("named", [True, False])
def test_polygons_become_outlines_by_name_or_place(small_pair, tmp_path, kind, named):
    import shapely

    adata = small_pair[0].copy()
    adata.obsm["spatial"] = np.c_[np.arange(adata.n_obs) % 15, np.arange(adata.n_obs) // 15] * 20.0
    adata.write_h5ad(tmp_path / "s.h5ad")
    order = np.random.default_rng(0).permutation(adata.n_obs)[5:]
    boxes = [shapely.box(x - 8, y - 8, x + 8, y + 8) for x, y in adata.obsm["spatial"][order]]
    ids = [str(adata.obs_names[i]) if named else f"outline {i}" for i in order]
    if kind == "geojson":
        path = tmp_path / "cells.geojson"
        features = [
            {"type": "Feature", "id": i, "geometry": json.loads(shapely.to_geojson(b)), "properties": {}}
            for i, b in zip(ids, boxes, strict=True)
        ]
        path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    else:
        path = tmp_path / "cells.parquet"
        if kind == "wkb":
            pd.DataFrame({"cell_id": ids, "geometry": shapely.to_wkb(boxes)}).to_parquet(path)
        else:
            points = np.stack([shapely.get_coordinates(b) for b in boxes])
            pd.DataFrame(
                {"cell_id": np.repeat(ids, 5), "vertex_x": points[..., 0].ravel(), "vertex_y": points[..., 1].ravel()}
            ).to_parquet(path)
    section = read_section(tmp_path / "s.h5ad", segmentation=path)
    assert own(section) == pytest.approx(1 - 5 / adata.n_obs)


@pytest.mark.parametrize("name", ["a.tif", "a.geojson", "a.parquet", "a.txt"])
def test_a_file_without_outlines_is_one_clear_error(pair, tmp_path, name):
    (tmp_path / name).write_bytes(b"nothing")
    with pytest.raises(DataError):
        read_section(pair[0], segmentation=tmp_path / name)
    with pytest.raises(DataError, match="no file"):
        read_section(pair[0], segmentation=tmp_path / "absent.tif")


def test_the_labels_that_a_spatialdata_table_annotates_are_the_cells_and_its_points_the_molecules(
    field, shared, tmp_path
):
    import spatialdata
    from spatialdata.models import Labels2DModel, PointsModel, TableModel
    from spatialdata.transformations import Scale

    from napari_inclust.io.readers.transcripts import find_transcripts

    cells, image = ad.read_h5ad(field[0]), tifffile.imread(field[1])
    molecules = pd.read_csv(shared / "data" / "cosmx_lung" / "transcripts_F002.csv.gz")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        um = {"global": Scale([0.18, 0.18], axes=("x", "y"))}
        cells.obs["region"], cells.obs["label_id"] = (
            pd.Categorical(["cells"] * cells.n_obs),
            cells.obs["label_id"].astype(int),
        )
        table = TableModel.parse(cells, region="cells", region_key="region", instance_key="label_id")
        labels = Labels2DModel.parse(image, dims=("y", "x"), transformations=um)
        points = PointsModel.parse(
            molecules, coordinates={"x": "x_px", "y": "y_px"}, feature_key="target", transformations=um
        )
        spatialdata.SpatialData(labels={"cells": labels}, points={"molecules": points}, tables={"table": table}).write(
            tmp_path / "s.zarr"
        )
    section = read_section(tmp_path / "s.zarr")
    assert own(section) > 0.9
    np.testing.assert_allclose(section.xy, cells.obsm["spatial"] * 0.18, atol=0.18)
    found = find_transcripts(tmp_path / "s.zarr").locations(["MALAT1"])["MALAT1"]
    truth = molecules[molecules["target"] == "MALAT1"]
    np.testing.assert_allclose(found, truth[["x_px", "y_px"]] * 0.18, rtol=1e-5)
    row, column, _ = np.round(
        np.linalg.inv(section.raster_transform) @ np.c_[found[:, ::-1], np.ones(len(found))].T
    ).astype(int)
    inside = (row >= 0) & (column >= 0) & (row < image.shape[0]) & (column < image.shape[1])
    cell = truth["cell_ID"].to_numpy()[inside]
    there = np.r_[0, section.adata.obs["label_id"]][section.raster[row[inside], column[inside]]]
    assert (there == np.where(np.isin(cell, section.adata.obs["label_id"]), cell, 0)).mean() > 0.95
