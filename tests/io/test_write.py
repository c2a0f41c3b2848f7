"""Results are written complete or not at all, and memory does not grow with the number of genes."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc

import anndata as ad
import numpy as np
import pytest

from napari_inclust.errors import OutputError
from napari_inclust.io.writers.atomic import atomic_output, check_output
from napari_inclust.io.writers.imputed import write_imputed


class FakeRun:
    """As much of a run as writing needs: gene i has the value i in every cell."""

    provenance = {"config": {"seed": 1, "hidden": [16, 16], "note": None}, "labels": None}

    def __init__(self, section):
        self.section = section
        self.asked = 0

    def chunks(self, genes, size):
        for start in range(0, len(genes), size):
            names = genes[start : start + size]
            self.asked += 1
            values = np.tile(np.array([float(n[1:]) for n in names], dtype=np.float32), (self.section.n_cells, 1))
            yield names, values, values / 10, ["imputed"] * len(names), [None] * len(names)


@pytest.fixture(scope="session")
def section():
    from napari_inclust.io.demo import demo_section

    return demo_section()


@pytest.fixture
def run(section):
    return FakeRun(section)


@pytest.mark.parametrize("suffix", [".h5ad", ".zarr"])
def test_streamed_file_reads_back_as_written(run, tmp_path, suffix):
    genes = [f"g{i}" for i in range(600)]
    path = tmp_path / f"out{suffix}"
    write_imputed(path, run, genes, command="inclust impute")
    assert run.asked > 1
    out = ad.read_h5ad(path) if suffix == ".h5ad" else ad.read_zarr(path)
    assert list(out.var_names) == genes
    np.testing.assert_array_equal(out.X, np.tile(np.arange(600, dtype=np.float32), (out.n_obs, 1)))
    np.testing.assert_allclose(out.layers["spread"], out.X / 10)
    assert out.uns["spatial_unit"] == "micrometre"
    assert out.uns["inclust"]["command"] == "inclust impute"
    assert out.uns["inclust"]["config"]["hidden"].tolist() == [16, 16]
    assert "note" not in out.uns["inclust"]["config"]


def test_memory_does_not_grow_with_the_number_of_genes(run, tmp_path):
    def peak(n):
        tracemalloc.start()
        write_imputed(tmp_path / "out.h5ad", run, [f"g{i}" for i in range(n)])
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    peak(64)  # imports
    few, many = peak(1024), peak(3072)  # both more than one group
    assert many < 1.2 * few


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fail():
        with atomic_output(target) as part:
            part.write_text("half")
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - our own, without words
        fail()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


FULL = """
import resource, signal, sys
from pathlib import Path

import numpy as np

from napari_inclust.errors import OutputError
from napari_inclust.io.demo import demo_section
from napari_inclust.io.writers.imputed import write_imputed

class Noise:
    section, provenance = demo_section(), {}
    def chunks(self, genes, size):
        for i in range(0, len(genes), size):
            names = genes[i : i + size]
            values = np.random.default_rng(i).random((self.section.n_cells, len(names)), dtype=np.float32)
            yield names, values, values, ["imputed"] * len(names), [None] * len(names)

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for room in map(int, sys.argv[2:]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    try:
        write_imputed(Path(sys.argv[1]), Noise(), [f"g{i}" for i in range(200)])
    except OutputError as error:
        print(error, flush=True)
"""


@pytest.mark.parametrize(
    ("suffix", "rooms"), [(".h5ad", (0, 1_000, 100_000, 250_000, 1_000_000)), (".zarr", (0, 100, 10_000, 100_000))]
)
def test_a_full_disk_is_one_clear_error_and_leaves_nothing(tmp_path, suffix, rooms):
    """In a process whose files may not grow: the kernel refuses the rest, as a full disk does. HDF5 by itself crashes there."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / f"out{suffix}"), *map(str, rooms)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("the disk is full") == len(rooms)
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.h5", "out", "a.zip"])
def test_another_suffix_is_refused(tmp_path, name):
    with pytest.raises(OutputError, match=r"expected \.h5ad or \.zarr"):
        check_output(tmp_path / name)


def test_a_folder_that_is_no_zarr_store_is_never_replaced(tmp_path):
    (tmp_path / "photos.zarr").mkdir()
    (tmp_path / "photos.zarr" / "holiday.jpg").write_bytes(b"1")
    with pytest.raises(OutputError, match="not ours"):
        check_output(tmp_path / "photos.zarr")


@pytest.mark.filterwarnings("ignore")  # of the plotting libraries: theirs
def test_results_are_drawn_by_scanpy_and_squidpy_without_changes(run, tmp_path, monkeypatch):
    import matplotlib.pyplot as plt
    import scanpy
    import squidpy

    plt.switch_backend("Agg")
    write_imputed(tmp_path / "out.h5ad", run, ["g1", "g2"])
    out = scanpy.read_h5ad(tmp_path / "out.h5ad")
    axis = scanpy.pl.embedding(out, "spatial", color="g1", show=False)
    assert axis.collections[0].get_offsets().shape == (out.n_obs, 2)
    squidpy.pl.spatial_scatter(out, color="g2", shape=None)
    assert any(axis.collections for axis in plt.gcf().axes)
    plt.close("all")
