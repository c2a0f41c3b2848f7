"""`inclust export`: a result for another tool."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import ConfigError
from ...utils.text import format_count
from ..console import Reporter
from ..options import ReadingOptions, Without

if TYPE_CHECKING:
    from ...io.export.result import ExportData

TOOL_SUFFIXES = {
    "qupath": (".geojson", ".json"),
    "xenium-explorer": (".csv",),
    "cellxgene": (".h5ad",),
}  # vitessce: a folder
MAX_DEFAULT_GENES = 100  # that become measurements without being named


def export(
    *,
    result: Annotated[
        Path,
        typer.Argument(
            metavar="RESULT", help="What impute, domains or generate wrote: .h5ad, .zarr, .h5mu or a SpatialData zarr."
        ),
    ],
    to: Annotated[str, typer.Option("--to", metavar="TOOL", help="qupath, xenium-explorer, vitessce or cellxgene.")],
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT",
            help="qupath: .geojson; xenium-explorer: .csv; cellxgene: .h5ad; vitessce: a new folder.",
        ),
    ],
    group: Annotated[
        str | None,
        typer.Option(
            "--group",
            metavar="KEY",
            help="Column of obs with the groups (default: the domains, else the predicted types).",
        ),
    ] = None,
    genes: Annotated[
        str | None,
        typer.Option(
            "--genes",
            metavar="A,B",
            help=f"Genes that become measurements in QuPath (default: all, when at most {MAX_DEFAULT_GENES}).",
        ),
    ] = None,
    outlines: Annotated[
        Path | None,
        typer.Option(
            "--outlines",
            metavar="SECTION",
            help="The section that RESULT was made from, for the outlines of its cells.",
        ),
    ] = None,
    image_pixel: Annotated[
        float, typer.Option("--image-pixel", metavar="UM", help="Micrometres per pixel of the image in QuPath.")
    ] = 1.0,
    url: Annotated[
        str, typer.Option("--url", metavar="URL", help="Where Vitessce will find the folder.")
    ] = "http://localhost:8000",
    reading: Annotated[ReadingOptions, Without("values", "reference_values", "plane", "system", "columns")],
    reporter: Reporter,
) -> None:
    """Write a result in the form that another tool opens. Imputed genes are marked in their names."""
    from ...io.export.result import open_result
    from ...io.writers.atomic import check_output

    if to not in (*TOOL_SUFFIXES, "vitessce"):
        raise ConfigError(f"unknown tool {to!r}; expected {', '.join(TOOL_SUFFIXES)} or vitessce.")
    if not image_pixel > 0:
        raise ConfigError(f"the pixel size must be above 0 micrometres, found {image_pixel}.")
    check_output(output, TOOL_SUFFIXES.get(to, ("",)), inputs=[p for p in (result, outlines) if p is not None])
    data = open_result(result, table=reading.table, outlines=outlines, pixel_size=reading.pixel_size)
    if to in ("cellxgene", "vitessce") and data.ungroupable_columns:
        reporter.note(
            f"left out, since they name single cells rather than groups: {', '.join(data.ungroupable_columns)}."
        )
    if to == "qupath":
        from ...io.export.image_viewers import write_qupath

        if data.raster is None:
            reporter.note("no outlines of the cells are known: each is drawn as a disc. --outlines SECTION gives them.")
        write_qupath(output, data, _select_genes(data, genes), group=group, pixel_size=image_pixel)
    elif to == "xenium-explorer":
        from ...io.export.image_viewers import write_cell_groups

        write_cell_groups(output, data, group=group)
    elif to == "cellxgene":
        from ...io.export.cellxgene import write_cellxgene

        write_cellxgene(output, data)
    else:
        from ...io.export.vitessce import write_vitessce

        write_vitessce(output, data, group=group, url=url)
    n_cells = data.adata.n_obs
    facts = {"output": str(output), "to": to, "cells": n_cells, "seconds": reporter.seconds}
    reporter.summary(facts, f"{format_count(n_cells, 'cell')} for {to} in {output}  ({reporter.duration})")


def _select_genes(result: ExportData, requested: str | None) -> list[str]:
    """Select the genes that were named, else all unless they are too many."""
    names = list(result.adata.var_names)
    if requested is None:
        if len(names) > MAX_DEFAULT_GENES:
            raise ConfigError(
                f"{result.name} has {len(names)} genes, too many for measurements of every cell. "
                "Name some with --genes."
            )
        return names
    selected = [name.strip() for name in requested.split(",") if name.strip()]
    missing = [name for name in selected if name not in names]
    if missing or not selected:
        raise ConfigError(
            f"{result.name} has no gene {', '.join(missing) or 'named'}; "
            f"it has {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}."
        )
    return selected
