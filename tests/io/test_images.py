"""Pictures are opened without being read, in the right place: files of the user's own, MERSCOPE mosaics, SpatialData images."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import tifffile
import zarr

from napari_inclust.errors import DataError
from napari_inclust.io.readers.dispatch import read_section
from napari_inclust.io.readers.image_pyramid import open_image_pyramid
from napari_inclust.io.readers.images import find_images, open_image


@pytest.fixture
def stack():
    """(channels, rows, columns), more than a screen wide."""
    return np.random.default_rng(0).integers(0, 1000, (3, 700, 1500)).astype(np.uint16)


def test_an_ome_tiff_has_its_channels_pixel_size_and_stored_levels(stack, tmp_path):
    path = tmp_path / "a.ome.tif"
    about = {
        "axes": "CYX",
        "PhysicalSizeX": 250,
        "PhysicalSizeXUnit": "nm",
        "PhysicalSizeY": 250,
        "PhysicalSizeYUnit": "nm",
        "Channel": {"Name": ["DAPI", "b", "c"]},
    }
    with tifffile.TiffWriter(path) as file:
        file.write(stack, subifds=1, tile=(256, 256), metadata=about)
        file.write(stack[:, 1::2, 1::2], subfiletype=1, tile=(256, 256))
    images = open_image(path)
    assert [image.name for image in images] == ["DAPI", "b", "c"]
    assert images[1].pixel_size == pytest.approx(0.25)
    np.testing.assert_array_equal(images[1].levels[0], stack[1])
    np.testing.assert_array_equal(images[1].levels[1], stack[1, 1::2, 1::2])  # the stored one, not one made here
    np.testing.assert_allclose(images[0].transform @ [0, 0, 1], [0.125, 0.125, 1])  # the centre of the first pixel


def test_a_plain_tiff_needs_a_pixel_size_and_gets_levels(stack, tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stack[0], compression="deflate", rowsperstrip=1)
    with pytest.raises(DataError, match="does not say how large its pixels are"):
        open_image(path)
    (image,) = open_image(path, pixel_size=0.5)
    assert [level.shape for level in image.levels] == [(700, 1500), (350, 750)]
    np.testing.assert_array_equal(image.levels[1], stack[0, ::2, ::2])
    assert max(image.levels[0].chunks[0]) > 500  # strips of one row would be a task each


def test_a_stack_of_planes_is_an_image_each(stack, tmp_path):
    tifffile.imwrite(tmp_path / "z.tif", stack, photometric="minisblack", metadata={"axes": "ZYX"})
    images = open_image(tmp_path / "z.tif", pixel_size=1)
    assert [(image.name, image.z) for image in images] == [("z", 0), ("z", 1), ("z", 2)]
    np.testing.assert_array_equal(images[2].levels[0], stack[2])


@pytest.mark.parametrize("kind", ["png", "tif"])
def test_a_colour_picture_stays_one(tmp_path, kind):
    from PIL import Image

    picture = np.random.default_rng(0).integers(0, 255, (40, 60, 3)).astype(np.uint8)
    path = tmp_path / f"he.{kind}"
    Image.fromarray(picture).save(path) if kind == "png" else tifffile.imwrite(path, picture, photometric="rgb")
    (image,) = open_image(path, pixel_size=2)
    assert image.is_rgb
    assert image.shape == (40, 60)
    np.testing.assert_array_equal(image.levels[0], picture)


def test_an_ome_zarr_and_a_plain_zarr_are_read(stack, tmp_path):
    zarr.save_array(tmp_path / "plain.zarr", stack)
    np.testing.assert_array_equal(open_image_pyramid(tmp_path / "plain.zarr").levels[0][:, 0], stack)
    group = zarr.open_group(tmp_path / "o.zarr", mode="w", zarr_format=3)
    for name, step in (("0", 1), ("1", 2)):
        group.create_array(name, data=stack[:, ::step, ::step])
    axes = [{"name": "c", "type": "channel"}, *({"name": n, "type": "space", "unit": "micrometer"} for n in "yx")]
    levels = [
        {"path": n, "coordinateTransformations": [{"type": "scale", "scale": [1, 0.5 * s, 0.5 * s]}]}
        for n, s in (("0", 1), ("1", 2))
    ]
    channels = [{"label": n} for n in ("DAPI", "b", "c")]
    group.attrs["ome"] = {
        "version": "0.5",
        "multiscales": [{"axes": axes, "datasets": levels}],
        "omero": {"channels": channels},
    }
    found = open_image(tmp_path / "o.zarr")
    assert [(image.name, image.pixel_size) for image in found] == [
        ("DAPI", pytest.approx(0.5)),
        ("b", pytest.approx(0.5)),
        ("c", pytest.approx(0.5)),
    ]
    np.testing.assert_array_equal(found[2].levels[1], stack[2, ::2, ::2])


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.txt", "a.zarr"])
def test_what_is_no_picture_is_one_clear_error(tmp_path, name):
    path = tmp_path / name
    if name == "a.zarr":
        path.mkdir()
        (path / "zarr.json").write_text("{")
    else:
        path.write_bytes(b"no picture")
    with pytest.raises(DataError):
        open_image(path, pixel_size=1)
    with pytest.raises(DataError, match="no file"):
        open_image(tmp_path / "absent.tif")


@pytest.fixture(scope="session")
def region(shared):
    return shared / "data" / "merscope_brain" / "region_0"


def test_the_nuclear_stain_of_a_real_section_is_bright_inside_its_cells(region):
    section = read_section(region)
    images = find_images(region)
    assert [(image.name, image.z) for image in images] == [("DAPI", 0), ("DAPI", 1), ("PolyT", 0), ("PolyT", 1)]
    row, column = np.mgrid[: section.raster.shape[0] : 3, : section.raster.shape[1] : 3].reshape(2, -1)
    for image in images[:2]:
        pixels = image.levels[0].compute()
        r, c, _ = np.round(
            np.linalg.inv(image.transform) @ section.raster_transform @ np.stack([row, column, np.ones(len(row))])
        ).astype(int)
        on = (r >= 0) & (c >= 0) & (r < pixels.shape[0]) & (c < pixels.shape[1])
        bright, cell = pixels[r[on], c[on]].astype(float), section.raster[row, column][on] > 0
        assert bright[cell].mean() / bright[~cell].mean() > 2.5
        shifted = np.roll(pixels, 40, axis=1)[r[on], c[on]].astype(float)  # 9 um aside: no longer
        assert shifted[cell].mean() / shifted[~cell].mean() < 2.2


def test_images_of_a_spatialdata_store_lie_in_its_coordinate_system(stack, tmp_path):
    import spatialdata
    from spatialdata.models import Image2DModel
    from spatialdata.transformations import Scale, Sequence, Translation

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        place = Sequence([Scale([0.25, 0.25], axes=("x", "y")), Translation([100, 50], axes=("x", "y"))])
        stain = Image2DModel.parse(
            stack,
            dims=("c", "y", "x"),
            c_coords=["DAPI", "b", "c"],
            scale_factors=[2],
            transformations={"global": place},
        )
        he = Image2DModel.parse(
            stack.astype(np.uint8),
            dims=("c", "y", "x"),
            c_coords=["r", "g", "b"],
            transformations={"other": Scale([1, 1], axes=("x", "y"))},
        )
        spatialdata.SpatialData(images={"stain": stain, "he": he}).write(tmp_path / "s.zarr")
    found = find_images(tmp_path / "s.zarr")
    assert [image.name for image in found] == ["stain DAPI", "stain b", "stain c"]
    assert len(found[0].levels) == 2
    np.testing.assert_array_equal(found[1].levels[0], stack[1])
    np.testing.assert_allclose(found[0].transform @ [4, 8, 1], [50 + 4.5 * 0.25, 100 + 8.5 * 0.25, 1])
    (other,) = find_images(tmp_path / "s.zarr", system="other", pixel_size=3)
    assert other.is_rgb
    assert other.pixel_size == pytest.approx(3)
