"""The commands of `inclust`, put together."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from .. import __version__
from . import console
from .commands.check import check
from .commands.compare import compare
from .commands.demo import demo
from .commands.domains import domains
from .commands.export import export
from .commands.figure import figure
from .commands.impute import impute
from .commands.info import info
from .commands.map import map_
from .commands.report import report
from .commands.score import score
from .commands.tasks import generate, integrate, plan
from .commands.train import train
from .commands.transfer import transfer
from .commands.translate import translate

app = typer.Typer(
    name="inclust",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(requested: bool) -> None:
    if requested:
        print(f"inclust {__version__}")
        raise typer.Exit


@app.callback(epilog=console.EXIT_CODES)
def inclust(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Impute unmeasured genes of a tissue section from a scRNA-seq reference, with a held-out score beside each."""


def presets() -> None:
    """List the named settings and how each differs from the default."""
    from ..training.config import PRESETS

    table = Table("preset", "what for", "settings", box=None, pad_edge=False)
    for name, preset in PRESETS.items():
        table.add_row(
            name, preset["help"], console.escape_markup(", ".join(f"{k}={v}" for k, v in preset["settings"].items()))
        )
    console.stdout_console.print(table)


for command in (
    check,
    impute,
    score,
    compare,
    report,
    figure,
    domains,
    map_,
    train,
    plan,
    integrate,
    transfer,
    generate,
    translate,
    export,
    info,
    demo,
    presets,
):
    app.command(command.__name__.rstrip("_"))(console.handle_errors(command))
