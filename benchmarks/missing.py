"""Each type in turn taken out of the reference: whether cell trust and the reference check find its cells. Nothing is trained.

Run: `python -m benchmarks.missing PAIR` prints one row a type as JSON; the pairs are "hypothalamus", "mice" (STARmap, one mouse with two others), "starmap" and "visp" (with the
SNARE nuclei).
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np

from .accuracy import DATA
from .new_types import pair as labelled

INHIBITORY, NUCLEI = ("Lhx6", "NPY", "SST", "Reln", "VIP"), ("Pvalb", "Sst", "CGE", "Npy")
TYPES: dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]] = {  # names in the reference, names in the section
    "hypothalamus": [((t,), (t,)) for t in ("Inhibitory", "Mature oligodendrocyte", "Astrocytes", "Excitatory", "Immature oligodendrocyte", "Microglia", "Mural")]
    + [(("Endothelial",), ("Endothelial", "Endothelial 2", "Endothelial 3"))],
    "mice": [((t,), (t,)) for t in ("Astro", "Endo", "Oligo", "Smc", "eL6-1", "eL5-3", "eL2/3", "L5-1", "eL6-2")] + [(INHIBITORY, INHIBITORY)],
    "starmap": [(("Astro",), ("Astro",)), (("Oligo", "OPC"), ("Oligo",)), (("L2/3",), ("eL2/3",)), (("L6",), ("eL6-1", "eL6-2")), (NUCLEI, INHIBITORY), (("Endo", "Peri"), ("Endo",))],
    "visp": [(("L6",), ("L6 IT", "L6 PT", "L6b")), (("L2/3",), ("L2/3 IT",)), (NUCLEI, ("Pvalb", "Sst", "Vip", "Lamp5", "Sncg"))],
}  # fmt: skip


def pair(name: str) -> tuple[Any, Any]:
    """Section and reference as AnnData, the types of both in obs["type"]; unresolved classes left out."""
    from napari_inclust.io.readers.dispatch import read_adata

    if name == "hypothalamus":
        section, reference = labelled("hypothalamus")
        section = section[section.obs["cell_class"] != "Ambiguous"].copy()
        return section, reference[~reference.obs["type"].isin(["Ambiguous", "Unstable"])].copy()
    section = read_adata(DATA / ("merfish_visp.h5ad" if name == "visp" else "starmap_mpfc.h5ad"))
    section.obs["type"] = section.obs["subclass_geom_mean" if name == "visp" else "cell_type"].astype(str)
    if name == "mice":
        first = (section.obs["sample"] == "BZ5").to_numpy()
        return section[first].copy(), section[~first].copy()
    reference = read_adata(DATA / "snare_cortex_rna.h5ad")
    reference.obs["type"] = reference.obs["cell_type"].astype(str)
    return section, reference[reference.obs["type"] != "Mis"].copy()


def measure(section: Any, reference: Any, without: tuple[str, ...], mine: tuple[str, ...]) -> dict[str, Any]:
    """Area under the curve by resemblance alone and by cell trust, without labels too; shares of all cells that the check names, by finding."""
    from sklearn.metrics import roc_auc_score

    from napari_inclust.data import normalize as val
    from napari_inclust.data.panel import align
    from napari_inclust.data.section import Reference, Section
    from napari_inclust.evaluation import cell_reliability, covariation
    from napari_inclust.evaluation.metrics import zscore
    from napari_inclust.qc.reference_check import check_reference

    kept = reference[~reference.obs["type"].isin(without)].copy()
    s, r = Section.from_adata(section), Reference.from_adata(kept)
    panel = align(s, r)
    columns = ((s, panel.target_columns), (r, panel.reference_columns))
    ours, theirs = (
        np.clip(zscore(val.lognormalise(d.matrix[:, c[: panel.n_shared]], d.values.kind).toarray()), -4, 4)
        for d, c in columns
    )
    truth = section.obs["type"].to_numpy().astype(str)
    told, unknown = ~np.isin(truth, ["", "unassigned"]), np.isin(truth, mine)
    near = cell_reliability.SmoothedCells(ours, 0)
    lack = covariation.missing_covariation(near.group_profiles, near.group_sizes, ours, theirs)
    row: dict[str, Any] = {"without": " ".join(without) or "none", "cells": int(unknown.sum())}
    labels = {"labels": np.unique(kept.obs["type"], return_inverse=True)[1], "no labels": np.full(kept.n_obs, -1)}
    for name, codes in labels.items() if mine else ():
        profiles = cell_reliability.type_profiles(theirs, codes, 0)
        strange, group = near.novelty_scores(ours, profiles)
        for what, value in (("resemblance", strange), ("trust", strange + lack[group])):
            row[f"{what}, {name}"] = roc_auc_score(unknown[told], value[told])
    groups = check_reference(s, r, panel, labels="type", section_labels=None).groups
    for finding in ("missing", "unknown", "doubtful"):
        row[f"share {finding}"] = float(groups.loc[groups["finding"] == finding, "share"].sum())
    return row


if __name__ == "__main__":
    data = pair(sys.argv[1])
    for without, mine in [((), ()), *TYPES[sys.argv[1]]]:
        print(json.dumps({"pair": sys.argv[1], **measure(*data, without, mine)}), flush=True)
