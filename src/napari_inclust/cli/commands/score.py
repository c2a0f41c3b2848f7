"""`inclust score`: how well each shared gene is predicted when it is hidden."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..console import Reporter, command_line
from ..imputation import open_data, run_facts, score_line, train_imputation
from ..options import Batch, Labels, ReadingOptions, Reference, RunOptions, Spatial, TrainingOptions, Without


def score(
    *,
    spatial: Spatial,
    reference: Reference,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="CSV", help="The table: one row a shared gene.")],
    folds: Annotated[
        int | None,
        typer.Option(
            "--folds", "--members", metavar="K", help="Folds of the shared genes (default: as the preset, 5)."
        ),
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(
            "--predictions", metavar="OUT", help="Also the held-out predictions of all shared genes: .h5ad or .zarr."
        ),
    ] = None,
    labels: Labels = None,
    batch: Batch = None,
    reading: ReadingOptions,
    training: Annotated[TrainingOptions, Without("members")],
    runs: Annotated[RunOptions, Without("saved_run")],
    reporter: Reporter,
) -> None:
    """Score every shared gene from its held-out prediction, beside simple baselines.

    The shared genes are split into K folds; K networks are trained at once and each never sees one fold. Columns:
    gene, pcc, spearman, ssim, rmse, js, pcc_within_type, and the Pearson correlation of the gene mean, the type mean
    and the nearest neighbours (pcc_gene_mean, pcc_type_mean, pcc_knn).
    """
    from ...evaluation.baselines import SCORE_COLUMNS
    from ...io.writers.atomic import check_output, write_csv
    from ...io.writers.imputed import write_imputed

    check_output(output, (".csv",), inputs=(spatial, reference))
    if predictions is not None:
        check_output(predictions, inputs=(spatial, reference))
    runs.check_paths()
    config = training.config(members=folds)
    data = open_data(spatial, reference, reading, reporter)
    run = train_imputation(data, config, reporter, labels=labels, batch=batch, checkpoint=runs.resume)
    runs.save(run)
    write_csv(run.scores.reindex(columns=list(SCORE_COLUMNS)), output)
    if predictions is not None:
        with reporter.progress("imputing", run.panel.n_shared) as update:
            write_imputed(predictions, run, run.panel.shared, command=command_line(), progress=update)
    facts = {
        "output": str(output),
        "predictions": predictions,
        "folds": run.plan.n_folds,
        "seconds": reporter.seconds,
    }
    reporter.summary(facts | run_facts(run), score_line(run), f"scores in {output}  ({reporter.duration})")
