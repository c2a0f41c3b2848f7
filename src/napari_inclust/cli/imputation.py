"""Steps of the commands that impute genes: open the data, check the reference, train, write the genes, summarise."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InclustWarning, PanelError
from ..utils.text import format_count
from .console import Reporter, command_line
from .labels import label_column
from .options import ReadingOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..data.panel import Panel
    from ..data.section import Reference, Section
    from ..imputation.gene_reliability import GeneReliability
    from ..imputation.run import Run
    from ..qc.reference_check import ReferenceCheck
    from ..training.config import Config


@dataclass(frozen=True)
class AlignedData:
    """A section, a reference, and how their genes match."""

    section: Section
    reference: Reference
    panel: Panel

    @classmethod
    def align(cls, section: Section, reference: Reference) -> AlignedData:
        """Match the genes of both."""
        from ..data.panel import align

        return cls(section, reference, align(section, reference))


def open_data(spatial: Path, reference: Path | Reference, reading: ReadingOptions, reporter: Reporter) -> AlignedData:
    """Read both files, match their genes, and print what they hold.

    Parameters
    ----------
    reference
        A file, or a reference that is open already (it serves many sections).
    """
    from ..io.readers.dispatch import read_reference

    section = reading.read_section(spatial)
    if isinstance(reference, Path):
        reference = read_reference(reference, values=reading.reference_values)
    data = AlignedData.align(section, reference)
    note_data(data, reporter)
    return data


def note_data(data: AlignedData, reporter: Reporter) -> None:
    """Print a note on what was opened: cells, genes, what the values are, how the genes match."""
    from ..data.section import unit_warning

    panel = data.panel
    for data_set in (data.section, data.reference):
        reporter.note(dataset_line(data_set))
    reporter.note(f"coordinates: {data.section.unit_note}")
    if warning := unit_warning(data.section):
        reporter.note(warning)
    reporter.note(
        f"{panel.n_shared} shared genes, {panel.n_reference_only} to impute, "
        f"{panel.n_target_only} measured but not in the reference"
    )
    for note in panel.notes:
        reporter.note(note)


def dataset_line(data: Reference) -> str:
    """Cells, genes and values of a section or a reference in one line."""
    cells, genes = format_count(data.n_cells, "cell"), format_count(len(data.genes), "gene")
    return f"{data.name}: {cells}, {genes}, {data.values} in {data.values_source}"


def genes_to_impute(panel: Panel, requested: list[str] | None) -> list[str]:
    """Genes of the result in the panel's spelling, in the order of `requested` (as `GeneOptions.names` returns them).

    Raises
    ------
    PanelError
        Unknown genes, genes that the reference lacks, or nothing to impute.
    """
    if requested is None:
        if not panel.n_reference_only:
            raise PanelError(
                "the reference has no gene that the section lacks: nothing to impute. "
                "Name genes with --genes for their held-out predictions."
            )
        return list(panel.reference_only)
    if requested == ["all"]:
        return [*panel.shared, *panel.reference_only]
    names, problems, target_only = [], [], set(panel.target_only)
    for gene in requested:
        try:
            name = panel.genes[panel.index(gene)]
        except PanelError as error:
            problems.append(str(error))
            continue
        if name in target_only:
            problems.append(f"{name} is measured, but the reference lacks it: it cannot be predicted.")
        names.append(name)
    if problems:
        more = f" ({len(problems) - 3} more like these.)" if len(problems) > 3 else ""
        raise PanelError(" ".join(problems[:3]) + more)
    return list(dict.fromkeys(names))


def check_reference(
    data: AlignedData, reporter: Reporter, *, labels: str | None = None, section_labels: str | None = None
) -> ReferenceCheck:
    """Run the reference check under a progress bar: with thousands of shared genes it takes a minute.

    Parameters
    ----------
    labels
        `--labels` as given: KEY or NAME:KEY.
    section_labels
        Column of the section's obs.
    """
    from ..qc.reference_check import check_reference

    column = label_column(labels, data.reference)
    with reporter.progress("comparing section and reference", 1):
        return check_reference(data.section, data.reference, data.panel, labels=column, section_labels=section_labels)


def train_imputation(
    data: AlignedData,
    config: Config,
    reporter: Reporter,
    *,
    labels: str | None = None,
    batch: str | None = None,
    checkpoint: Path | None = None,
) -> Run:
    """Check the reference and train, under a progress bar; Ctrl-C stops at once, and the checkpoint stays.

    Parameters
    ----------
    labels
        `--labels` as given: KEY or NAME:KEY.
    batch
        Column of obs with batches.
    checkpoint
        File for the state of a training that is stopped; an existing one is continued.
    """
    from ..imputation.fit import fit_epochs
    from ..training.build_plan import find_batch_columns

    if batch is not None:
        find_batch_columns(data.section, data.reference, batch)  # fail before the check, not after it
    reporter.note(check_reference(data, reporter, labels=labels).summary)
    if checkpoint is not None and checkpoint.exists():
        reporter.note(f"going on from {checkpoint}")
    column = label_column(labels, data.reference)
    steps = fit_epochs(data.section, data.reference, config, labels=column, batch=batch, checkpoint=checkpoint)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InclustWarning)  # the notes of the panel say the same
            run = reporter.training_progress(steps, config.epochs)
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


def write_genes(
    output: Path, run: Run, genes: list[str], reporter: Reporter, *, table_name: str, facts: Mapping[str, Any]
) -> None:
    """Write imputed genes under a progress bar, and print the summary.

    Parameters
    ----------
    table_name
        Of the new table in a SpatialData zarr, or of the modality in `.h5mu`.
    facts
        More entries of the JSON summary.
    """
    from ..io.writers.imputed import write_run

    with reporter.progress("imputing", len(genes)) as update:
        var, reliability = write_run(output, run, genes, command=command_line(), table_name=table_name, progress=update)
    reporter.summary(
        {
            "output": str(output),
            "genes": len(var),
            "kinds": {str(kind): int(n) for kind, n in var["kind"].value_counts().items()},
            "seconds": reporter.seconds,
            **facts,
            **run_facts(run),
        },
        score_line(run),
        predicted_score_line(reliability),
        f"{format_count(len(var), 'gene')} of {format_count(run.section.n_cells, 'cell')} in {output}  "
        f"({reporter.duration})",
    )


def median_scores(run: Run) -> dict[str, float]:
    """Median over the shared genes of every held-out score, by column of `Run.scores`."""
    return {str(name): float(value) for name, value in run.scores.median(numeric_only=True).items()}


def baselines_text(medians: Mapping[str, float]) -> str:
    """Median scores of the baselines, as far as there are any: `gene mean 0.000 · kNN 0.312`."""
    from ..evaluation.baselines import BASELINE_NAMES

    return " · ".join(f"{label} {medians[name]:.3f}" for name, label in BASELINE_NAMES.items() if name in medians)


def score_line(run: Run) -> str:
    """Format the median held-out score of a run, with those of the baselines, as one line."""
    medians = median_scores(run)
    genes = format_count(run.panel.n_shared, "shared gene")
    return f"held-out Pearson, median of {genes}: {medians['pcc']:.3f}  ({baselines_text(medians)})"


def predicted_score_line(reliability: GeneReliability) -> str:
    """Format the median predicted score of the unmeasured genes, with the error of these predictions."""
    scores = reliability.table["predicted_pcc"].dropna()
    if not len(scores):
        return "predicted score of the imputed genes: none can be given"
    return (
        f"predicted score (Pearson), median of {format_count(len(scores), 'imputed gene')}: {scores.median():.3f} "
        f"(mean error {reliability.mean_absolute_error:.3f}, rank correlation {reliability.rank_correlation:.2f}, "
        "on genes hidden from the regression)"
    )


def run_facts(run: Run) -> dict[str, Any]:
    """Entries of a run in every JSON summary."""
    return {
        "cells": run.section.n_cells,
        "shared_genes": run.panel.n_shared,
        "device": run.device,
        "epochs": len(run.history),
        "median_scores": median_scores(run),
    }
