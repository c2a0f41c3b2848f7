"""Regions as GeoJSON."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_inclust.errors import DataError
from napari_inclust.io.regions import read_regions, write_regions
from napari_inclust.spatial.regions import Region

SQUARE = np.array([[0.0, 0], [10, 0], [10, 10], [0, 10]])


def test_regions_come_back_as_they_were(tmp_path):
    path = tmp_path / "regions.geojson"
    write_regions(path, [Region("tumour", SQUARE), Region("rim", SQUARE * 2 + 0.5)])
    first, second = read_regions(path)
    assert (first.name, second.name) == ("tumour", "rim")
    assert (first.corners == SQUARE).all()
    assert second.area == pytest.approx(400)
    feature = json.loads(path.read_text())["features"][0]
    assert (
        feature["geometry"]["coordinates"][0][0] == feature["geometry"]["coordinates"][0][-1]
    )  # closed, as GeoJSON asks
    assert feature["properties"]["area_um2"] == 100.0


def test_parts_of_one_feature_are_regions_of_their_own_and_names_may_be_missing(tmp_path):
    ring = [[*map(float, c)] for c in [*SQUARE.tolist(), SQUARE[0].tolist()]]
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "MultiPolygon", "coordinates": [[ring], [ring]]},
            "properties": {"classification": {"name": "cortex"}},
        },
        {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": None},
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": [0, 0]}, "properties": {}},
    ]
    path = tmp_path / "qupath.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    assert [r.name for r in read_regions(path)] == ["cortex 1", "cortex 2", "region 2"]


@pytest.mark.parametrize(
    "text",
    ["not json", "[1, 2]", '{"features": [{"geometry": {"type": "Polygon"}}]}', '{"features": [{}]}', '{"a": "b"}'],
)
def test_what_is_not_geojson_is_refused(tmp_path, text):
    path = tmp_path / "bad.geojson"
    path.write_text(text)
    with pytest.raises(DataError, match="FeatureCollection"):
        read_regions(path)


def test_a_file_without_polygons_is_refused(tmp_path):
    path = tmp_path / "points.geojson"
    path.write_text('{"type": "FeatureCollection", "features": []}')
    with pytest.raises(DataError, match="holds no polygon"):
        read_regions(path)
