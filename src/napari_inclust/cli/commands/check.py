"""`inclust check`: whether a reference fits a section, before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import options as o
from ..console import Reporter
from ..training import check_reference, open_data

LIGHT_MARKS = {"green": "ok   ", "amber": "amber", "red": "RED  "}


def check(
    spatial: o.Spatial,
    reference: o.Reference,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="CSV", help="Also the table of the shared genes.")
    ] = None,
    labels: o.Labels = None,
    section_labels: Annotated[
        str | None, typer.Option("--section-labels", metavar="KEY", help="Column of the section's obs with cell types.")
    ] = None,
    values: o.SpatialValues = None,
    reference_values: o.ReferenceValues = None,
    pixel_size: o.PixelSize = None,
    plane: o.Plane = None,
    table: o.Table = None,
    system: o.System = None,
    columns: o.Columns = None,
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> None:
    """Say whether a reference fits a section: green, amber or red, with reasons and what to do. Nothing is trained; it takes seconds (a minute with thousands of shared genes).

    Looked at: how many genes are shared; whether they go with each other as in the section (another tissue?); genes that disagree or are silent in one set;
    depth of both; kinds of cells that one side lacks; sex genes and controls.
    """
    from ...io.writers.atomic import check_output, write_csv

    talk = Reporter(quiet, json)
    if output is not None:
        check_output(output, (".csv",), inputs=(spatial, reference))
    reading = {
        "values": values,
        "pixel_size": pixel_size,
        "plane": plane,
        "table": table,
        "system": system,
        "columns": o.parse_columns(columns),
    }
    data = open_data(spatial, reference, talk, reference_values=reference_values, **reading)
    found = check_reference(data, talk, labels=labels, section_labels=section_labels)
    if output is not None:
        write_csv(found.table, output)
    lines = [f"reference check: {found.light}"]
    for reason in found.findings:
        lines.append(f"  {LIGHT_MARKS[reason.light]}  {reason.what}: {reason.found}")
        if reason.todo:
            lines.append(f"         -> {reason.todo}")
    facts = {
        "light": found.light, "output": output, "reasons": [vars(r) for r in found.findings],
        "groups": found.groups.reset_index().to_dict("records"), "types": found.types.reset_index().to_dict("records"),
    }  # fmt: skip
    talk.summary(facts, *lines)
