"""What is written is opened by the other tools as it is: spatialdata, anndata, mudata, scanpy, squidpy, pandas, pyarrow."""

from __future__ import annotations

import dataclasses
import json
import warnings

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from napari_inclust.errors import OutputError
from napari_inclust.io.readers.dispatch import read_section
from napari_inclust.io.writers.imputed import check_imputed_output, write_imputed

from .test_write import FakeRun

GENES = [f"g{i}" for i in range(40)]


def make_store(path, adata, *, consolidated=True, old=False):
    """A SpatialData zarr with circles and the table that annotates them, as spatialdata writes it."""
    import spatialdata
    from spatialdata._io.format import SpatialDataContainerFormatV01, SpatialDataContainerFormatV02
    from spatialdata.models import ShapesModel, TableModel

    table = adata.copy()
    table.obs["region"], table.obs["cell_id"] = pd.Categorical(["cells"] * table.n_obs), np.arange(table.n_obs)
    shapes = ShapesModel.parse(np.asarray(table.obsm["spatial"])[:, :2], geometry=0, radius=np.full(table.n_obs, 5.0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = TableModel.parse(table, region="cells", region_key="region", instance_key="cell_id")
        data = spatialdata.SpatialData(shapes={"cells": shapes}, tables={"table": table})
        data.write(
            path,
            consolidate_metadata=consolidated,
            sdata_formats=SpatialDataContainerFormatV01() if old else SpatialDataContainerFormatV02(),
        )
    return path


@pytest.fixture
def about(small_pair):
    kinds = pd.Categorical(np.resize(["a", "b", "c"], small_pair[0].n_obs))
    return pd.DataFrame(
        {"inclust_trust": np.linspace(0, 1, small_pair[0].n_obs), "inclust_type": kinds}, index=small_pair[0].obs_names
    )


@pytest.fixture
def section(pair):
    return read_section(pair[0])


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.filterwarnings("ignore")  # spatialdata's, of its formats
@pytest.mark.parametrize(("old", "consolidated"), [(False, True), (False, False), (True, True), (True, False)])
def test_a_spatialdata_store_gets_a_table_beside_what_it_holds(small_pair, tmp_path, about, old, consolidated):
    import spatialdata

    path = make_store(tmp_path / "sec tion é.zarr", small_pair[0], old=old, consolidated=consolidated)
    before = contents(path)
    run = FakeRun(read_section(path))
    write_imputed(path, run, GENES, obs_columns=about, command="inclust impute")
    after = contents(path)
    index = {p for p in before if len(p.parts) == 1}
    assert {p: v for p, v in after.items() if p in before and p not in index} == {
        p: v for p, v in before.items() if p not in index
    }
    data = spatialdata.read_zarr(path)
    assert set(data.tables) == {"table", "inclust_imputed"}
    assert data.has_consolidated_metadata() == consolidated
    found = data["inclust_imputed"]
    np.testing.assert_array_equal(found.X, np.tile(np.arange(40, dtype=np.float32), (200, 1)))
    assert found.var["imputed"].all()
    assert found.obs["inclust_type"].tolist() == about["inclust_type"].tolist()
    assert len(found.uns["inclust_type_colors"]) == 3
    assert found.uns["inclust"]["command"] == "inclust impute"
    elements, matched = spatialdata.match_element_to_table(data, "cells", "inclust_imputed")
    assert len(elements["cells"]) == matched.n_obs == 200
    assert list(tmp_path.iterdir()) == [path]
    again = read_section(path, table="inclust_imputed")
    np.testing.assert_allclose(again.xy, run.section.xy)


@pytest.mark.filterwarnings("ignore")
def test_a_table_that_is_there_is_never_replaced_and_another_name_is_free(small_pair, tmp_path):
    path = make_store(tmp_path / "s.zarr", small_pair[0])
    run = FakeRun(read_section(path))
    write_imputed(path, run, GENES[:2])
    before = contents(path)
    with pytest.raises(OutputError, match="--table-name"):
        check_imputed_output(path, path)
    with pytest.raises(OutputError, match="nothing there is ever replaced"):
        write_imputed(path, run, GENES[:3])
    assert contents(path) == before
    check_imputed_output(path, path, table_name="second")
    write_imputed(path, run, GENES[:3], table_name="second")
    assert list(read_section(path, table="second").predicted.kinds) == GENES[:3]


@pytest.mark.filterwarnings("ignore")
def test_a_failure_leaves_the_store_as_it_was(small_pair, tmp_path, monkeypatch):
    import zarr

    path = make_store(tmp_path / "s.zarr", small_pair[0])
    before, run = contents(path), FakeRun(read_section(path))

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as m:
        m.setattr(zarr, "consolidate_metadata", full)
        with pytest.raises(OutputError, match="disk is full"):
            write_imputed(path, run, GENES)
    assert contents(path) == before
    with pytest.raises(RuntimeError):
        write_imputed(path, run, GENES, progress=lambda done: (_ for _ in ()).throw(RuntimeError))
    assert contents(path) == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.filterwarnings("ignore")
def test_a_store_of_other_data_is_neither_replaced_nor_added_to(small_pair, section, tmp_path):
    path = make_store(tmp_path / "s.zarr", small_pair[0])
    before = contents(path)
    with pytest.raises(OutputError, match="not the section's own"):
        check_imputed_output(path, section.path)
    with pytest.raises(OutputError, match="not from it"):
        write_imputed(path, FakeRun(section), GENES)
    assert contents(path) == before


@pytest.mark.filterwarnings("ignore")  # mudata's, of its future
def test_h5mu_holds_the_measured_and_the_imputed_side_by_side(section, tmp_path, about):
    import mudata

    write_imputed(tmp_path / "out.h5mu", FakeRun(section), GENES, obs_columns=about)
    found = mudata.read_h5mu(tmp_path / "out.h5mu")
    assert list(found.mod) == ["measured", "inclust_imputed"]
    assert found.n_obs == 200
    assert found.n_vars == section.adata.n_vars + 40
    np.testing.assert_array_equal(found["measured"].X.toarray(), section.adata.X.toarray())
    np.testing.assert_array_equal(found["inclust_imputed"].X[0], np.arange(40))
    assert found["inclust_imputed"].var["imputed"].all()
    assert found["inclust_imputed"].obs["inclust_trust"].tolist() == about["inclust_trust"].tolist()


@pytest.mark.filterwarnings("ignore")
def test_the_modalities_of_a_given_h5mu_stay(small_pair, tmp_path):
    import mudata

    protein = ad.AnnData(np.ones((150, 3), dtype=np.float32), obs=pd.DataFrame(index=small_pair[0].obs_names[:150]))
    mudata.MuData({"rna": small_pair[0].copy(), "protein": protein}).write(tmp_path / "in.h5mu")
    run = FakeRun(read_section(tmp_path / "in.h5mu"))
    write_imputed(tmp_path / "out.h5mu", run, GENES)
    found = mudata.read_h5mu(tmp_path / "out.h5mu")
    assert list(found.mod) == ["protein", "rna", "inclust_imputed"]
    assert found["protein"].shape == (150, 3)
    np.testing.assert_array_equal(found["rna"].X.toarray(), small_pair[0].X.toarray())
    (tmp_path / "out.h5mu").rename(tmp_path / "in.h5mu")
    with pytest.raises(OutputError, match="nothing there is ever replaced"):
        write_imputed(tmp_path / "out.h5mu", FakeRun(read_section(tmp_path / "in.h5mu")), GENES)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_tables_say_which_columns_are_imputed_and_have_their_genes_beside(
    section, tmp_path, about, suffix, monkeypatch
):
    monkeypatch.setattr("napari_inclust.io.writers.tables._ROWS_PER_CHUNK", 64)  # several groups of cells
    monkeypatch.setattr("napari_inclust.io.writers.imputation._VALUES_PER_CHUNK", 200 * 16)  # and of genes
    write_imputed(tmp_path / f"out{suffix}", FakeRun(section), GENES, obs_columns=about)
    read = (lambda p: pd.read_csv(p, index_col=0)) if suffix == ".csv" else pd.read_parquet
    cells, genes = read(tmp_path / f"out{suffix}"), read(tmp_path / f"out.genes{suffix}")
    assert list(cells.index) == list(section.adata.obs_names)
    assert list(cells)[:4] == ["x_um", "y_um", "inclust_trust", "inclust_type"]
    assert list(cells)[4:] == [f"{g}_imputed" for g in GENES]
    np.testing.assert_allclose(cells.iloc[:, 4:], np.tile(np.arange(40), (200, 1)))
    np.testing.assert_allclose(cells[["x_um", "y_um"]], section.xy, rtol=1e-7)
    assert list(genes.index) == GENES
    assert genes["imputed"].all()
    assert {p.name for p in tmp_path.glob("out*")} == {f"out.genes{suffix}", f"out{suffix}"}
    assert not list(tmp_path.glob(".*"))


def test_parquet_carries_where_it_comes_from(section, tmp_path):
    from pyarrow import parquet

    write_imputed(tmp_path / "out.parquet", FakeRun(section), GENES, command="inclust impute")
    said = json.loads(parquet.read_schema(tmp_path / "out.parquet").metadata[b"inclust"])
    assert said["command"] == "inclust impute"
    assert said["config"]["hidden"] == [16, 16]


@pytest.fixture
def written(section, tmp_path, about):
    write_imputed(tmp_path / "out.h5ad", FakeRun(section), [f"g{i}" for i in range(5)], obs_columns=about)
    out = ad.read_h5ad(tmp_path / "out.h5ad")
    out.X += np.random.default_rng(0).random(out.shape, dtype=np.float32)  # plots of ranks need values that differ
    return out


@pytest.mark.filterwarnings("ignore")  # of the plotting libraries: theirs
def test_scanpy_plots_and_ranks_without_changes(written):
    import matplotlib.pyplot as plt
    import scanpy
    from matplotlib.colors import to_hex

    plt.switch_backend("Agg")
    axis = scanpy.pl.embedding(written, "spatial", color="inclust_type", show=False)
    drawn = {to_hex(c) for c in axis.collections[0].get_facecolors()}
    assert drawn == set(written.uns["inclust_type_colors"])
    scanpy.pp.neighbors(written, use_rep="X", n_neighbors=5)
    scanpy.tl.umap(written, maxiter=5)
    assert scanpy.pl.umap(written, color="g1", show=False).collections[0].get_offsets().shape == (200, 2)
    assert scanpy.pl.violin(written, ["g1", "g2"], groupby="inclust_type", show=False)
    scanpy.tl.rank_genes_groups(written, "inclust_type", method="wilcoxon")
    assert scanpy.pl.rank_genes_groups(written, n_genes=3, show=False)
    assert scanpy.pl.dotplot(written, ["g1", "g2"], "inclust_type", show=False)
    plt.close("all")


@pytest.mark.filterwarnings("ignore")
def test_squidpy_plots_and_counts_neighbours_without_changes(written):
    import matplotlib.pyplot as plt
    import squidpy

    plt.switch_backend("Agg")
    squidpy.pl.spatial_scatter(written, color=["g2", "inclust_type"], shape=None)
    assert sum(bool(axis.collections) for axis in plt.gcf().axes) >= 2
    squidpy.gr.spatial_neighbors(written, coord_type="generic")
    squidpy.gr.nhood_enrichment(written, "inclust_type", show_progress_bar=False)
    squidpy.pl.nhood_enrichment(written, "inclust_type")
    plt.close("all")


@pytest.mark.filterwarnings("ignore")
def test_spots_on_their_picture_are_drawn_as_they_were_given(small_pair, tmp_path):
    """Visium: the section's picture stays with the results, so that squidpy draws without any argument."""
    import matplotlib.pyplot as plt
    import squidpy

    plt.switch_backend("Agg")
    spots = small_pair[0].copy()
    spots.obsm["spatial"] -= spots.obsm["spatial"].min(0)
    picture = {
        "images": {"hires": np.zeros((60, 50, 3), dtype=np.uint8)},
        "scalefactors": {"spot_diameter_fullres": 12.0, "tissue_hires_scalef": 0.03},
    }
    spots.uns["spatial"] = {"slide": picture}
    spots.write_h5ad(tmp_path / "spots.h5ad")
    write_imputed(tmp_path / "out.h5ad", FakeRun(read_section(tmp_path / "spots.h5ad")), GENES)
    squidpy.pl.spatial_scatter(ad.read_h5ad(tmp_path / "out.h5ad"), color="g3")
    assert plt.gcf().axes[0].get_images()
    plt.close("all")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("old", [False, True])
def test_domains_go_back_into_the_store_with_colours_and_outlines_in_its_own_units(inclust, small_pair, tmp_path, old):
    import spatialdata

    path = make_store(tmp_path / "s.zarr", small_pair[0], old=old)
    words = ("domains", path, "-o", path, "--n-domains", "3", "--method", "smoothed-pca", "--pixel-size", "0.5")
    done = inclust(*words)
    assert done.exit_code == 0, done.stderr
    data = spatialdata.read_zarr(path)
    found, shapes = data["inclust_domain"], data.shapes["inclust_domain_outlines"]
    assert set(data.tables) == {"table", "inclust_domain"}
    assert found.obs["domain"].cat.categories.tolist() == shapes["name"].tolist()
    assert len(found.uns["domain_colors"]) == 3
    everywhere = spatialdata.transform(shapes, to_coordinate_system="global").union_all()
    centres = spatialdata.get_centroids(data["cells"], coordinate_system="global").compute()
    import shapely

    assert shapely.contains_xy(everywhere, centres["x"], centres["y"]).mean() > 0.95
    elements, matched = spatialdata.match_element_to_table(data, "cells", "inclust_domain")
    assert len(elements["cells"]) == matched.n_obs == 200
    again = inclust(*words, "--key", "domain")
    assert again.exit_code in (3, 5)
    assert list(tmp_path.iterdir()) == [path]


class SignedRun(FakeRun):
    """Predictions a little below zero, and the first gene held out."""

    def chunks(self, genes, size):
        for names, values, spread, _, scores in super().chunks(genes, size):
            out = ["held-out" if n == "g0" else "imputed" for n in names]
            yield (
                names,
                values - np.float32(0.125),
                spread,
                out,
                [0.75 if n == "g0" else s for n, s in zip(names, scores, strict=True)],
            )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [".h5ad", ".zarr", ".h5mu", ".csv", ".parquet", "store"])
def test_our_own_results_are_opened_as_predictions_and_never_trained_on(
    inclust, small_pair, pair, about, tmp_path, kind
):
    given = make_store(tmp_path / "s.zarr", small_pair[0]) if kind == "store" else pair[0]
    path = given if kind == "store" else tmp_path / f"out{kind}"
    section = read_section(given)
    write_imputed(path, SignedRun(section), GENES[:5], obs_columns=about)
    again = read_section(path, table={"store": "inclust_imputed", ".h5mu": "inclust_imputed"}.get(kind))
    assert again.genes == []
    assert again.predicted.summary == "4 imputed, 1 held-out"
    np.testing.assert_allclose(again.predicted.values("g3"), 2.875)
    assert (again.predicted.values("g0") == -0.125).all()
    np.testing.assert_allclose(again.xy, section.xy, rtol=1e-6)
    assert again.adata.obs["inclust_type"].astype(str).tolist() == about["inclust_type"].astype(str).tolist()
    if kind not in (".csv", ".parquet"):
        np.testing.assert_allclose(again.predicted.spread("g3"), 0.3)
        assert again.predicted.scores == {"g0": 0.75, "g1": None, "g2": None, "g3": None, "g4": None}
    if kind in (".h5mu", "store"):  # what was measured is in the same file, and comes first
        assert read_section(path).genes == section.genes
        return
    facts = json.loads(inclust("info", path, "--json").stdout)
    assert facts["genes"] == 0
    assert facts["predicted"].startswith("4 imputed, 1 held-out by a run (g0, g1, g2, g3, g4)")
    refused = inclust("impute", path, pair[1], "-o", tmp_path / "twice.h5ad")
    assert refused.exit_code != 0
    assert "only predictions of a run" in refused.stderr
    assert "only predictions of a run" in inclust("domains", path, "-o", tmp_path / "domains.h5ad").stderr


def test_a_result_keeps_the_pixel_size_that_its_section_was_read_with(section, small_pair, tmp_path):
    pixels = small_pair[0].copy()
    pixels.uns["spatial_unit"] = "pixel"
    pixels.obsm["spatial"] = pixels.obsm["spatial"] * 4
    pixels.write_h5ad(tmp_path / "pixels.h5ad")
    read = read_section(tmp_path / "pixels.h5ad", pixel_size=0.25)
    write_imputed(tmp_path / "out.h5ad", FakeRun(read), GENES[:2])
    again = read_section(tmp_path / "out.h5ad")
    np.testing.assert_allclose(again.xy, section.xy)
    assert again.unit_note == "0.25 um per unit, as the file says"


@pytest.mark.filterwarnings("ignore")  # spatialdata's, of its formats
@pytest.mark.parametrize("outlined", [False, True])
def test_a_section_from_elsewhere_becomes_a_spatialdata_store_of_its_own(section, tmp_path, about, outlined):
    import spatialdata

    if outlined:
        raster = np.kron(np.arange(1, 201).reshape(10, 20), np.ones((4, 6), dtype=int))
        transform = np.array([[0.5, 0, 30.0], [0, 0.5, 70.0], [0, 0, 1]])
        middle = np.stack(np.meshgrid(np.arange(10) * 4 + 1.5, np.arange(20) * 6 + 2.5, indexing="ij"), -1).reshape(
            -1, 2
        )
        yx = middle * 0.5 + [30, 70]
        section.adata.obsm["spatial"] = yx[:, ::-1]
        section = dataclasses.replace(section, xy=yx[:, ::-1], raster=raster, raster_transform=transform)
    path = tmp_path / "new é.sdata.zarr"
    write_imputed(path, FakeRun(section), GENES, obs_columns=about, command="inclust impute")
    data = spatialdata.read_zarr(path)
    spatialdata.SpatialData.validate_table_in_spatialdata(data, data["inclust_imputed"])
    assert ("cells" in data.labels) == outlined
    assert ("cells" in data.shapes) != outlined
    found = data["inclust_imputed"]
    np.testing.assert_array_equal(found.X, np.tile(np.arange(40, dtype=np.float32), (200, 1)))
    assert found.uns["inclust"]["command"] == "inclust impute"
    assert found.var["imputed"].all()
    centroids = spatialdata.get_centroids(data["cells"], coordinate_system="global").compute()
    np.testing.assert_allclose(centroids.loc[found.obs["inclust_instance"], ["x", "y"]], section.xy, atol=1e-9)
    again = read_section(path)
    np.testing.assert_allclose(again.xy, section.xy, atol=1e-9)
    assert len(again.predicted.kinds) == 40
    if outlined:
        np.testing.assert_allclose(again.raster_transform, section.raster_transform)
        np.testing.assert_array_equal(again.raster, section.raster)
    with pytest.raises(OutputError, match="replaced"):
        check_imputed_output(path, tmp_path / "spatial.h5ad")
