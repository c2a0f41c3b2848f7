"""`inclust report`: a saved run as one page."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from ...utils.text import format_count, format_duration
from .. import options as o
from ..console import Reporter
from ..training import run_facts, score_line


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A saved run; its data are opened from where they were.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="HTML", help="The page: one file that needs nothing else.")
    ],
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> None:
    """Tell of a saved run in one HTML file, plots included: data, masks, loss, held-out scores, calibration, foreseen scores, maps, settings."""
    from ...io.report.build import write_report
    from ...io.runs.load import load_run
    from ...io.writers.atomic import check_output

    start, talk = time.perf_counter(), Reporter(quiet, json)
    check_output(output, (".html",), inputs=(run,))
    opened = load_run(run)
    talk.note(
        f"{run}: {format_count(opened.section.n_cells, 'cell')}, {format_count(opened.panel.n_shared, 'shared gene')}"
    )
    with talk.progress("writing the report", 1):
        write_report(opened, output)
    seconds = time.perf_counter() - start
    talk.summary(
        {"output": str(output), "seconds": round(seconds, 2), **run_facts(opened)},
        score_line(opened),
        f"report in {output}  ({format_duration(seconds)})",
    )
