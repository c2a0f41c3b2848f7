"""`inclust check`: whether a reference fits a section, before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..console import Reporter
from ..imputation import check_reference, open_data
from ..options import Labels, ReadingOptions, Reference, Spatial

LIGHT_MARKS = {"green": "ok   ", "amber": "amber", "red": "RED  "}


def check(
    *,
    spatial: Spatial,
    reference: Reference,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="CSV", help="Also the table of the shared genes.")
    ] = None,
    labels: Labels = None,
    section_labels: Annotated[
        str | None, typer.Option("--section-labels", metavar="KEY", help="Column of the section's obs with cell types.")
    ] = None,
    reading: ReadingOptions,
    reporter: Reporter,
) -> None:
    """Say whether a reference fits a section: green, amber or red, with reasons and what to do.

    Nothing is trained; it takes seconds (a minute with thousands of shared genes).

    Looked at: how many genes are shared; whether their correlations agree with the section's (another tissue?);
    genes that disagree or are silent in one set; depth of both; kinds of cells that one side lacks; sex genes and
    controls.
    """
    from ...io.writers.atomic import check_output, write_csv

    if output is not None:
        check_output(output, (".csv",), inputs=(spatial, reference))
    data = open_data(spatial, reference, reading, reporter)
    result = check_reference(data, reporter, labels=labels, section_labels=section_labels)
    if output is not None:
        write_csv(result.table, output)
    lines = [f"reference check: {result.light}"]
    for reason in result.findings:
        lines.append(f"  {LIGHT_MARKS[reason.light]}  {reason.what}: {reason.found}")
        if reason.todo:
            lines.append(f"         -> {reason.todo}")
    facts = {
        "light": result.light,
        "output": output,
        "reasons": [vars(r) for r in result.findings],
        "groups": result.groups.reset_index().to_dict("records"),
        "types": result.types.reset_index().to_dict("records"),
    }
    reporter.summary(facts, *lines)
