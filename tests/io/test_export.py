"""`inclust export`: what other tools are given is what they document, and shows that values are imputed."""

from __future__ import annotations

import json

import anndata as ad
import geopandas
import matplotlib.colors
import numpy as np
import pandas as pd
import pytest
import shapely

from napari_inclust.io.export.cellxgene import find_problems
from napari_inclust.io.export.result import open_result, trace_outlines
from napari_inclust.io.readers.dispatch import read_section
from napari_inclust.io.readers.outlines import rasterise
from napari_inclust.io.writers.imputation import SingleGene
from napari_inclust.io.writers.imputed import write_imputed, write_single_gene

from .test_round_trip import FakeRun, make_store

KINDS = np.resize(["neuron", "glia", "é"], 200)


@pytest.fixture
def result(pair, tmp_path):
    """Imputed genes g0 to g4 with types, as a file."""
    run = FakeRun(read_section(pair[0]))
    cells = pd.DataFrame({"inclust_trust": np.linspace(0, 1, 200), "inclust_type": pd.Categorical(KINDS)})
    write_imputed(tmp_path / "result.h5ad", run, [f"g{i}" for i in range(5)], obs_columns=cells)
    return tmp_path / "result.h5ad"


def test_qupath_gets_one_cell_object_each_with_class_and_marked_measurements(inclust, result, tmp_path):
    done = inclust("export", result, "--to", "qupath", "-o", tmp_path / "cells.geojson", "--image-pixel", "0.5")
    assert done.exit_code == 0, done.stderr
    assert "disc" in done.stderr
    given = ad.read_h5ad(result)
    found = geopandas.read_file(tmp_path / "cells.geojson").set_crs(
        None, allow_override=True
    )  # pixels, not the degrees of GeoJSON
    assert len(found) == 200
    assert found.geometry.is_valid.all()
    np.testing.assert_allclose(
        np.c_[found.geometry.centroid.x, found.geometry.centroid.y], given.obsm["spatial"] * 2, atol=1e-3
    )
    features = json.loads((tmp_path / "cells.geojson").read_text(encoding="utf-8"))["features"]
    assert len({f["id"] for f in features}) == 200
    said = features[2]["properties"]
    assert said["objectType"] == "cell"
    assert said["classification"]["name"] == "é"
    assert len(said["classification"]["color"]) == 3
    assert said["measurements"]["g3 (imputed)"] == 3
    assert set(said["measurements"]) == {*(f"g{i} (imputed)" for i in range(5)), "inclust_trust"}


@pytest.mark.filterwarnings("ignore")  # spatialdata's, of its formats
def test_outlines_come_from_the_store_or_from_the_section(inclust, small_pair, tmp_path):
    store = make_store(tmp_path / "s.zarr", small_pair[0])
    write_imputed(store, FakeRun(read_section(store)), ["g1"])
    write_imputed(tmp_path / "plain.h5ad", FakeRun(read_section(store)), ["g1"])
    for words in ((store,), (tmp_path / "plain.h5ad", "--outlines", store)):
        done = inclust("export", *words, "--to", "qupath", "-o", tmp_path / "c.geojson")
        assert done.exit_code == 0, done.stderr
        assert "disc" not in done.stderr
        found = geopandas.read_file(tmp_path / "c.geojson").set_crs(None, allow_override=True)
        area = np.median(found.geometry.area)
        assert area == pytest.approx(np.pi * 25, rel=0.1)  # circles of 5 um, drawn with pixels of a 24th of a cell


def test_outlines_of_other_cells_are_refused(inclust, result, small_pair, tmp_path):
    done = inclust("export", result, "--to", "qupath", "-o", tmp_path / "c.geojson", "--outlines", result)
    assert done.exit_code == 3
    assert "no outlines" in done.stderr


def test_a_polygon_comes_back_from_its_raster():
    square = np.array([[10.0, 20], [14, 20], [14, 28], [10, 28]])
    other = square + np.array([30, 0])
    raster = rasterise([(0, square), (3, other)])
    found = trace_outlines(*raster)
    assert set(found) == {0, 3}
    for row, truth in ((0, square), (3, other)):
        polygon = shapely.Polygon(truth)
        assert (
            found[row].intersection(polygon).area / found[row].union(polygon).area > 0.85
        )  # a pixel is a 24th of the cell


def test_xenium_explorer_gets_its_three_columns(inclust, result, tmp_path):
    done = inclust("export", result, "--to", "xenium-explorer", "-o", tmp_path / "groups.csv")
    assert done.exit_code == 0, done.stderr
    found = pd.read_csv(tmp_path / "groups.csv")
    assert list(found) == ["cell_id", "group", "color"]
    assert found["group"].tolist() == KINDS.tolist()
    assert found["color"].str.fullmatch("#[0-9a-f]{6}").all()
    assert found.groupby("group")["color"].nunique().eq(1).all()
    assert found["cell_id"].tolist() == ad.read_h5ad(result).obs_names.tolist()


@pytest.mark.filterwarnings("ignore:Observation names")
@pytest.mark.parametrize(("group", "says"), [("nonsense", "no column"), ("inclust_trust", "groups")])
def test_a_column_that_groups_nothing_is_refused(inclust, result, tmp_path, group, says):
    many = ad.read_h5ad(result)[np.resize(np.arange(200), 600)].copy()
    many.obs_names = [str(i) for i in range(600)]
    many.obs["inclust_trust"] = np.linspace(0, 1, 600)
    many.write_h5ad(tmp_path / "many.h5ad")
    done = inclust(
        "export", tmp_path / "many.h5ad", "--to", "xenium-explorer", "-o", tmp_path / "g.csv", "--group", group
    )
    assert done.exit_code == 3
    assert says in done.stderr


def test_cellxgene_gets_what_it_requires(inclust, result, tmp_path):
    done = inclust("export", result, "--to", "cellxgene", "-o", tmp_path / "c.h5ad")
    assert done.exit_code == 0, done.stderr
    found = ad.read_h5ad(tmp_path / "c.h5ad")
    assert find_problems(found) == []
    assert found.X.dtype == np.float32
    assert list(found.var_names) == [f"g{i} (imputed)" for i in range(5)]
    given = ad.read_h5ad(result)
    np.testing.assert_allclose(found.obsm["X_spatial"], given.obsm["spatial"] * (1, -1), rtol=1e-6)  # drawn with y up
    np.testing.assert_array_equal(found.obsm["spatial"], given.obsm["spatial"])
    assert found.obs["inclust_type"].tolist() == KINDS.tolist()
    assert len(found.uns["inclust_type_colors"]) == 3
    assert "predictions" in found.uns["value_type"]


@pytest.mark.parametrize("tool", ["cellxgene", "vitessce"])
def test_names_of_single_cells_are_no_groups(inclust, tmp_path, tool):
    section = ad.AnnData(
        np.ones((600, 3), dtype=np.float32), obs={"barcode": [f"b{i}" for i in range(600)], "class": ["a", "b"] * 300}
    )
    section.obsm["spatial"] = np.random.default_rng(0).random((600, 2)) * 500
    section.write_h5ad(tmp_path / "named.h5ad")
    out = tmp_path / {"cellxgene": "c.h5ad", "vitessce": "view"}[tool]
    done = inclust("export", tmp_path / "named.h5ad", "--to", tool, "-o", out)
    assert done.exit_code == 0, done.stderr
    assert "barcode" in done.stderr
    found = ad.read_h5ad(out) if tool == "cellxgene" else ad.read_zarr(out / "cells.zarr")
    assert list(found.obs) == ["class"]


def _spoil(how):
    def twice(a):
        a.obs_names = ["x"] * a.n_obs

    def double(a):
        a.X = a.X.astype(np.float64)

    def flat(a):
        del a.obsm["X_spatial"]

    def endless(a):
        a.obsm["X_spatial"][3, 1] = np.inf

    def words(a):
        a.obs["inclust_type"] = a.obs["inclust_type"].astype(object)
        del a.uns["inclust_type_colors"]

    def colours(a):
        a.uns["inclust_type_colors"] = ["#000000", "blueish", "red"]

    return locals()[how]


@pytest.mark.filterwarnings("ignore:Observation names")
@pytest.mark.parametrize("how", ["twice", "double", "flat", "endless", "words", "colours"])
def test_the_check_for_cellxgene_finds_each_mistake(inclust, result, tmp_path, how):
    inclust("export", result, "--to", "cellxgene", "-o", tmp_path / "c.h5ad")
    found = ad.read_h5ad(tmp_path / "c.h5ad")
    _spoil(how)(found)
    assert len(find_problems(found)) == 1


def test_vitessce_gets_a_config_whose_paths_exist(inclust, result, tmp_path):
    import zarr

    done = inclust("export", result, "--to", "vitessce", "-o", tmp_path / "view", "--url", "https://example.org/view/")
    assert done.exit_code == 0, done.stderr
    said = json.loads((tmp_path / "view" / "config.json").read_text(encoding="utf-8"))
    assert said["version"] == "1.0.16"
    (file,) = said["datasets"][0]["files"]
    assert file["url"] == "https://example.org/view/cells.zarr"
    store = zarr.open_consolidated(str(tmp_path / "view" / "cells.zarr"))
    paths = [
        file["options"]["obsFeatureMatrix"]["path"],
        *(e["path"] for key in ("obsEmbedding", "obsSets") for e in file["options"][key]),
    ]
    assert paths[-1] == "obs/" + file["options"]["obsSets"][-1]["name"]
    for path in paths:
        assert path in store
    assert file["options"]["obsSets"][0]["name"] == "inclust_type"
    space = said["coordinationSpace"]
    assert space["obsColorEncoding"]["A"] == "cellSetSelection"
    assert space["obsSetSelection"]["A"] == [["inclust_type", name] for name in sorted(set(KINDS))]
    colours = [matplotlib.colors.to_hex([c / 255 for c in one["color"]]) for one in space["obsSetColor"]["A"]]
    assert colours == [matplotlib.colors.to_hex(c) for c in ad.read_h5ad(result).uns["inclust_type_colors"]]
    for view in said["layout"]:
        for scope, name in view["coordinationScopes"].items():
            assert name in said["coordinationSpace"][scope]
    assert ad.read_zarr(tmp_path / "view" / "cells.zarr").var_names[0] == "g0 (imputed)"
    again = inclust("export", result, "--to", "vitessce", "-o", tmp_path / "view")
    assert again.exit_code == 5


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--to", "excel", "-o", "a.csv"), 2),
        (("--to", "qupath", "-o", "a.csv"), 5),
        (("--to", "qupath", "-o", "a.geojson", "--genes", "Nope"), 2),
    ],
)
def test_mistakes_are_told(inclust, result, tmp_path, words, code):
    done = inclust("export", result, *(tmp_path / w if str(w).startswith("a.") else w for w in words))
    assert done.exit_code == code
    assert done.stderr.splitlines()[-1].startswith("error: ")


def test_domains_go_out_as_groups(inclust, pair, tmp_path):
    done = inclust("domains", pair[0], "-o", tmp_path / "d.h5ad", "--n-domains", "3", "--method", "smoothed-pca")
    assert done.exit_code == 0, done.stderr
    assert open_result(tmp_path / "d.h5ad").group_column(None).name == "domain"
    assert inclust("export", tmp_path / "d.h5ad", "--to", "xenium-explorer", "-o", tmp_path / "g.csv").exit_code == 0
    assert pd.read_csv(tmp_path / "g.csv")["group"].nunique() == 3


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    """What the tasks write: a generated modality of 80 cells with places, and 200 cells integrated."""
    from typer.testing import CliRunner

    from napari_inclust.cli.app import app

    from ..training.test_tasks import cells

    folder = tmp_path_factory.mktemp("tasks")
    paired, target = cells(120, 0, name="a").adata, cells(80, 1, name="b", proteins=0).adata
    target.obsm["spatial"] = np.random.default_rng(0).uniform(0, 100, (80, 2))
    paired.write_h5ad(folder / "paired.h5ad")
    target.write_h5ad(folder / "target.h5ad")
    both, made, whole = [folder / "target.h5ad", folder / "paired.h5ad"], folder / "made.h5ad", folder / "whole.h5ad"
    for words in (
        ["generate", *both, "--modality", "protein", "--labels", "paired:kind", "-o", made],
        ["integrate", *both, "-o", whole],
    ):
        done = CliRunner().invoke(app, [*map(str, words), "--epochs", "2", "--device", "cpu", "-q"])
        assert done.exit_code == 0, done.output
    return made, whole


def test_a_generated_modality_goes_out_marked_as_generated(inclust, tasks, tmp_path):
    made, _ = tasks
    names = [f"{p} (generated)" for p in ad.read_h5ad(made).var_names]
    for tool, out in (
        ("qupath", "a.geojson"),
        ("xenium-explorer", "a.csv"),
        ("cellxgene", "a.h5ad"),
        ("vitessce", "view"),
    ):
        done = inclust("export", made, "--to", tool, "-o", tmp_path / out)
        assert done.exit_code == 0, (tool, done.stderr)
    said = json.loads((tmp_path / "a.geojson").read_text(encoding="utf-8"))["features"][0]["properties"]["measurements"]
    assert set(names) <= set(said)
    assert list(ad.read_h5ad(tmp_path / "a.h5ad").var_names) == names
    assert json.loads((tmp_path / "view" / "config.json").read_text())["description"].startswith(
        "generated by napari-inclust: predictions"
    )
    assert pd.read_csv(tmp_path / "a.csv")["group"].isin(["x", "y"]).all()
    assert len(ad.read_h5ad(made).uns["inclust_type_colors"]) == 2
    section = read_section(made)
    assert section.genes == []
    assert section.predicted.summary == f"{len(names)} generated"
    assert all(score is not None for score in section.predicted.scores.values())


def test_generated_cells_without_places_go_where_none_are_needed_and_elsewhere_it_is_told(inclust, tasks, tmp_path):
    adata = ad.read_h5ad(tasks[0])
    del adata.obsm["spatial"]
    adata.write_h5ad(tmp_path / "loose.h5ad")
    done = inclust("export", tmp_path / "loose.h5ad", "--to", "cellxgene", "-o", tmp_path / "c.h5ad")
    assert done.exit_code == 0, done.stderr
    assert find_problems(ad.read_h5ad(tmp_path / "c.h5ad")) == []
    for tool, out in (("qupath", "a.geojson"), ("vitessce", "view")):
        done = inclust("export", tmp_path / "loose.h5ad", "--to", tool, "-o", tmp_path / out)
        assert done.exit_code == 3
        assert "have no places" in done.stderr
        assert not (tmp_path / out).exists()


def test_one_generated_feature_that_is_shown_is_saved_as_generated(pair, tmp_path):
    section = read_section(pair[0])
    values = np.linspace(0, 1, 200, dtype=np.float32)
    write_single_gene(
        tmp_path / "one.h5ad",
        SingleGene(section, "CD3", values, values, "generated", 0.5, {}),
        command="napari",
        unit="log-normalised",
    )
    made = ad.read_h5ad(tmp_path / "one.h5ad")
    assert made.uns["value_type"].startswith("generated by napari-inclust")
    assert made.var.loc["CD3", "imputed"]
    assert read_section(tmp_path / "one.h5ad").predicted.summary == "1 generated"


def test_an_integrated_data_set_is_refused_with_where_to_open_it(inclust, tasks, tmp_path):
    done = inclust("export", tasks[1], "--to", "cellxgene", "-o", tmp_path / "c.h5ad")
    assert done.exit_code == 3
    assert "cells without values (an integrated data set?)" in done.stderr
