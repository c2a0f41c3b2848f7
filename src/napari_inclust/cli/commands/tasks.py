"""`inclust plan`, `inclust integrate` and `inclust generate`: tasks beside the main job, each a mask plan."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from ...errors import ConfigError
from ...utils.text import format_count, format_duration
from .. import console
from .. import options as o
from ..console import Reporter
from ..task import (
    Covariates,
    DatasetLabels,
    DatasetPaths,
    Likelihoods,
    Truth,
    compose_plan,
    parse_dataset_columns,
    train_with_progress,
)
from ..training import build_config, command_line

NO_SHARED_ALIGN_WEIGHT = 10.0

if TYPE_CHECKING:
    import pandas as pd

    from ...training.plan import Plan


def plan(
    task: Annotated[
        str, typer.Argument(metavar="TASK", help="impute, integrate, transfer, pair, generate, bridge or separate.")
    ],
    data: DatasetPaths,
    covariates: Covariates = None,
    labels: DatasetLabels = None,
    likelihoods: Likelihoods = None,
) -> None:
    """Show the plan that a task would run: what of each data set the encoder sees (o) and the decoder is judged on (x)."""
    from ...training.plan import TASKS

    if task not in ("impute", *TASKS):
        raise ConfigError(f"unknown task {task!r}; expected one of impute, {', '.join(TASKS)}.")
    _print_plan(
        _imputation_plan(data, labels)
        if task == "impute"
        else compose_plan(task, data, covariates, labels, likelihoods)[1]
    )


def _imputation_plan(data: list[str], labels: list[str] | None) -> Plan:
    """The plan of `inclust impute SPATIAL REFERENCE` with the default settings."""
    from ...data.panel import align
    from ...io.readers.dispatch import read_reference, read_section
    from ...training.build_plan import build_imputation_plan
    from ...training.config import Config

    if len(data) != 2:
        raise ConfigError(
            f"{format_count(len(data), 'data set')} given; expected the section and the reference: inclust plan impute SPATIAL REFERENCE."
        )
    section, reference = read_section(data[0], flatten=True), read_reference(data[1])
    panel, config = align(section, reference), Config()
    column = labels[0].rpartition(":")[2] if labels else None
    return build_imputation_plan(
        section,
        reference,
        panel,
        members=min(config.members, panel.n_shared // 2),
        seed=config.seed,
        components=config.components,
        labels=column,
    )


def integrate(
    data: DatasetPaths,
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="OUT", help="The cells of all data sets with obsm['X_inclust']: .h5ad or .h5mu."
        ),
    ],
    impute: Annotated[
        bool, typer.Option("--impute", help="Both ways: every data set also gets the features that only others have.")
    ] = False,
    covariates: Covariates = None,
    labels: DatasetLabels = None,
    truth: Truth = None,
    likelihoods: Likelihoods = None,
    no_shared: Annotated[
        bool,
        typer.Option(
            "--no-shared",
            help="The sets share no feature (or shall not): align them by optimal transport and labels only. Much weaker.",
        ),
    ] = False,
    align: Annotated[
        float | None,
        typer.Option(
            "--align",
            metavar="W",
            help=f"Weight of optimal transport between the latents (default: 0; with --no-shared {NO_SHARED_ALIGN_WEIGHT:g}).",
        ),
    ] = None,
    uncorrected: Annotated[
        bool, typer.Option("--uncorrected", help="Write the network's own latent, not corrected cluster by cluster.")
    ] = False,
    preset: o.Preset = None,
    epochs: o.Epochs = None,
    seed: o.Seed = None,
    device: o.Device = None,
    config: o.ConfigFile = None,
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> None:
    """Put several data sets into one latent, free of the data set and of the covariates; say how far they are mixed, and their types apart."""
    from ...io.readers.datasets import dataset_paths
    from ...io.writers.atomic import check_output
    from ...io.writers.tasks import TASK_SUFFIXES, write_integrated
    from ...multimodal.batch_correction import corrected_latent
    from ...multimodal.generate import find_partially_measured_block, impute_between_datasets
    from ...multimodal.integration_metrics import compare_integration

    start, talk = time.perf_counter(), Reporter(quiet, json)
    check_output(output, TASK_SUFFIXES, inputs=dataset_paths(*data))
    if impute and no_shared:
        raise ConfigError(
            "--impute needs features that the data sets share; it was given with --no-shared. Leave one of them out."
        )
    weight = NO_SHARED_ALIGN_WEIGHT if no_shared and align is None else align
    chosen = build_config(preset, config, epochs=epochs, seed=seed, device=device, align_weight=weight)
    sets, made = compose_plan("separate" if no_shared else "integrate", data, covariates, labels, likelihoods, talk)
    if no_shared:
        both = len(labels or ()) == len(sets)
        talk.note(
            "warning: no shared features: only the shape of the clouds and the labels align the sets, which is weaker than any shared panel"
            + (
                "."
                if both
                else ", and without labels in every set hardly better than chance. Label a part of each: --labels NAME:KEY."
            )
        )
    scored = parse_dataset_columns(truth or labels, "--truth", sets)
    block = find_partially_measured_block(made) if impute else None
    result = train_with_progress(made, sets, chosen, talk)
    if labels and not truth:
        talk.note(
            "the types are those that were trained on: the metrics about types flatter. Score with others by --truth NAME:KEY."
        )
    corrected = None if uncorrected or no_shared else corrected_latent(result)
    metrics = compare_integration(result, scored, corrected)
    exchanged = impute_between_datasets(result, block) if block is not None else {}
    cells = write_integrated(output, result, metrics, exchanged, corrected_latent=corrected, command=command_line())
    talk.summary(
        {
            "output": str(output),
            "cells": cells,
            "data": [s.name for s in sets],
            "metrics": metrics.to_dict("records"),
            "imputed": {
                name: {"features": len(g.features), "median_pcc": float(g.scores["pcc"].median())}
                for name, g in exchanged.items()
            },
            "seconds": round(time.perf_counter() - start, 2),
        },
        *_metric_lines(metrics),
        *(
            f"{name}: {format_count(len(g.features), 'feature')} of {block} imputed; Pearson on cells of the others never trained on, median {g.scores['pcc'].median():.3f}"
            for name, g in exchanged.items()
        ),
        f"{format_count(cells, 'cell')} of {format_count(len(sets), 'data set')} in {output}: obsm['X_inclust']  ({format_duration(time.perf_counter() - start)})",
    )


def generate(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="Cells that lack a modality: a file or NAME=FILE.")],
    references: Annotated[
        list[str], typer.Argument(metavar="REFERENCE", help="Paired data sets that have it; as for `inclust plan`.")
    ],
    modality: Annotated[str, typer.Option("--modality", metavar="NAME", help="What to generate: protein, atac, ...")],
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="OUT", help="The target's cells with the generated features: .h5ad or .h5mu."
        ),
    ],
    covariates: Covariates = None,
    labels: DatasetLabels = None,
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
    from ...io.readers.datasets import dataset_paths
    from ...io.writers.atomic import check_output
    from ...io.writers.tasks import TASK_SUFFIXES, write_generated
    from ...multimodal.generate import generate as generate_block

    start, talk = time.perf_counter(), Reporter(quiet, json)
    check_output(output, TASK_SUFFIXES, inputs=dataset_paths(target, *references))
    chosen = build_config(preset, config, epochs=epochs, seed=seed, device=device)
    sets, made = compose_plan("generate", [target, *references], covariates, labels, likelihoods, talk)
    if modality in sets[0].modality_names:
        others = dict.fromkeys(b for s in sets[1:] for b in s.modality_names if b not in sets[0].modality_names)
        have = f"{', '.join(others)}: name one of these" if others else "nothing else: give references that have more"
        raise ConfigError(
            f"{sets[0].name} already measures {modality}. Beside what it measures the references have {have}."
        )
    made.block(modality)  # refused now, not after the training
    result = train_with_progress(made, sets, chosen, talk)
    made_block = generate_block(result, sets[0].name, modality)
    write_generated(output, result, sets[0].name, made_block, command=command_line())
    median, nearest = (float(made_block.scores[c].median()) for c in ("pcc", "pcc_knn"))
    talk.summary(
        {
            "output": str(output),
            "features": len(made_block.features),
            "median_pcc": median,
            "median_pcc_knn": nearest,
            "seconds": round(time.perf_counter() - start, 2),
        },
        f"Pearson on reference cells never trained on, median of {format_count(len(made_block.features), 'feature')}: {median:.3f}  (nearest cells {nearest:.3f})",
        f"{format_count(len(made_block.features), 'feature')} of {format_count(sets[0].n_cells, 'cell')} in {output}  ({format_duration(time.perf_counter() - start)})",
    )


def _metric_lines(metrics: pd.DataFrame) -> list[str]:
    """The metrics as lines of text."""
    shown = metrics.assign(metric=metrics["metric"] + " (" + metrics["of"] + ")").drop(columns="of")
    return [
        *shown.to_string(index=False, float_format="{:.3f}".format, na_rep="-").splitlines(),
        "0 to 1, high is good; best: what perfect mixing or separation gives",
    ]


def _print_plan(mask_plan: Plan) -> None:
    from ...training.plan import mask_segments

    pieces = mask_segments(mask_plan)
    columns: list[Any] = [f"{s.block}\n{s.n_features:,} features" for s in pieces]
    table = Table("data set", *columns, box=None, pad_edge=False)
    for i, p in enumerate(mask_plan.presentations):
        table.add_row(p.table, *(f"{'o' if s.inputs[i] else '·'} -> {'x' if s.outputs[i] else '·'}" for s in pieces))
    console.stdout_console.print(table)
    console.stdout_console.print("o the encoder sees it, x the decoder is judged on it")
    if mask_plan.n_folds:
        console.stdout_console.print(
            f"{mask_plan.n_members} networks: {mask_plan.n_folds} are each without one of {mask_plan.n_folds} folds of the shared genes, which scores them; the last sees all"
        )
    console.stdout_console.print(
        console.escape_markup(
            f"covariates: {', '.join(mask_plan.covariates)}; classes: {', '.join(mask_plan.classes) or 'none'}"
        )
    )
