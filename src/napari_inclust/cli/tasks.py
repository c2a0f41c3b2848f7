"""`inclust plan`, `inclust integrate` and `inclust generate`: tasks beside the main job, each a mask plan."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from ..errors import ConfigError
from . import console
from . import options as o
from .console import Talk, duration, plural
from .training import command_line, driven, settings

if TYPE_CHECKING:
    from ..core.config import Config
    from ..core.dataset import Dataset
    from ..core.plan import Plan
    from ..core.trained import Trained

Data = Annotated[
    list[str],
    typer.Argument(
        metavar="DATA...", help="Data sets: a file, NAME=FILE, or files of the same cells joined by + (NAME=RNA.h5ad+ATAC.h5ad); .h5mu holds several."
    ),
]
Covariates = Annotated[list[str] | None, typer.Option("--covariate", metavar="KEY", help="Column of obs (batch, donor, condition); may be repeated.")]
Labels = Annotated[list[str] | None, typer.Option("--labels", metavar="NAME:KEY", help="Column of obs with cell types in the data set NAME; may be repeated.")]
Likelihoods = Annotated[
    list[str] | None, typer.Option("--likelihood", metavar="MODALITY:KIND", help="squared (default), gaussian, nb or bernoulli; may be repeated.")
]


def plan(
    task: Annotated[str, typer.Argument(metavar="TASK", help="integrate, transfer, pair, generate, bridge or separate.")],
    data: Data,
    covariates: Covariates = None,
    labels: Labels = None,
    likelihoods: Likelihoods = None,
) -> None:
    """Show the plan that a task would run: what of each data set the encoder sees (o) and the decoder is judged on (x)."""
    _, made = _plan(task, data, covariates, labels, likelihoods)
    _draw(made)


def integrate(
    data: Data,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT.h5ad", help="The cells of all data sets with obsm['X_inclust'].")],
    covariates: Covariates = None,
    labels: Labels = None,
    likelihoods: Likelihoods = None,
    preset: o.Preset = None,
    epochs: o.Epochs = None,
    seed: o.Seed = None,
    device: o.Device = None,
    config: o.ConfigFile = None,
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> None:
    """Put several data sets into one latent, free of the data set and of the covariates."""
    from ..io.tasks_out import write_integrated
    from ..io.write import check_output

    start, talk = time.perf_counter(), Talk(quiet, json)
    check_output(output, (".h5ad",))
    chosen = settings(preset, config, epochs=epochs, seed=seed, device=device)
    sets, made = _plan("integrate", data, covariates, labels, likelihoods, talk)
    trained = _train(made, sets, chosen, talk)
    cells = write_integrated(output, trained, command=command_line())
    talk.summary(
        {"output": str(output), "cells": cells, "data": [s.name for s in sets], "seconds": round(time.perf_counter() - start, 2)},
        f"{plural(cells, 'cell')} of {plural(len(sets), 'data set')} in {output}: obsm['X_inclust']  ({duration(time.perf_counter() - start)})",
    )


def generate(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="Cells that lack a modality: a file or NAME=FILE.")],
    references: Annotated[list[str], typer.Argument(metavar="REFERENCE...", help="Paired data sets that have it; as for `inclust plan`.")],
    modality: Annotated[str, typer.Option("--modality", metavar="NAME", help="What to generate: protein, atac, ...")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT.h5ad", help="The target's cells with the generated features.")],
    covariates: Covariates = None,
    labels: Labels = None,
    likelihoods: Likelihoods = None,
    preset: o.Preset = None,
    epochs: o.Epochs = None,
    seed: o.Seed = None,
    device: o.Device = None,
    config: o.ConfigFile = None,
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> None:
    """Generate a modality that the target was not measured for (protein, accessibility), with a held-out score of each feature.

    The scores come from cells of the references that training never saw: they say how well a feature is predicted there, not in the target.
    """
    from ..core.generate import generate as generate_block
    from ..io.tasks_out import write_generated
    from ..io.write import check_output

    start, talk = time.perf_counter(), Talk(quiet, json)
    check_output(output, (".h5ad",))
    chosen = settings(preset, config, epochs=epochs, seed=seed, device=device)
    sets, made = _plan("generate", [target, *references], covariates, labels, likelihoods, talk)
    if modality in sets[0].blocks:
        raise ConfigError(f"{sets[0].name} already measures {modality}. Name another modality; the references have {', '.join(sets[1].blocks)}.")
    made.block(modality)  # refused now, not after the training
    trained = _train(made, sets, chosen, talk)
    made_block = generate_block(trained, sets[0].name, modality)
    write_generated(output, trained, sets[0].name, made_block, command=command_line())
    median = float(made_block.scores["pcc"].median())
    talk.summary(
        {"output": str(output), "features": len(made_block.features), "median_pcc": median, "seconds": round(time.perf_counter() - start, 2)},
        f"Pearson on reference cells never trained on, median of {plural(len(made_block.features), 'feature')}: {median:.3f}",
        f"{plural(len(made_block.features), 'feature')} of {plural(sets[0].n_cells, 'cell')} in {output}  ({duration(time.perf_counter() - start)})",
    )


def _plan(
    task: str, data: list[str], covariates: list[str] | None, labels: list[str] | None, likelihoods: list[str] | None, talk: Talk | None = None
) -> tuple[list[Dataset], Plan]:
    from ..core.compose import compose
    from ..io.datasets import open_datasets

    sets = open_datasets(data)
    if talk is not None:
        for s in sets:
            talk.note(f"{s.name}: {plural(s.n_cells, 'cell')}, " + ", ".join(f"{m.name} ({plural(len(m.features), 'feature')})" for m in s.modalities))
    pairs = _pairs(labels, "--labels", "NAME:KEY")
    return sets, compose(task, sets, covariates=covariates or (), labels=pairs, likelihoods=_pairs(likelihoods, "--likelihood", "MODALITY:KIND"))


def _pairs(given: list[str] | None, option: str, form: str) -> dict[str, str]:
    wrong = [text for text in given or () if ":" not in text]
    if wrong:
        raise ConfigError(f"{option} {wrong[0]} was given; expected {form}.")
    return dict(text.split(":", 1) for text in given or ())  # type: ignore[arg-type]


def _train(made: Plan, sets: list[Dataset], config: Config, talk: Talk) -> Trained:
    from ..core.trained import train_plan

    return driven(train_plan(made, sets, config), config, talk)


def _draw(made: Plan) -> None:
    from ..core.plan import stretches

    pieces = stretches(made)
    columns: list[Any] = [f"{s.block}\n{s.features:,} features" for s in pieces]
    table = Table("data set", *columns, box=None, pad_edge=False)
    for i, p in enumerate(made.presentations):
        table.add_row(p.table, *(f"{'o' if s.inputs[i] else '·'} -> {'x' if s.outputs[i] else '·'}" for s in pieces))
    console.out.print(table)
    console.out.print("o the encoder sees it, x the decoder is judged on it")
    console.out.print(console.escaped(f"covariates: {', '.join(made.covariates)}; classes: {', '.join(made.classes) or 'none'}"))
