"""`inclust domains`: what it writes, says and refuses."""

from __future__ import annotations

import json

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp


@pytest.fixture
def spatial(tmp_path):
    """A section of 200 cells in four bands, with something in every part of the file."""
    rng = np.random.default_rng(0)
    xy = rng.uniform(0, 200, (200, 2))
    band = (xy[:, 0] // 50).astype(int)
    counts = rng.poisson(np.where(band[:, None] == np.arange(24) % 4, 6.0, 0.5)).astype(np.float32)
    adata = ad.AnnData(
        sp.csr_matrix(counts),
        obs=pd.DataFrame(
            {"band": pd.Categorical(np.array(list("abcd"))[band]), "slice": np.where(xy[:, 1] > 100, "up", "down")},
            index=[f"c{i}" for i in range(200)],
        ),
        var=pd.DataFrame({"length": np.arange(24)}, index=[f"Gene{i}" for i in range(24)]),
        obsm={"spatial": xy, "X_pca": xy.copy()},
        layers={"twice": sp.csr_matrix(2 * counts)},
        uns={"spatial_unit": "micrometre", "deep": {"er": [1, 2]}},
    )
    adata.obsp["graph"] = sp.eye(200, format="csr")
    adata.varm["loadings"] = np.ones((24, 2))
    adata.raw = adata.copy()
    adata.write_h5ad(tmp_path / "in.h5ad")
    return tmp_path / "in.h5ad"


@pytest.fixture
def found(inclust, spatial, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_inclust.spatial_domains.methods.RESTARTS", 1)
    monkeypatch.setattr("napari_inclust.spatial_domains.methods.MAX_DOMAINS", 5)

    def run(*words, out="out.h5ad"):
        return inclust("domains", spatial, "-o", tmp_path / out, *words)

    return run


def test_columns_are_added_and_everything_else_stays(found, spatial, tmp_path):
    result = found("--n-domains", 4, "--key", "region", "--seed", 3, "--quiet")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    before, after = ad.read_h5ad(spatial), ad.read_h5ad(tmp_path / "out.h5ad")
    assert isinstance(after.obs["region"].dtype, pd.CategoricalDtype)
    assert after.obs["region"].notna().all()
    assert after.obs["region_confidence"].between(0, 1).all()
    assert len(after.uns["region_colors"]) == after.obs["region"].nunique() == 4
    about = after.uns["region_inclust"]
    assert about["method"] == "inclust+"
    assert about["seed"] == 3
    assert about["n_domains"] == 4
    assert "napari-inclust" in about["versions"]
    pd.testing.assert_frame_equal(after.obs[before.obs.columns], before.obs)
    pd.testing.assert_frame_equal(after.var, before.var)
    for part in ("layers", "obsm", "obsp", "varm"):
        assert set(getattr(after, part)) == set(getattr(before, part))
    assert (
        (after.X != before.X).nnz
        == (after.layers["twice"] != before.layers["twice"]).nnz
        == (after.raw.X != before.raw.X).nnz
        == 0
    )
    np.testing.assert_array_equal(after.obsm["spatial"], before.obsm["spatial"])
    assert list(after.uns["deep"]["er"]) == [1, 2]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.h5ad", "out.h5ad"]


def test_zarr_is_written_too(found, tmp_path):
    assert found("--n-domains", 2, out="out.zarr").exit_code == 0
    assert ad.read_zarr(tmp_path / "out.zarr").obs["domain"].nunique() == 2


def test_several_results_live_in_one_file(found, inclust, tmp_path):
    assert found("--n-domains", 2).exit_code == 0
    result = inclust(
        "domains",
        tmp_path / "out.h5ad",
        "-o",
        tmp_path / "both.h5ad",
        "--n-domains",
        3,
        "--key",
        "fine",
        "--method",
        "smoothed-pca",
    )
    assert result.exit_code == 0, result.stderr
    both = ad.read_h5ad(tmp_path / "both.h5ad")
    assert (both.obs["domain"].nunique(), both.obs["fine"].nunique()) == (2, 3)


def test_the_curve_is_printed_and_saved_when_the_number_is_sought(found, tmp_path):
    result = found("--auto")
    assert result.exit_code == 0, result.stderr
    assert "4 domains  stability" in result.stdout
    assert result.stdout.count("<- chosen") == 1
    curve = ad.read_h5ad(tmp_path / "out.h5ad").uns["domain_inclust"]["curve"]
    assert list(curve["k"]) == [2, 3, 4, 5]
    assert np.isfinite(curve["stability"]).all()


def test_the_baseline_is_beside_and_the_truth_when_named(found):
    result = found("--n-domains", 4, "--truth", "band", "--json")
    facts = json.loads(result.stdout)
    assert facts["truth"]["inclust+"]["ari"] > 0.7
    assert set(facts["truth"]) == {"inclust+", "baseline (smoothed-pca)"}
    assert facts["scores"]["baseline_agreement"] > 0.5
    assert sum(facts["sizes"].values()) == 200
    said = found("--n-domains", 4, "--truth", "band").stdout
    assert "baseline (smoothed PCA)" in said
    assert "ari" in said


@pytest.mark.parametrize("method", ["inclust", "smoothed-pca"])
def test_other_methods(found, tmp_path, method):
    assert found("--n-domains", 3, "--method", method, "--section", "slice").exit_code == 0
    assert ad.read_h5ad(tmp_path / "out.h5ad").uns["domain_inclust"]["method"] == method


def test_outlines_are_geojson_with_names_and_colours(found, tmp_path):
    import shapely

    result = found("--n-domains", 3, "--section", "slice", "--outlines", tmp_path / "d.geojson")
    assert result.exit_code == 0, result.stderr
    features = json.loads((tmp_path / "d.geojson").read_text())["features"]
    assert {f["properties"]["section"] for f in features} == {"up", "down"}
    assert sum(f["properties"]["cells"] for f in features) == 200
    assert all(shapely.from_geojson(json.dumps(f["geometry"])).area > 0 for f in features)
    assert all(len(f["properties"]["classification"]["color"]) == 3 for f in features)


def test_outlines_are_a_store_of_spatialdata(found, tmp_path):
    import warnings

    result = found("--n-domains", 3, "--section", "slice", "--outlines", tmp_path / "d.zarr")
    assert result.exit_code == 0, result.stderr
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import spatialdata

        shapes = spatialdata.read_zarr(tmp_path / "d.zarr").shapes["domains"]
    assert set(shapes["section"]) == {"up", "down"}
    assert shapes["cells"].sum() == 200
    assert (shapes.area > 0).all()
    assert shapes.total_bounds[2] > 190  # micrometres, as the cells


def test_evidence_is_in_the_file_and_as_tables(found, tmp_path):
    result = found("--n-domains", 4, "--composition", "band", "--evidence", tmp_path / "why", "--graph", "delaunay")
    assert result.exit_code == 0, result.stderr
    after = ad.read_h5ad(tmp_path / "out.h5ad")
    inside = after.uns["domain_inclust"]["evidence"]
    tables = {p.stem: pd.read_csv(p) for p in (tmp_path / "why").iterdir()}
    assert set(tables) == {"domains", "adjacency", "markers", "composition", "curve"}
    assert set(inside) == set(tables) - {"curve"}
    expected = pd.crosstab(after.obs["domain"], after.obs["band"], normalize="index")
    np.testing.assert_allclose(tables["composition"].set_index("domain"), expected, atol=1e-5)
    shares = inside["composition"].pivot(index="domain", columns="class", values="share")
    np.testing.assert_allclose(shares, expected, atol=1e-5)
    assert list(tables["domains"]["cells"]) == list(after.obs["domain"].value_counts(sort=False))
    assert set(inside["markers"]["kind"]) == {"measured"}
    best = tables["markers"].groupby("domain")["gene"].first()
    assert best["Domain 1"] in result.stdout
    assert after.uns["domain_inclust"]["graph"] == "delaunay"
    assert len(inside["adjacency"]) == 16


def test_a_resolution_stands_for_a_number(found, tmp_path):
    result = found("--resolution", 0.1)
    assert result.exit_code == 0, result.stderr
    assert ad.read_h5ad(tmp_path / "out.h5ad").uns["domain_inclust"]["chosen_by"] == "resolution 0.1"


def test_outlines_become_shapes_of_spatialdata(spatial):
    from napari_inclust.io.writers.geojson import to_spatialdata_shapes
    from napari_inclust.spatial_domains.find import domains
    from napari_inclust.spatial_domains.outlines import outlines

    found = domains(ad.read_h5ad(spatial), 2, restarts=1)
    shapes = to_spatialdata_shapes(outlines(found.segmentation, found.xy, found.sections), found.segmentation)
    assert list(shapes["name"]) == list(found.names)


def test_a_run_of_the_section_adds_its_latent(inclust, pair, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_inclust.spatial_domains.methods.RESTARTS", 1)
    run = tmp_path / "a.inclust"
    assert (
        inclust(
            "impute", *pair[:2], "-o", tmp_path / "i.h5ad", "--config", pair[2], "--genes", "Gad1", "--save-run", run
        ).exit_code
        == 0
    )
    result = inclust("domains", pair[0], "-o", tmp_path / "o.h5ad", "--n-domains", 3, "--run", run)
    assert result.exit_code == 0, result.stderr
    about = ad.read_h5ad(tmp_path / "o.h5ad").uns["domain_inclust"]
    assert "latent" in about["views"]
    assert set(about["evidence"]["markers"]["kind"]) == {"measured", "imputed"}
    assert "(imputed)" in result.stdout


def test_the_same_seed_gives_the_same_file_contents(found, tmp_path):
    for name in ("a.h5ad", "b.h5ad"):
        assert found("--n-domains", 3, "--seed", 5, out=name).exit_code == 0
    a, b = (ad.read_h5ad(tmp_path / name).obs for name in ("a.h5ad", "b.h5ad"))
    pd.testing.assert_frame_equal(a, b)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--n-domains", 0], 2, "from 1 to 200"),
        (["--n-domains", 201], 2, "from 1 to 200"),
        (["--n-domains", 3, "--auto"], 2, "Give one"),
        (["--n-domains", 3, "--resolution", 1], 2, "Give one"),
        (["--resolution", -1], 2, "above 0"),
        (["--n-domains", 3, "--graph", "voronoi"], 2, "delaunay"),
        (["--n-domains", 3, "--graph", "radius"], 2, "micrometres above 0"),
        (["--n-domains", 3, "--radius", 30], 2, "--graph radius"),
        (["--n-domains", 3, "--graph", "delaunay", "--neighbours", 3], 2, "--graph knn"),
        (["--n-domains", 3, "--composition", "x"], 3, "'x'"),
        (["--n-domains", 3, "--evidence", "no/such"], 5, "does not exist"),
        (["--n-domains", 3, "--method", "x"], 2, "smoothed-pca"),
        (["--n-domains", 3, "--section", "x"], 3, "'x'"),
        (["--n-domains", 3, "--truth", "x"], 3, "'x'"),
        (["--n-domains", 3, "--truth", "band", "--key", "band"], 2, "--key"),
        (["--n-domains", 3, "--key", "a/b"], 2, "--key"),
        (["--n-domains", 3, "--outlines", "x.txt"], 5, ".geojson"),
        (["--n-domains", 3, "--run", "nowhere.inclust"], 4, "nowhere"),
        (["--n-domains", 3, "--run", "nowhere.inclust", "--method", "inclust"], 2, "inclust+ only"),
        (["--n-domains", 3, "--run", "nowhere.inclust", "--reference", "r.h5ad"], 2, "Give one"),
    ],
)
def test_what_is_refused_leaves_nothing_behind(found, tmp_path, words, code, said):
    result = found(*words)
    assert result.exit_code == code
    last = result.stderr.splitlines()[-1]
    assert last.startswith("error: ")
    assert said in last
    assert [p.name for p in tmp_path.iterdir()] == ["in.h5ad"]


def test_the_input_is_not_replaced(inclust, spatial):
    before = spatial.read_bytes()
    assert inclust("domains", spatial, "-o", spatial, "--n-domains", 2).exit_code == 5
    assert spatial.read_bytes() == before
