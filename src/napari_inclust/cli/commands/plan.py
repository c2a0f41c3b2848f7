"""`inclust plan`: the mask plan of a task, shown as a table."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from ...errors import ConfigError
from ...utils.text import format_count
from ..console import Reporter, escape_markup, stdout_console
from ..datasets import open_and_plan
from ..imputation import AlignedData
from ..labels import label_column
from ..options import DatasetPaths, PlanOptions

if TYPE_CHECKING:
    from ...training.plan import Plan


def plan(
    *,
    task: Annotated[
        str, typer.Argument(metavar="TASK", help="impute, integrate, transfer, pair, generate, bridge or separate.")
    ],
    data: DatasetPaths,
    options: PlanOptions,
) -> None:
    """Show the plan of a task: what the encoder sees of each data set (o) and what the decoder is judged on (x)."""
    from ...training.plan import TASKS

    if task not in TASKS:
        raise ConfigError(f"unknown task {task!r}; expected one of {', '.join(TASKS)}.")
    if task == "impute":
        _print_plan(_plan_imputation(data, options))
    else:
        _print_plan(open_and_plan(task, data, options, Reporter(quiet=True))[1])


def _plan_imputation(data: list[str], options: PlanOptions) -> Plan:
    """Make the plan of `inclust impute SPATIAL REFERENCE` with the default settings; a covariate is its `--batch`.

    Raises
    ------
    ConfigError
        Another number of data sets or files, or options that imputation does not have.
    """
    from ...io.readers.datasets import dataset_paths
    from ...io.readers.dispatch import read_reference, read_section
    from ...training.build_plan import build_imputation_plan
    from ...training.config import Config

    paths = dataset_paths(*data)
    if len(data) != 2 or len(paths) != 2:
        raise ConfigError(
            f"{format_count(len(data), 'data set')} of {format_count(len(paths), 'file')} given; expected the section "
            "and the reference, one file each: inclust plan impute SPATIAL REFERENCE."
        )
    if options.likelihoods:
        raise ConfigError("--likelihood was given, but imputation has one likelihood. Leave it out.")
    if len(options.covariates or ()) > 1 or len(options.labels or ()) > 1:
        raise ConfigError(
            "imputation takes one --covariate (its --batch) and one --labels at most. Leave the rest out."
        )
    names = [text.rpartition("=")[0] or path.stem for text, path in zip(data, paths, strict=True)]
    section = dataclasses.replace(read_section(paths[0], flatten=True), name=names[0])
    reference = dataclasses.replace(read_reference(paths[1]), name=names[1])
    panel, config = AlignedData.align(section, reference).panel, Config()
    return build_imputation_plan(
        section,
        reference,
        panel,
        members=min(config.members, panel.n_shared // 2),
        seed=config.seed,
        components=config.components,
        labels=label_column(options.labels[0] if options.labels else None, reference),
        batch=options.covariates[0] if options.covariates else None,
    )


def _print_plan(mask_plan: Plan) -> None:
    from ...training.plan import mask_segments

    segments = mask_segments(mask_plan)
    columns = [f"{s.block}\n{s.n_features:,} features" for s in segments]
    table = Table("data set", *columns, box=None, pad_edge=False)
    for i, p in enumerate(mask_plan.presentations):
        table.add_row(p.table, *(f"{'o' if s.inputs[i] else '·'} -> {'x' if s.outputs[i] else '·'}" for s in segments))
    stdout_console.print(table)
    stdout_console.print("o the encoder sees it, x the decoder is judged on it")
    if mask_plan.n_folds:
        stdout_console.print(
            f"{mask_plan.n_members} networks: {mask_plan.n_folds} are each without one of {mask_plan.n_folds} folds "
            "of the shared genes, which scores them; the last sees all"
        )
    classes = ", ".join(mask_plan.classes) or "none"
    stdout_console.print(escape_markup(f"covariates: {', '.join(mask_plan.covariates)}; classes: {classes}"))
