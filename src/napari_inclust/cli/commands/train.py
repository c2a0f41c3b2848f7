"""`inclust train`: any plan, from a file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from ...errors import ConfigError
from ...utils.text import duration, plural
from .. import options as o
from ..console import Talk
from ..task import describe, trained
from ..training import check_run_path, command_line


def train(
    plan: Annotated[Path, typer.Option("--plan", metavar="PLAN.toml", help="Data sets, task or arrows, settings.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="OUT.h5ad", help="The cells of all data sets with obsm['X_inclust'].")] = None,
    save: Annotated[Path | None, typer.Option("--save-run", metavar="RUN", help="Keep the trained plan, for napari_inclust.load_trained.")] = None,
    epochs: o.Epochs = None,
    seed: o.Seed = None,
    device: o.Device = None,
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> None:
    """Train any plan, also one that no verb has, and keep it or the latent of its cells."""
    from ...io.runs import trained_archive
    from ...io.runs.plan_file import read_plan
    from ...io.writers.atomic import check_output
    from ...io.writers.tasks import write_integrated
    from ...training.build_plan import compose

    start, talk = time.perf_counter(), Talk(quiet, json)
    if output is None and save is None:
        raise ConfigError("nothing would be kept of the training. Give -o OUT.h5ad, --save-run RUN, or both.")
    check_run_path(save)
    written = read_plan(plan)
    if output is not None:
        check_output(output, (".h5ad",), inputs=[file for files in written.files.values() for file in files])
    config = written.config.replace(**{k: v for k, v in {"epochs": epochs, "seed": seed, "device": device}.items() if v is not None})
    sets = written.open()
    describe(sets, talk)
    result = trained(compose(written.recipe.task, sets, **written.recipe.options), sets, config, talk)
    if save is not None:
        trained_archive.save(result, save)
    cells = sum(s.n_cells for s in sets)
    if output is not None:
        write_integrated(output, result, command=command_line())
    kept = " and ".join(str(p) for p in (output, save) if p is not None)
    seconds = time.perf_counter() - start
    talk.summary(
        {"output": str(output) if output else None, "saved_run": save, "cells": cells, "data": [s.name for s in sets], "seconds": round(seconds, 2)},
        f"{result.plan.task} on {plural(cells, 'cell')} of {plural(len(sets), 'data set')}: {kept}  ({duration(seconds)})",
    )
