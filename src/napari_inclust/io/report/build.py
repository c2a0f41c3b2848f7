"""A run as one page: what went in, how well it predicts, and how far to believe it. The file needs nothing but itself."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...evaluation.baselines import BASELINE_NAMES, SCORE_COLUMNS
from ..writers.atomic import atomic_output
from .html import (
    MATPLOTLIB_SETTINGS,
    MISSING_VALUE_TEXT,
    TEXT_COLOUR_PLACEHOLDER,
    render_document,
    render_figure,
    render_table,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ...imputation.run import Run

BLUE, AMBER, GREEN, GREY = "#3b82c4", "#d97706", "#3a9d5d", "#8a8a8a"
LIGHT_COLOURS = {"green": GREEN, "amber": AMBER, "red": "#c0504d"}
LINE_COLOURS = (BLUE, AMBER, GREEN, "#a855a0", "#c0504d", "#4a9aa5")
SCORE_NAMES = {
    "pcc": "Pearson",
    "spearman": "Spearman",
    "ssim": "SSIM",
    "rmse": "RMSE",
    "js": "JS",
    "pcc_within_type": "within types",
}
MAX_TABLE_ROWS = 30  # rows


def write_report(run: Run, path: Path) -> None:
    """The page of a run, complete or not at all.

    Raises
    ------
    OutputError
        The disk is full or the place cannot be written.
    """
    text = render_report(run)
    with atomic_output(path) as part:
        part.write_text(text, encoding="utf-8")


def render_report(run: Run) -> str:
    """Everything about a run as the text of one HTML file, plots included."""
    import matplotlib as mpl

    sections = {
        "Data": _data_html, "Genes": _panel_html, "Masks": _masks_html, "Training": _loss_html, "Held-out scores": _scores_html, "Calibration": _calibration_html,
        "Foreseen scores": _predicted_scores_html, "Smoothness": _moran_inflation_html, "Common factor": _common_factor_html, "Maps": _maps_html, "Cell trust": _cell_reliability_html, "Settings": _settings_html, "Versions": _versions_html,
    }  # fmt: skip
    with mpl.rc_context(MATPLOTLIB_SETTINGS):
        parts = {name: make(run) for name, make in sections.items()}
    title = f"{run.section.name}: imputed genes"
    made = f"{run.provenance['made']} · napari-inclust {run.provenance['versions']['napari-inclust']} · seed {run.config.seed}"
    return render_document(title, made, _reference_check_html(run) + _summary_tiles_html(run), parts)


def _reference_check_html(run: Run) -> str:
    """Whether the reference fits the section, with every reason."""
    from ...qc.reference_check import check_reference

    found = check_reference(run.section, run.reference, run.panel, labels=run.labels)
    reasons = "".join(
        f'<li><b class="light" style="color:{LIGHT_COLOURS[r.light]}">&#9679;</b> {r.light}: {escape(f"{r.what}: {r.found}")}'
        + (f'<br><span class="soft">{escape(r.todo)}</span></li>' if r.todo else "</li>")
        for r in found.findings
    )
    said = {
        "green": "nothing speaks against this pair",
        "amber": "something to know",
        "red": "do not rely on this pair",
    }[found.light]
    return (
        f'<details class="check"{"" if found.light == "green" else " open"}><summary><b class="light" style="color:{LIGHT_COLOURS[found.light]}">&#9679;</b> '
        f"Reference check: <b>{found.light}</b>, {said}</summary><ul>{reasons}</ul></details>"
    )


def _summary_tiles_html(run: Run) -> str:
    """The answer in a few numbers."""
    s, beside = run.scores, [c for c in BASELINE_NAMES if c in run.scores]
    best = max(beside, key=lambda c: s[c].median())
    known = run.gene_trust.table["predicted_pcc"].dropna()
    tiles = [
        (f"{s['pcc'].median():.3f}", "median Pearson of measured genes, held out"),
        (f"{s[best].median():.3f}", f"the same of the best simple predictor ({BASELINE_NAMES[best]})"),
        (f"{(s['pcc'] > s[beside].max(axis=1)).mean():.0%}", "of genes better than all simple predictors"),
        (f"{known.median():.3f}" if len(known) else MISSING_VALUE_TEXT, "median Pearson foreseen of unmeasured genes"),
        (
            f"{run.calibration.coverage['coverage'].iloc[0]:.1%}",
            f"of measured values inside their {run.calibration.nominal_coverage:.0%} interval",
        ),
    ]
    return f'<div class="tiles">{"".join(f"<div><b>{value}</b>{text}</div>" for value, text in tiles)}</div>'


def _data_html(run: Run) -> str:
    rows = []
    for side, data in (("section", run.section), ("reference", run.reference)):
        origin = run.provenance["data"][side]
        values = f"{data.values}, in {data.values_source}"
        rows.append(
            [
                side,
                data.name,
                origin["path"] or MISSING_VALUE_TEXT,
                data.n_cells,
                len(data.genes),
                values,
                origin["fingerprint"],
            ]
        )
    said = f'<p class="soft">Coordinates: {escape(run.section.unit_note)}. Types: {escape(run.labels or "none")}. Batches: {escape(run.batch or "none")}.</p>'
    return render_table(["", "name", "file", "cells", "genes", "values", "fingerprint (SHA-256)"], rows) + said


def _panel_html(run: Run) -> str:
    p = run.panel
    rows = [
        ["shared", p.n_shared, "measured in both: the network learns from them, and each is scored while hidden"],
        ["to impute", p.n_reference_only, "only the reference has them: every value is a prediction"],
        ["section only", p.n_target_only, "the reference lacks them: measured values, never predicted"],
    ]
    return render_table(["genes", "number", "what they are"], rows) + "".join(
        f'<p class="soft">{escape(note)}</p>' for note in p.notes
    )


def _masks_html(run: Run) -> str:
    plan, n = run.plan, run.panel.n_shared
    order = np.r_[np.argsort(_fold_of_gene(run), kind="stable"), np.arange(n, len(plan.features))]
    rows = [
        (f"{p.table}: {what}", mask, colour)
        for p in plan.presentations
        for what, mask, colour in (("shown", p.input_mask, BLUE), ("asked", p.output_mask, GREEN))
    ]
    rows += [(f"network {m + 1}: hidden", hidden, AMBER) for m, hidden in enumerate(plan.hidden_features)]
    picture = np.zeros((len(rows), len(order), 4))
    for line, (_, mask, colour) in zip(picture, rows, strict=True):
        line[mask[order]] = [*(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)), 1]
    figure = _new_figure(9, 0.6 + 0.24 * len(rows))
    axes = figure.subplots()
    axes.imshow(picture, aspect="auto", interpolation="nearest", extent=(0, len(order), len(rows), 0))
    axes.set_yticks(np.arange(len(rows)) + 0.5, [name for name, _, _ in rows])
    axes.hlines(np.arange(1, len(rows)), 0, len(order), color=GREY, linewidth=0.3)
    blocks = [(0, n, f"{n} shared genes, by fold"), (n, len(order), f"{len(order) - n} reference components")]
    for start, stop, name in blocks[: 1 + (n < len(order))]:
        axes.axvline(stop, color=TEXT_COLOUR_PLACEHOLDER, linewidth=0.8)
        axes.text(start if start == 0 else stop, -0.25, name, ha="left" if start == 0 else "right", va="bottom")
    axes.set_xticks([])
    return render_figure(
        figure,
        "Masks of the plan",
        "What each data set shows to the networks and is asked for. Each network but the last never sees one fold of the shared genes "
        "(neither shown nor asked in the section): their scores come from it. The components stand for the genes that only the reference has.",
    )


def _loss_html(run: Run) -> str:
    epochs = [e for e in run.history if np.isfinite(e.terms.get("loss", np.nan))]
    if not epochs:
        return "<p>No epoch was kept.</p>"
    figure = _new_figure(9, 3)
    axes = figure.subplots()
    numbers = [e.number for e in epochs]
    for name, colour in zip(sorted(epochs[0].terms, key=lambda t: t != "loss"), LINE_COLOURS * 3, strict=False):
        axes.plot(
            numbers,
            [e.terms[name] for e in epochs],
            color=TEXT_COLOUR_PLACEHOLDER if name == "loss" else colour,
            linewidth=1.8 if name == "loss" else 1,
            label=name,
        )
    axes.plot(
        numbers, [e.validation for e in epochs], "--", color=TEXT_COLOUR_PLACEHOLDER, linewidth=1.8, label="validation"
    )
    axes.set(
        xlabel="epoch", ylabel="loss", yscale="symlog" if min(min(e.terms.values()) for e in epochs) <= 0 else "log"
    )
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(lambda value, at: "")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    seconds = run.provenance.get("seconds", 0.0)
    return render_figure(figure, "Loss by epoch", f"{len(epochs)} epochs in {seconds:.0f} s on {run.device}. Loss: the sum of the weighted terms. Validation: on kept-out cells, without noise.")  # fmt: skip


def _scores_html(run: Run) -> str:
    columns = [c for c in SCORE_COLUMNS if c in run.scores]
    best_first = run.scores[columns].sort_values("pcc", ascending=False, kind="stable")
    fold = pd.Series(_fold_of_gene(run) + 1, index=list(run.panel.shared))
    rows = [
        [gene, *values, int(fold[gene])]
        for gene, values in zip(best_first.index, best_first.to_numpy().tolist(), strict=True)
    ]
    head = [SCORE_NAMES.get(c) or f"Pearson of the {BASELINE_NAMES[c]}" for c in columns]
    said = "Each shared gene, predicted by the network that never saw it; beside it simple predictors, held out alike. JS and RMSE: lower is better. A heading sorts."
    return f"<p>{said}</p>{render_table(['gene', *head, 'fold'], rows, sortable=True)}"


def _calibration_html(run: Run) -> str:
    c, level = run.calibration.coverage, run.calibration.nominal_coverage
    strata = c.iloc[1:]
    figure = _new_figure(7, 2.8)
    axes = figure.subplots()
    axes.axhspan(level - 0.05, level + 0.05, color=GREY, alpha=0.18, linewidth=0)
    axes.axhline(level, color=TEXT_COLOUR_PLACEHOLDER, linewidth=0.8)
    genes = list(dict.fromkeys(strata["genes"]))
    for k, (cells, part) in enumerate(strata.groupby("cells", sort=False)):
        axes.plot(
            [genes.index(g) + 0.1 * (k - 1) for g in part["genes"]],
            part["coverage"],
            "o",
            color=LINE_COLOURS[k],
            label=str(cells),
        )
    axes.set_xticks(range(len(genes)), genes)
    axes.set(ylabel="share inside the interval", ylim=(min(0.8, c["coverage"].min() - 0.02), 1))
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    said = f"Share of measured values inside their {level:.0%} interval, each gene calibrated without the genes of its fold; by the gene's level and the cell's prediction. Band: 5 points either way. {run.calibration.small_strata_note}"
    return render_figure(figure, "Coverage of the intervals", said, width="46rem") + render_table(
        ["genes", "cells", "values", "coverage"], c.to_numpy().tolist()
    )


def _predicted_scores_html(run: Run) -> str:
    trust, true = run.gene_trust, run.scores["pcc"].to_numpy()
    genes = trust.table.sort_values("predicted_pcc", ascending=False, kind="stable")
    known = genes["predicted_pcc"].dropna()
    if not len(trust.cross_validated_scores):
        return (
            f"<p>Nothing is foreseen: {escape(genes['reason'].iloc[0] if len(genes) else 'too few scored genes')}.</p>"
        )
    figure = _new_figure(4.4, 3.8)
    axes = figure.subplots()
    ends = [
        min(true.min(), trust.cross_validated_scores.min()) - 0.03,
        max(true.max(), trust.cross_validated_scores.max()) + 0.03,
    ]
    axes.plot(ends, ends, color=GREY, linewidth=0.8)
    axes.plot(trust.cross_validated_scores, true, "o", color=BLUE, alpha=0.7, markersize=4, markeredgewidth=0)
    axes.set(xlabel="foreseen Pearson", ylabel="true held-out Pearson", aspect="equal", xlim=ends, ylim=ends)
    said = f"Measured genes, each foreseen without its own score (cross-validated): mean error {trust.mean_absolute_error:.3f}, rank correlation {trust.rank_correlation:.2f}."
    if not trust.rank_correlation >= 0.4:
        said += " That is weak: do not choose genes by their foreseen score here."
    rows = [[gene, value] for gene, value in known.iloc[:MAX_TABLE_ROWS].items()]
    some = (
        f"{len(known):,} of {len(genes):,} unmeasured genes have a foreseen score; of the others nothing can be said. "
    )
    listed = f"The {len(rows)} highest (all are in the file that <code>inclust impute</code> writes):" if rows else ""
    plot = render_figure(figure, "Foreseen and true scores", said, width="30rem")
    return f"{plot}<p>{some}{listed}</p>" + (
        render_table(["unmeasured gene", "foreseen Pearson"], rows) if rows else ""
    )


def _moran_inflation_html(run: Run) -> str:
    trust = run.gene_trust
    measured, others = trust.measured_inflation, trust.table
    figure = _new_figure(4.4, 3.8)
    axes = figure.subplots()
    ends = [
        min(measured["moran"].min(), measured["moran_measured"].min()) - 0.03,
        max(measured["moran"].max(), measured["moran_measured"].max()) + 0.03,
    ]
    axes.plot(ends, ends, color=GREY, linewidth=0.8)
    axes.plot(
        measured["moran_measured"], measured["moran"], "o", color=BLUE, alpha=0.7, markersize=4, markeredgewidth=0
    )
    axes.set(
        xlabel="Moran's I, measured", ylabel="Moran's I, imputed while hidden", aspect="equal", xlim=ends, ylim=ends
    )
    said = f"Measured genes; imputing changes Moran's I by {measured['moran_gain'].median():+.2f} (median). Approximate: of a sample of the cells."
    flagged = pd.concat([measured, others])
    flagged = flagged[flagged["moran_flag"]].sort_values("moran_z", ascending=False, kind="stable")
    note = "<p>No gene is far smoother than measured genes become by imputing.</p>" if flagged.empty else '<p class="care">Far smoother than measured genes become by imputing; do not read their patterns as found:</p>'  # fmt: skip
    rows = [
        [str(gene), r["moran"], r["moran_gain"], r["moran_z"]] for gene, r in flagged.head(MAX_TABLE_ROWS).iterrows()
    ]
    listed = render_table(["gene", "Moran's I, imputed", "above what is expected", "robust z"], rows) if rows else ""
    return render_figure(figure, "Moran's I, measured and imputed", said, width="30rem") + note + listed


def _common_factor_html(run: Run) -> str:
    itself, linear, alike, common = run.choices.refinements[-1]
    rows = [["the prediction itself", itself], ["its linear part in the section's genes", linear], ["its mean over like cells", alike], ["the cell's common factor", common]]  # fmt: skip
    return (
        render_table(["part of an imputed gene", "weight"], rows)
        + '<p class="care">The common factor is the mean of a cell\'s standardised measured genes: partly the quality of the cell rather than biology. It helps to predict '
        "what would have been measured, and it makes imputed genes more alike than they are. The higher its weight, the more care when imputed genes are "
        "correlated with each other or tested between regions of different quality.</p>"
    )


def _maps_html(run: Run) -> str:
    order = run.scores["pcc"].sort_values(ascending=False, kind="stable").index
    chosen = {"Best": order[0], "Middle": order[len(order) // 2], "Worst": order[-1]}
    predicted = {
        g: v for names, values, *_ in run.chunks(list(chosen.values())) for g, v in zip(names, values.T, strict=True)
    }
    out = ["<p>Of the measured genes. <b>Imputed</b>: predicted by the network that never saw the gene; not a measurement. Each map has its own limits, since the level of an imputed gene is the least certain of it: compare patterns, not brightness. Log-normalised values; predictions below zero are drawn as zero.</p>"]  # fmt: skip
    for rank, gene in chosen.items():
        pair = {"measured": run.measured(gene), "imputed (held out)": predicted[gene]}
        tops = [float(np.quantile(v, 0.99)) for v in pair.values() if v is not None]
        row = run.scores.loc[gene]
        beside = ", ".join(
            f"{name} {row[c]:.3f}" for c, name in BASELINE_NAMES.items() if c in row and np.isfinite(row[c])
        )
        out.append(render_figure(_draw_cells(run, pair, [top if top > 0 else 1.0 for top in tops], "viridis"), f"{gene}, measured and imputed", f"{rank}: {gene}, held-out Pearson {row['pcc']:.3f} ({beside})."))  # fmt: skip
    return "".join(out)


def _cell_reliability_html(run: Run) -> str:
    trust = run.cell_trust
    said = f"0 to 1: how much a cell is of a kind that the reference has. Median {np.median(trust):.2f}; {(trust < 0.5).mean():.1%} of the cells are below one half."
    return render_figure(
        _draw_cells(run, {"cell trust": trust}, [1.0], "cividis"), "Cell trust on the tissue", said, width="34rem"
    )


def _settings_html(run: Run) -> str:
    from dataclasses import fields

    values = run.provenance["config"]
    rows = [[f.name, str(values[f.name]), f.metadata.get("help", "")] for f in fields(run.config) if f.name in values]
    return f"<p>Seed {run.config.seed}; the same seed gives the same result on one machine.</p>" + render_table(
        ["setting", "value", "what it is"], rows
    )


def _versions_html(run: Run) -> str:
    rows = [[name, str(version)] for name, version in run.provenance["versions"].items()]
    return render_table(
        ["", "version"],
        [*rows, ["platform", run.provenance["platform"]], ["device of the training", run.provenance["device"]]],
    )


def _fold_of_gene(run: Run) -> Any:
    """(shared genes,) the network that each gene was hidden from."""
    return run.plan.hidden_features[:, : run.panel.n_shared].argmax(0)


def _new_figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _draw_cells(run: Run, maps: dict[str, Any], upper_limits: list[float], colormap: str) -> Figure:
    """Cells at their places, y downward as in napari, with a scale bar, each map from 0 to its top."""
    xy = run.section.xy
    low, extent = (
        xy.min(0),
        np.maximum(np.ptp(xy, axis=0), 0.05 * np.ptp(xy, axis=0).max() + 1e-9),
    )  # cells may stand in a line
    width = 9 / len(maps) if len(maps) > 1 else 6.0
    height = float(np.clip((width - 0.5) * extent[1] / extent[0], 1.5, 6))
    figure = _new_figure(width * len(maps), height + 0.5)
    inches = min((width - 0.9) / extent[0], height / extent[1])
    size = float(np.clip(0.7 * np.prod(extent * inches * 72) / len(xy), 0.2, 60))
    bar, unit = _scale_bar_length(extent[0] / 4), "pixels" if "in pixels" in run.section.unit_note else "µm"
    for axes, (name, values), top in zip(
        figure.subplots(1, len(maps), squeeze=False)[0], maps.items(), upper_limits, strict=True
    ):
        dots = axes.scatter(
            *xy.T, c=np.clip(values, 0, top), s=size, cmap=colormap, vmin=0, vmax=top, linewidths=0, rasterized=True
        )
        axes.set(aspect="equal", title=name)
        axes.invert_yaxis()
        axes.set_axis_off()
        bottom = low[1] + 1.06 * extent[1]
        axes.plot(
            [low[0], low[0] + bar], [bottom, bottom], color=TEXT_COLOUR_PLACEHOLDER, linewidth=2, solid_capstyle="butt"
        )
        axes.annotate(f"{bar:g} {unit}", (low[0] + bar, bottom), xytext=(5, 0), textcoords="offset points", va="center")
        figure.colorbar(dots, ax=axes, shrink=0.6, aspect=30)
    return figure


def _scale_bar_length(max_length: float) -> float:
    """The largest of 1, 2, 5 times a power of ten that is not above."""
    power = 10.0 ** np.floor(np.log10(max_length))
    return float(max(k * power for k in (1, 2, 5) if k * power <= max_length * (1 + 1e-9)))
