"""What each part is worth: one setting changed at a time, the held-out scores of the run itself. `python -m benchmarks.ablation [PAIR ...]` prints one row as JSON for each."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from .accuracy import PAIRS, pair

READOUTS: dict[str, tuple[str, ...]] = {
    "balanced": ("genes", "cells", "latent", "decoder"),
    "without the network": ("genes", "cells"),
    "without the decoder": ("genes", "cells", "latent"),
    "the network alone": ("latent", "decoder"),
    "process over genes alone": ("genes",),
    "attention by genes alone": ("cells",),
    "decoder alone": ("decoder",),
}  # of the same trained network
CHANGES: dict[str, dict[str, Any]] = {
    "no random masking": {"masking": 0.0},
    "the published mask: inputs unmasked": {"mask_input": False},
    "decoded with the section's own covariate": {"switch_covariate": False},
    "latents aligned by optimal transport": {"align_weight": 1.0},
    "prior of weight 1": {"kl_weights": (1.0,)},
    "half the steps": {"epochs": 8},
    "without labels": {},
}


def measure(name: str) -> Iterator[dict[str, Any]]:
    """Train on a pair with one setting changed at a time; medians and means over the shared genes."""
    from napari_inclust import Config, fit
    from napari_inclust.imputation.run import Run

    section, reference, labels = pair(name)

    def row(change: str, run: Run) -> dict[str, Any]:
        medians = {m: float(run.scores[m].median()) for m in ("pcc", "spearman", "ssim", "rmse")}
        return {"pair": name, "change": change, **medians, "mean pcc": float(run.scores["pcc"].mean())}

    config = Config.preset("balanced")
    run = fit(section, reference, config, labels=labels)
    for change, readouts in READOUTS.items():
        run.trainer.config = replace(config, readouts=readouts)
        yield row(
            change,
            Run.from_trained(run.trained, run.panel, labels=labels, batch=None),
        )
    for change, settings in CHANGES.items():
        if change != "without labels" or labels is not None:
            yield row(
                change,
                fit(
                    section,
                    reference,
                    config.replace(**settings),
                    labels=None if change == "without labels" else labels,
                ),
            )


if __name__ == "__main__":
    for wanted in sys.argv[1:] or PAIRS:
        for found in measure(wanted):
            print(json.dumps(found), flush=True)
