"""Folders of instruments, written from real cells in their documented layout, open alike here and with the public readers."""

from __future__ import annotations

import importlib
import warnings

import numpy as np
import pytest

from napari_inclust.errors import DataError
from napari_inclust.io.readers.dispatch import available_options, detect_format, read_section
from napari_inclust.io.readers.images import find_images
from napari_inclust.io.readers.transcripts import find_transcripts

from .vendor_folders import (
    PIXEL,
    spots,
    visium_pixels,
    write_cosmx,
    write_visium,
    write_visium_hd,
    write_xenium,
    xenium_names,
)


def theirs(read, *arguments, **options):
    """What a public reader makes of a folder; its own warnings are not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read(*arguments, **options)


def at(image, xy):
    """Values of an image at places in micrometres."""
    row, column, _ = np.round(np.linalg.inv(image.transform) @ np.c_[xy[:, ::-1], np.ones(len(xy))].T).astype(int)
    return image.levels[0].compute()[row, column]


@pytest.mark.parametrize("header", [True, False])
def test_a_visium_folder_is_read_as_squidpy_reads_it_in_micrometres(shared, tmp_path, header):
    squidpy = theirs(importlib.import_module, "squidpy")
    adata = spots(shared)
    path = write_visium(tmp_path / "visium", adata, header)
    found = read_section(path)
    assert detect_format(path).name == "Visium folder"
    np.testing.assert_array_equal(found.matrix.toarray(), adata.X.toarray())
    np.testing.assert_allclose(
        found.xy, visium_pixels(adata.obs) * 0.5, atol=1.0
    )  # spots 200 pixels, that is 100 um apart
    other = theirs(squidpy.read.visium, path)
    assert list(other.obs_names) == list(found.adata.obs_names)
    np.testing.assert_allclose(found.xy, other.obsm["spatial"] * 0.5, rtol=1e-3)
    assert "100 um apart" in found.unit_note


def test_the_picture_of_a_visium_folder_lies_under_its_spots(shared, tmp_path):
    import spatialdata
    from spatialdata_io import visium

    adata = spots(shared)
    path = write_visium(tmp_path / "visium", adata)
    found, images = read_section(path), find_images(path)
    assert [image.name for image in images] == ["tissue (hires)", "tissue (lowres)"]
    assert images[0].is_rgb
    assert (
        at(images[0], found.xy)[:, 0] == 120
    ).mean() > 0.95  # places are whole pixels of the large picture: a few round into the next
    assert (at(images[0], found.xy + images[0].pixel_size)[:, 0] == 120).mean() < 0.05
    data = theirs(visium, path, dataset_id="sample")
    centres = theirs(spatialdata.get_centroids, data["sample"], coordinate_system="sample").compute()
    np.testing.assert_allclose(found.xy, centres[["x", "y"]].to_numpy() * 0.5, rtol=1e-2)


def test_a_visium_hd_folder_has_bins_to_choose_from(shared, tmp_path):
    from spatialdata_io import visium_hd

    adata = spots(shared)
    path = write_visium_hd(tmp_path / "hd", adata)
    assert available_options(path).tables == ["square_008um", "square_016um"]
    found, coarse = read_section(path), read_section(path, table="square_016um")
    np.testing.assert_array_equal(found.matrix.toarray(), adata.X.toarray())
    np.testing.assert_allclose(found.xy[0], 4)
    np.testing.assert_allclose(coarse.xy[0], 8)
    data = theirs(visium_hd, path, dataset_id="", load_segmentations_only=False)
    np.testing.assert_allclose(data["square_008um"].obsm["spatial"] * 0.5, found.xy)
    assert len(find_images(path)) == 2
    with pytest.raises(DataError, match="has no bins 'square_001um'; it has square_008um, square_016um"):
        read_section(path, table="square_001um")


def test_a_xenium_folder_is_read_as_spatialdata_io_reads_it(small_pair, tmp_path):
    import spatialdata
    from spatialdata_io import xenium

    adata = small_pair[1].copy()
    adata.obs_names = xenium_names(adata.n_obs)
    xy = np.c_[np.arange(adata.n_obs) % 12, np.arange(adata.n_obs) // 12] * 20.0 + 10
    path = write_xenium(tmp_path / "xenium", adata, xy)
    found = read_section(path)
    np.testing.assert_array_equal(found.matrix.toarray(), adata.X.toarray())
    (dapi,) = find_images(path)
    assert (dapi.name, dapi.pixel_size) == ("DAPI", pytest.approx(PIXEL))
    assert len(dapi.levels) > 1
    assert (at(dapi, found.xy) == 1000).all()
    corner = 4.5 - np.array([[0.0, 0.0]])
    assert (at(dapi, found.xy + corner) == 1000).all()
    assert (at(dapi, found.xy + corner + 1) == 10).all()
    data = theirs(
        xenium,
        path,
        cells_as_circles=True,
        nucleus_labels=False,
        cells_labels=False,
        aligned_images=False,
        cells_boundaries=True,
    )
    np.testing.assert_allclose(data["table"].obsm["spatial"], found.xy)
    image = theirs(spatialdata.get_extent, data["morphology_focus"], coordinate_system="global")
    shape = theirs(spatialdata.get_extent, data["cell_boundaries"], coordinate_system="global")
    ratio = (image["x"][1] - image["x"][0]) / (
        shape["x"][1] - shape["x"][0]
    )  # in their common frame, whatever its unit
    assert dapi.shape[1] * dapi.pixel_size / (np.ptp(found.xy[:, 0]) + 10) == pytest.approx(ratio, rel=1e-3)


def test_transcripts_of_chosen_genes_are_read_where_the_cells_are(small_pair, tmp_path):
    adata = small_pair[1].copy()
    adata.obs_names = xenium_names(adata.n_obs)
    xy = np.c_[np.arange(adata.n_obs) % 12, np.arange(adata.n_obs) // 12] * 20.0
    transcripts = find_transcripts(write_xenium(tmp_path / "xenium", adata, xy))
    genes = list(adata.var_names[:2])
    found = transcripts.locations([*genes, "none"])
    for k, gene in enumerate(genes):
        np.testing.assert_array_equal(found[gene], xy[adata.X[:, k].toarray().ravel() > 0])
    assert found["none"].shape == (0, 2)
    assert transcripts.n_molecules == adata.X.nnz


@pytest.fixture
def cosmx(shared, tmp_path):
    return tmp_path / "cosmx", write_cosmx(tmp_path / "cosmx", shared)


def test_a_cosmx_folder_has_its_fields_in_one_frame(cosmx):
    path, real = cosmx
    found = read_section(path, pixel_size=0.18)
    np.testing.assert_allclose(found.xy, real.obsm["spatial"] * 0.18)
    back = np.linalg.inv(found.raster_transform)
    row, column, _ = np.round(back @ np.c_[found.xy[:, ::-1], np.ones(found.n_cells)].T).astype(int)
    under = found.raster[np.clip(row, 0, found.raster.shape[0] - 1), np.clip(column, 0, found.raster.shape[1] - 1)]
    assert (
        under == np.arange(found.n_cells) + 1
    ).mean() > 0.9  # cells cut by the crop's edge, or bent around a neighbour
    area = np.bincount(found.raster.ravel(), minlength=found.n_cells + 1)[1:] * abs(
        np.linalg.det(found.raster_transform)
    )
    np.testing.assert_allclose(area, real.obs["area_px"] * 0.18**2, rtol=0.02)


def test_cosmx_labels_lie_as_spatialdata_io_lays_them(cosmx):
    from spatialdata_io import cosmx as public

    path, _ = cosmx
    found = read_section(path, pixel_size=1.0)
    data = theirs(public, path)
    labels = np.asarray(data["2_labels"])
    height, width = labels.shape
    y, x = np.mgrid[10 : height - 10 : 37, 10 : width - 10 : 37].reshape(2, -1)
    row, column, _ = np.round(
        np.linalg.inv(found.raster_transform) @ np.stack([2000 + y + 0.5, 1000 + x + 0.5, np.ones(len(x))])
    ).astype(int)
    ours = np.r_[0, found.adata.obs["cell_ID"]][found.raster[row, column]]
    assert (ours == labels[y, x]).mean() > 0.99


def test_cosmx_composites_and_transcripts_lie_on_the_cells(cosmx):
    path, _ = cosmx
    section, images = read_section(path), find_images(path)
    assert [image.name for image in images] == ["composite, field 2", "composite, field 3"]
    assert images[0].is_rgb
    row, column = np.mgrid[0 : section.raster.shape[0] : 5, 0 : section.raster.shape[1] : 5].reshape(2, -1)
    xy = (section.raster_transform @ np.stack([row, column, np.ones(len(row))]))[1::-1].T
    found = find_transcripts(path).locations(["MALAT1"])["MALAT1"]
    r, c, _ = np.round(np.linalg.inv(section.raster_transform) @ np.c_[found[:, ::-1], np.ones(len(found))].T).astype(
        int
    )
    inside = (
        section.raster[np.clip(r, 0, section.raster.shape[0] - 1), np.clip(c, 0, section.raster.shape[1] - 1)] > 0
    ).mean()
    assert inside > 1.15 * (section.raster[row, column] > 0).mean()
    image = images[0]
    r, c, _ = np.round(np.linalg.inv(image.transform) @ np.c_[xy[:, ::-1], np.ones(len(xy))].T).astype(int)
    on = (r >= 0) & (c >= 0) & (r < image.shape[0]) & (c < image.shape[1])
    bright, cell = image.levels[0].compute()[r[on], c[on]].astype(float).max(1), section.raster[row, column][on] > 0
    assert bright[cell].mean() > 1.1 * bright[~cell].mean()


def test_mosaics_that_have_no_place_are_refused(tmp_path, shared):
    (tmp_path / "images").mkdir()
    (tmp_path / "cell_by_gene.csv").write_text("cell,Gad1\n1,2\n")
    (tmp_path / "images" / "mosaic_DAPI_z0.tif").write_bytes(b"II")
    with pytest.raises(DataError, match=r"lacks micron_to_mosaic_pixel_transform\.csv"):
        find_images(tmp_path)
    np.savetxt(tmp_path / "images" / "micron_to_mosaic_pixel_transform.csv", np.eye(3))
    with pytest.raises(DataError, match="cannot be read as images"):
        find_images(tmp_path)
