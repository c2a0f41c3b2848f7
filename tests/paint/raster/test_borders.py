"""Borders of cells, marked cells and clouds of points, tile by tile."""

from __future__ import annotations

import numpy as np
import pytest

from napari_inclust.paint.raster.borders import border_pixels, border_pyramid, cell_diameter_pixels, selection_pyramid
from napari_inclust.paint.raster.cell_raster import CentroidRaster, SegmentationRaster
from napari_inclust.paint.raster.scatter_raster import ScatterRaster


@pytest.fixture(scope="module")
def raster() -> CentroidRaster:
    """10,000 cells: seen from far, a cell is less than a pixel."""
    side = np.arange(100) * 10.0
    return CentroidRaster(np.stack(np.meshgrid(side, side), -1).reshape(-1, 2))


def whole(raster: CentroidRaster, level: int) -> np.ndarray:
    height, width = raster.shapes[level]
    return raster.labels(level, slice(0, height), slice(0, width))


def test_a_border_lies_inside_its_group():
    groups = np.array([[0, 0, 0, 0, 0], [0, 1, 1, 2, 0], [0, 1, 1, 2, 0], [0, 1, 1, 2, 0], [0, 0, 0, 0, 0]])
    assert (border_pixels(groups) == (groups > 0)).all()
    assert border_pixels(np.ones((5, 5), dtype=int)).sum() == 0  # nothing beside it


def test_outlines_are_the_same_whether_tiles_or_all_are_asked_for(raster):
    level = border_pyramid(raster)[0]
    rows, columns = slice(500, 560), slice(508, 640)  # over the border of a tile
    around = raster.labels(0, slice(499, 561), slice(507, 641))
    expected = border_pixels(around)[1:-1, 1:-1]
    assert (level[rows, columns] == expected).all()
    assert (level[500, 508:640] == expected[0]).all()
    assert (level[500:560:2, 508:640:3] == expected[::2, ::3]).all()
    corner = level[0:40, 0:40]
    assert (corner == border_pixels(raster.labels(0, slice(0, 41), slice(0, 41)))[:40, :40]).all()


def test_borders_are_left_out_where_cells_are_small(raster):
    across = [cell_diameter_pixels(raster, i) for i in range(len(raster.shapes))]
    assert across[0] == pytest.approx(12, rel=0.15)  # twelve pixels between neighbours
    levels = border_pyramid(raster)
    for level, size in zip(levels, across, strict=True):
        assert bool(level[:, :].any()) == (size >= 6)
    assert len([s for s in across if s < 6]) > 0


def test_marked_cells_are_told_from_the_rest_with_a_border(raster):
    marked = np.zeros(raster.n_cells, dtype=bool)
    marked[[5050, 5051]] = True  # neighbours
    levels = selection_pyramid(raster, marked, 1, 2, 3)
    labels, found = whole(raster, 0), levels[0][:, :]
    own = np.isin(labels, [5051, 5052])
    assert set(np.unique(found[own])) == {2, 3}
    assert (found[(labels > 0) & ~own] == 1).all()
    assert (found[labels == 0] == 0).all()
    between = own[:, :-1] & own[:, 1:] & (labels[:, :-1] != labels[:, 1:])
    assert (found[:, :-1][between] == 2).any()  # no border between two that are both marked
    far = levels[-1][:, :]
    assert set(np.unique(far)) <= {0, 1, 2}


def test_a_segmentation_has_outlines_too():
    image = np.zeros((600, 600), dtype=np.int32)
    image[100:200, 100:200], image[300:500, 300:500] = 1, 2
    level = border_pyramid(SegmentationRaster(image, None, 2))[0]
    assert (level[:, :] == border_pixels(image)).all()


def test_each_pixel_of_a_cloud_holds_the_point_drawn_there():
    xy = np.array([[0.0, 0], [1, 0], [0, 1], [1, 1]])
    cloud = ScatterRaster(xy)
    assert cloud.bounds == (0, 0, 1, 1)
    labels = cloud.labels((-0.5, -0.5, 1.5, 1.5), (40, 40))
    for i, (x, y) in enumerate(xy):
        assert labels[int((y + 0.5) * 20), int((x + 0.5) * 20)] == i + 1
    assert labels[20, 20] == 0
    assert (labels == 1).sum() == (labels == 4).sum() > 20  # a disc
    assert cloud.labels((5, 5, 6, 6), (10, 10)).max() == 0


def test_points_on_top_are_drawn_over_the_others():
    cloud = ScatterRaster(np.zeros((5000, 2)))
    for i in (17, 4000):
        top = np.arange(5000) == i
        assert set(np.unique(cloud.labels((-1, -1, 1, 1), (50, 50), top))) == {0, i + 1}
