"""`inclust transfer`: types for the cells of a target, "unknown" among them, and new types."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...errors import ConfigError
from ...utils.text import format_count, format_duration
from .. import options as o
from ..console import Reporter
from ..task import Covariates, Likelihoods, announce_datasets, parse_pairs, train_with_progress
from ..training import build_config, command_line

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from ...data.dataset import Dataset
    from ...multimodal.label_transfer import TransferredLabels
    from ...training.trained import Trained

_WEIGHTS_HELP_PANEL = "Weights of the training"


def transfer(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="Cells to be typed: a file or NAME=FILE.")],
    references: Annotated[
        list[str], typer.Argument(metavar="REFERENCE", help="Data sets with types; as for `inclust plan`.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT.h5ad", help="The target with the types in obs.")
    ],
    labels: Annotated[
        list[str] | None,
        typer.Option(
            "--labels",
            metavar="KEY|NAME:KEY",
            help="Column of obs with types: KEY of every reference, or of the data set NAME. None: clusters.",
        ),
    ] = None,
    error: Annotated[
        float,
        typer.Option(
            "--error",
            metavar="E",
            help="Share of wrong types among those given, at most; the other cells stay unknown.",
        ),
    ] = 0.1,
    unlike: Annotated[
        float,
        typer.Option(
            "--unlike",
            metavar="P",
            min=0,
            max=1,
            help="Share of the cells of known types that may be taken for cells of none, and stay unknown.",
        ),
    ] = 0.1,
    group_new_types: Annotated[
        bool, typer.Option("--new-types", help="Group the cells that are unlike every type of the references.")
    ] = False,
    min_cells: Annotated[
        int, typer.Option("--min-cells", metavar="N", min=2, help="Cells of a new type at least.")
    ] = 20,
    spare: Annotated[
        int,
        typer.Option(
            "--spare", metavar="N", min=0, help="Outputs of the classifier beyond the known types, as published."
        ),
    ] = 0,
    truth: Annotated[
        str | None,
        typer.Option(
            "--truth", metavar="KEY", help="Column of the target's obs to score with; never used in training."
        ),
    ] = None,
    covariates: Covariates = None,
    likelihoods: Likelihoods = None,
    label_weight: Annotated[
        float | None,
        typer.Option("--label-weight", metavar="W", help="Of the types.", rich_help_panel=_WEIGHTS_HELP_PANEL),
    ] = None,
    prior_weight: Annotated[
        float | None,
        typer.Option(
            "--prior-weight", metavar="W", help="Of the mixture prior (KL).", rich_help_panel=_WEIGHTS_HELP_PANEL
        ),
    ] = None,
    entropy_weight: Annotated[
        float | None,
        typer.Option(
            "--entropy-weight",
            metavar="W",
            help="Of even clusters, where nothing is labelled.",
            rich_help_panel=_WEIGHTS_HELP_PANEL,
        ),
    ] = None,
    reconstruction_weight: Annotated[
        float | None,
        typer.Option(
            "--reconstruction-weight", metavar="W", help="Of the reconstruction.", rich_help_panel=_WEIGHTS_HELP_PANEL
        ),
    ] = None,
    preset: o.Preset = None,
    epochs: o.Epochs = None,
    members: Annotated[
        int | None, typer.Option("--members", metavar="M", help="Networks trained at once; their types are averaged.")
    ] = None,
    seed: o.Seed = None,
    device: o.Device = None,
    config: o.ConfigFile = None,
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> None:
    """Give the cells of a target the types of references; cells whose type is not sure enough, or that are unlike every type, stay "unknown".

    The promise of --error comes from cells of the references that training never saw: it does not cover another platform, tissue or composition.
    """
    from ...data.obs import string_column
    from ...io.readers.datasets import dataset_paths, open_datasets
    from ...io.writers.atomic import check_output
    from ...training.build_plan import build_plan

    start, talk = time.perf_counter(), Reporter(quiet, json)
    check_output(output, (".h5ad",), inputs=dataset_paths(target, *references))
    if not 0 < error < 1:
        raise ConfigError(f"--error {error:g} was given; expected a share between 0 and 1, such as 0.1.")
    weights = {
        "label_weight": label_weight,
        "entropy_weight": entropy_weight,
        "reconstruction_weight": reconstruction_weight,
    }
    kl = None if prior_weight is None else (prior_weight,)
    chosen = build_config(
        preset, config, epochs=epochs, members=members, seed=seed, device=device, kl_weights=kl, **weights
    )
    sets = open_datasets([target, *references])
    announce_datasets(sets, talk)
    by_set = _label_columns(labels, sets)
    if (group_new_types or truth or spare) and not by_set:
        raise ConfigError(
            f"{'--new-types' if group_new_types else '--truth' if truth else '--spare'} needs types to compare with: name a column with --labels."
        )
    if group_new_types and set(by_set) == {sets[0].name}:
        raise ConfigError(
            f"--new-types compares with the types of references, but only {sets[0].name} is labelled. Name a column of a reference."
        )
    true = None if truth is None else string_column(sets[0].obs, truth, sets[0].name)
    made = build_plan(
        "transfer", sets, covariates=covariates or (), labels=by_set, spare=spare, members=chosen.members,
        likelihoods=parse_pairs(likelihoods, "--likelihood", "MODALITY:KIND"),
    )  # fmt: skip
    result = train_with_progress(made, sets, chosen, talk)
    if by_set:
        summary, lines = _transfer_types(
            output, result, true, talk, error=error, unlike=unlike, group_new_types=group_new_types, min_cells=min_cells
        )
    else:
        summary, lines = _write_clusters(output, result)
    seconds = time.perf_counter() - start
    talk.summary(
        {"output": str(output), "cells": sets[0].n_cells, **summary, "seconds": round(seconds, 2)},
        *lines,
        f"{format_count(sets[0].n_cells, 'cell')} in {output}  ({format_duration(seconds)})",
    )


def _transfer_types(
    output: Path,
    result: Trained,
    true_types: NDArray[np.str_] | None,
    reporter: Reporter,
    *,
    error: float,
    unlike: float,
    group_new_types: bool,
    min_cells: int,
) -> tuple[dict[str, Any], list[str]]:
    """Give types, score and group them as asked for, and write them; what to say of it."""
    from ...io.writers.cell_types import annotate_types, write_types
    from ...multimodal.label_transfer import transfer_labels as transfer_types
    from ...multimodal.novel_types import find_novel_types

    target = result.datasets[0].name
    types = transfer_types(result, target, error_rate=error, novelty_level=unlike)
    score = None if true_types is None else types.score(true_types)
    if true_types is not None:
        _note_unmatched_types(true_types, types.class_names, target, reporter)
    if group_new_types and types.novelty is None:
        reporter.note(
            "no new types can be told: the references name fewer than two types, or share no feature with the target."
        )
    groups = (
        find_novel_types(result, target, types.novelty, min_cells)
        if group_new_types and types.novelty is not None
        else None
    )
    write_types(output, annotate_types(result, target, types, groups), result, command=command_line(), score=score)
    summary = {
        "types": {str(k): int(v) for k, v in types.assigned_types.value_counts().items() if v}, "error": error, "threshold": types.probability_threshold,
        "held_out_cells": types.n_held_out, "held_out_accuracy": types.held_out_accuracy, "score": score,
        "new_types": None if groups is None else groups.table.reset_index().to_dict("records"),
    }  # fmt: skip
    return summary, [
        *_type_lines(types),
        *([] if score is None else [_score_line(score)]),
        *([] if groups is None else _new_type_lines(groups.table)),
    ]


def _write_clusters(output: Path, result: Trained) -> tuple[dict[str, Any], list[str]]:
    """Write the clusters of a plan without labels; what to say of it."""
    from ...io.writers.cell_types import annotate_clusters, write_types

    found = annotate_clusters(result, result.datasets[0].name)
    write_types(output, found, result, command=command_line())
    n = found.obs["inclust_cluster"].nunique()
    return {"clusters": n}, [f"nothing is labelled: {format_count(n, 'cluster')} in obs['inclust_cluster']"]


def _label_columns(given: list[str] | None, sets: list[Dataset]) -> dict[str, str]:
    """Column by data set: KEY is that of every reference, never of the target."""
    out: dict[str, str] = {}
    for label in given or ():
        name, colon, key = label.partition(":")
        if not colon:
            out |= {s.name: label for s in sets[1:]}
        elif name in {s.name for s in sets}:
            out[name] = key
        else:
            raise ConfigError(
                f"--labels names a data set {name!r}, but there are only {', '.join(s.name for s in sets)}."
            )
    return out


def _note_unmatched_types(
    true_types: NDArray[np.str_], names: tuple[str, ...], target: str, reporter: Reporter
) -> None:
    """Say which true types no reference names: often they are only written otherwise."""
    import numpy as np

    from ...data.obs import has_label

    other = true_types[has_label(true_types) & ~np.isin(true_types, names)]
    if len(other):
        some = list(dict.fromkeys(sorted(other)))
        reporter.note(
            f"{format_count(len(other), 'cell')} of {target} have a true type that no reference names ({', '.join(some[:6])}{', ...' if len(some) > 6 else ''}): "
            "they count as of a missing type. Make the names agree where the types are the same."
        )


def _type_lines(types: TransferredLabels) -> list[str]:
    """What was found, and what it rests on."""
    given, n = int(types.assigned.sum()), len(types.assigned)
    counts = types.assigned_types.value_counts()
    lines = [f"{format_count(int(c), 'cell')}  {name}" for name, c in counts.sort_values(ascending=False).items() if c]
    rests = f"of {format_count(types.n_held_out, 'reference cell')} never trained on, {types.held_out_accuracy:.0%} get their type"
    if types.probability_threshold > 1:
        return [
            *lines,
            f"no type is given: no threshold promises at most {types.error_rate:.0%} wrong ({rests}); give more labelled cells, or a larger --error",
        ]
    promise = f"types from a probability of {types.probability_threshold:.2f}, at most {types.error_rate:.0%} wrong for cells like those of the references ({rests})"
    return [*lines, f"{given:,} of {n:,} cells have a type", promise]


def _score_line(score: dict[str, float]) -> str:
    names = {
        "accuracy": "most probable type right",
        "macro_f1": "macro F1",
        "wrong": "of the types given, wrong",
        "unknown": "unknown",
    }
    names["unknown_of_missing"] = "unknown among cells whose type the references lack"
    return "against the truth: " + ", ".join(
        f"{text} {score[key]:.3f}" for key, text in names.items() if math.isfinite(score.get(key, math.nan))
    )


def _new_type_lines(table: pd.DataFrame) -> list[str]:
    if not len(table):
        return ["no new type"]
    return [f"{format_count(len(table), 'new type')}:", *table.to_string(float_format="{:.2f}".format).splitlines()]
