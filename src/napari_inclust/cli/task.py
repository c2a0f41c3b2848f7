"""What the verbs of the tasks have in common: data sets and options become a plan, the plan is trained under a progress bar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import ConfigError
from ..utils.text import format_count
from .console import Reporter
from .training import run_with_progress

if TYPE_CHECKING:
    from ..data.dataset import Dataset
    from ..training.config import Config
    from ..training.plan import Plan
    from ..training.trained import Trained

DatasetPaths = Annotated[
    list[str],
    typer.Argument(
        metavar="DATA",
        help="Data sets: a file, NAME=FILE, or files of the same cells joined by + (NAME=RNA.h5ad+ATAC.h5ad); .h5mu holds several.",
    ),
]
Covariates = Annotated[
    list[str] | None,
    typer.Option("--covariate", metavar="KEY", help="Column of obs (batch, donor, condition); may be repeated."),
]
DatasetLabels = Annotated[
    list[str] | None,
    typer.Option(
        "--labels", metavar="NAME:KEY", help="Column of obs with cell types in the data set NAME; may be repeated."
    ),
]
Truth = Annotated[
    list[str] | None,
    typer.Option(
        "--truth",
        metavar="NAME:KEY",
        help="Column of obs with types to score the result with, never used in training; may be repeated.",
    ),
]
Likelihoods = Annotated[
    list[str] | None,
    typer.Option(
        "--likelihood", metavar="MODALITY:KIND", help="squared (default), gaussian, nb or bernoulli; may be repeated."
    ),
]


def compose_plan(
    task: str,
    data: list[str],
    covariates: list[str] | None,
    labels: list[str] | None,
    likelihoods: list[str] | None,
    reporter: Reporter | None = None,
) -> tuple[list[Dataset], Plan]:
    from ..data.dataset import with_distinct_modalities
    from ..io.readers.datasets import open_datasets
    from ..training.build_plan import build_plan

    sets = open_datasets(data)
    if task == "separate":
        sets = with_distinct_modalities(sets)
    if reporter is not None:
        announce_datasets(sets, reporter)
    by_set = parse_pairs(labels, "--labels", "NAME:KEY")
    made = build_plan(
        task,
        sets,
        covariates=covariates or (),
        labels=by_set,
        likelihoods=parse_pairs(likelihoods, "--likelihood", "MODALITY:KIND"),
    )
    if reporter is not None:
        for note in made.notes:
            reporter.note(note)
    return sets, made


def announce_datasets(sets: list[Dataset], reporter: Reporter) -> None:
    """Say what was opened."""
    for s in sets:
        reporter.note(
            f"{s.name}: {format_count(s.n_cells, 'cell')}, "
            + ", ".join(f"{m.name} ({format_count(len(m.features), 'feature')})" for m in s.modalities)
        )


def parse_dataset_columns(given: list[str] | None, option: str, sets: list[Dataset]) -> dict[str, str]:
    """`NAME:KEY` as column by data set, looked up before anything trains.

    Raises
    ------
    ConfigError, DataError
        Another form, a data set or a column that is not there.
    """
    from ..data.obs import string_column

    found, by_name = parse_pairs(given, option, "NAME:KEY"), {s.name: s for s in sets}
    for name, key in found.items():
        if name not in by_name:
            raise ConfigError(f"{option} names a data set {name!r}, but there are only {', '.join(by_name)}.")
        string_column(by_name[name].obs, key, name)
    return found


def parse_pairs(given: list[str] | None, option: str, expected_form: str) -> dict[str, str]:
    """`A:B` as a dictionary. Raises ConfigError when one has another form."""
    wrong = [text for text in given or () if ":" not in text]
    if wrong:
        raise ConfigError(f"{option} {wrong[0]} was given; expected {expected_form}.")
    return dict(text.split(":", 1) for text in given or ())  # type: ignore[arg-type]


def train_with_progress(plan: Plan, sets: list[Dataset], config: Config, reporter: Reporter) -> Trained:
    from ..training.trained import train_plan

    return run_with_progress(train_plan(plan, sets, config), config.epochs, reporter)
