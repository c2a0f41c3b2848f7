"""`inclust integrate`: several data sets in one latent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import ConfigError
from ...utils.text import format_count
from ..console import Reporter, command_line
from ..datasets import open_and_plan, train_datasets
from ..labels import columns_by_dataset
from ..options import DatasetPaths, PlanOptions, TrainingOptions, Without

if TYPE_CHECKING:
    import pandas as pd

NO_SHARED_ALIGN_WEIGHT = 10.0


def integrate(
    *,
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
    options: PlanOptions,
    truth: Annotated[
        list[str] | None,
        typer.Option(
            "--truth",
            metavar="KEY|NAME:KEY",
            help="Column of obs with types to score the result with, never used in training: KEY of every data set "
            "that has it, or NAME:KEY of the data set NAME; may be repeated.",
        ),
    ] = None,
    no_shared: Annotated[
        bool,
        typer.Option(
            "--no-shared",
            help="The sets share no feature, or shared ones are not used: align them by optimal transport and labels "
            "only. Much weaker.",
        ),
    ] = False,
    align: Annotated[
        float | None,
        typer.Option(
            "--align",
            metavar="W",
            help="Weight of optimal transport between the latents "
            f"(default: 0; with --no-shared {NO_SHARED_ALIGN_WEIGHT:g}).",
        ),
    ] = None,
    uncorrected: Annotated[
        bool, typer.Option("--uncorrected", help="Write the network's own latent, not corrected cluster by cluster.")
    ] = False,
    training: Annotated[TrainingOptions, Without("members")],
    reporter: Reporter,
) -> None:
    """Put several data sets into one latent, free of the data set and of the covariates.

    The summary says how far they are mixed, and their types apart.
    """
    from ...io.readers.datasets import dataset_paths
    from ...io.writers.atomic import check_output
    from ...io.writers.tasks import TASK_SUFFIXES, write_integrated
    from ...multimodal.batch_correction import corrected_latent
    from ...multimodal.generate import find_partially_measured_block, impute_between_datasets
    from ...multimodal.integration_metrics import compare_integration

    check_output(output, TASK_SUFFIXES, inputs=dataset_paths(*data))
    if impute and no_shared:
        raise ConfigError(
            "--impute needs features that the data sets share; it was given with --no-shared. Leave one of them out."
        )
    config = training.config(align_weight=NO_SHARED_ALIGN_WEIGHT if no_shared and align is None else align)
    datasets, plan = open_and_plan("separate" if no_shared else "integrate", data, options, reporter)
    if no_shared:
        _note_no_shared(reporter, all_labelled=all((t.labels >= 0).any() for t in plan.tables))
    true_columns = columns_by_dataset(
        truth or options.labels, "--truth" if truth else "--labels", {s.name: s.obs for s in datasets}
    )
    block = find_partially_measured_block(plan) if impute else None
    trained = train_datasets(plan, datasets, config, reporter)
    if options.labels and not truth:
        reporter.note(
            "the types are those that were trained on: the metrics about types flatter. "
            "Score with others by --truth NAME:KEY."
        )
    corrected = None if uncorrected or no_shared else corrected_latent(trained)
    metrics = compare_integration(trained, true_columns, corrected)
    imputed = impute_between_datasets(trained, block) if block is not None else {}
    cells = write_integrated(output, trained, metrics, imputed, corrected_latent=corrected, command=command_line())
    medians = {name: float(g.scores["pcc"].median()) for name, g in imputed.items()}
    reporter.summary(
        {
            "output": str(output),
            "cells": cells,
            "data": [s.name for s in datasets],
            "metrics": metrics.to_dict("records"),
            "imputed": {
                name: {"features": len(g.features), "median_pcc": medians[name]} for name, g in imputed.items()
            },
            "seconds": reporter.seconds,
        },
        *_metric_lines(metrics),
        *(
            f"{name}: {format_count(len(g.features), 'feature')} of {block} imputed; "
            f"Pearson on cells of the others never trained on, median {medians[name]:.3f}"
            for name, g in imputed.items()
        ),
        f"{format_count(cells, 'cell')} of {format_count(len(datasets), 'data set')} in {output}: obsm['X_inclust']  "
        f"({reporter.duration})",
    )


def _note_no_shared(reporter: Reporter, *, all_labelled: bool) -> None:
    hint = ", and without labels in every set hardly better than chance. Label a part of each: --labels NAME:KEY."
    reporter.note(
        "warning: no shared features: only the shape of the clouds and the labels align the sets, "
        f"which is weaker than any shared panel{'.' if all_labelled else hint}"
    )


def _metric_lines(metrics: pd.DataFrame) -> list[str]:
    """Format the metrics as lines of text."""
    shown = metrics.assign(metric=metrics["metric"] + " (" + metrics["of"] + ")").drop(columns="of")
    return [
        *shown.to_string(index=False, float_format="{:.3f}".format, na_rep="-").splitlines(),
        "0 to 1, high is good; best: what perfect mixing or separation gives",
    ]
