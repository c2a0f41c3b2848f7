"""What opening a section costs before a gene is chosen: seconds and peak memory, of `.h5ad` and zarr with 100 values in a cell.

Run: `python -m benchmarks.open CELLS h5ad|zarr` prints one row as JSON. The file is made from real cells in another process and removed at the end.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

GENES, VALUES = 500, 100
COLUMNS = ("cells", "file", "size, MB", "read, s", "first gene, s", "peak before a gene, MB", "peak after, MB")


def write(path: Path, n: int) -> None:
    """Places of the demo section side by side; in each cell VALUES whole numbers as they come in a MERFISH cell."""
    import scipy.sparse as sp
    from anndata import AnnData

    from napari_inclust.io.demo import demo_section

    demo = demo_section()
    random = np.random.default_rng(0)
    step = GENES // VALUES
    indices = (np.arange(VALUES, dtype=np.int32) * step + random.integers(0, step, (n, VALUES), dtype=np.int32)).ravel()
    data = (random.geometric(0.5, n * VALUES)).astype(np.float32)
    adata = AnnData(
        sp.csr_matrix((data, indices, np.arange(0, n * VALUES + 1, VALUES, dtype=np.int32)), shape=(n, GENES))
    )
    adata.var_names = [f"Gene{i}" for i in range(GENES)]
    adata.obs_names = np.arange(n).astype(str)
    times = -(-n // demo.n_cells)
    side, span = int(np.ceil(np.sqrt(times))), np.ptp(demo.xy, axis=0) + 20
    adata.obsm["spatial"] = np.concatenate([demo.xy + span * (k % side, k // side) for k in range(times)])[:n]
    adata.obs["cell_class"] = np.tile(demo.adata.obs["cell_class"].astype(str).to_numpy(), times)[:n]
    adata.obs["cell_class"] = adata.obs["cell_class"].astype("category")
    adata.uns["spatial_unit"] = "micrometre"
    if path.suffix == ".zarr":
        adata.write_zarr(path)
    else:
        adata.write_h5ad(path, compression="gzip", compression_opts=1)


def peak() -> float:
    """Largest resident memory of this process so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def measure(n: int, kind: str) -> dict[str, Any]:
    """Open the file as the Data dock does."""
    from napari_inclust.gui.state.session import Session
    from napari_inclust.io.readers.dispatch import read_section

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"cells.{kind}"
        maker = multiprocessing.get_context("spawn").Process(target=write, args=(path, n))
        maker.start()
        maker.join()
        size = sum(p.stat().st_size for p in [path, *path.rglob("*")] if p.is_file()) / 2**20
        start = time.perf_counter()
        section = read_section(path)
        session = Session()
        session.open_section(section)
        seconds, before = time.perf_counter() - start, peak()
        start = time.perf_counter()
        session.select_gene(section.genes[0])
        session.displayed_values()
        return dict(zip(COLUMNS, (n, kind, size, seconds, time.perf_counter() - start, before, peak()), strict=True))


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), sys.argv[2])))
