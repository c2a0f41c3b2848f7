"""`inclust train`: any plan, from a file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from ...errors import ConfigError
from ...utils.text import format_count, format_duration
from .. import options as o
from ..console import Reporter
from ..task import announce_datasets, train_with_progress
from ..training import check_run_path, command_line


def train(
    plan: Annotated[Path, typer.Option("--plan", metavar="PLAN.toml", help="Data sets, task or arrows, settings.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="OUT.h5ad", help="The cells of all data sets with obsm['X_inclust']."),
    ] = None,
    save_run: Annotated[
        Path | None,
        typer.Option("--save-run", metavar="RUN", help="Keep the trained plan, for napari_inclust.load_trained."),
    ] = None,
    epochs: o.Epochs = None,
    seed: o.Seed = None,
    device: o.Device = None,
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> None:
    """Train any plan, also one that no verb has, and keep it or the latent of its cells."""
    from ...io.runs.plan_file import read_plan
    from ...io.writers.atomic import check_output
    from ...io.writers.tasks import write_integrated
    from ...training.build_plan import build_plan

    start, talk = time.perf_counter(), Reporter(quiet, json)
    if output is None and save_run is None:
        raise ConfigError("nothing would be kept of the training. Give -o OUT.h5ad, --save-run RUN, or both.")
    check_run_path(save_run)
    written = read_plan(plan)
    if output is not None:
        check_output(output, (".h5ad",), inputs=[file for files in written.files.values() for file in files])
    config = written.config.replace(
        **{k: v for k, v in {"epochs": epochs, "seed": seed, "device": device}.items() if v is not None}
    )
    sets = written.open_datasets()
    announce_datasets(sets, talk)
    result = train_with_progress(
        build_plan(written.recipe.task, sets, **written.recipe.compose_options), sets, config, talk
    )
    if save_run is not None:
        result.save(save_run)
    cells = sum(s.n_cells for s in sets)
    if output is not None:
        write_integrated(output, result, command=command_line())
    kept = " and ".join(str(p) for p in (output, save_run) if p is not None)
    seconds = time.perf_counter() - start
    talk.summary(
        {
            "output": str(output) if output else None,
            "saved_run": save_run,
            "cells": cells,
            "data": [s.name for s in sets],
            "seconds": round(seconds, 2),
        },
        f"{result.plan.task} on {format_count(cells, 'cell')} of {format_count(len(sets), 'data set')}: {kept}  ({format_duration(seconds)})",
    )
