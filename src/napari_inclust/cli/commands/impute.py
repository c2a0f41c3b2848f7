"""`inclust impute`: train, and write the imputed genes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...errors import ConfigError
from ..console import Reporter
from ..imputation import genes_to_impute, open_data, train_imputation, write_genes
from ..options import (
    DEFAULT_TABLE_NAME,
    Batch,
    GeneOptions,
    Labels,
    ReadingOptions,
    Reference,
    RunOptions,
    Spatials,
    TableName,
    TrainingOptions,
)
from .impute_sections import ImputeSettings, impute_sections


def impute(
    *,
    spatial: Spatials,
    reference: Reference,
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT",
            help="The result: .h5ad, .zarr, .sdata.zarr (SpatialData), .h5mu, .csv or .parquet; the section's own "
            "SpatialData zarr; a folder for several.",
        ),
    ],
    selection: GeneOptions,
    table_name: TableName = DEFAULT_TABLE_NAME,
    shared: Annotated[
        bool,
        typer.Option(
            "--shared", help="Several sections: one model for all, with the sections as batches (default: one each)."
        ),
    ] = False,
    labels: Labels = None,
    batch: Batch = None,
    reading: ReadingOptions,
    training: TrainingOptions,
    runs: RunOptions,
    reporter: Reporter,
) -> None:
    """Impute genes of a tissue section, or of several, from a reference.

    OUT holds the section's cells with the imputed genes (log-normalised), their spread, their scores, and where they
    come from. For a gene that the section measures it holds the held-out prediction, marked as such. For several
    sections OUT is a folder: one result each, and runs.csv.
    """
    from ...io.runs.load import load_run
    from ...io.writers.imputed import check_imputed_output

    if len(spatial) > 1 or (output.suffix == "" and not output.is_file()):
        _check_section_options(output, shared, batch, table_name, runs)
        settings = ImputeSettings(selection.names(), training.config(), labels, batch, reading)
        impute_sections(spatial, reference, output, settings, reporter, shared=shared)
        return
    if shared:
        raise ConfigError("--shared is for several sections; one was given.")
    check_imputed_output(output, spatial[0], (reference,), table_name=table_name)
    runs.check_paths()
    config, requested = training.config(), selection.names()
    data = open_data(spatial[0], reference, reading, reporter)
    genes = genes_to_impute(data.panel, requested)
    if runs.saved_run is not None:
        run = load_run(runs.saved_run, data.section, data.reference)
    else:
        run = train_imputation(data, config, reporter, labels=labels, batch=batch, checkpoint=runs.resume)
    runs.save(run)
    write_genes(output, run, genes, reporter, table_name=table_name, facts={"saved_run": runs.save_run})


def _check_section_options(output: Path, shared: bool, batch: str | None, table_name: str, runs: RunOptions) -> None:
    """Refuse options that do not apply to several sections.

    Raises
    ------
    ConfigError
        A file as OUT, options for one run, or batches beside the sections.
    """
    from ...io.writers.imputed import IMPUTED_SUFFIXES

    if output.suffix in IMPUTED_SUFFIXES or output.is_file():
        raise ConfigError(f"several sections were given, and {output} is a file; expected a folder for their results.")
    single_section_options = {
        "--run": runs.saved_run,
        "--save-run": runs.save_run,
        "--resume": runs.resume,
        "--table-name": None if table_name == DEFAULT_TABLE_NAME else table_name,
    }
    given = [option for option, value in single_section_options.items() if value is not None]
    if given:
        raise ConfigError(f"{given[0]} is for one section. Impute the sections one by one, or leave it out.")
    if shared and batch is not None:
        raise ConfigError("with --shared the sections are the batches; leave --batch out.")
