"""Cells under other levels: each layer of each mouse left out of training in turn, made from the same layer of another mouse. `python -m benchmarks.shift`."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from .accuracy import DATA

LEAST = 100  # cells of a layer in every mouse


def measure() -> dict[str, Any]:
    """Mean over combinations of the distance between the mean profile that was made and the one that was measured."""
    import anndata as ad

    from napari_inclust import Config
    from napari_inclust.data.dataset import Dataset
    from napari_inclust.multimodal.translate import predict_counterfactual
    from napari_inclust.training.build_plan import build_plan
    from napari_inclust.training.trained import fit_plan

    adata = ad.read_h5ad(DATA / "starmap_mpfc.h5ad")
    mouse, layer = (adata.obs[c].astype(str).to_numpy() for c in ("sample", "layer"))
    values = (
        build_plan("integrate", [Dataset.from_adata(adata, name="all")], covariates=["sample"])
        .tables[0]
        .measured_blocks[0]
        .lognormalised()
        .toarray()
    )
    mice = sorted(set(mouse))
    layers = [x for x in sorted(set(layer)) if min(((mouse == m) & (layer == x)).sum() for m in mice) >= LEAST]
    rows = []
    for here in mice:
        for x in layers:
            left = (mouse == here) & (layer == x)
            data = Dataset.from_adata(adata[~left].copy(), name="mice")
            trained = fit_plan(build_plan("integrate", [data], covariates=["sample"]), [data], Config(device="cpu"))
            for other in mice:
                if other == here:
                    continue
                source = (mouse == other) & (layer == x)
                found = predict_counterfactual(trained, "mice", "rna", {f"sample: {other}": f"sample: {here}"})
                made = found.values[layer[~left][found.rows] == x].mean(0)
                rest = [values[(mouse == m) & (layer != x)].mean(0) for m in (here, other)]
                unchanged = values[source].mean(0)
                profiles = {"unchanged": unchanged, "shifted": made, "mean shift": unchanged + rest[0] - rest[1]}
                rows.append({k: float(np.linalg.norm(v - values[left].mean(0))) for k, v in profiles.items()})
    nearer = np.mean([r["shifted"] < r["unchanged"] for r in rows])
    return {
        "combinations": len(rows),
        **{k: float(np.mean([r[k] for r in rows])) for k in rows[0]},
        "shifted is nearer than unchanged": float(nearer),
    }


if __name__ == "__main__":
    print(json.dumps(measure()))
