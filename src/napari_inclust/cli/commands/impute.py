"""`inclust impute`: train, and write the imputed genes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import ConfigError
from ...utils.text import format_count, format_duration
from .. import options as o
from ..console import Reporter
from ..genes import genes_to_impute, requested
from ..sections import ImputeSettings, impute_sections
from ..training import (
    build_config,
    check_run_path,
    command_line,
    load_run_with_data,
    open_data,
    run_facts,
    save_if_requested,
    score_line,
    train,
)

if TYPE_CHECKING:
    from ...imputation.gene_reliability import GeneReliability


def impute(
    spatial: o.Spatials,
    reference: o.Reference,
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT",
            help="The result: .h5ad, .zarr, .sdata.zarr (SpatialData), .h5mu, .csv or .parquet; the section's own SpatialData zarr; a folder for several.",
        ),
    ],
    genes: o.Genes = None,
    genes_file: o.GenesFile = None,
    table_name: o.TableName = "inclust_imputed",
    shared: Annotated[
        bool,
        typer.Option(
            "--shared", help="Several sections: one model for all, with the sections as batches (default: one each)."
        ),
    ] = False,
    labels: o.Labels = None,
    batch: o.Batch = None,
    values: o.SpatialValues = None,
    reference_values: o.ReferenceValues = None,
    pixel_size: o.PixelSize = None,
    plane: o.Plane = None,
    table: o.Table = None,
    system: o.System = None,
    columns: o.Columns = None,
    preset: o.Preset = None,
    epochs: o.Epochs = None,
    members: o.Members = None,
    seed: o.Seed = None,
    device: o.Device = None,
    config: o.ConfigFile = None,
    saved_run: o.SavedRun = None,
    save_run: o.SaveRun = None,
    resume: o.Resume = None,
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> None:
    """Impute genes of a tissue section, or of several, from a reference.

    OUT holds the section's cells with the imputed genes (log-normalised), their spread, their scores, and where they come from. A gene that the
    section measures gets its held-out prediction, and says so. For several sections OUT is a folder: one result each, and runs.csv.
    """
    from ...io.writers.imputed import TABLE_NAME, check_imputed_output, write_run

    start, talk = time.perf_counter(), Reporter(quiet, json)
    reading = {
        "values": values,
        "pixel_size": pixel_size,
        "plane": plane,
        "table": table,
        "system": system,
        "columns": o.parse_columns(columns),
    }
    if len(spatial) > 1 or (output.suffix == "" and not output.is_file()):
        named = None if table_name == TABLE_NAME else table_name
        _check_section_options(
            output,
            shared,
            batch=batch,
            single_section_options={
                "--run": saved_run,
                "--save-run": save_run,
                "--resume": resume,
                "--table-name": named,
            },
        )
        chosen = build_config(preset, config, epochs=epochs, members=members, seed=seed, device=device)
        wanted = ImputeSettings(requested(genes, genes_file), chosen, labels, batch, reading)
        impute_sections(spatial, reference, output, wanted, talk, reference_values=reference_values, shared=shared)
        return
    if shared:
        raise ConfigError("--shared is for several sections; one was given.")
    check_imputed_output(output, spatial[0], (reference,), table_name=table_name)
    check_run_path(save_run)
    check_run_path(resume)
    chosen = build_config(preset, config, epochs=epochs, members=members, seed=seed, device=device)
    asked = requested(genes, genes_file)
    data = open_data(spatial[0], reference, talk, reference_values=reference_values, **reading)
    names = genes_to_impute(data.panel, asked)
    run = (
        load_run_with_data(saved_run, data)
        if saved_run
        else train(data, chosen, talk, labels=labels, batch=batch, checkpoint=resume)
    )
    save_if_requested(run, save_run)
    with talk.progress("imputing", len(names)) as update:
        var, trust = write_run(output, run, names, command=command_line(), table_name=table_name, progress=update)
    seconds = time.perf_counter() - start
    kinds = {str(kind): int(n) for kind, n in var["kind"].value_counts().items()}
    talk.summary(
        {
            "output": str(output),
            "genes": len(var),
            "kinds": kinds,
            "seconds": round(seconds, 2),
            "saved_run": save_run,
            **run_facts(run),
        },
        score_line(run),
        predicted_score_line(trust),
        f"{format_count(len(var), 'gene')} of {format_count(run.section.n_cells, 'cell')} in {output}  ({format_duration(seconds)})",
    )


def _check_section_options(
    output: Path, shared: bool, *, batch: str | None, single_section_options: dict[str, Path | str | None]
) -> None:
    """Refuse what makes no sense for several sections.

    Raises
    ------
    ConfigError
        A file as OUT, options for one run, or batches beside the sections.
    """
    from ...io.writers.imputed import IMPUTED_SUFFIXES

    if output.suffix in IMPUTED_SUFFIXES or output.is_file():
        raise ConfigError(f"several sections were given, and {output} is a file; expected a folder for their results.")
    given = [option for option, value in single_section_options.items() if value is not None]
    if given:
        raise ConfigError(f"{given[0]} is for one section. Impute the sections one by one, or leave it out.")
    if shared and batch is not None:
        raise ConfigError("with --shared the sections are the batches; leave --batch out.")


def predicted_score_line(reliability: GeneReliability) -> str:
    """What is to be expected of the unmeasured genes, and how far that itself may be believed."""
    known = reliability.table["predicted_pcc"].dropna()
    if not len(known):
        return "foreseen Pearson of the imputed genes: none can be said"
    return (
        f"foreseen Pearson, median of {format_count(len(known), 'imputed gene')}: {known.median():.3f} "
        f"(mean error {reliability.mean_absolute_error:.3f}, rank correlation {reliability.rank_correlation:.2f}, on genes hidden from the foreseeing)"
    )
