"""`inclust translate`: one modality from another, and cells under other levels of the covariates."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...errors import ConfigError
from ...utils.text import format_count
from ..console import Reporter, command_line
from ..datasets import open_and_plan, train_datasets
from ..options import DatasetPaths, PlanOptions, TrainingOptions, Without


def translate(
    *,
    data: DatasetPaths,
    source: Annotated[
        str,
        typer.Option("--from", metavar="MODALITY", help="What the encoder sees of the cells: rna, protein, atac, ..."),
    ],
    target: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="MODALITY",
            help="What is decoded; the same modality with --covariate-from and --covariate-to.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT", help="The cells with the decoded features: .h5ad or .h5mu.")
    ],
    name: Annotated[
        str | None,
        typer.Option("--set", metavar="NAME", help="The data set to translate (default: the first that has --from)."),
    ] = None,
    levels_from: Annotated[
        list[str] | None,
        typer.Option(
            "--covariate-from",
            metavar="KEY:LEVEL",
            help="Only cells with this level, to be exchanged; may be repeated.",
        ),
    ] = None,
    levels_to: Annotated[
        list[str] | None,
        typer.Option(
            "--covariate-to", metavar="KEY:LEVEL", help="With what it is exchanged, in the same order; may be repeated."
        ),
    ] = None,
    options: PlanOptions,
    training: Annotated[TrainingOptions, Without("members")],
    reporter: Reporter,
) -> None:
    """Decode one modality of cells from another, also where no cell has both.

    Or decode cells as they would be under another batch, donor or condition: with --covariate-from batch:a
    --covariate-to batch:b the embedding of one level is exchanged for that of the other. A combination that was not
    measured cannot be scored; the score is that of held-out cells under the levels that they have.
    """
    from ...io.readers.datasets import dataset_paths
    from ...io.writers.atomic import check_output
    from ...io.writers.tasks import TASK_SUFFIXES, write_generated, write_shifted
    from ...multimodal.translate import check_translation, predict_counterfactual, translate

    check_output(output, TASK_SUFFIXES, inputs=dataset_paths(*data))
    changes = _covariate_changes(levels_from, levels_to)
    if source == target and not changes:
        raise ConfigError(
            f"--from and --to are both {source}. Name two modalities, or levels with --covariate-from and "
            "--covariate-to."
        )
    config = training.config()
    covariates = _covariate_keys(options.covariates or [], changes)
    datasets, plan = open_and_plan("pair", data, options, reporter, covariates=covariates)
    dataset = name or next((s.name for s in datasets if source in s.modality_names), datasets[0].name)
    check_translation(plan, {s.name: s.modality_names for s in datasets}, dataset, source, target, changes)
    trained = train_datasets(plan, datasets, config, reporter)
    if changes:
        shifted = predict_counterfactual(trained, dataset, target, changes, source_block=source)
        write_shifted(output, trained, dataset, shifted, changes, command=command_line())
        n_cells, features, scores = len(shifted.rows), shifted.features, shifted.scores
    else:
        translated = translate(trained, dataset, source, target)
        write_generated(output, trained, dataset, translated, command=command_line())
        n_cells, features, scores = len(translated.values), translated.features, translated.scores
    median, features_text = float(scores["pcc"].median()), format_count(len(features), "feature")
    reporter.summary(
        {
            "output": str(output),
            "set": dataset,
            "cells": n_cells,
            "features": len(features),
            "median_pcc": median,
            "seconds": reporter.seconds,
        },
        f"Pearson on cells never trained on, under their own levels, median of {features_text}: {median:.3f}",
        f"{features_text} of {format_count(n_cells, 'cell')} of {dataset} in {output}  ({reporter.duration})",
    )


def _covariate_keys(covariates: list[str], changes: dict[str, str]) -> list[str]:
    """List the covariates of the plan: those given, and those whose levels are exchanged."""
    exchanged = dict.fromkeys(level.partition(": ")[0] for level in changes)
    return [*covariates, *(key for key in exchanged if key not in covariates and key != "data set")]


def _covariate_changes(levels_from: list[str] | None, levels_to: list[str] | None) -> dict[str, str]:
    """`KEY: LEVEL` to be exchanged, and with which."""
    levels_from, levels_to = levels_from or [], levels_to or []
    if len(levels_from) != len(levels_to):
        raise ConfigError(
            f"--covariate-from was given {len(levels_from)} times and --covariate-to {len(levels_to)} times; "
            "they belong in pairs."
        )
    for a, b in zip(levels_from, levels_to, strict=True):
        if ":" not in a or ":" not in b or a.split(":")[0] != b.split(":")[0]:
            raise ConfigError(
                f"--covariate-from {a} --covariate-to {b} were given; expected KEY:LEVEL twice with the same KEY."
            )
    return {": ".join(a.split(":", 1)): ": ".join(b.split(":", 1)) for a, b in zip(levels_from, levels_to, strict=True)}
