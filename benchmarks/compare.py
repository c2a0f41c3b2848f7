"""The test of imputed genes, group against group, beside the plain one: measured genes while hidden, where the measured answer is known.

Run: `python -m benchmarks.compare [PAIR ...]` prints one row as JSON for each pair and kind of groups.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import pandas as pd

from .accuracy import PAIRS, pair

KEYS = ("cell_class", "region", "layer")  # of obs: types or regions that were annotated on measured values
AREAS, RANDOM = 20, 40  # groups made at random


def groups(section: Any, seed: int = 0) -> dict[str, list[np.ndarray]]:
    """Masks of cells by kind: annotated groups, round areas of the tissue, cells at random; each is compared with all other cells."""
    random, obs, n = np.random.default_rng(seed), section.adata.obs, section.n_cells
    annotated = [
        np.asarray(obs[k] == level)
        for k in KEYS
        if k in obs
        for level, size in obs[k].value_counts().items()
        if 50 <= size <= n - 50
    ]
    areas = []
    for _ in range(AREAS):
        away = ((section.xy - section.xy[random.integers(n)]) ** 2).sum(1)
        areas.append(np.isin(np.arange(n), np.argsort(away)[: random.integers(150, 800)]))
    return {"annotated": annotated, "areas": areas, "random": [random.random(n) < 0.2 for _ in range(RANDOM)]}


def judged(
    imputed: np.ndarray, truth: np.ndarray, in_a: np.ndarray, spread: np.ndarray, fold: np.ndarray
) -> pd.DataFrame:
    """One row a gene of one pair of groups."""
    from scipy import stats

    from napari_inclust.imputation.differential_expression import HeldOutDifferences, WelchTest, difference_table

    hidden, measured, out = (
        HeldOutDifferences.from_values(imputed, truth, in_a, spread),
        WelchTest.from_values(truth, in_a),
        [],
    )
    for m in np.unique(fold):
        here, others = fold == m, hidden.subset(fold != m)
        table = difference_table(imputed[:, here], in_a, spread[here], others)
        error = hidden.measured_difference[here] - hidden.imputed_difference[here]
        width = stats.t.ppf(0.975, others.between_variance.degrees_of_freedom) * np.sqrt(
            others.between_variance.variance + hidden.sampling_variance[here]
        )
        out.append(
            table.assign(
                measured=measured.difference[here], p_measured=measured.p[here], covered=np.abs(error) <= width
            )
        )
    return pd.concat(out)


def row(name: str, kind: str, table: pd.DataFrame, n: int) -> dict[str, Any]:
    """What is told of one kind of groups."""
    agrees = (np.sign(table["difference"]) == np.sign(table["measured"])) & (table["p_measured"] < 0.05)
    same = table["p_measured"] > 0.3
    facts: dict[str, Any] = {
        "pair": name,
        "groups": f"{kind} ({n})",
        "differ when measured": float((table["p_measured"] < 0.05).mean()),
    }
    for test in ("p", "p_plain"):
        called = table[test] < 0.05
        facts |= {f"{test}: called": float(called.mean()), f"{test}: called where none was measured": float(called[same].mean()), f"{test}: confirmed of those called": float(agrees[called].mean()) if called.any() else None}  # fmt: skip
    sure = table["direction"] >= 0.9
    return facts | {
        "95 % interval holds": float(table["covered"].mean()),
        "direction >= 0.9: genes": float(sure.mean()),
        "confirmed": float(agrees[sure].mean()) if sure.any() else None,
        "direction, error of the share": float(np.mean([abs(agrees[b].mean() - table["direction"][b].mean()) for b in (pd.cut(table["direction"], 5, labels=False) == i for i in range(5)) if b.sum() > 50])),
    }  # fmt: skip


def measure(name: str) -> list[dict[str, Any]]:
    from napari_inclust import Config, fit

    section, reference, labels = pair(name)
    run = fit(section, reference, Config.preset("balanced"), labels=labels)
    imputed, truth = run.held_out().to_numpy(), run.measured_shared(np.arange(section.n_cells))
    levels, shared = run.predictor.levels, np.arange(run.panel.n_shared)
    spread = levels.mean[shared] / levels.ratio[shared]
    rows = []
    for kind, masks in groups(section).items():
        if masks:
            table = pd.concat(
                [judged(imputed, truth, mask, spread, run.predictor.fold) for mask in masks], ignore_index=True
            )
            rows.append(row(name, kind, table, len(masks)))
    return rows


if __name__ == "__main__":
    for wanted in sys.argv[1:] or PAIRS:
        for line in measure(wanted):
            print(json.dumps(line), flush=True)
