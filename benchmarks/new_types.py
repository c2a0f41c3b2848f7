"""Cells of a type that is hidden from the reference: whether they are found again as a new type. Each large type of a pair in turn, and none.

Run: `python -m benchmarks.new_types PAIR` prints one row a type as JSON; `python -m benchmarks.new_types PAIR transfer` the scores of the types given. The pairs are "hypothalamus" (MERFISH, 10x) and "starmap" (one mouse, two others), "blood"
(TEA-seq cells dealt out in halves).
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np

from .accuracy import DATA

IN_REFERENCE = {  # names of the section's classes in the reference; others are of no type there
    "Inhibitory": "Inhibitory", "Excitatory": "Excitatory", "Astrocyte": "Astrocytes", "OD Mature 1": "Mature oligodendrocyte",
    "OD Mature 2": "Mature oligodendrocyte", "OD Mature 3": "Mature oligodendrocyte", "OD Mature 4": "Mature oligodendrocyte",
    "OD Immature 1": "Immature oligodendrocyte", "OD Immature 2": "Newly formed oligodendrocyte", "Endothelial 1": "Endothelial",
    "Endothelial 2": "Endothelial 2", "Endothelial 3": "Endothelial 3", "Pericytes": "Mural", "Microglia": "Microglia", "Ependymal": "Ependymal",
}  # fmt: skip
LARGE = {
    "hypothalamus": (
        "Inhibitory",
        "Mature oligodendrocyte",
        "Astrocytes",
        "Excitatory",
        "Endothelial",
        "Immature oligodendrocyte",
        "Microglia",
    ),
    "starmap": ("eL6-1", "eL5-3", "eL2/3", "L5-1", "Smc", "Astro", "Endo", "Oligo"),
    "blood": ("T.CD4.Memory", "T.CD4.Naive", "B.Naive", "Mono.CD14", "T.CD8.Effector"),
}


def pair(name: str) -> tuple[Any, Any]:
    """Target and reference, the types of both in obs["type"]."""
    from napari_inclust.io.readers.dispatch import read_adata

    if name == "hypothalamus":
        target, reference = (
            read_adata(DATA / f"{file}.h5ad") for file in ("merfish_hypothalamus", "scrna_hypothalamus")
        )
        target = target[:, ~target.var_names.str.startswith("Blank") & (target.var_names != "Fos")].copy()
        target.obs["type"] = [IN_REFERENCE.get(c, "") for c in target.obs["cell_class"].astype(str)]
        reference.obs["type"] = reference.obs["cell_type"].astype(str)
        return target, reference
    whole = read_adata(DATA / ("starmap_mpfc.h5ad" if name == "starmap" else "teaseq_pbmc_rna_adt.h5ad"))
    whole.obsm.clear()
    whole.obs["type"] = whole.obs["cell_type"].astype(str)
    first = (
        (whole.obs["sample"] == "BZ5").to_numpy()
        if name == "starmap"
        else np.random.default_rng(0).permutation(whole.n_obs) < whole.n_obs // 2
    )
    return whole[first].copy(), whole[~first].copy()


def trained(name: str, hidden: str | None, **settings: Any) -> Any:
    """A plan of the pair, without a type in the reference."""
    from napari_inclust import Config
    from napari_inclust.data.dataset import Dataset
    from napari_inclust.training.build_plan import build_plan
    from napari_inclust.training.trained import fit_plan

    target, reference = pair(name)
    reference = reference[(reference.obs["type"] != hidden).to_numpy()].copy()
    sets = [Dataset.from_adata(target, name="target"), Dataset.from_adata(reference, name="reference")]
    config = Config.preset(device="cpu", **settings)
    return fit_plan(build_plan("transfer", sets, labels={"reference": "type"}, members=config.members), sets, config)


def found(name: str, hidden: str | None) -> dict[str, Any]:
    """Recall and precision of the new type that holds most of the hidden cells; the networks hardly matter, so they are trained for one epoch."""
    from napari_inclust.multimodal.novel_types import find_novel_types
    from napari_inclust.multimodal.novelty import score_novelty

    plan = trained(name, hidden, epochs=1, members=2)
    truth = plan.data("target").obs["type"].to_numpy().astype(str)
    code = find_novel_types(plan, "target", score_novelty(plan, "target", ["reference"])).group_codes
    known, mine = np.isin(truth, plan.plan.classes), truth == hidden
    row = {
        "pair": name,
        "hidden": hidden or "none",
        "cells": int(mine.sum()),
        "new types": int(code.max()) + 1,
        "of known types": float((code[known] >= 0).mean()),
    }
    if not hidden:
        return row
    best = np.bincount(code[mine & (code >= 0)]).argmax() if (code[mine] >= 0).any() else -2
    group = code == best
    share = float(mine[group].mean()) if group.any() else 0.0
    return row | {
        "in any new type": float((code[mine] >= 0).mean()),
        "recall": float(group[mine].mean()),
        "precision": share,
    }


def scores(name: str) -> dict[str, Any]:
    """Types given with default settings, against the truth."""
    from napari_inclust.multimodal.label_transfer import transfer_labels

    plan = trained(name, None)
    types = transfer_labels(plan, "target")
    return {
        "pair": name,
        "held-out": types.held_out_accuracy,
        **types.score(plan.data("target").obs["type"].to_numpy().astype(str)),
    }


if __name__ == "__main__":
    if sys.argv[2:] == ["transfer"]:
        print(json.dumps(scores(sys.argv[1])))
    else:
        for kind in (None, *LARGE[sys.argv[1]]):
            print(json.dumps(found(sys.argv[1], kind)), flush=True)
