"""`inclust transfer`: types for the cells of a target, "unknown" among them, and new types."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...errors import ConfigError
from ...utils.text import format_count
from ..console import Reporter, command_line
from ..datasets import open_and_note_datasets, plan_datasets, train_datasets
from ..labels import columns_by_dataset
from ..options import PlanOptions, TrainingOptions, Without

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from ...data.dataset import Dataset
    from ...multimodal.label_transfer import TransferredLabels
    from ...training.plan import Plan
    from ...training.trained import Trained

_weight_option = functools.partial(typer.Option, metavar="W", rich_help_panel="Weights of the training")


@dataclass(frozen=True)
class WeightOptions:
    """Weights of the terms of the loss; None: as in the settings."""

    label: Annotated[float | None, _weight_option("--label-weight", help="Of the types.")] = None
    prior: Annotated[float | None, _weight_option("--prior-weight", help="Of the mixture prior (KL).")] = None
    entropy: Annotated[
        float | None, _weight_option("--entropy-weight", help="Of even clusters, where nothing is labelled.")
    ] = None
    reconstruction: Annotated[
        float | None, _weight_option("--reconstruction-weight", help="Of the reconstruction.")
    ] = None

    def settings(self) -> dict[str, Any]:
        """Return them by name of the setting; None where not given."""
        return {
            "label_weight": self.label,
            "kl_weights": None if self.prior is None else (self.prior,),
            "entropy_weight": self.entropy,
            "reconstruction_weight": self.reconstruction,
        }


@dataclass(frozen=True)
class TransferOptions:
    """How sure a type must be, and what is done with cells that are unlike every type."""

    error: Annotated[
        float,
        typer.Option(
            "--error",
            metavar="E",
            help="Share of wrong types among those given, at most; the other cells stay unknown.",
        ),
    ] = 0.1
    unlike: Annotated[
        float,
        typer.Option(
            "--unlike",
            metavar="P",
            min=0,
            max=1,
            help="Share of the cells of known types that may be taken for cells of none, and stay unknown.",
        ),
    ] = 0.1
    group_new_types: Annotated[
        bool, typer.Option("--new-types", help="Group the cells that are unlike every type of the references.")
    ] = False
    min_cells: Annotated[int, typer.Option("--min-cells", metavar="N", min=2, help="Cells of a new type at least.")] = (
        20
    )
    spare: Annotated[
        int,
        typer.Option(
            "--spare", metavar="N", min=0, help="Outputs of the classifier beyond the known types, as published."
        ),
    ] = 0
    truth: Annotated[
        str | None,
        typer.Option(
            "--truth", metavar="KEY", help="Column of the target's obs to score with; never used in training."
        ),
    ] = None


def transfer(
    *,
    target: Annotated[str, typer.Argument(metavar="TARGET", help="Cells to be typed: a file or NAME=FILE.")],
    references: Annotated[
        list[str], typer.Argument(metavar="REFERENCE", help="Data sets with types; as for `inclust plan`.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT.h5ad", help="The target with the types in obs.")
    ],
    settings: TransferOptions,
    options: PlanOptions,
    weights: WeightOptions,
    members: Annotated[
        int | None, typer.Option("--members", metavar="M", help="Networks trained at once; their types are averaged.")
    ] = None,
    training: Annotated[TrainingOptions, Without("members")],
    reporter: Reporter,
) -> None:
    """Give the cells of a target the types of references, or "unknown".

    Cells whose type is not sure enough, or that are unlike every type, stay "unknown". Without --labels the result is
    clusters. The limit of --error is estimated on cells of the references that training never saw: it does not cover
    another platform, tissue or composition.
    """
    from ...io.readers.datasets import dataset_paths
    from ...io.writers.atomic import check_output

    check_output(output, (".h5ad",), inputs=dataset_paths(target, *references))
    if not 0 < settings.error < 1:
        raise ConfigError(f"--error {settings.error:g} was given; expected a share between 0 and 1, such as 0.1.")
    _check_label_options(settings, options)
    config = training.config(members=members, **weights.settings())
    datasets = open_and_note_datasets([target, *references], reporter)
    true_types = _true_types(settings.truth, datasets[0])
    plan = plan_datasets("transfer", datasets, options, reporter, spare=settings.spare, members=config.members)
    _check_reference_labels(settings, plan, datasets[0].name)
    trained = train_datasets(plan, datasets, config, reporter)
    if options.labels:
        facts, lines = _transfer_types(output, trained, true_types, settings, reporter)
    else:
        facts, lines = _write_clusters(output, trained)
    n_cells = datasets[0].n_cells
    reporter.summary(
        {"output": str(output), "cells": n_cells, **facts, "seconds": reporter.seconds},
        *lines,
        f"{format_count(n_cells, 'cell')} in {output}  ({reporter.duration})",
    )


def _check_label_options(settings: TransferOptions, options: PlanOptions) -> None:
    """Refuse options that compare with types where no column with types is named."""
    given = {"--new-types": settings.group_new_types, "--truth": settings.truth, "--spare": settings.spare}
    option = next((name for name, value in given.items() if value), None)
    if option is not None and not options.labels:
        raise ConfigError(f"{option} needs types to compare with: name a column with --labels.")


def _check_reference_labels(settings: TransferOptions, plan: Plan, target: str) -> None:
    """Refuse `--new-types` where only the target is labelled."""
    if settings.group_new_types and {t.name for t in plan.tables if (t.labels >= 0).any()} == {target}:
        raise ConfigError(
            f"--new-types compares with the types of references, but only {target} is labelled. "
            "Name a column of a reference."
        )


def _true_types(truth: str | None, target: Dataset) -> NDArray[np.str_] | None:
    """(cells,) types of the target to score with."""
    from ...data.obs import string_column

    if truth is None:
        return None
    column = columns_by_dataset([truth], "--truth", {target.name: target.obs}, [target.name])[target.name]
    return string_column(target.obs, column, target.name)


def _transfer_types(
    output: Path,
    trained: Trained,
    true_types: NDArray[np.str_] | None,
    options: TransferOptions,
    reporter: Reporter,
) -> tuple[dict[str, Any], list[str]]:
    """Transfer, score and group the types as the options say, and write them.

    Returns
    -------
    Entries of the JSON summary, and lines of text.
    """
    from ...io.writers.cell_types import annotate_types, write_types
    from ...multimodal.label_transfer import transfer_labels
    from ...multimodal.novel_types import find_novel_types

    target = trained.datasets[0].name
    types = transfer_labels(trained, target, error_rate=options.error, novelty_level=options.unlike)
    score = None if true_types is None else types.score(true_types.tolist())
    if true_types is not None:
        _note_unmatched_types(true_types, types.class_names, target, reporter)
    groups = None
    if options.group_new_types and types.novelty is not None:
        groups = find_novel_types(trained, target, types.novelty, options.min_cells)
    elif options.group_new_types:
        reporter.note(
            "new types cannot be found: the references name fewer than two types, or share no feature with the target."
        )
    write_types(output, annotate_types(trained, target, types, groups), trained, command=command_line(), score=score)
    facts = {
        "types": {str(k): int(v) for k, v in types.assigned_types.value_counts().items() if v},
        "error": options.error,
        "threshold": types.probability_threshold,
        "held_out_cells": types.n_held_out,
        "held_out_accuracy": types.held_out_accuracy,
        "score": score,
        "new_types": None if groups is None else groups.table.reset_index().to_dict("records"),
    }
    return facts, [
        *_type_lines(types),
        *([] if score is None else [_score_line(score)]),
        *([] if groups is None else _new_type_lines(groups.table)),
    ]


def _write_clusters(output: Path, trained: Trained) -> tuple[dict[str, Any], list[str]]:
    """Write the clusters of a plan without labels; entries of the JSON summary, and lines of text."""
    from ...io.writers.cell_types import annotate_clusters, write_types

    annotated = annotate_clusters(trained, trained.datasets[0].name)
    write_types(output, annotated, trained, command=command_line())
    n = annotated.obs["inclust_cluster"].nunique()
    return {"clusters": n}, [f"nothing is labelled: {format_count(n, 'cluster')} in obs['inclust_cluster']"]


def _note_unmatched_types(
    true_types: NDArray[np.str_], names: tuple[str, ...], target: str, reporter: Reporter
) -> None:
    """Print a note on true types that no reference names: often they are only spelled differently."""
    import numpy as np

    from ...data.obs import has_label

    unmatched = true_types[has_label(true_types) & ~np.isin(true_types, names)]
    if len(unmatched):
        unique = sorted(set(unmatched))
        examples = ", ".join(unique[:6]) + (", ..." if len(unique) > 6 else "")
        reporter.note(
            f"{format_count(len(unmatched), 'cell')} of {target} have a true type that no reference names ({examples}):"
            " they count as of a missing type. Make the names agree where the types are the same."
        )


def _type_lines(types: TransferredLabels) -> list[str]:
    """List the number of cells of each type, and the evidence for the threshold."""
    n_assigned, n = int(types.assigned.sum()), len(types.assigned)
    counts = types.assigned_types.value_counts()
    lines = [f"{format_count(int(c), 'cell')}  {name}" for name, c in counts.sort_values(ascending=False).items() if c]
    evidence = (
        f"of {format_count(types.n_held_out, 'reference cell')} never trained on, "
        f"{types.held_out_accuracy:.0%} get their type"
    )
    if types.probability_threshold > 1:
        no_type = (
            f"no type is given: no threshold keeps wrong types to at most {types.error_rate:.0%} ({evidence}); "
            "give more labelled cells, or a larger --error"
        )
        return [*lines, no_type]
    threshold = (
        f"types from a probability of {types.probability_threshold:.2f}, at most {types.error_rate:.0%} wrong "
        f"for cells like those of the references ({evidence})"
    )
    return [*lines, f"{n_assigned:,} of {n:,} cells have a type", threshold]


def _score_line(score: dict[str, float]) -> str:
    names = {
        "accuracy": "most probable type right",
        "macro_f1": "macro F1",
        "wrong": "of the types given, wrong",
        "unknown": "unknown",
        "unknown_of_missing": "unknown among cells whose type the references lack",
    }
    return "against the truth: " + ", ".join(
        f"{text} {score[key]:.3f}" for key, text in names.items() if math.isfinite(score.get(key, math.nan))
    )


def _new_type_lines(table: pd.DataFrame) -> list[str]:
    if not len(table):
        return ["no new type"]
    return [f"{format_count(len(table), 'new type')}:", *table.to_string(float_format="{:.2f}".format).splitlines()]
