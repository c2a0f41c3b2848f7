"""Damaged and hostile files give one clear error; nothing is executed, nothing fills the memory, nothing is lost."""

from __future__ import annotations

import ast
import contextlib
import gzip
import io
import json
import os
import pickle
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_inclust.core import store, train
from napari_inclust.errors import DataError, InclustError, OutputError, RunError
from napari_inclust.io.imputed import write_imputed
from napari_inclust.io.read import read_any, read_reference, read_section
from napari_inclust.io.regions import read_regions
from napari_inclust.io.write import check_output, replacing, write_csv

from .test_formats import write_tenx_h5
from .test_round_trip import FakeRun, contents, make_store

PACKAGE = Path(store.__file__).parents[1]
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


class Evil:
    """Unpickling it makes the file that it names."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.fixture(scope="module")
def run_file(small_pair, tmp_path_factory):
    """A run as `Run.save` writes it."""
    from napari_inclust import Config, fit
    from napari_inclust.core.section import Reference, Section

    config = Config().replace(epochs=1, members=2, steps=1, batch=32, latent=4, hidden=[16], decoder_hidden=[16], threads=1, readouts=["decoder"])
    run = fit(Section.from_adata(small_pair[0]), Reference.from_adata(small_pair[1]), config)
    return run.save(tmp_path_factory.mktemp("run") / "a.inclust")


def parts_of(run_file):
    with zipfile.ZipFile(run_file) as z:
        return {name: z.read(name) for name in z.namelist()}


def rewritten(path, parts):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        for name, content in parts.items():
            z.writestr(name, content)
    return path


def only_run_errors(path):
    try:
        store.describe(path)
    except RunError:
        return
    # what still opens must have all that loading needs
    assert set(store.describe(path)["provenance"]["data"]) == {"section", "reference"}


@given(st.data())
@FUZZ
def test_a_run_truncated_or_changed_at_any_byte_is_told(run_file, tmp_path_factory, data):
    whole = run_file.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    path = tmp_path_factory.getbasetemp() / "broken.inclust"
    if data.draw(st.booleans()):
        path.write_bytes(whole[:at])
        with pytest.raises(RunError):
            store.describe(path)
        return
    flipped = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 8))):
        flipped[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(flipped)
    only_run_errors(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    key=st.sampled_from(["format", "provenance", "panel", "choices", "provenance/data", "provenance/config", "provenance/data/section", "choices/shape"]),
    value=JSON,
)
@FUZZ
def test_a_run_whose_entries_are_something_else_is_told(run_file, tmp_path_factory, key, value):
    parts = parts_of(run_file)
    about = json.loads(parts["run.json"])
    *way, last = key.split("/")
    inner = about
    for step in way:
        inner = inner[step]
    inner[last] = value
    only_run_errors(rewritten(tmp_path_factory.getbasetemp() / "odd.inclust", parts | {"run.json": json.dumps(about)}))


@given(content=st.binary(max_size=300), part=st.sampled_from(["run.json", "scores.csv", "history.csv", "weights.npz"]))
@FUZZ
def test_a_run_with_noise_for_a_part_is_told(run_file, tmp_path_factory, content, part):
    only_run_errors(rewritten(tmp_path_factory.getbasetemp() / "noise.inclust", parts_of(run_file) | {part: content}))


def test_a_run_that_is_a_zip_bomb_is_refused_before_it_is_unpacked(run_file, tmp_path, monkeypatch):
    bomb = rewritten(tmp_path / "bomb.inclust", parts_of(run_file) | {"scores.csv": bytes(200 * 1024**2)})
    assert bomb.stat().st_size < 2 * 1024**2
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *_: pytest.fail("unpacked"))
    with pytest.raises(RunError, match="would unpack to"):
        store.describe(bomb)


def npy(header, data=b""):
    text = repr(header).encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


@pytest.mark.parametrize("shape", [(2**40,), (2**20, 2**20), (-1,), (3,)])
def test_weights_whose_header_lies_are_never_made(run_file, tmp_path, shape):
    inner = io.BytesIO()
    rewritten(inner, {"a.npy": npy({"descr": "<f4", "fortran_order": False, "shape": shape}, bytes(8))})
    with pytest.raises(RunError, match="not a run, or is damaged"):
        store.describe(rewritten(tmp_path / "a.inclust", parts_of(run_file) | {"weights.npz": inner.getvalue()}))


def test_a_pickle_in_the_weights_is_not_opened(run_file, tmp_path):
    inner, marker = io.BytesIO(), tmp_path / "executed"
    np.savez(inner, a=np.array([Evil(marker)], dtype=object))
    with pytest.raises(RunError):
        store.describe(rewritten(tmp_path / "a.inclust", parts_of(run_file) | {"weights.npz": inner.getvalue()}))
    assert not marker.exists()


@pytest.mark.parametrize("name", ["a.h5ad", "a.h5", "a.loom", "a.csv", "a.parquet", "a.h5mu", "a.inclust"])
def test_a_pickle_under_any_name_is_not_opened(tmp_path, name):
    path, marker = tmp_path / name, tmp_path / "executed"
    path.write_bytes(pickle.dumps(Evil(marker)))
    with pytest.raises(InclustError):
        store.describe(path) if name.endswith(".inclust") else read_any(path)
    assert not marker.exists()


@pytest.mark.parametrize("content", ["evil", [1, 2], {"config": 3}, {"config": {}, "features": []}])
def test_a_checkpoint_that_is_a_pickle_or_something_else_is_told(small_pair, tmp_path, content):
    from napari_inclust import Config
    from napari_inclust.core.section import Reference, Section

    path, marker = tmp_path / "state", tmp_path / "executed"
    torch.save(Evil(marker) if content == "evil" else content, path)
    config = Config().replace(epochs=1, members=2, steps=1, batch=32, latent=4, hidden=[16], decoder_hidden=[16], threads=1)
    with pytest.raises(RunError):
        next(train.epochs(Section.from_adata(small_pair[0]), Reference.from_adata(small_pair[1]), config, checkpoint=path))
    assert not marker.exists()


def test_nothing_in_the_package_unpickles_or_evaluates():
    wrong = []
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
                wrong += [(file.name, name) for name in names & {"pickle", "dill", "cloudpickle", "marshal", "shelve"}]
            if isinstance(node, ast.Call):
                called, given = ast.unparse(node.func), {k.arg: ast.unparse(k.value) for k in node.keywords}
                if called in ("eval", "exec", "pd.read_pickle", "pickle.load", "yaml.load") or given.get("allow_pickle") == "True":
                    wrong.append((file.name, called))
                if called == "torch.load" and given.get("weights_only") != "True":
                    wrong.append((file.name, called))
                if called == "np.load" and given.get("allow_pickle") != "False":
                    wrong.append((file.name, called))
    assert wrong == []


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda b: b.decode("latin-1")) | JSON.map(json.dumps))
@FUZZ
def test_geojson_of_any_content_is_read_or_told(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.geojson"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError):
        read_regions(path)


@given(st.dictionaries(st.sampled_from(["type", "features", "geometry", "properties", "coordinates"]), JSON, max_size=4), JSON)
@FUZZ
def test_geojson_of_odd_features_is_read_or_told(tmp_path_factory, feature, coordinates):
    path = tmp_path_factory.getbasetemp() / "odd.geojson"
    geometry = {"type": "Polygon", "coordinates": coordinates}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature, {"type": "Feature", "geometry": geometry}]}), encoding="utf-8")
    with contextlib.suppress(DataError):
        read_regions(path)


def test_json_nested_beyond_measure_is_told(tmp_path, run_file):
    deep = "[" * 200_000
    (tmp_path / "deep.geojson").write_text(deep)
    with pytest.raises(DataError):
        read_regions(tmp_path / "deep.geojson")
    with pytest.raises(RunError):
        store.describe(rewritten(tmp_path / "deep.inclust", parts_of(run_file) | {"run.json": deep}))


@given(st.binary(max_size=400) | st.text('0123456789,.\n"cellxyGad-', max_size=400).map(str.encode))
@FUZZ
def test_tables_of_any_content_are_read_or_told(tmp_path_factory, content):
    for name in ("any.csv", "any.tsv", "any.csv.gz", "any.parquet"):
        path = tmp_path_factory.getbasetemp() / name
        path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
        with contextlib.suppress(DataError):
            read_any(path)


MANY = """
import random, sys, warnings
from pathlib import Path
warnings.simplefilter("ignore")
from napari_inclust.errors import InclustError
from napari_inclust.io.read import read_any
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
        read_any(broken)
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
            file["row_attrs/Gene"], file["col_attrs/CellID"] = np.array(reference.var_names, dtype="S"), np.array(reference.obs_names, dtype="S")
    elif path.suffix == ".h5mu":
        write_imputed(path, FakeRun(read_section_of(spatial, path.with_name("s.h5ad"))), ["g1"])
    elif path.suffix == ".parquet":
        spatial.to_df().assign(x=1.0, y=2.0).to_parquet(path)
    else:
        spatial.write_h5ad(path)


def read_section_of(adata, path):
    adata.write_h5ad(path)
    return read_section(path)


@pytest.mark.parametrize("suffix", [".h5ad", ".h5", ".loom", ".h5mu", ".parquet"])
def test_files_truncated_or_changed_at_any_byte_are_read_or_told(small_pair, tmp_path, suffix):
    """In a process of its own: libraries in C must not crash either. Deterministic; more rounds with INCLUST_FUZZ=10000."""
    _write(small_pair, tmp_path / f"a{suffix}")
    rounds = os.environ.get("INCLUST_FUZZ", "120")
    done = subprocess.run([sys.executable, "-c", MANY, str(tmp_path / f"a{suffix}"), rounds], capture_output=True, text=True, check=False)
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
        file.create_dataset("layers/counts", shape=shape, dtype="f4", chunks=True).attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
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
        read_any(tmp_path / "bomb.csv.gz")


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


@pytest.mark.filterwarnings("ignore")
def test_two_writers_of_one_table_do_not_destroy_each_other(small_pair, tmp_path):
    path = make_store(tmp_path / "s.zarr", small_pair[0])
    run = FakeRun(read_section(path))

    def other_finishes_first(done):
        if not (path / "tables/inclust_imputed").exists():
            write_imputed(path, run, ["g7"])

    with pytest.raises(OutputError, match="appeared while"):
        write_imputed(path, run, ["g1", "g2"], progress=other_finishes_first)
    assert list(read_section(path, table="inclust_imputed").predicted.kinds) == ["g7"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("old", [False, True])
def test_two_processes_that_add_tables_at_once_are_both_in_the_index(small_pair, tmp_path, monkeypatch, old):
    """The other process adds its table while this one has listed the store and not yet written the list."""
    import spatialdata
    import zarr

    path = make_store(tmp_path / "s.zarr", small_pair[0], old=old)
    add = "from tests.test_write import FakeRun; from napari_inclust.io.read import read_section; from napari_inclust.io.imputed import write_imputed; "
    add += f"write_imputed(__import__('pathlib').Path({str(path)!r}), FakeRun(read_section({str(path)!r})), ['g7'], name='theirs')"
    consolidate, other = zarr.consolidate_metadata, []

    def slow(store, *args, **kwargs):
        done = consolidate(store, *args, **kwargs)
        index = next(p for p in (path / ".zmetadata", path / "zarr.json") if p.is_file())
        listed = index.read_bytes()
        other.append(subprocess.Popen([sys.executable, "-W", "ignore", "-c", add], cwd=Path(__file__).parents[1], stderr=subprocess.PIPE, text=True))
        _until(lambda: (path / "tables/theirs").exists() or other[0].poll() is not None)
        time.sleep(2)  # in which it would finish, were it not made to wait
        index.write_bytes(listed)
        return done

    with monkeypatch.context() as m:
        m.setattr(zarr, "consolidate_metadata", slow)
        write_imputed(path, FakeRun(read_section(path)), ["g1"], name="ours")
    _, said = other[0].communicate(timeout=120)
    assert other[0].returncode == 0, said
    data = spatialdata.read_zarr(path)
    assert set(data.tables) == {"table", "ours", "theirs"}
    assert set(dict(zarr.open_consolidated(path)["tables"].groups())) == {"table", "ours", "theirs"}
    assert list(tmp_path.iterdir()) == [path]


def _until(true, seconds=100):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.filterwarnings("ignore")
def test_a_lock_that_was_left_behind_is_taken_over_or_told(small_pair, tmp_path, monkeypatch):
    from napari_inclust.io import spatialdata_out

    path = make_store(tmp_path / "s.zarr", small_pair[0])
    before, run, lock = contents(path), FakeRun(read_section(path)), tmp_path / ".s.zarr.lock"
    monkeypatch.setattr(spatialdata_out, "WAIT", 0.5)
    lock.write_text("12345\nanother-machine\n")
    with pytest.raises(OutputError, match=r"is being written to by another process \(12345\) since 2.*delete .*s\.zarr\.lock"):
        write_imputed(path, run, ["g1"])
    assert contents(path) == before
    lock.unlink()
    left = f"import filelock, os; held = filelock.SoftFileLock({str(lock)!r}); held.acquire(); os._exit(1)"
    subprocess.run([sys.executable, "-c", left], check=False)
    assert lock.exists()
    write_imputed(path, run, ["g1"])
    assert not lock.exists()


@pytest.mark.parametrize("suffix", [".h5ad", ".zarr", ".csv", ".parquet", ".h5mu"])
def test_a_drive_that_vanishes_while_writing_is_told_and_nothing_false_is_left(small_pair, tmp_path, suffix):
    drive = tmp_path / "drive"
    drive.mkdir()
    run = FakeRun(read_section_of(small_pair[0], tmp_path / "s.h5ad"))
    with pytest.raises(OutputError, match="could not be written"):
        write_imputed(drive / f"out{suffix}", run, ["g1", "g2"], progress=lambda done: shutil.rmtree(drive, ignore_errors=True))
    assert not (drive / f"out{suffix}").exists()


def test_a_drive_that_is_gone_before_reading_is_told(small_pair, tmp_path):
    section = read_section_of(small_pair[0], tmp_path / "s.h5ad")
    (tmp_path / "s.h5ad").unlink()
    with pytest.raises(DataError, match="no file"):
        read_section(tmp_path / "s.h5ad")
    assert section.n_cells == 200  # what is open stays open


FULL = """
import resource, signal, sys, warnings
from pathlib import Path
warnings.simplefilter("ignore")
from napari_inclust.errors import OutputError
from napari_inclust.io.imputed import write_imputed
from napari_inclust.io.read import read_section
sys.path.insert(0, sys.argv[4])
from tests.test_write import FakeRun
run = FakeRun(read_section(sys.argv[1]))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for room in map(int, sys.argv[3].split(",")):
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    try:
        write_imputed(Path(sys.argv[2]), run, [f"g{i}" for i in range(2000)])
    except OutputError as error:
        print(error, flush=True)
"""


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".h5mu", "store"])
def test_a_full_disk_is_told_and_leaves_everything_as_it_was(small_pair, tmp_path, suffix):
    source = make_store(tmp_path / "s.zarr", small_pair[0]) if suffix == "store" else tmp_path / "s.h5ad"
    if suffix != "store":
        small_pair[0].write_h5ad(source)
    target = source if suffix == "store" else tmp_path / f"out{suffix}"
    before = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*"))
    rooms = "0,300" if suffix == "store" else "0,10000,100000"
    done = subprocess.run([sys.executable, "-c", FULL, source, target, rooms, Path(__file__).parents[1]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("the disk is full") == rooms.count(",") + 1, done.stdout
    assert sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*")) == before


def test_a_read_only_folder_is_refused_before_any_work(tmp_path, monkeypatch, small_pair):
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path and real(path, mode))  # root may write everywhere
    with pytest.raises(OutputError, match="read-only"):
        check_output(tmp_path / "out.h5ad")


def test_a_folder_that_the_kernel_refuses_is_told(tmp_path, monkeypatch):
    def refuses(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", refuses)
    with pytest.raises(OutputError, match="Permission denied"), replacing(tmp_path / "a.txt"):
        pytest.fail("went on")


@pytest.mark.parametrize("number", [1, 13, 28, 30, 5, 122])  # not permitted, no access, full, read-only, input/output error, quota
def test_every_refusal_of_the_kernel_is_one_clear_error(tmp_path, monkeypatch, number):
    import pandas as pd

    def refuses(*_, **__):
        raise OSError(number, os.strerror(number))

    (tmp_path / "a.csv").write_text("old")
    monkeypatch.setattr(pd.DataFrame, "to_csv", refuses)
    with pytest.raises(OutputError, match=r"a\.csv could not be written"):
        write_csv(pd.DataFrame({"a": [1]}), tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.parametrize("name", ["two words", "Ünïcode µm 組織", "quote'\"s", "[brackets] & #hash %41"])
def test_any_name_serves_for_input_and_output(inclust, pair, tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    for path in pair:
        shutil.copy(path, folder / path.name)
    done = inclust("impute", folder / "spatial.h5ad", folder / "reference.h5ad", "-o", folder / f"{name}.h5ad", "--config", folder / "tiny.toml", "--genes", "Gad1",
                   "--save-run", folder / f"{name}.inclust")  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert str(folder / f"{name}.h5ad") in done.stdout
    assert ad.read_h5ad(folder / f"{name}.h5ad").n_obs == 200
    again = inclust(
        "impute", folder / "spatial.h5ad", folder / "reference.h5ad", "-o", folder / f"{name}.zarr", "--run", folder / f"{name}.inclust", "--genes", "Gad1"
    )
    assert again.exit_code == 0, again.stderr
    assert ad.read_zarr(str(folder / f"{name}.zarr")).n_obs == 200 if "#" not in name and "%" not in name else (folder / f"{name}.zarr").is_dir()


def test_a_sparse_matrix_of_10x_that_points_outside_is_told(small_pair, tmp_path):
    write_tenx_h5(tmp_path / "a.h5", small_pair[1])
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file["matrix/indices"][0] = 10**8
    with pytest.raises(DataError):
        read_reference(tmp_path / "a.h5")
    assert sp.issparse(small_pair[1].X)


def test_the_headers_are_looked_at_once(pair, monkeypatch):
    from napari_inclust.io import read

    looked, check = [], read.check_headers
    monkeypatch.setattr(read, "check_headers", lambda path: (looked.append(path), check(path)))
    read.choices(pair[0])
    read.read_section(pair[0])
    assert looked == [pair[0]]


def test_the_first_line_of_a_table_is_no_bomb(tmp_path):
    import gzip
    import tracemalloc

    from napari_inclust.io import tables

    with gzip.open(tmp_path / "line.csv.gz", "wb") as file:
        for _ in range(100):
            file.write(b"x" * 2**20)
    tracemalloc.start()
    assert not tables.has_places(tmp_path / "line.csv.gz")
    assert tracemalloc.get_traced_memory()[1] < 120 * 2**20
    tracemalloc.stop()
