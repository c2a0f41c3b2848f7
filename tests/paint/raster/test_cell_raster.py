"""The cell raster: every pixel belongs to the nearest cell within the radius, at every zoom, in micrometres."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from napari_inclust.paint.raster.cell_raster import TILE_SIZE, CentroidRaster, SegmentationRaster, default_radius
from napari_inclust.paint.raster.pyramids import LookupLevel, code_pyramid, value_pyramid


@pytest.fixture
def xy() -> np.ndarray:
    return np.random.default_rng(0).uniform((-300, 50), (500, 650), (2000, 2))


def test_each_pixel_is_the_nearest_cell_within_the_radius(xy: np.ndarray) -> None:
    raster = CentroidRaster(xy)
    random = np.random.default_rng(1)
    for level in range(len(raster.shapes)):
        height, width = raster.shapes[level]
        labels = raster.labels(level, slice(0, height), slice(0, width))
        rows, columns = random.integers(0, height, 3000), random.integers(0, width, 3000)
        step = np.array(raster.shapes[0]) / raster.shapes[level] * raster.pixel_size
        y = raster.origin[0] - raster.pixel_size / 2 + (rows + 0.5) * step[0]
        x = raster.origin[1] - raster.pixel_size / 2 + (columns + 0.5) * step[1]
        distance, nearest = cKDTree(xy).query(np.c_[x, y])
        want = np.where(distance <= raster.radius, nearest + 1, 0)
        assert (labels[rows, columns] == want).mean() > 0.999


def test_tiles_join_without_seams(xy: np.ndarray) -> None:
    raster, again = CentroidRaster(xy), CentroidRaster(xy)
    height, width = raster.shapes[0]
    assert height > TILE_SIZE
    whole = raster.labels(0, slice(0, height), slice(0, width))
    part = again.labels(0, slice(TILE_SIZE - 40, TILE_SIZE + 60), slice(TILE_SIZE - 30, TILE_SIZE + 30))
    np.testing.assert_array_equal(part, whole[TILE_SIZE - 40 : TILE_SIZE + 60, TILE_SIZE - 30 : TILE_SIZE + 30])


def test_a_place_in_micrometres_finds_its_cell(xy: np.ndarray) -> None:
    raster = CentroidRaster(xy)
    assert [raster.cell_at(y, x) for x, y in xy[:200]] == list(range(200))
    assert raster.cell_at(-10_000, 0) is None


def test_every_cell_is_drawn_even_smaller_than_a_pixel() -> None:
    raster = CentroidRaster(np.array([(0.0, 0.0), (10_000.0, 10_000.0), (10_000.0, 0.0)]), radius=2.0)
    coarse = len(raster.shapes) - 1
    assert set(
        np.unique(raster.labels(coarse, slice(0, raster.shapes[coarse][0]), slice(0, raster.shapes[coarse][1])))
    ) == {0, 1, 2, 3}


@pytest.mark.parametrize("xy", [np.zeros((1, 2)), np.zeros((7, 2)), np.array([(0.0, 0.0), (0.0, 30.0)])])
def test_degenerate_places_still_paint(xy: np.ndarray) -> None:
    raster = CentroidRaster(xy)
    assert raster.radius > 0
    assert len(raster.shapes) >= 2
    assert raster.cell_at(float(xy[0, 1]), float(xy[0, 0])) is not None


def test_radius_follows_the_spacing() -> None:
    grid = np.stack(np.meshgrid(np.arange(30) * 12.0, np.arange(30) * 12.0), -1).reshape(-1, 2)
    assert default_radius(grid) == pytest.approx(12.0)


def test_a_segmentation_keeps_its_labels_and_transform() -> None:
    image = np.zeros((1200, 900), dtype=np.uint16)
    image[100:200, 300:360], image[700:710, 10:20], image[5, 5] = 1, 2, 9
    affine = np.array([[0.5, 0, 100.0], [0, 0.5, -20.0], [0, 0, 1]])
    raster = SegmentationRaster(image, affine, n_cells=2)
    assert raster.cell_at(100 + 0.5 * 150, -20 + 0.5 * 330) == 0
    assert raster.cell_at(100 + 0.5 * 705, -20 + 0.5 * 15) == 1
    assert raster.cell_at(100 + 2.5, -20 + 2.5) is None  # a label that no cell has
    assert max(raster.shapes[-1]) <= 512


def test_tables_over_labels_index_like_arrays(xy: np.ndarray) -> None:
    raster, values = CentroidRaster(xy), np.arange(2000, dtype=np.float32)
    level = value_pyramid(raster, values)[-1]
    assert isinstance(level, LookupLevel)
    full = np.asarray(level)
    assert full.shape == level.shape
    assert full.dtype == np.float32
    labels = raster.labels(len(raster.shapes) - 1, slice(0, full.shape[0]), slice(0, full.shape[1]))
    assert np.isnan(full[labels == 0]).all()  # background is not zero
    np.testing.assert_array_equal(full[labels > 0], values[labels[labels > 0] - 1])
    np.testing.assert_array_equal(level[10:50, 5], full[10:50, 5])
    np.testing.assert_array_equal(level[..., 3:90:2], full[..., 3:90:2])
    np.testing.assert_array_equal(level[-1], full[-1])
    with pytest.raises(IndexError):
        level[full.shape[0]]
    codes = np.asarray(code_pyramid(raster, np.where(values % 2, 3, -1))[-1])
    assert set(np.unique(codes)) == {0, 4}
