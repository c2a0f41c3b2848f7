"""Steps of the commands with several data sets: open them, make the plan, train."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..utils.text import format_count
from .console import Reporter
from .labels import label_columns, parse_pairs
from .options import PlanOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..data.dataset import Dataset
    from ..training.config import Config
    from ..training.plan import Plan
    from ..training.trained import Trained


def open_and_note_datasets(data: list[str], reporter: Reporter) -> list[Dataset]:
    """Open data sets (`FILE`, `NAME=FILE`, `NAME=FILE+FILE`) and print what they hold."""
    from ..io.readers.datasets import open_datasets

    datasets = open_datasets(data)
    note_datasets(datasets, reporter)
    return datasets


def note_datasets(datasets: Sequence[Dataset], reporter: Reporter) -> None:
    """Print a note on the cells and the features of each data set."""
    for s in datasets:
        modalities = ", ".join(f"{m.name} ({format_count(len(m.features), 'feature')})" for m in s.modalities)
        reporter.note(f"{s.name}: {format_count(s.n_cells, 'cell')}, {modalities}")


def open_and_plan(
    task: str, data: list[str], options: PlanOptions, reporter: Reporter, *, covariates: Sequence[str] | None = None
) -> tuple[list[Dataset], Plan]:
    """Open data sets and make the plan of a task.

    Parameters
    ----------
    task
        One of `training.plan.TASKS`.
    covariates
        Columns of obs instead of those of `options`.

    Raises
    ------
    ConfigError, DataError
        Files that cannot be read, columns that are missing, or anything that cannot be trained.
    """
    from ..data.dataset import with_distinct_modalities

    datasets = open_and_note_datasets(data, reporter)
    if task == "separate":
        datasets = with_distinct_modalities(datasets)
    return datasets, plan_datasets(task, datasets, options, reporter, covariates=covariates)


def plan_datasets(
    task: str,
    datasets: list[Dataset],
    options: PlanOptions,
    reporter: Reporter,
    *,
    covariates: Sequence[str] | None = None,
    spare: int = 0,
    members: int = 1,
) -> Plan:
    """Make the plan of a task on open data sets, and print its notes.

    Parameters
    ----------
    covariates
        Columns of obs instead of those of `options`.
    spare, members
        As in `training.build_plan.build_plan`.
    """
    from ..training.build_plan import build_plan

    plan = build_plan(
        task,
        datasets,
        covariates=options.covariates or () if covariates is None else covariates,
        labels=label_columns(task, datasets, options.labels),
        likelihoods=parse_pairs(options.likelihoods, "--likelihood", "MODALITY:KIND"),
        spare=spare,
        members=members,
    )
    for note in plan.notes:
        reporter.note(note)
    return plan


def train_datasets(plan: Plan, datasets: list[Dataset], config: Config, reporter: Reporter) -> Trained:
    """Train a plan under a progress bar."""
    from ..training.trained import train_plan

    return reporter.training_progress(train_plan(plan, datasets, config), config.epochs)
