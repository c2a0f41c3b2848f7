"""`inclust report`: a saved run as one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...utils.text import format_count
from ..console import Reporter
from ..imputation import run_facts, score_line


def report(
    *,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A saved run; its data are opened from where they were.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="HTML", help="The page: one file that needs nothing else.")
    ],
    reporter: Reporter,
) -> None:
    """Write a report on a saved run as one HTML file, plots included.

    It holds the data, masks, loss, held-out scores, calibration, predicted scores, maps and settings.
    """
    from ...io.report.build import write_report
    from ...io.runs.load import load_run
    from ...io.writers.atomic import check_output

    check_output(output, (".html",), inputs=(run,))
    loaded = load_run(run)
    cells, genes = format_count(loaded.section.n_cells, "cell"), format_count(loaded.panel.n_shared, "shared gene")
    reporter.note(f"{run}: {cells}, {genes}")
    with reporter.progress("writing the report", 1):
        write_report(loaded, output)
    reporter.summary(
        {"output": str(output), "seconds": reporter.seconds, **run_facts(loaded)},
        score_line(loaded),
        f"report in {output}  ({reporter.duration})",
    )
