"""`inclust train`: any plan, from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...errors import ConfigError
from ...utils.text import format_count
from ..console import Reporter, command_line
from ..datasets import note_datasets, train_datasets
from ..options import TrainingOptions, Without, check_run_path


def train(
    *,
    plan: Annotated[Path, typer.Option("--plan", metavar="PLAN.toml", help="Data sets, task or arrows, settings.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="OUT.h5ad", help="The cells of all data sets with obsm['X_inclust']."),
    ] = None,
    save_run: Annotated[
        Path | None,
        typer.Option("--save-run", metavar="RUN", help="Keep the trained plan, for napari_inclust.load_trained."),
    ] = None,
    training: Annotated[TrainingOptions, Without("preset", "members", "config_file")],
    reporter: Reporter,
) -> None:
    """Train any plan, also one that no other command has, and keep it or the latent of its cells."""
    from ...io.runs.plan_file import read_plan
    from ...io.writers.atomic import check_output
    from ...io.writers.tasks import write_integrated
    from ...training.build_plan import build_plan

    if output is None and save_run is None:
        raise ConfigError("nothing would be kept of the training. Give -o OUT.h5ad, --save-run RUN, or both.")
    check_run_path(save_run)
    plan_file = read_plan(plan)
    if output is not None:
        check_output(output, (".h5ad",), inputs=[file for files in plan_file.files.values() for file in files])
    config = plan_file.config.replace(**training.changes())
    datasets = plan_file.open_datasets()
    note_datasets(datasets, reporter)
    mask_plan = build_plan(plan_file.recipe.task, datasets, **plan_file.recipe.compose_options)
    trained = train_datasets(mask_plan, datasets, config, reporter)
    if save_run is not None:
        trained.save(save_run)
    if output is not None:
        write_integrated(output, trained, command=command_line())
    cells = sum(s.n_cells for s in datasets)
    files = " and ".join(str(p) for p in (output, save_run) if p is not None)
    reporter.summary(
        {
            "output": str(output) if output else None,
            "saved_run": save_run,
            "cells": cells,
            "data": [s.name for s in datasets],
            "seconds": reporter.seconds,
        },
        f"{trained.plan.task} on {format_count(cells, 'cell')} of {format_count(len(datasets), 'data set')}: {files}  "
        f"({reporter.duration})",
    )
