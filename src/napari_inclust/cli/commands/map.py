"""`inclust map`: a new section onto a saved run, in seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...utils.text import format_count
from ..console import Reporter
from ..imputation import dataset_line, genes_to_impute, write_genes
from ..options import (
    DEFAULT_TABLE_NAME,
    GeneOptions,
    RunOptions,
    SectionReadingOptions,
    Spatial,
    TableName,
    Without,
)


def map_(
    *,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run saved with --save-run, or in napari.")],
    spatial: Spatial,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="The result, as of `inclust impute`.")],
    reference: Annotated[
        Path | None,
        typer.Option(
            "--reference",
            metavar="FILE",
            help="The reference that RUN was trained on, if it is no longer where it was.",
        ),
    ] = None,
    selection: GeneOptions,
    table_name: TableName = DEFAULT_TABLE_NAME,
    frozen: Annotated[
        bool, typer.Option("--frozen", help="Train nothing at all: the new section takes the covariate of the old one.")
    ] = False,
    reading: SectionReadingOptions,
    runs: Annotated[RunOptions, Without("saved_run", "resume")],
    reporter: Reporter,
) -> None:
    """Map a new section, of another panel or batch, onto a saved run, and impute.

    Every weight of RUN stays as it is; only the embedding of the new section's covariates is trained. Genes that the
    networks know and the section lacks are masked; genes new to the networks are not used as input. RUN itself is not
    changed.
    """
    from ...imputation.query_mapping import EPOCHS, map_section
    from ...io.readers.dispatch import read_reference
    from ...io.runs.load import open_mapping_source
    from ...io.writers.imputed import check_imputed_output

    requested = selection.names()
    runs.check_paths()
    check_imputed_output(output, spatial, (run, *((reference,) if reference else ())), table_name=table_name)
    source, run_reference = open_mapping_source(run, read_reference(reference) if reference else None)
    section = reading.read_section(spatial)
    reporter.note(dataset_line(section))
    genes = format_count(len(source.shared_genes), "gene")
    reporter.note(f"{run}: networks of {genes}, reference {run_reference.name}")
    steps = map_section(source, section, run_reference, train_covariates=not frozen)
    mapped = reporter.training_progress(steps, EPOCHS)
    for note in mapped.panel.notes:
        reporter.note(note)
    names = genes_to_impute(mapped.panel, requested)
    runs.save(mapped)
    facts = {"mapped_from": str(run), "saved_run": runs.save_run}
    write_genes(output, mapped, names, reporter, table_name=table_name, facts=facts)
