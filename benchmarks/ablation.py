"""What each part is worth: one setting changed at a time, the held-out scores of the run itself. `python -m benchmarks.ablation [PAIR ...]` prints one row as JSON for each."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from .accuracy import PAIRS, pair

CHANGES: dict[str, dict[str, Any]] = {
    "balanced": {},
    "no random masking": {"masking": 0.0},
    "the published mask: inputs unmasked": {"mask_input": False},
    "decoded with the section's own covariate": {"switch_covariate": False},
    "latents aligned by optimal transport": {"align_weight": 1.0},
    "prior of weight 1": {"kl_weights": (1.0,)},
    "process over genes alone": {"readouts": ("genes",)},
    "attention alone": {"readouts": ("attention",)},
    "decoder alone": {"readouts": ("decoder",)},
    "without the decoder": {"readouts": ("genes", "attention")},
    "half the epochs": {"epochs": 15},
    "without labels": {},
}


def measure(name: str, change: str) -> dict[str, Any]:
    """Train on a pair with one setting changed; medians and mean over the shared genes."""
    from napari_inclust import Config, fit

    section, reference, labels = pair(name)
    start = time.process_time()
    run = fit(section, reference, Config.preset("balanced", **CHANGES[change]), labels=None if change == "without labels" else labels)
    scores = run.scores
    return {
        "pair": name, "change": change, "pcc": float(scores["pcc"].median()), "mean pcc": float(scores["pcc"].mean()), "spearman": float(scores["spearman"].median()),
        "ssim": float(scores["ssim"].median()), "rmse": float(scores["rmse"].median()), "CPU seconds": time.process_time() - start,
    }  # fmt: skip


if __name__ == "__main__":
    for wanted in sys.argv[1:] or PAIRS:
        for changed in CHANGES:
            if changed != "without labels" or pair(wanted)[2] is not None:
                print(json.dumps(measure(wanted, changed)), flush=True)
