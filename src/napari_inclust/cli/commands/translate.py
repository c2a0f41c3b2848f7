"""`inclust translate`: one modality from another, and cells under other levels of the covariates."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from ...errors import ConfigError
from ...utils.text import format_count, format_duration
from .. import options as o
from ..console import Reporter
from ..task import Covariates, DatasetLabels, DatasetPaths, Likelihoods, compose_plan, train_with_progress
from ..training import build_config, command_line


def translate(
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
    """Decode one modality of cells from another, also where no cell has both; or cells as they would be under another batch, donor or condition.

    With --covariate-from batch:a --covariate-to batch:b the embedding of one level is exchanged for that of the other: a combination that nobody measured
    cannot be scored, so what is told is how well the decoder predicts held-out cells under the levels that they have.
    """
    from ...io.readers.datasets import dataset_paths
    from ...io.writers.atomic import check_output
    from ...io.writers.tasks import TASK_SUFFIXES, write_generated, write_shifted
    from ...multimodal import translate as core

    start, talk = time.perf_counter(), Reporter(quiet, json)
    check_output(output, TASK_SUFFIXES, inputs=dataset_paths(*data))
    changes = _covariate_changes(levels_from, levels_to)
    if source == target and not changes:
        raise ConfigError(
            f"--from and --to are both {source}. Name two modalities, or levels with --covariate-from and --covariate-to."
        )
    keys = [
        *(covariates or ()),
        *(
            k
            for k in dict.fromkeys(c.partition(": ")[0] for c in changes)
            if k not in (covariates or ()) and k != "data set"
        ),
    ]
    chosen = build_config(preset, config, epochs=epochs, seed=seed, device=device)
    sets, made = compose_plan("pair", data, keys, labels, likelihoods, talk)
    table = name or next((s.name for s in sets if source in s.modality_names), sets[0].name)
    core.check_translation(made, {s.name: s.modality_names for s in sets}, table, source, target, changes)
    result = train_with_progress(made, sets, chosen, talk)
    if changes:
        shifted = core.predict_counterfactual(result, table, target, changes, source_block=source)
        write_shifted(output, result, table, shifted, changes, command=command_line())
        cells, features, scores = len(shifted.rows), shifted.features, shifted.scores
    else:
        found = core.translate(result, table, source, target)
        write_generated(output, result, table, found, command=command_line())
        cells, features, scores = len(found.values), found.features, found.scores
    median, seconds = float(scores["pcc"].median()), time.perf_counter() - start
    talk.summary(
        {
            "output": str(output),
            "set": table,
            "cells": cells,
            "features": len(features),
            "median_pcc": median,
            "seconds": round(seconds, 2),
        },
        f"Pearson on cells never trained on, under their own levels, median of {format_count(len(features), 'feature')}: {median:.3f}",
        f"{format_count(len(features), 'feature')} of {format_count(cells, 'cell')} of {table} in {output}  ({format_duration(seconds)})",
    )


def _covariate_changes(levels_from: list[str] | None, levels_to: list[str] | None) -> dict[str, str]:
    """Names of covariates and with which each is exchanged."""
    levels_from, levels_to = levels_from or [], levels_to or []
    if len(levels_from) != len(levels_to):
        raise ConfigError(
            f"--covariate-from was given {len(levels_from)} times and --covariate-to {len(levels_to)} times; they belong in pairs."
        )
    for a, b in zip(levels_from, levels_to, strict=True):
        if ":" not in a or ":" not in b or a.split(":")[0] != b.split(":")[0]:
            raise ConfigError(
                f"--covariate-from {a} --covariate-to {b} were given; expected KEY:LEVEL twice with the same KEY."
            )
    return {": ".join(a.split(":", 1)): ": ".join(b.split(":", 1)) for a, b in zip(levels_from, levels_to, strict=True)}
