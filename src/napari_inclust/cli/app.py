"""The commands of `inclust`, put together."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from .. import __version__
from . import console
from .check import check
from .compare import compare
from .demo import demo
from .domains import domains
from .export import export
from .figure import figure
from .impute import impute
from .info import info
from .map import map_
from .report import report
from .score import score
from .tasks import generate, integrate, plan
from .train import train
from .transfer import transfer
from .translate import translate

app = typer.Typer(
    name="inclust", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, context_settings={"help_option_names": ["-h", "--help"]}
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"inclust {__version__}")
        raise typer.Exit


@app.callback(epilog=console.EXIT_CODES)
def inclust(version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False) -> None:
    """Impute unmeasured genes of a tissue section from a scRNA-seq reference, with a held-out score beside each."""


def presets() -> None:
    """List the named settings and how each differs from the default."""
    from ..core.config import PRESETS

    table = Table("preset", "what for", "settings", box=None, pad_edge=False)
    for name, preset in PRESETS.items():
        table.add_row(name, preset["help"], console.escaped(", ".join(f"{k}={v}" for k, v in preset["settings"].items())))
    console.out.print(table)


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
    app.command(command.__name__.rstrip("_"))(console.guarded(command))
