"""Write the fixtures of `test_format_3.py`: results saved in format 3 by the version before the restructuring (commit e1830a6).

Run it in a checkout of that commit, with its `src` on the path:

    PYTHONPATH=src python make_format_3.py FOLDER

Everything is drawn with fixed seeds. The data are committed beside the results, since a later numpy may draw others.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp
from napari_inclust.core import trained_store
from napari_inclust.core.compose import compose
from napari_inclust.core.dataset import Dataset
from napari_inclust.core.trained import fit_plan
from napari_inclust.io.imputed import write_run

from napari_inclust import Config, Reference, Section, fit

TYPES, SHARED, GENES = 4, 22, 28
SMALL = {
    "members": 2, "epochs": 3, "steps": 10, "batch": 32, "latent": 4, "hidden": (16,), "decoder_hidden": (16,),
    "components": 4, "threads": 1, "device": "cpu",
}  # fmt: skip


def cells(n: int, seed: int, n_genes: int) -> ad.AnnData:
    """Counts of cells of four types in bands across a tissue, each with its own genes."""
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0, 400, (n, 2))
    types = (xy[:, 0] // 100).astype(int)
    rate = np.where(types[:, None] == np.arange(GENES) % TYPES, 8.0, 0.5)
    counts = rng.poisson(rate * rng.gamma(5, 0.2, (n, 1))).astype(np.float32)
    adata = ad.AnnData(
        sp.csr_matrix(counts[:, :n_genes]),
        obs=pd.DataFrame(
            {
                "cell_type": np.array(["Astro", "Endo", "Neuron", "Oligo"])[types],
                "batch": np.where(np.arange(n) % 2, "b1", "b2"),
            },
            index=[f"{seed}-{i}" for i in range(n)],
        ),
        var=pd.DataFrame(index=[f"Gene{i}" for i in range(n_genes)]),
    )
    adata.obsm["spatial"] = xy
    adata.uns["spatial_unit"] = "micrometre"
    return adata


def main(folder: Path) -> None:
    """Write data, results, and what the results gave when they were written."""
    files = {"section": cells(90, 1, SHARED), "reference": cells(80, 2, GENES), "other": cells(70, 3, GENES)}
    files["other"].obsm["protein_counts"] = pd.DataFrame(
        np.random.default_rng(4).poisson(files["other"].X.toarray()[:, :6] * 4 + 2).astype(np.float32),
        index=files["other"].obs_names,
        columns=[f"P{i}" for i in range(6)],
    )
    for name, adata in files.items():
        adata.write_h5ad(folder / f"{name}.h5ad", compression="gzip")
    section = Section.from_adata(ad.read_h5ad(folder / "section.h5ad"))
    reference = Reference.from_adata(ad.read_h5ad(folder / "reference.h5ad"))
    run = fit(section, reference, Config.preset("fast", **SMALL), labels="cell_type", batch="batch")
    run.save(folder / "run.inclust")
    write_run(folder / "imputed.h5ad", run, ["Gene23", "Gene27", "Gene3"], command="inclust impute")
    sets = [
        Dataset.from_adata(ad.read_h5ad(folder / "reference.h5ad"), name="target"),
        Dataset.from_adata(ad.read_h5ad(folder / "other.h5ad"), name="paired"),
    ]
    plan = compose("generate", sets, covariates=["batch"], labels={"paired": "cell_type"})
    trained = fit_plan(plan, sets, Config.preset("fast", **SMALL))
    trained_store.save(trained, folder / "plan.inclust")
    genes = ["Gene23", "Gene27", "Gene3"]
    expected = {
        "fingerprints": [section.fingerprint, reference.fingerprint, *(s.fingerprint for s in sets)],
        "pcc": run.scores["pcc"].tolist(),
        "genes": {g: [run.impute(g).values[:20].tolist(), run.impute(g).spread[:20].tolist()] for g in genes},
        "foreseen": run.foreseen(genes[:2]).table["predicted_pcc"].tolist(),
        "epochs": [len(run.history), len(trained.history)],
        "latent": trained.latent("target")[:20].tolist(),
        "classes": trained.encode("target")[1][0, :20].tolist(),
    }
    (folder / "expected.json").write_text(json.dumps(expected))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
