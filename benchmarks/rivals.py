"""Other methods on the same files and folds, judged alike: `python -m benchmarks.rivals SPATIAL REFERENCE [--labels KEY] [--methods A,B] [-o CSV]`.

Folds: every fifth gene of a seeded permutation of the shared genes. A method gets a spatial file without the genes of a fold, and the whole reference. Truth: log1p of
library-size-normalised values (median total over the shared genes). Each published method runs in a virtual environment of its own, made when it is first asked for; one
that cannot be installed or fails is told as such. Seconds are CPU seconds of the whole command, on one thread.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

HERE = Path(__file__).parent
PACKAGES = {
    "tangram": ["torch", "tangram-sc", "setuptools<81"],
    "tangram_clusters": ["torch", "tangram-sc", "setuptools<81"],
    "knn_harmony": ["torch", "harmonypy", "anndata", "scikit-learn"],
    "gimvi": ["torch", "scvi-tools"],
    "uniport": ["torch", "uniport", "numpy<2", "setuptools<81"],
    "envi": ["scenvi", "jax<0.7", "setuptools<81"],
}
OURS, SIMPLE = "napari-inclust", ("knn", "ridge", "type_mean", "spage")
SHOWN = ("pcc", "spearman", "ssim", "rmse")
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1") | {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"
}
LEAST = 10  # cells of either set that express a gene
COUNTS = 5  # of a cell


def prepared(
    spatial: ad.AnnData, reference: ad.AnnData, cells: int, reference_cells: int, folds: int
) -> tuple[ad.AnnData, ad.AnnData, list[list[str]]]:
    """Cells that can be judged, at most so many of either set, and the genes of each fold."""
    from .rival_methods import dense

    random = np.random.default_rng(0)
    shared = [g for g in spatial.var_names if g in set(reference.var_names)]
    seen = np.all([(dense(d[:, shared].X) > 0).sum(0) >= LEAST for d in (spatial, reference)], axis=0)
    shared = [g for g, kept in zip(shared, seen, strict=True) if kept]
    order = random.permutation(len(shared))
    parts = [[shared[i] for i in order[f::folds]] for f in range(folds)]
    x = dense(spatial[:, shared].X)
    rest = [[i for i, g in enumerate(shared) if g not in set(part)] for part in parts]
    rows = np.flatnonzero(np.all([x[:, r].sum(1) >= COUNTS for r in rest], axis=0))
    rows = np.sort(random.choice(rows, cells, replace=False)) if len(rows) > cells else rows
    there = np.flatnonzero(dense(reference[:, shared].X).sum(1) >= COUNTS)
    there = np.sort(random.choice(there, reference_cells, replace=False)) if len(there) > reference_cells else there
    return spatial[rows].copy(), reference[there].copy(), parts


def environment(method: str, folder: Path) -> Path:
    """Python of a method's own environment, made if it is not there. Raises CalledProcessError where the packages cannot be installed."""
    python = folder / method / "bin" / "python"
    if not (folder / method / "ready").exists():
        venv.create(folder / method, clear=True)
        pins = {
            "torch": next(
                line for line in (HERE.parent / "constraints.txt").read_text().split() if line.startswith("torch==")
            )
        }
        first = [
            pins[p] for p in PACKAGES[method] if p in pins
        ]  # pinned and before the others, so that pip does not take a build of several GB
        for packages in (first, PACKAGES[method]):
            if packages:
                words = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", *packages]
                subprocess.run(words, check=True, capture_output=True, text=True)
        (folder / method / "ready").touch()
    return python


def simple(method: str, spatial: ad.AnnData, reference: ad.AnnData, genes: list[str], labels: str | None) -> np.ndarray:
    """Predictors that need no package: nearest neighbours in joint principal components, ridge regression, the mean of the nearest type, SpaGE."""
    from napari_inclust.evaluation.baselines import knn_weights

    from .rival_methods import both_scaled, spage

    if method == "spage":
        return spage(spatial, reference, genes, 0)
    ours, theirs, wanted = both_scaled(spatial, reference, genes)
    if method == "knn":
        return np.asarray(knn_weights(ours, theirs, 0) @ wanted)
    if method == "ridge":
        gram = theirs.T @ theirs + 0.1 * len(theirs) * np.eye(theirs.shape[1])
        return np.asarray(wanted.mean(0) + ours @ np.linalg.solve(gram, theirs.T @ (wanted - wanted.mean(0))))
    if labels is None:
        raise ValueError("needs --labels")
    types, codes = np.unique(reference.obs[labels].astype(str), return_inverse=True)
    profiles, means = (np.stack([v[codes == k].mean(0) for k in range(len(types))]) for v in (theirs, wanted))
    return np.asarray(means[np.argmax(ours @ (profiles / np.linalg.norm(profiles, axis=1, keepdims=True)).T, axis=1)])


def run_fold(
    method: str, files: dict[str, Path], genes: list[str], labels: str | None, python: Path | None
) -> np.ndarray:
    """Predictions (cells, genes) of one fold, from files."""
    files["genes"].write_text("\n".join(genes))
    quiet: dict[str, Any] = {
        "check": True,
        "capture_output": True,
        "text": True,
        "env": os.environ | ONE_THREAD,
        "cwd": files["genes"].parent,
    }
    if method in SIMPLE:
        return simple(method, ad.read_h5ad(files["spatial"]), ad.read_h5ad(files["reference"]), genes, labels)
    if method == OURS:
        words = [
            "impute",
            files["spatial"],
            files["reference"],
            "-o",
            files["out"],
            "--genes-file",
            files["genes"],
            "--quiet",
            *(["--labels", labels] if labels else []),
        ]
        subprocess.run([Path(sys.executable).with_name("inclust"), *words], **quiet)
        return np.asarray(ad.read_h5ad(files["out"])[:, genes].X)
    subprocess.run(
        [
            python,
            HERE / "rival_methods.py",
            method,
            files["spatial"],
            files["reference"],
            files["genes"],
            files["array"],
            *([labels] if labels else []),
        ],
        **quiet,
    )
    return np.load(files["array"])


def spent() -> float:
    """CPU seconds of this process and its finished children."""
    return sum(
        u.ru_utime + u.ru_stime for u in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def judge(
    method: str,
    spatial: ad.AnnData,
    reference: ad.AnnData,
    folds: list[list[str]],
    labels: str | None,
    environments: Path,
) -> dict[str, Any]:
    """One row: medians over genes, seconds a fold, or why there is nothing."""
    from napari_inclust.evaluation.metrics import gene_metrics

    from .rival_methods import lognormal

    genes = [g for fold in folds for g in fold]
    everything = [g for g in spatial.var_names if g in set(reference.var_names)]
    truth, predicted = np.asarray(lognormal(spatial[:, everything])[:, genes].X), []
    try:
        python = environment(method, environments) if method in PACKAGES else None
        start, cpu = time.perf_counter(), spent()
        with tempfile.TemporaryDirectory() as folder:
            files = {
                name: Path(folder) / file
                for name, file in (
                    ("spatial", "s.h5ad"),
                    ("reference", "r.h5ad"),
                    ("genes", "g.txt"),
                    ("out", "o.h5ad"),
                    ("array", "o.npy"),
                )
            }
            reference.write_h5ad(files["reference"])
            for fold in folds:
                files["out"].unlink(missing_ok=True)
                spatial[:, [g for g in spatial.var_names if g not in set(fold)]].copy().write_h5ad(files["spatial"])
                predicted.append(run_fold(method, files, fold, labels, python))
    except (subprocess.CalledProcessError, ValueError) as error:
        said = [line for line in (getattr(error, "stderr", "") or str(error)).strip().splitlines() if line.strip()]
        return {"method": method, "genes": 0, "failed": said[-1][:200] if said else str(error)}
    table = gene_metrics(truth, np.hstack(predicted))
    peak = (
        max(
            resource.getrusage(r).ru_maxrss
            for r in ([resource.RUSAGE_SELF] if method in SIMPLE else [resource.RUSAGE_CHILDREN])
        )
        / 1024
    )
    return {
        "method": method, "genes": len(genes), **{m: float(table[m].median()) for m in SHOWN}, "mean pcc": float(table["pcc"].mean()), "CPU seconds a fold": (spent() - cpu) / len(folds),
        "seconds a fold": (time.perf_counter() - start) / len(folds), "peak MB so far": peak,
    }  # fmt: skip


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("spatial", type=Path)
    options.add_argument("reference", type=Path)
    options.add_argument("--labels", help="column of the reference's obs with cell types")
    options.add_argument("--methods", default=",".join((OURS, *SIMPLE, *PACKAGES)))
    options.add_argument("--folds", type=int, default=5)
    options.add_argument("--folds-run", type=int, help="only the first so many folds")
    options.add_argument("--cells", type=int, default=2500)
    options.add_argument("--reference-cells", type=int, default=4000)
    options.add_argument(
        "--environments",
        type=Path,
        default=Path.home() / ".cache" / "inclust-rivals",
        help="where the environments are kept",
    )
    options.add_argument("-o", "--output", type=Path)
    given = options.parse_args()
    spatial, reference, folds = prepared(
        ad.read_h5ad(given.spatial), ad.read_h5ad(given.reference), given.cells, given.reference_cells, given.folds
    )
    rows = []
    for method in given.methods.split(","):
        if method not in (OURS, *SIMPLE, *PACKAGES):
            options.error(f"unknown method {method!r}; expected some of {', '.join((OURS, *SIMPLE, *PACKAGES))}")
        rows.append(judge(method, spatial, reference, folds[: given.folds_run], given.labels, given.environments))
        print(
            ", ".join(f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}" for k, v in rows[-1].items()), flush=True
        )
    if given.output is not None:
        pd.DataFrame(rows).to_csv(given.output, index=False)


if __name__ == "__main__":
    main()
