"""Scores and calibration in words and tables."""

from __future__ import annotations

from typing import Any

import numpy as np


def score_summary(run: Any, gene_reliability: Any) -> str:
    """Summarise the held-out scores and the predicted scores of the other genes."""
    if run is None:
        return ""
    text = f"Median held-out Pearson {run.scores['pcc'].median():.2f} over {len(run.scores):,} measured genes."
    if gene_reliability is None:
        return text
    known = int(gene_reliability.table["predicted_pcc"].notna().sum())
    if not known:
        return (
            f"{text} No score can be predicted for the others."
            if len(gene_reliability.table)
            else f"{text} The reference has no other genes."
        )
    return (
        f"{text} Predicted scores (~) for {known:,} of {len(gene_reliability.table):,} others: "
        f"mean error {gene_reliability.mean_absolute_error:.2f}, rank correlation "
        f"{gene_reliability.rank_correlation:.2f} (genes hidden from the regression)."
    )


def faded_text(reliability_controller: Any) -> str:
    """How many cells the slider fades."""
    sure, faded = reliability_controller.certainty(), reliability_controller.faded_cells()
    if reliability_controller.cell_reliability is None:
        return ""
    if not reliability_controller.fade_threshold:
        return "no cell is faded"
    if sure is None:
        return "no cell is faded: the interval of the gene is not known"
    what = "trust" if reliability_controller.fade_by == "cell" else "sureness"
    n = 0 if faded is None else int(faded.sum())
    return f"{what} {reliability_controller.fade_threshold:.2f}: {n:,} of {len(sure):,} cells faded"


def calibration_table(calibration: Any) -> str:
    """Coverage by stratum, rows by level of the gene, columns by prediction of the cell."""
    if calibration is None:
        return "Not known yet."
    table = calibration.coverage
    total = table[table["genes"] == "all"].iloc[0]
    strata = table[table["genes"] != "all"].pivot(index="genes", columns="cells", values="coverage")
    names = [("low", "middle", "high")[i] if strata.shape[1] == 3 else str(c) for i, c in enumerate(strata.columns)]
    head = "<tr><td></td>" + "".join(f"<td align='right' style='padding-left:12px'>{n}</td>" for n in names) + "</tr>"
    rows = "".join(
        f"<tr><td>{name.replace('level', 'genes of level')}</td>"
        + "".join(f"<td align='right' style='padding-left:12px'>{_format_percent(v)}</td>" for v in row)
        + "</tr>"
        for name, row in zip(strata.index, strata.to_numpy(), strict=True)
    )
    summary = (
        f"{100 * total['coverage']:.1f} % of {int(total['values']):,} held-out values lie inside their "
        f"{100 * calibration.nominal_coverage:.0f} % interval. {calibration.small_strata_note}"
    )
    title = f"<tr><td></td><td colspan='{len(names)}' align='center'>prediction of the cell</td></tr>"
    return f"{summary}<table>{title}{head}{rows}</table>"


def _format_percent(value: float) -> str:
    return "-" if not np.isfinite(value) else f"{100 * value:.1f} %"
