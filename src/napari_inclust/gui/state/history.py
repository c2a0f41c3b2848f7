"""Finished runs of the session: their settings and scores, and two of them compared gene by gene."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...utils.text import format_duration

if TYPE_CHECKING:
    import pandas as pd


def runs_table(runs: list[Any]) -> pd.DataFrame:
    """One row a run.

    Returns
    -------
    DataFrame
        `name` (number and preset), `seed`, `epochs`, `time`, `median` (held-out Pearson), `knn` (the same of the
        baseline), `labels`, `device`, `made`.
    """
    import pandas as pd

    rows = []
    for i, run in enumerate(runs):
        origin = run.provenance
        rows.append(
            {
                "name": run_name(i, run),
                "seed": str(run.config.seed),
                "epochs": str(len([e for e in run.history if e.terms])),
                "time": format_duration(origin["seconds"]) if "seconds" in origin else "",
                "median": float(run.scores["pcc"].median()),
                "knn": float(run.scores["pcc_knn"].median()) if "pcc_knn" in run.scores else np.nan,
                "labels": str(origin.get("labels") or "none"),
                "device": run.device,
                "made": str(origin.get("made", "")).replace("T", " ")[:16],
            }
        )
    return pd.DataFrame(rows, columns=["name", "seed", "epochs", "time", "median", "knn", "labels", "device", "made"])


def run_name(index: int, run: Any) -> str:
    """Return the name of a run in the session."""
    return f"{index + 1}: {run.config.name}"


def differing_settings(a: Any, b: Any) -> pd.DataFrame:
    """Return the settings in which two runs differ.

    Returns
    -------
    DataFrame
        `setting`, and its values `a` and `b` as text.
    """
    import pandas as pd

    pairs = [(f.name, getattr(a.config, f.name), getattr(b.config, f.name)) for f in fields(a.config)]
    pairs += [(key, a.provenance.get(key), b.provenance.get(key)) for key in ("labels", "batch")]
    pairs += [
        (f"{side}", *(r.provenance.get("data", {}).get(side, {}).get("name") for r in (a, b)))
        for side in ("section", "reference")
    ]
    return pd.DataFrame([(n, str(x), str(y)) for n, x, y in pairs if x != y], columns=["setting", "a", "b"])


def paired_scores(a: Any, b: Any) -> tuple[list[str], NDArray[np.float64]]:
    """Genes that both runs score, and their held-out Pearson (genes, 2)."""
    genes = [g for g in a.scores.index if g in b.scores.index]
    return genes, np.stack([r.scores["pcc"].reindex(genes).to_numpy(dtype=np.float64) for r in (a, b)], axis=1)


def comparison_summary(scores: NDArray[np.float64]) -> str:
    """Two runs in a sentence.

    Parameters
    ----------
    scores : (genes, 2)
    """
    known = scores[np.isfinite(scores).all(1)]
    if not len(known):
        return "No gene has a score in both."
    better = int((known[:, 1] > known[:, 0]).sum())
    a, b = np.median(known, axis=0)
    return f"{len(known):,} genes: median {a:.3f} (A) and {b:.3f} (B); B is better for {better:,} of them."
