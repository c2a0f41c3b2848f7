"""A run as one HTML page: what went in, how well it predicts and how reliable it is. The file needs no other."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...evaluation.baselines import BASELINE_NAMES, SCORE_COLUMNS
from ..writers.atomic import as_output_error, atomic_output
from . import figures
from .html import MATPLOTLIB_SETTINGS, MISSING_VALUE_TEXT, Picture, draw_picture, environment

if TYPE_CHECKING:
    from ...imputation.run import Run

LIGHT_COLOURS = {"green": figures.GREEN, "amber": figures.AMBER, "red": figures.RED}
LIGHT_MEANINGS = {
    "green": "nothing speaks against this pair",
    "amber": "something to know",
    "red": "do not rely on this pair",
}
SCORE_NAMES = {
    "pcc": "Pearson",
    "spearman": "Spearman",
    "ssim": "SSIM",
    "rmse": "RMSE",
    "js": "JS",
    "pcc_within_type": "within types",
    **{column: f"Pearson of the {name}" for column, name in BASELINE_NAMES.items()},
}
MAX_TABLE_ROWS = 30
WEAK_RANK_CORRELATION = 0.4  # of predicted and true scores, below which genes are not to be chosen by predicted scores


def write_report(run: Run, path: Path) -> None:
    """Write the page of a run; replaced only when complete.

    Raises
    ------
    OutputError
        The disk is full or the place cannot be written.
    """
    text = render_report(run)
    with atomic_output(path) as part, as_output_error(path):
        part.write_text(text, encoding="utf-8")


def render_report(run: Run) -> str:
    """Return the text of the HTML file, plots included."""
    import matplotlib as mpl

    from ...qc.reference_check import check_reference

    with mpl.rc_context(MATPLOTLIB_SETTINGS):
        context = {
            **_tables(run),
            **_training_pictures(run),
            **_predicted_scores(run),
            **_smoothness(run),
            "map_pictures": _map_pictures(run),
            "trust_picture": _trust_picture(run),
        }
    page = environment().get_template("page.html.j2")
    return page.render(
        run=run,
        check=check_reference(run.section, run.reference, run.panel, labels=run.labels),
        light_colours=LIGHT_COLOURS,
        light_meanings=LIGHT_MEANINGS,
        tiles=_tiles(run),
        **context,
    )


def _tiles(run: Run) -> list[tuple[str, str]]:
    """Summarise the run in a few numbers, each with its meaning."""
    scores, baselines = run.scores, [c for c in BASELINE_NAMES if c in run.scores]
    best = max(baselines, key=lambda c: scores[c].median())
    predicted = run.gene_trust.table["predicted_pcc"].dropna()
    nominal, coverage = run.calibration.nominal_coverage, run.calibration.coverage["coverage"].iloc[0]
    return [
        (f"{scores['pcc'].median():.3f}", "median Pearson of measured genes, held out"),
        (f"{scores[best].median():.3f}", f"the same of the best simple predictor ({BASELINE_NAMES[best]})"),
        (f"{(scores['pcc'] > scores[baselines].max(axis=1)).mean():.0%}", "of genes better than all simple predictors"),
        (
            f"{predicted.median():.3f}" if len(predicted) else MISSING_VALUE_TEXT,
            "median predicted Pearson of unmeasured genes",
        ),
        (f"{coverage:.1%}", f"of measured values inside their {nominal:.0%} interval"),
    ]


def _tables(run: Run) -> dict[str, Any]:
    """Return the rows of the tables of the page."""
    provenance, columns = run.provenance, [c for c in SCORE_COLUMNS if c in run.scores]
    data_sets = [
        [
            side,
            data.name,
            provenance["data"][side]["path"] or MISSING_VALUE_TEXT,
            data.n_cells,
            len(data.genes),
            f"{data.values}, in {data.values_source}",
            provenance["data"][side]["fingerprint"],
        ]
        for side, data in (("section", run.section), ("reference", run.reference))
    ]
    ranked = run.scores[columns].sort_values("pcc", ascending=False, kind="stable")
    folds = dict(zip(run.panel.shared, (figures.fold_of_gene(run) + 1).tolist(), strict=True))
    parts = (
        "the prediction itself",
        "its linear part in the section's genes",
        "its mean over like cells",
        "the cell's common factor",
    )
    config = provenance["config"]
    versions = [[name, str(version)] for name, version in provenance["versions"].items()]
    return {
        "data_sets": data_sets,
        "score_names": [SCORE_NAMES[c] for c in columns],
        "scores": [
            [gene, *values, folds[gene]] for gene, values in zip(ranked.index, ranked.to_numpy().tolist(), strict=True)
        ],
        "coverage": run.calibration.coverage.to_numpy().tolist(),
        "refinements": [list(row) for row in zip(parts, run.choices.refinements[-1], strict=True)],
        "setting_rows": [
            [f.name, str(config[f.name]), f.metadata.get("help", "")] for f in fields(run.config) if f.name in config
        ],
        "version_rows": [
            *versions,
            ["platform", provenance["platform"]],
            ["device of the training", provenance["device"]],
        ],
    }


def _training_pictures(run: Run) -> dict[str, Picture | None]:
    """Draw masks, losses and the calibration."""
    epochs = [e for e in run.history if np.isfinite(e.terms.get("loss", np.nan))]
    seconds, calibration = run.provenance.get("seconds", 0.0), run.calibration
    loss_caption = (
        f"{len(epochs)} epochs in {seconds:.0f} s on {run.device}. Loss: the sum of the weighted terms. Validation: on "
        "kept-out cells, without noise."
    )
    masks = draw_picture(
        figures.draw_masks(run),
        "Masks of the plan",
        "What each data set shows to the networks and is asked for. Each network but the last never sees one fold of "
        "the shared genes (neither shown nor asked in the section): their scores come from it. The components stand "
        "for the "
        "genes that only the reference has.",
    )
    coverage = draw_picture(
        figures.draw_coverage(calibration.coverage, calibration.nominal_coverage),
        "Coverage of the intervals",
        f"Share of measured values inside their {calibration.nominal_coverage:.0%} interval, each gene calibrated "
        "without the genes of its fold; by the gene's level and the cell's prediction. Band: 5 points either way. "
        f"{calibration.small_strata_note}",
        width="46rem",
    )
    losses = draw_picture(figures.draw_losses(epochs), "Loss by epoch", loss_caption) if epochs else None
    return {"masks_picture": masks, "loss_picture": losses, "coverage_picture": coverage}


def _predicted_scores(run: Run) -> dict[str, Any]:
    """Compare predicted with true scores, and list the unmeasured genes with the highest."""
    reliability, true = run.gene_trust, run.scores["pcc"].to_numpy()
    genes = reliability.table.sort_values("predicted_pcc", ascending=False, kind="stable")
    if not len(reliability.cross_validated_scores):
        reason = genes["reason"].iloc[0] if len(genes) else "too few scored genes"
        return {"predicted_picture": None, "no_prediction_reason": reason}
    caption = (
        "Measured genes, each predicted without its own score (cross-validated): mean error "
        f"{reliability.mean_absolute_error:.3f}, rank correlation {reliability.rank_correlation:.2f}."
    )
    if not reliability.rank_correlation >= WEAK_RANK_CORRELATION:
        caption += " That is weak: do not choose genes by their predicted score here."
    figure = figures.draw_agreement(
        reliability.cross_validated_scores, true, "predicted Pearson", "true held-out Pearson"
    )
    known = genes["predicted_pcc"].dropna()
    return {
        "predicted_picture": draw_picture(figure, "Predicted and true scores", caption, width="30rem"),
        "n_predicted": len(known),
        "n_unmeasured": len(genes),
        "predicted": [[gene, value] for gene, value in known.iloc[:MAX_TABLE_ROWS].items()],
    }


def _smoothness(run: Run) -> dict[str, Any]:
    """Compare Moran's I of imputed and measured values, and list the genes that are too smooth."""
    measured, others = run.gene_trust.measured_inflation, run.gene_trust.table
    figure = figures.draw_agreement(
        measured["moran_measured"].to_numpy(),
        measured["moran"].to_numpy(),
        "Moran's I, measured",
        "Moran's I, imputed while hidden",
    )
    caption = (
        f"Measured genes; imputing changes Moran's I by {measured['moran_gain'].median():+.2f} (median). Approximate: "
        "of a sample of the cells."
    )
    flagged = pd.concat([measured, others])
    flagged = flagged[flagged["moran_flag"]].sort_values("moran_z", ascending=False, kind="stable")
    return {
        "moran_picture": draw_picture(figure, "Moran's I, measured and imputed", caption, width="30rem"),
        "inflated": [
            [str(gene), row["moran"], row["moran_gain"], row["moran_z"]]
            for gene, row in flagged.head(MAX_TABLE_ROWS).iterrows()
        ],
    }


def _map_pictures(run: Run) -> list[Picture]:
    """Draw the best, middle and worst gene, measured and imputed."""
    order = run.scores["pcc"].sort_values(ascending=False, kind="stable").index
    chosen = {"Best": order[0], "Middle": order[len(order) // 2], "Worst": order[-1]}
    chunks = run.chunks(list(chosen.values()))
    predicted = {g: v for names, values, *_ in chunks for g, v in zip(names, values.T, strict=True)}
    pictures = []
    for rank, gene in chosen.items():
        maps = {"measured": run.measured(gene), "imputed (held out)": predicted[gene]}
        limits = [float(np.quantile(v, 0.99)) for v in maps.values() if v is not None]
        row = run.scores.loc[gene]
        baselines = ", ".join(
            f"{name} {row[c]:.3f}" for c, name in BASELINE_NAMES.items() if c in row and np.isfinite(row[c])
        )
        figure = figures.draw_maps(run, maps, [limit if limit > 0 else 1.0 for limit in limits], "viridis")
        caption = f"{rank}: {gene}, held-out Pearson {row['pcc']:.3f} ({baselines})."
        pictures.append(draw_picture(figure, f"{gene}, measured and imputed", caption))
    return pictures


def _trust_picture(run: Run) -> Picture:
    """Draw the reliability of each cell."""
    trust = run.cell_trust
    caption = (
        f"0 to 1: how much a cell is of a kind that the reference has. Median {np.median(trust):.2f}; "
        f"{(trust < 0.5).mean():.1%} of the cells are below one half."
    )
    figure = figures.draw_maps(run, {"cell trust": trust}, [1.0], "cividis")
    return draw_picture(figure, "Cell trust on the tissue", caption, width="34rem")
