"""`inclust score`: how well each shared gene is predicted when it is hidden."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from ...utils.text import format_duration
from .. import options as o
from ..console import Reporter
from ..training import (
    build_config,
    check_run_path,
    command_line,
    open_data,
    run_facts,
    save_if_requested,
    score_line,
    train,
)

SCORE_COLUMNS = (
    "pcc",
    "spearman",
    "ssim",
    "rmse",
    "js",
    "pcc_within_type",
    "pcc_gene_mean",
    "pcc_type_mean",
    "pcc_knn",
)  # those that need labels stay empty without


def score(
    spatial: o.Spatial,
    reference: o.Reference,
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
    labels: o.Labels = None,
    batch: o.Batch = None,
    values: o.SpatialValues = None,
    reference_values: o.ReferenceValues = None,
    pixel_size: o.PixelSize = None,
    plane: o.Plane = None,
    table: o.Table = None,
    system: o.System = None,
    columns: o.Columns = None,
    preset: o.Preset = None,
    epochs: o.Epochs = None,
    seed: o.Seed = None,
    device: o.Device = None,
    config: o.ConfigFile = None,
    save_run: o.SaveRun = None,
    resume: o.Resume = None,
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> None:
    """Score every shared gene from its held-out prediction, beside simple baselines.

    The shared genes are split into K folds; K networks are trained at once and each never sees one fold. Columns: gene, pcc, spearman, ssim, rmse, js,
    pcc_within_type, and the Pearson correlation of the gene mean, the type mean and the nearest neighbours (pcc_gene_mean, pcc_type_mean, pcc_knn).
    """
    from ...io.writers.atomic import check_output, write_csv
    from ...io.writers.imputed import write_imputed

    start, talk = time.perf_counter(), Reporter(quiet, json)
    check_output(output, (".csv",), inputs=(spatial, reference))
    if predictions is not None:
        check_output(predictions, inputs=(spatial, reference))
    check_run_path(save_run)
    check_run_path(resume)
    chosen = build_config(preset, config, epochs=epochs, members=folds, seed=seed, device=device)
    reading = {
        "values": values,
        "pixel_size": pixel_size,
        "plane": plane,
        "table": table,
        "system": system,
        "columns": o.parse_columns(columns),
    }
    data = open_data(spatial, reference, talk, reference_values=reference_values, **reading)
    run = train(data, chosen, talk, labels=labels, batch=batch, checkpoint=resume)
    save_if_requested(run, save_run)
    write_csv(run.scores.reindex(columns=list(SCORE_COLUMNS)), output)
    if predictions is not None:
        with talk.progress("imputing", run.panel.n_shared) as update:
            write_imputed(predictions, run, run.panel.shared, command=command_line(), progress=update)
    seconds = time.perf_counter() - start
    written = {
        "output": str(output),
        "predictions": predictions,
        "folds": run.plan.n_folds,
        "seconds": round(seconds, 2),
    }
    talk.summary(written | run_facts(run), score_line(run), f"scores in {output}  ({format_duration(seconds)})")
