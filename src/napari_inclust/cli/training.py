"""From two files and the options to a trained run: what `impute` and `score` have in common."""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import InclustWarning, OutputError
from ..utils.text import format_count
from .console import Reporter

if TYPE_CHECKING:
    from collections.abc import Generator

    from ..data.panel import Panel
    from ..data.section import Reference, Section
    from ..imputation.run import Run
    from ..qc.reference_check import ReferenceCheck
    from ..training.config import Config
    from ..training.loop import Epoch

T = TypeVar("T")

BASELINE_NAMES = {"pcc_gene_mean": "gene mean", "pcc_type_mean": "type mean", "pcc_knn": "kNN"}


@dataclass(frozen=True)
class AlignedData:
    """The two data sets, and how their genes fit together."""

    section: Section
    reference: Reference
    panel: Panel


def open_data(
    spatial: Path,
    reference: Path | Reference,
    reporter: Reporter,
    *,
    values: str | None = None,
    reference_values: str | None = None,
    pixel_size: float | None = None,
    plane: str | None = None,
    table: str | None = None,
    system: str | None = None,
    columns: tuple[str, ...] = (),
) -> AlignedData:
    """Read both files (a reference that is open already serves many sections), match their genes, and say what was found.

    Imputation needs no places, so three-dimensional ones are no obstacle.
    """
    from ..data.panel import align
    from ..io.readers.dispatch import read_reference, read_section

    section = read_section(
        spatial,
        values=values,
        pixel_size=pixel_size,
        plane=plane,
        flatten=True,
        table=table,
        system=system,
        columns=columns,
    )
    ref = read_reference(reference, values=reference_values) if isinstance(reference, Path) else reference
    data = AlignedData(section, ref, align(section, ref))
    announce_data(data, reporter)
    return data


def announce_data(data: AlignedData, reporter: Reporter) -> None:
    """Say what was found: cells, genes, what the values are, how the genes fit together."""
    from ..data.section import unit_warning

    panel = data.panel
    for data_set in (data.section, data.reference):
        reporter.note(
            f"{data_set.name}: {format_count(data_set.n_cells, 'cell')}, {format_count(len(data_set.genes), 'gene')}, {data_set.values} in {data_set.values_source}"
        )
    reporter.note(f"coordinates: {data.section.unit_note}")
    if question := unit_warning(data.section):
        reporter.note(question)
    reporter.note(
        f"{panel.n_shared} shared genes, {panel.n_reference_only} to impute, {panel.n_target_only} measured but not in the reference"
    )
    for note in panel.notes:
        reporter.note(note)


def build_config(preset: str | None, config_file: Path | None, **changes: Any) -> Config:
    """The preset, then the file, then the options that were given."""
    from ..training.config import Config

    given = {name: value for name, value in changes.items() if value is not None}
    if config_file is not None:
        return Config.from_toml(config_file, preset, **given)
    return Config.preset(preset or "balanced", **given)


def train(
    data: AlignedData,
    config: Config,
    reporter: Reporter,
    *,
    labels: str | None = None,
    batch: str | None = None,
    checkpoint: Path | None = None,
) -> Run:
    """Train with a progress bar; Ctrl-C ends it at once, and the checkpoint (if asked for) stays."""
    from ..imputation.fit import fit_epochs
    from ..training.build_plan import find_batch_columns

    if batch is not None:
        find_batch_columns(data.section, data.reference, batch)  # told now rather than after the check
    reporter.note(check_reference(data, reporter, labels=labels).summary)
    if checkpoint is not None and checkpoint.exists():
        reporter.note(f"going on from {checkpoint}")
    steps = fit_epochs(data.section, data.reference, config, labels=labels, batch=batch, checkpoint=checkpoint)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InclustWarning)  # told as a note
            run = run_with_progress(steps, config.epochs, reporter)
    except KeyboardInterrupt:
        if checkpoint is not None and checkpoint.exists():
            reporter.note(f"the state of the training is in {checkpoint}: the same command goes on from there.")
        raise
    reporter.note(f"trained {format_count(len(run.history), 'epoch')} on {run.device}")
    for note in run.panel.notes[len(data.panel.notes) :]:
        reporter.note(note)
    if run.reference.subsample is not None:
        reporter.note(f"{run.reference.name}: {run.reference.subsample}")
    return run


def check_reference(
    data: AlignedData, reporter: Reporter, *, labels: str | None = None, section_labels: str | None = None
) -> ReferenceCheck:
    """The reference check, under a progress bar: with thousands of shared genes it takes a minute."""
    from ..qc.reference_check import check_reference

    with reporter.progress("comparing section and reference", 1):
        return check_reference(data.section, data.reference, data.panel, labels=labels, section_labels=section_labels)


def run_with_progress(steps: Generator[Epoch, None, T], total: int, reporter: Reporter) -> T:
    """What a training returns, after its epochs under a progress bar."""
    from ..utils.progress import exhaust

    with reporter.progress("training", total) as update:
        return exhaust(
            steps,
            lambda epoch: update(
                epoch.number,
                epoch.remaining,
                f"loss {epoch.terms['loss']:.3f}" if "loss" in epoch.terms else epoch.stage,
            ),
        )


def load_run_with_data(path: Path, data: AlignedData) -> Run:
    """A saved run with the data it was trained on."""
    from ..io.runs.load import load_run

    return load_run(path, data.section, data.reference)


def save_if_requested(run: Run, path: Path | None) -> None:
    if path is not None:
        run.save(path)


def check_run_path(path: Path | None) -> None:
    """Refuse a place for a run or a checkpoint that cannot be written, or that holds data, before training."""
    from ..io.readers.dispatch import guess_format

    if path is None:
        return
    if not path.absolute().parent.is_dir():
        raise OutputError(f"the folder {path.absolute().parent} does not exist. Make it first.")
    if path.is_dir():
        raise OutputError(f"{path} is a folder; expected a file, such as run.inclust. Choose another name.")
    if path.exists() and (kind := guess_format(path)) is not None:
        raise OutputError(
            f"{path} holds data ({kind.name}), which would be replaced. Choose another name, such as run.inclust."
        )


def median_scores(run: Run) -> dict[str, float]:
    """Median over the shared genes of every held-out score."""
    return {str(name): float(value) for name, value in run.scores.median(numeric_only=True).items()}


def score_line(run: Run) -> str:
    """The held-out scores of a run beside those of its baselines, in one line."""
    found = median_scores(run)
    beside = " · ".join(f"{label} {found[name]:.3f}" for name, label in BASELINE_NAMES.items() if name in found)
    return (
        f"held-out Pearson, median of {format_count(run.panel.n_shared, 'shared gene')}: {found['pcc']:.3f}  ({beside})"
    )


def run_facts(run: Run) -> dict[str, Any]:
    """What every summary says of a run."""
    return {
        "cells": run.section.n_cells,
        "shared_genes": run.panel.n_shared,
        "device": run.device,
        "epochs": len(run.history),
        "median_scores": median_scores(run),
    }


def command_line() -> str:
    import shlex

    return shlex.join(["inclust", *sys.argv[1:]])
