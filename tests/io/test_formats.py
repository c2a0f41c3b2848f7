"""Every kind of file that labs have opens as what it is: made from real cells in the documented layout, or real."""

from __future__ import annotations

import gzip
import json
import warnings

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from scipy.io import mmwrite

from napari_inclust.data.section import Section
from napari_inclust.errors import DataError
from napari_inclust.io.readers.dispatch import (
    available_options,
    detect_format,
    read_reference,
    read_section,
    read_section_or_reference,
)
from napari_inclust.io.readers.outlines import rasterise, relabel


@pytest.fixture
def counts(small_pair):
    """(cells, genes) raw counts of the small reference."""
    return small_pair[1]


def write_tenx_h5(path, adata, extra=()):
    """As Cell Ranger writes it, with features of other types at the end."""
    n = adata.n_vars + len(extra)
    matrix = sp.csc_matrix(sp.hstack([adata.X, sp.csr_matrix(np.ones((adata.n_obs, len(extra)), dtype=np.float32))]).T)
    with h5py.File(path, "w") as file:
        m = file.create_group("matrix")
        m["data"], m["indices"], m["indptr"], m["shape"] = (
            matrix.data.astype(int),
            matrix.indices,
            matrix.indptr,
            matrix.shape,
        )
        m["barcodes"] = np.array(adata.obs_names, dtype="S")
        f = m.create_group("features")
        f["id"] = np.array([f"ENSMUSG{i:011}" for i in range(n)], dtype="S")
        f["name"] = np.array([*adata.var_names, *extra], dtype="S")
        f["feature_type"] = np.array(
            ["Gene Expression"] * adata.n_vars + ["Negative Control Probe"] * len(extra), dtype="S"
        )
        f["genome"] = np.array(["mm10"] * n, dtype="S")


def _check_fingerprint(found, adata):
    assert list(found.genes) == list(adata.var_names)
    assert list(found.adata.obs_names) == list(adata.obs_names)
    np.testing.assert_array_equal(found.matrix.toarray(), adata.X.toarray())


def test_a_tenx_h5_is_read_as_scanpy_reads_it_without_other_features(counts, tmp_path):
    import scanpy

    write_tenx_h5(tmp_path / "m.h5", counts, extra=("NegControlProbe_1",))
    _check_fingerprint(read_reference(tmp_path / "m.h5"), counts)
    theirs = scanpy.read_10x_h5(tmp_path / "m.h5")
    assert list(theirs.var_names) == list(counts.var_names)


@pytest.mark.parametrize("zipped", [False, True])
def test_a_tenx_folder_is_read(counts, tmp_path, zipped):
    names = [list(counts.var_names), list(counts.obs_names)]
    parts = {
        "matrix.mtx": None,
        "features.tsv": "".join(f"ENSMUSG{i:011}\t{g}\tGene Expression\n" for i, g in enumerate(names[0])),
        "barcodes.tsv": "".join(f"{c}\n" for c in names[1]),
    }
    mmwrite(tmp_path / "matrix.mtx", counts.X.T.astype(int))
    for name, text in parts.items():
        if text is not None:
            (tmp_path / name).write_text(text)
        if zipped:
            (tmp_path / f"{name}.gz").write_bytes(gzip.compress((tmp_path / name).read_bytes()))
            (tmp_path / name).unlink()
    _check_fingerprint(read_reference(tmp_path), counts)


def test_a_symbol_of_several_genes_is_replaced_by_their_ids(counts, tmp_path):
    twice = counts.copy()
    twice.var_names = ["Rnd3", "Rnd3", *counts.var_names[2:]]
    write_tenx_h5(tmp_path / "m.h5", twice)
    genes = read_reference(tmp_path / "m.h5").genes
    assert genes[:3] == ["ENSMUSG00000000000", "ENSMUSG00000000001", counts.var_names[2]]


def test_a_tenx_folder_without_barcodes_says_so(counts, tmp_path):
    mmwrite(tmp_path / "matrix.mtx", counts.X.T)
    with pytest.raises(DataError, match=r"lacks barcodes\.tsv and features\.tsv"):
        read_reference(tmp_path)


def test_a_loom_file_is_read(counts, tmp_path):
    with h5py.File(tmp_path / "a.loom", "w") as file:
        file["matrix"] = counts.X.T.toarray()
        file["row_attrs/Gene"] = np.array(counts.var_names, dtype="S")
        file["col_attrs/CellID"] = np.array(counts.obs_names, dtype="S")
        file["col_attrs/cell_type"] = np.array(counts.obs["cell_type"].astype(str), dtype="S")
    found = read_reference(tmp_path / "a.loom")
    _check_fingerprint(found, counts)
    assert found.adata.obs["cell_type"].tolist() == counts.obs["cell_type"].astype(str).tolist()


def test_the_rna_of_a_mudata_file_is_read(counts, tmp_path):
    with h5py.File(tmp_path / "a.h5mu", "w") as file:
        for name in ("rna", "prot"):
            ad.io.write_elem(file, f"mod/{name}", counts if name == "rna" else counts[:, :5].copy())
    _check_fingerprint(read_reference(tmp_path / "a.h5mu"), counts)


@pytest.mark.filterwarnings("ignore:Writing zarr v2 data")
def test_an_anndata_zarr_is_read(small_pair, tmp_path):
    small_pair[0].write_zarr(tmp_path / "a.zarr")
    found = read_section_or_reference(tmp_path / "a.zarr")
    assert isinstance(found, Section)
    _check_fingerprint(found, small_pair[0])


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".csv.gz", ".parquet"])
def test_a_table_with_x_and_y_is_a_section(counts, tmp_path, suffix):
    table = counts.to_df().rename_axis("cell")
    table["cell_type"], table["X"], table["y"] = counts.obs["cell_type"].astype(str), np.arange(len(table)) * 2.0, 5.0
    path = tmp_path / f"cells{suffix}"
    if suffix == ".parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, sep="\t" if suffix == ".tsv" else ",")
    found = read_section_or_reference(path)
    assert isinstance(found, Section)
    _check_fingerprint(found, counts)
    np.testing.assert_array_equal(found.xy[:, 0], np.arange(len(table)) * 2)
    assert list(found.adata.obs) == ["cell_type"]


def test_a_folder_with_a_table_of_values_and_one_of_cells_is_a_section(counts, tmp_path):
    counts.to_df().to_csv(tmp_path / "a_values.csv")
    places = pd.DataFrame({"center_x": 1.0, "center_y": np.arange(counts.n_obs)}, index=counts.obs_names)
    places.iloc[::-1].to_parquet(tmp_path / "b_cells.parquet")
    found = read_section(tmp_path)
    _check_fingerprint(found, counts)
    np.testing.assert_array_equal(found.xy[:, 1], np.arange(counts.n_obs))


def test_a_table_without_places_is_a_reference_and_no_section(counts, tmp_path):
    counts.to_df().to_csv(tmp_path / "r.csv")
    _check_fingerprint(read_section_or_reference(tmp_path / "r.csv"), counts)
    with pytest.raises(DataError, match="no columns that are known as the places"):
        read_section(tmp_path / "r.csv")


def test_a_xenium_folder_has_places_outlines_and_no_controls(small_pair, counts, tmp_path):
    n = counts.n_obs
    xy = np.c_[np.arange(n) % 12, np.arange(n) // 12] * 20.0
    write_tenx_h5(tmp_path / "cell_feature_matrix.h5", counts, extra=("NegControlProbe_1",))
    pd.DataFrame(
        {"cell_id": counts.obs_names, "x_centroid": xy[:, 0], "y_centroid": xy[:, 1], "transcript_counts": 1}
    ).to_parquet(tmp_path / "cells.parquet")
    corners = np.array([[-5, -5], [5, -5], [5, 5], [-5, 5], [-5, -5]])
    pd.DataFrame(
        {
            "cell_id": np.repeat(counts.obs_names, 5),
            "vertex_x": (xy[:, None] + corners)[..., 0].ravel(),
            "vertex_y": (xy[:, None] + corners)[..., 1].ravel(),
        }
    ).to_parquet(tmp_path / "cell_boundaries.parquet")
    (tmp_path / "experiment.xenium").write_text(json.dumps({"pixel_size": 0.2125, "panel_name": "test", "images": {}}))
    found = read_section(tmp_path)
    _check_fingerprint(found, counts)
    np.testing.assert_array_equal(found.xy, xy)
    assert "micrometre" in found.unit_note
    _centroids_are_in_their_own_labels(found)


def _centroids_are_in_their_own_labels(section):
    back = np.linalg.inv(section.raster_transform)
    row, column, _ = np.round(back @ np.c_[section.xy[:, ::-1], np.ones(section.n_cells)].T).astype(int)
    np.testing.assert_array_equal(section.raster[row, column], np.arange(section.n_cells) + 1)


def test_a_cosmx_folder_is_read_in_micrometres(counts, tmp_path):
    table = counts.to_df().reset_index(drop=True)
    table.insert(0, "fov", 1)
    table.insert(1, "cell_ID", np.arange(len(table)))  # 0 is what lies in no cell
    table.to_csv(tmp_path / "run_exprMat_file.csv", index=False)
    cells = pd.DataFrame(
        {
            "fov": 1,
            "cell_ID": np.arange(1, len(table)),
            "CenterX_global_px": 1000.0,
            "CenterY_global_px": np.arange(1, len(table)) * 100.0,
        }
    )
    cells.to_csv(tmp_path / "run_metadata_file.csv", index=False)
    found = read_section(tmp_path)
    assert found.n_cells == len(table) - 1
    np.testing.assert_allclose(found.xy[0], [120.28, 12.028])
    np.testing.assert_allclose(read_section(tmp_path, pixel_size=0.18).xy[0], [180, 18])


@pytest.fixture(scope="session")
def merscope(shared):
    return read_section(shared / "data" / "merscope_brain" / "region_0")


def test_the_real_merscope_folder_has_its_cells_in_micrometres(merscope, shared):
    table = pd.read_csv(shared / "data" / "merscope_brain" / "region_0" / "cell_metadata.csv")
    assert merscope.n_cells == 505
    np.testing.assert_allclose(merscope.xy[:, 0], table["center_x"])
    assert merscope.values.kind == "counts"
    assert len(np.unique(merscope.raster)) - 1 >= 498  # cells with a polygon on the first plane


def test_outlines_of_the_real_merscope_folder_lie_on_bright_nuclei(merscope, shared):
    from tifffile import imread

    images = shared / "data" / "merscope_brain" / "region_0" / "images"
    dapi, to_pixel = (
        imread(images / "mosaic_DAPI_z0.tif").astype(float),
        np.loadtxt(images / "micron_to_mosaic_pixel_transform.csv"),
    )
    row, column = np.mgrid[: merscope.raster.shape[0] : 3, : merscope.raster.shape[1] : 3].reshape(2, -1)
    y, x, one = merscope.raster_transform @ np.stack([row, column, np.ones(len(row))])
    px, py, _ = np.round(to_pixel @ np.stack([x, y, one])).astype(int)
    inside_image = (px >= 0) & (py >= 0) & (px < dapi.shape[1]) & (py < dapi.shape[0])
    bright, cell = dapi[py[inside_image], px[inside_image]], merscope.raster[row, column][inside_image] > 0
    assert bright[cell].mean() / bright[~cell].mean() > 2.5


@pytest.fixture
def store(small_pair, tmp_path):
    """A SpatialData zarr with circles in pixels of 0.5 micrometres, one label image and a table; two cells have no shape."""
    import geopandas
    import spatialdata
    from shapely import Point
    from spatialdata.models import ShapesModel, TableModel
    from spatialdata.transformations import Scale

    adata = small_pair[0].copy()
    xy = adata.obsm["spatial"] - adata.obsm["spatial"].min(0)
    adata.obs["instance"], adata.obs["region"] = np.arange(200), pd.Categorical(["cells"] * 200)
    shapes = ShapesModel.parse(
        geopandas.GeoDataFrame({"radius": 3.0, "geometry": [Point(*p) for p in xy]}, index=np.arange(200)).iloc[2:],
        transformations={"global": Scale([2.0, 2.0], axes=("x", "y"))},
    )
    table = TableModel.parse(adata, region="cells", region_key="region", instance_key="instance")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the writer: the public one, not ours
        spatialdata.SpatialData(shapes={"cells": shapes}, tables={"table": table}).write(tmp_path / "s.zarr")
    return tmp_path / "s.zarr", xy


def test_a_spatialdata_zarr_is_read_in_its_coordinate_system_and_scaled_to_micrometres(store, small_pair):
    path, xy = store
    found = read_section(path, pixel_size=0.5)
    assert list(found.adata.obs_names) == list(small_pair[0].obs_names[2:])
    np.testing.assert_allclose(found.xy, xy[2:], atol=1e-6)
    assert "2 of 200 cells without a shape left out" in found.unit_note
    back = np.linalg.inv(found.raster_transform)
    row, column, _ = np.round(back @ np.c_[found.xy[:, ::-1], np.ones(found.n_cells)].T).astype(int)
    assert (found.raster[row, column] == np.arange(found.n_cells) + 1).mean() > 0.9  # circles of neighbours may overlap


def test_an_unknown_table_or_coordinate_system_is_refused_with_those_there_are(store):
    with pytest.raises(DataError, match="has no table 'x'; it has table"):
        read_section(store[0], table="x")
    with pytest.raises(DataError, match="has no coordinate system 'x'; it has global"):
        read_section(store[0], system="x")


def test_a_folder_of_no_known_kind_is_refused_with_the_kinds_there_are(tmp_path):
    with pytest.raises(DataError, match="MERSCOPE folder"):
        read_section(tmp_path)


def test_a_damaged_folder_is_one_clear_error(tmp_path):
    (tmp_path / "cell_by_gene.csv").write_text("cell,Gad1\n1,2\n")
    with pytest.raises(DataError, match=r"cannot be read as MERSCOPE folder.*cell_metadata"):
        read_section(tmp_path)


@pytest.mark.parametrize("name", ["a.h5", "a.h5mu", "a.loom", "a.csv", "a.parquet"])
def test_files_with_nothing_in_them_are_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError):
        read_section_or_reference(tmp_path / name)


def test_outlines_become_pixels_of_their_rows():
    square = np.array([[0, 0], [10, 0], [10, 10], [0, 10]], dtype=float)
    raster, transform = rasterise([(4, square), (0, square + np.array([20, 5]))])
    y, x, _ = transform @ np.stack([*np.nonzero(raster == 5), np.ones((raster == 5).sum())])
    assert abs(x.min()) < 1
    assert abs(x.max() - 10) < 1
    assert abs(y.mean() - 5) < 0.5
    assert set(np.unique(raster)) == {0, 1, 5}
    assert rasterise([]) is None


def test_a_label_image_gets_rows_for_ids():
    image = np.array([[0, 7, 9], [3, 7, 100]])
    np.testing.assert_array_equal(relabel(image, np.array([9, 3, 7])), [[0, 3, 1], [2, 3, 0]])


def test_recognising_says_the_kind(pair):
    assert detect_format(pair[0]).name == "AnnData"


def test_every_format_runs_through_impute(inclust, counts, pair, tmp_path):
    write_tenx_h5(tmp_path / "reference.h5", counts)
    table = ad.read_h5ad(pair[0]).to_df()
    table["x"], table["y"] = ad.read_h5ad(pair[0]).obsm["spatial"].T
    table.to_csv(tmp_path / "section.csv")
    result = inclust(
        "impute",
        tmp_path / "section.csv",
        tmp_path / "reference.h5",
        "-o",
        tmp_path / "o.h5ad",
        "--config",
        pair[2],
        "--genes",
        "Ace2",
    )
    assert result.exit_code == 0, result.stderr
    assert ad.read_h5ad(tmp_path / "o.h5ad").shape == (200, 1)


@pytest.fixture
def strange_tables(small_pair, tmp_path):
    """A table whose places have names of their own, and a pair whose cells are named in a column that is not the first."""
    adata = small_pair[0]
    values = pd.DataFrame(adata.X.toarray(), index=adata.obs_names, columns=adata.var_names)
    places = pd.DataFrame(adata.obsm["spatial"], index=adata.obs_names, columns=["stage east", "stage north"])
    one, pair = tmp_path / "one.csv", tmp_path / "pair"
    pair.mkdir()
    pd.concat([values, places], axis=1).to_csv(one)
    values.to_csv(pair / "values.csv")
    places.rename_axis("barcode").reset_index().rename_axis("row").to_csv(pair / "cells.csv")
    return one, pair


def test_columns_that_are_not_known_by_their_names_are_asked_for(strange_tables, small_pair, inclust, pair):
    one, both = strange_tables
    with pytest.raises(
        DataError, match=r"no columns that are known as the places .*choose those with x and y, --columns X,Y"
    ):
        read_section(one)
    with pytest.raises(DataError, match="no columns that are known as the places"):
        read_section(both)
    assert {"stage east", "stage north"} < set(available_options(one).columns)
    assert {"stage east", "stage north", "barcode"} < set(available_options(both).columns)
    with pytest.raises(DataError, match="have no place in the other"):
        read_section(both, columns=("stage east", "stage north"))
    for path, columns in ((one, ("stage east", "stage north")), (both, ("stage east", "stage north", "barcode"))):
        section = read_section(path, columns=columns)
        np.testing.assert_allclose(section.xy, small_pair[0].obsm["spatial"])
        assert section.genes == list(small_pair[0].var_names)
        assert list(section.adata.obs_names) == list(small_pair[0].obs_names)
        assert section.read_options["columns"] == list(columns)
    facts = json.loads(inclust("info", one, pair[1], "--columns", "stage east,stage north", "--json").stdout)
    assert facts["section"]["cells"] == 200
    assert "1 columns were named" in inclust("info", one, "--columns", "stage east").stderr
    assert "no columns a and b" in inclust("info", one, "--columns", "a,b").stderr
    assert (
        inclust(
            "impute",
            one,
            pair[1],
            "-o",
            one.parent / "o.h5ad",
            "--config",
            pair[2],
            "--columns",
            "stage east,stage north",
        ).exit_code
        == 0
    )


def test_names_of_cells_can_be_chosen_where_the_places_are_known(strange_tables, small_pair):
    _, both = strange_tables
    cells = pd.read_csv(both / "cells.csv").rename(columns={"stage east": "x", "stage north": "y"})
    cells.to_csv(both / "cells.csv", index=False)
    np.testing.assert_allclose(read_section(both, columns=("", "", "barcode")).xy, small_pair[0].obsm["spatial"])


def test_a_column_of_words_is_no_place(strange_tables):
    path = strange_tables[0]
    pd.read_csv(path, index_col=0).assign(half="left").to_csv(path)
    with pytest.raises(DataError, match=r"'half' of .* holds no numbers"):
        read_section(path, columns=("half", "stage north"))


def test_places_in_the_first_column_are_not_taken_for_names(small_pair, tmp_path):
    adata = small_pair[0]
    table = pd.DataFrame(adata.X.toarray(), columns=adata.var_names)
    table.insert(0, "x", adata.obsm["spatial"][:, 0])
    table.insert(1, "y", adata.obsm["spatial"][:, 1])
    table.to_csv(tmp_path / "t.csv", index=False)
    section = read_section(tmp_path / "t.csv")
    np.testing.assert_allclose(section.xy, adata.obsm["spatial"])
    assert section.genes == list(adata.var_names)


def test_an_unknown_unit_is_asked_for_with_what_the_places_look_like(small_pair, tmp_path, inclust, pair):
    adata = small_pair[0].copy()
    del adata.uns["spatial_unit"]
    said = {}
    for name, factor in (("fits", 1.0), ("pixels", 20.0)):
        adata.obsm["spatial"] = small_pair[0].obsm["spatial"] * factor
        adata.write_h5ad(tmp_path / f"{name}.h5ad")
        said[name] = json.loads(inclust("info", tmp_path / f"{name}.h5ad", "--json").stdout)
    assert "which fits. Give the pixel size (--pixel-size; 1 if they are micrometres)" in said["fits"]["question"]
    assert "they look like pixels" in said["pixels"]["question"]
    assert "the unit of the places (--pixel-size)" in said["pixels"]["missing"]
    assert "question" not in json.loads(
        inclust("info", tmp_path / "pixels.h5ad", "--pixel-size", "0.05", "--json").stdout
    )
    adata.uns["spatial_unit"] = "pixel"
    adata.write_h5ad(tmp_path / "said.h5ad")
    asked = inclust("score", tmp_path / "said.h5ad", pair[1], "-o", tmp_path / "s.csv", "--config", pair[2])
    assert "in pixels of unknown size" in asked.stderr


@pytest.mark.parametrize("suffix", [".h5ad", ".zarr"])
def test_a_large_dense_matrix_becomes_sparse_block_by_block_and_is_the_same(small_pair, tmp_path, monkeypatch, suffix):
    from napari_inclust.io.readers import anndata_files

    dense = small_pair[0].copy()
    dense.X = dense.X.toarray()
    dense.layers["more"] = dense.X * 2
    path = tmp_path / f"dense{suffix}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dense.write_h5ad(path) if suffix == ".h5ad" else dense.write_zarr(path)
    before = read_section(path)
    assert isinstance(before.adata.X, np.ndarray)
    monkeypatch.setattr(anndata_files, "LARGE_DENSE_BYTES", 1000)
    monkeypatch.setattr(anndata_files, "_CHUNK_BYTES", 7 * dense.n_vars * 4)  # seven cells at a time
    after = read_section(path)
    assert sp.issparse(after.adata.X)
    assert after.fingerprint == before.fingerprint
    np.testing.assert_array_equal(after.adata.layers["more"], dense.layers["more"])
    assert after.adata.obs.equals(before.adata.obs)
    np.testing.assert_array_equal(after.xy, before.xy)
