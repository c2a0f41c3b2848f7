"""`inclust map`: a new section onto a saved run, in seconds."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from ...utils.text import format_count, format_duration
from .. import options as o
from ..console import Reporter
from ..genes import genes_to_impute, requested
from ..training import check_run_path, command_line, run_facts, run_with_progress, save_if_requested, score_line
from .impute import predicted_score_line


def map_(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run saved with --save-run, or in napari.")],
    spatial: o.Spatial,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="The result, as of `inclust impute`.")],
    reference: Annotated[
        Path | None,
        typer.Option(
            "--reference",
            metavar="FILE",
            help="The reference that RUN was trained on, if it is no longer where it was.",
        ),
    ] = None,
    genes: o.Genes = None,
    genes_file: o.GenesFile = None,
    table_name: o.TableName = "inclust_imputed",
    frozen: Annotated[
        bool, typer.Option("--frozen", help="Train nothing at all: the new section takes the covariate of the old one.")
    ] = False,
    values: o.SpatialValues = None,
    pixel_size: o.PixelSize = None,
    plane: o.Plane = None,
    table: o.Table = None,
    system: o.System = None,
    columns: o.Columns = None,
    save_run: o.SaveRun = None,
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> None:
    """Map a new section, of another panel or batch, onto a saved run, and impute.

    Every weight of RUN stays as it is; only the embedding of the new section's covariates is trained. Genes that the networks know and the section lacks
    are masked; genes new to the networks are not used as input. RUN itself is not changed.
    """
    from ...imputation.query_mapping import EPOCHS, map_section
    from ...io.readers.dispatch import read_reference, read_section
    from ...io.runs.load import open_mapping_source
    from ...io.writers.imputed import check_imputed_output, write_run

    start, talk = time.perf_counter(), Reporter(quiet, json)
    asked = requested(genes, genes_file)
    check_run_path(save_run)
    check_imputed_output(output, spatial, (run, *((reference,) if reference else ())), table_name=table_name)
    source, ref = open_mapping_source(run, read_reference(reference) if reference else None)
    reading = {
        "values": values,
        "pixel_size": pixel_size,
        "plane": plane,
        "table": table,
        "system": system,
        "columns": o.parse_columns(columns),
    }
    section = read_section(spatial, flatten=True, **reading)
    talk.note(
        f"{section.name}: {format_count(section.n_cells, 'cell')}, {format_count(len(section.genes), 'gene')}, {section.values} in {section.values_source}"
    )
    talk.note(f"{run}: networks of {format_count(len(source.shared_genes), 'gene')}, reference {ref.name}")
    mapped = run_with_progress(map_section(source, section, ref, train_covariates=not frozen), EPOCHS, talk)
    for note in mapped.panel.notes:
        talk.note(note)
    names = genes_to_impute(mapped.panel, asked)
    save_if_requested(mapped, save_run)
    with talk.progress("imputing", len(names)) as update:
        var, trust = write_run(output, mapped, names, command=command_line(), table_name=table_name, progress=update)
    seconds = time.perf_counter() - start
    talk.summary(
        {
            "output": str(output),
            "genes": len(var),
            "mapped_from": str(run),
            "seconds": round(seconds, 2),
            "saved_run": save_run,
            **run_facts(mapped),
        },
        score_line(mapped),
        predicted_score_line(trust),
        f"{format_count(len(var), 'gene')} of {format_count(section.n_cells, 'cell')} in {output}  ({format_duration(seconds)})",
    )
