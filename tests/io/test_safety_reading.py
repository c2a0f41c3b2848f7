"""Damaged and hostile data files give one clear error; nothing is executed, nothing fills the memory."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import pickle
import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from napari_inclust.errors import DataError, InclustError
from napari_inclust.io.readers.dispatch import read_reference, read_section, read_section_or_reference
from napari_inclust.io.regions import read_regions
from napari_inclust.io.runs.load import read_result
from napari_inclust.io.writers.imputed import write_imputed

from .hostile import FUZZ, JSON, Evil, read_section_of
from .test_formats import write_tenx_h5
from .test_round_trip import FakeRun, make_store


@pytest.mark.parametrize("name", ["a.h5ad", "a.h5", "a.loom", "a.csv", "a.parquet", "a.h5mu", "a.inclust"])
def test_a_pickle_under_any_name_is_not_opened(tmp_path, name):
    path, marker = tmp_path / name, tmp_path / "executed"
    path.write_bytes(pickle.dumps(Evil(marker)))
    with pytest.raises(InclustError):
        read_result(path, "run") if name.endswith(".inclust") else read_section_or_reference(path)
    assert not marker.exists()


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda b: b.decode("latin-1")) | JSON.map(json.dumps))
@FUZZ
def test_geojson_of_any_content_is_read_or_told(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.geojson"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError):
        read_regions(path)


@given(
    st.dictionaries(st.sampled_from(["type", "features", "geometry", "properties", "coordinates"]), JSON, max_size=4),
    JSON,
)
@FUZZ
def test_geojson_of_odd_features_is_read_or_told(tmp_path_factory, feature, coordinates):
    path = tmp_path_factory.getbasetemp() / "odd.geojson"
    geometry = {"type": "Polygon", "coordinates": coordinates}
    path.write_text(
        json.dumps({"type": "FeatureCollection", "features": [feature, {"type": "Feature", "geometry": geometry}]}),
        encoding="utf-8",
    )
    with contextlib.suppress(DataError):
        read_regions(path)


def test_geojson_nested_beyond_measure_is_told(tmp_path):
    (tmp_path / "deep.geojson").write_text("[" * 200_000)
    with pytest.raises(DataError):
        read_regions(tmp_path / "deep.geojson")


@given(st.binary(max_size=400) | st.text('0123456789,.\n"cellxyGad-', max_size=400).map(str.encode))
@FUZZ
def test_tables_of_any_content_are_read_or_told(tmp_path_factory, content):
    for name in ("any.csv", "any.tsv", "any.csv.gz", "any.parquet"):
        path = tmp_path_factory.getbasetemp() / name
        path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
        with contextlib.suppress(DataError):
            read_section_or_reference(path)


MANY = """
import random, sys, warnings
from pathlib import Path
warnings.simplefilter("ignore")
from napari_inclust.errors import InclustError
from napari_inclust.io.readers.dispatch import read_section_or_reference
path, n, told = Path(sys.argv[1]), int(sys.argv[2]), 0
whole, chance = path.read_bytes(), random.Random(0)
broken = path.with_name("broken" + path.suffix)
for i in range(n):
    if i % 2:
        broken.write_bytes(whole[:chance.randrange(len(whole))])
    else:
        flipped = bytearray(whole)
        for _ in range(chance.choice([1, 4, 64])):
            flipped[chance.randrange(len(whole) if chance.random() < 0.5 else min(len(whole), 4096))] = chance.randrange(256)
        broken.write_bytes(flipped)
    try:
        read_section_or_reference(broken)
    except InclustError:
        told += 1
print(told)
"""


def _write(small_pair, path):
    spatial, reference = small_pair
    if path.suffix == ".h5":
        write_tenx_h5(path, reference)
    elif path.suffix == ".loom":
        with h5py.File(path, "w") as file:
            file["matrix"] = reference.X.toarray().T
            file["row_attrs/Gene"], file["col_attrs/CellID"] = (
                np.array(reference.var_names, dtype="S"),
                np.array(reference.obs_names, dtype="S"),
            )
    elif path.suffix == ".h5mu":
        write_imputed(path, FakeRun(read_section_of(spatial, path.with_name("s.h5ad"))), ["g1"])
    elif path.suffix == ".parquet":
        spatial.to_df().assign(x=1.0, y=2.0).to_parquet(path)
    else:
        spatial.write_h5ad(path)


@pytest.mark.parametrize("suffix", [".h5ad", ".h5", ".loom", ".h5mu", ".parquet"])
def test_files_truncated_or_changed_at_any_byte_are_read_or_told(small_pair, tmp_path, suffix):
    """In a process of its own: libraries in C must not crash either. Deterministic; more rounds with INCLUST_FUZZ=10000."""
    _write(small_pair, tmp_path / f"a{suffix}")
    rounds = os.environ.get("INCLUST_FUZZ", "120")
    done = subprocess.run(
        [sys.executable, "-c", MANY, str(tmp_path / f"a{suffix}"), rounds], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) >= int(rounds) // 2  # at least all that are truncated


def test_sparse_values_that_point_outside_are_told_and_never_followed(small_pair, tmp_path):
    path = tmp_path / "a.h5ad"
    small_pair[0].write_h5ad(path)
    with h5py.File(path, "r+") as file:
        file["X/indices"][3] = 2**30
    with pytest.raises(DataError, match="sparse matrix is damaged"):
        read_section(path)


@pytest.mark.parametrize("shape", [(2**40,), (2**20, 2**20)])
def test_a_small_hdf5_that_claims_to_be_huge_is_refused(small_pair, tmp_path, shape):
    path = tmp_path / "a.h5ad"
    small_pair[0].write_h5ad(path)
    with h5py.File(path, "r+") as file:
        file.create_dataset("layers/counts", shape=shape, dtype="f4", chunks=True).attrs.update(
            {"encoding-type": "array", "encoding-version": "0.2.0"}
        )
    with pytest.raises(DataError, match="fill the memory"):
        read_section(path)


def test_a_small_zarr_that_claims_to_be_huge_is_refused(small_pair, tmp_path):
    path = make_store(tmp_path / "s.zarr", small_pair[0])
    (header,) = (path / "tables/table/X/data").glob("zarr.json")
    said = json.loads(header.read_text())
    header.write_text(json.dumps(said | {"shape": [2**40]}))
    with pytest.raises(DataError, match="fill the memory"):
        read_section(path)


@pytest.mark.filterwarnings("ignore")
def test_a_gzip_bomb_is_refused(tmp_path):
    with gzip.open(tmp_path / "bomb.csv.gz", "wb") as file:
        for _ in range(100):
            file.write(bytes(1024**2))
    with pytest.raises(DataError, match="unpacks to more than"):
        read_section_or_reference(tmp_path / "bomb.csv.gz")


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.filterwarnings("ignore")
def test_a_zarr_that_somebody_is_still_writing_is_told(small_pair, tmp_path, old):
    path = make_store(tmp_path / "s.zarr", small_pair[0], old=old)
    read_section(path)
    data = path / "tables/table/X/data"
    chunk = next(p for p in data.rglob("*") if p.is_file() and p.name not in ("zarr.json", ".zarray", ".zattrs"))
    chunk.unlink()
    with pytest.raises(DataError, match="still being written"):
        read_section(path)
    shutil.rmtree(path / "tables/table/obs")
    with pytest.raises(DataError):
        read_section(path)


def test_a_drive_that_is_gone_before_reading_is_told(small_pair, tmp_path):
    section = read_section_of(small_pair[0], tmp_path / "s.h5ad")
    (tmp_path / "s.h5ad").unlink()
    with pytest.raises(DataError, match="no file"):
        read_section(tmp_path / "s.h5ad")
    assert section.n_cells == 200  # what is open stays open


def test_a_sparse_matrix_of_10x_that_points_outside_is_told(small_pair, tmp_path):
    write_tenx_h5(tmp_path / "a.h5", small_pair[1])
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file["matrix/indices"][0] = 10**8
    with pytest.raises(DataError):
        read_reference(tmp_path / "a.h5")
    assert sp.issparse(small_pair[1].X)


def test_the_headers_are_looked_at_once(pair, monkeypatch):
    from napari_inclust.io.readers import dispatch

    looked, check = [], dispatch.check_headers
    monkeypatch.setattr(dispatch, "check_headers", lambda path: (looked.append(path), check(path)))
    dispatch.available_options(pair[0])
    dispatch.read_section(pair[0])
    assert looked == [pair[0]]


def test_the_first_line_of_a_table_is_no_bomb(tmp_path):
    import gzip
    import tracemalloc

    from napari_inclust.io.readers import tables

    with gzip.open(tmp_path / "line.csv.gz", "wb") as file:
        for _ in range(100):
            file.write(b"x" * 2**20)
    tracemalloc.start()
    assert not tables.has_coordinates(tmp_path / "line.csv.gz")
    assert tracemalloc.get_traced_memory()[1] < 120 * 2**20
    tracemalloc.stop()
