"""Four pairs integrated, without and with the correction of the latent, and with a type taken out of the second set.

Run: `python -m benchmarks.integration PAIR [HIDDEN]` prints a row each as JSON; the pairs are "hypothalamus" (MERFISH, 10x), "starmap" (one mouse, two others), "blood" (TEA-seq, CITE-seq: types of
the latter from its proteins) and "visp" (MERFISH, SNARE nuclei; coarse types).
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np

from .accuracy import DATA
from .new_types import pair as labelled

NEAREST = 30
BLOOD = {"Naive": "", "Memory": "", "Effector": "", "Activated": ""}  # what is dropped from the names of subtypes
COARSE = {
    "L2/3 IT": "L2/3", "L4": "L4/5", "L5 IT": "L4/5", "L5 PT": "L4/5", "L5 NP": "L4/5", "L6 IT": "L6", "L6 PT": "L6", "L6b": "L6", "Vip": "CGE", "Lamp5": "CGE",
    "Sncg": "CGE", "Npy": "CGE",
}  # fmt: skip
NONE = ("Ambiguous", "Unstable", "Mis", "unassigned", "DC.Myeloid", "Platelets")


def pair(name: str) -> list[Any]:
    """Two AnnData, the types of both in obs["type"], "" for none."""
    from napari_inclust.io.readers.dispatch import read_adata

    if name in ("hypothalamus", "starmap"):
        found = list(labelled(name))
    else:
        files = {"blood": ("teaseq_pbmc_rna_adt", "citeseq_pbmc_10x"), "visp": ("merfish_visp", "snare_cortex_rna")}[
            name
        ]
        found = [read_adata(DATA / f"{file}.h5ad") for file in files]
        if name == "blood":
            found[0].obs["type"] = [
                ".".join(part for part in t.split(".") if part not in BLOOD)
                for t in found[0].obs["cell_type"].astype(str)
            ]
            found[1].obs["type"] = gated(found[1].obsm["protein_counts"])
        else:
            found[0].obs["type"], found[1].obs["type"] = (
                found[0].obs["subclass_geom_mean"].astype(str),
                found[1].obs["cell_type"].astype(str),
            )
    for adata in found:
        adata.obsm.clear()
        adata.obs["type"] = ["" if t in NONE else COARSE.get(t, t) for t in adata.obs["type"]]
    return found


def gated(proteins: Any) -> list[str]:
    """Types of blood by their surface proteins, each of which is high or low by a mixture of two Gaussians."""
    from sklearn.mixture import GaussianMixture

    logs = np.log1p(proteins.to_numpy())
    logs -= logs.mean(1, keepdims=True)
    high = {}
    for column, values in zip(proteins.columns, logs.T, strict=True):
        mixture = GaussianMixture(2, random_state=0, n_init=3).fit(values[:, None])
        high[column.split("_")[0]] = mixture.predict(values[:, None]) == mixture.means_.argmax()
    t, b, mono = high["CD3"], ~high["CD3"] & high["CD19"], ~high["CD3"] & ~high["CD19"] & high["CD14"]
    rules = {
        "T.CD4": t & high["CD4"] & ~high["CD8a"], "T.CD8": t & high["CD8a"], "B": b, "Mono.CD14": mono,
        "NK": ~t & ~high["CD19"] & ~high["CD14"] & high["CD56"],
    }  # fmt: skip
    return [str(name) for name in np.select(list(rules.values()), list(rules), "")]


def rows(name: str, hidden: str | None = None) -> list[dict[str, Any]]:
    """Metrics of the network's own latent and of the corrected one; with a hidden type, the share of its own among the nearest cells of its cells, and that of the other set's."""
    from sklearn.neighbors import NearestNeighbors

    from napari_inclust import Config
    from napari_inclust.data.dataset import Dataset
    from napari_inclust.multimodal.batch_correction import corrected_latent
    from napari_inclust.multimodal.integration_metrics import compare_integration
    from napari_inclust.training.build_plan import build_plan
    from napari_inclust.training.trained import fit_plan

    one, two = pair(name)
    two = two[(two.obs["type"] != hidden).to_numpy()].copy()
    sets = [Dataset.from_adata(one, name="one"), Dataset.from_adata(two, name="two")]
    trained = fit_plan(build_plan("integrate", sets), sets, Config(device="cpu", threads=1))
    plain = np.concatenate([trained.latent(s.name) for s in sets])
    out = []
    for kind, z in (("network", plain), ("corrected", corrected_latent(trained))):
        found = compare_integration(trained, {"one": "type", "two": "type"}, z).set_index("metric")
        row = {
            "pair": name,
            "hidden": hidden or "none",
            "latent": kind,
            **found["after"].round(3).to_dict(),
            "best iLISI": round(float(found["best"]["iLISI"]), 3),
        }
        if hidden:
            mine = np.append((one.obs["type"] == hidden).to_numpy(), np.zeros(two.n_obs, dtype=bool))
            near = NearestNeighbors(n_neighbors=NEAREST).fit(z).kneighbors(z[mine])[1]
            row |= {
                "of the type": round(float(mine[near].mean()), 3),
                "of the other set": round(float((near >= one.n_obs).mean()), 3),
            }
        out.append(row)
    return out


if __name__ == "__main__":
    for result in rows(*sys.argv[1:3]):
        print(json.dumps(result), flush=True)
