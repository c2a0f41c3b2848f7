"""Whatever goes wrong while writing gives one clear error; nothing is lost, nothing half-written is left."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import anndata as ad
import pytest

from napari_inclust.errors import OutputError
from napari_inclust.io.readers.dispatch import read_section
from napari_inclust.io.writers.atomic import atomic_output, check_output, write_csv
from napari_inclust.io.writers.imputed import write_imputed

from .hostile import read_section_of
from .test_round_trip import FakeRun, contents, make_store


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
    add = "from tests.io.test_write import FakeRun; from napari_inclust.io.readers.dispatch import read_section; from napari_inclust.io.writers.imputed import write_imputed; "
    add += f"write_imputed(__import__('pathlib').Path({str(path)!r}), FakeRun(read_section({str(path)!r})), ['g7'], table_name='theirs')"
    consolidate, other = zarr.consolidate_metadata, []

    def slow(store, *args, **kwargs):
        done = consolidate(store, *args, **kwargs)
        index = next(p for p in (path / ".zmetadata", path / "zarr.json") if p.is_file())
        listed = index.read_bytes()
        other.append(
            subprocess.Popen(
                [sys.executable, "-W", "ignore", "-c", add],
                cwd=Path(__file__).parents[2],
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        _until(lambda: (path / "tables/theirs").exists() or other[0].poll() is not None)
        time.sleep(2)  # in which it would finish, were it not made to wait
        index.write_bytes(listed)
        return done

    with monkeypatch.context() as m:
        m.setattr(zarr, "consolidate_metadata", slow)
        write_imputed(path, FakeRun(read_section(path)), ["g1"], table_name="ours")
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
    from napari_inclust.io.writers import spatialdata_store

    path = make_store(tmp_path / "s.zarr", small_pair[0])
    before, run, lock = contents(path), FakeRun(read_section(path)), tmp_path / ".s.zarr.lock"
    monkeypatch.setattr(spatialdata_store, "LOCK_TIMEOUT", 0.5)
    lock.write_text("12345\nanother-machine\n")
    with pytest.raises(
        OutputError, match=r"is being written to by another process \(12345\) since 2.*delete .*s\.zarr\.lock"
    ):
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
        write_imputed(
            drive / f"out{suffix}", run, ["g1", "g2"], progress=lambda done: shutil.rmtree(drive, ignore_errors=True)
        )
    assert not (drive / f"out{suffix}").exists()


FULL = """
import resource, signal, sys, warnings
from pathlib import Path
warnings.simplefilter("ignore")
from napari_inclust.errors import OutputError
from napari_inclust.io.writers.imputed import write_imputed
from napari_inclust.io.readers.dispatch import read_section
sys.path.insert(0, sys.argv[4])
from tests.io.test_write import FakeRun
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
    done = subprocess.run(
        [sys.executable, "-c", FULL, source, target, rooms, Path(__file__).parents[2]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("the disk is full") == rooms.count(",") + 1, done.stdout
    assert sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*")) == before


def test_a_read_only_folder_is_refused_before_any_work(tmp_path, monkeypatch, small_pair):
    real = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: Path(path) != tmp_path and real(path, mode)
    )  # root may write everywhere
    with pytest.raises(OutputError, match="read-only"):
        check_output(tmp_path / "out.h5ad")


def test_a_folder_that_the_kernel_refuses_is_told(tmp_path, monkeypatch):
    def refuses(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", refuses)
    with pytest.raises(OutputError, match="Permission denied"), atomic_output(tmp_path / "a.txt"):
        pytest.fail("went on")


@pytest.mark.parametrize(
    "number", [1, 13, 28, 30, 5, 122]
)  # not permitted, no access, full, read-only, input/output error, quota
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
        "impute",
        folder / "spatial.h5ad",
        folder / "reference.h5ad",
        "-o",
        folder / f"{name}.zarr",
        "--run",
        folder / f"{name}.inclust",
        "--genes",
        "Gad1",
    )
    assert again.exit_code == 0, again.stderr
    assert (
        ad.read_zarr(str(folder / f"{name}.zarr")).n_obs == 200
        if "#" not in name and "%" not in name
        else (folder / f"{name}.zarr").is_dir()
    )
