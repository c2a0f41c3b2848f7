"""The commands of `inclust`, assembled."""

from __future__ import annotations

from typing import Annotated

import typer

from .. import __version__
from .commands.check import check
from .commands.compare import compare
from .commands.demo import demo
from .commands.domains import domains
from .commands.export import export
from .commands.figure import figure
from .commands.generate import generate
from .commands.impute import impute
from .commands.info import info
from .commands.integrate import integrate
from .commands.map import map_
from .commands.plan import plan
from .commands.presets import presets
from .commands.report import report
from .commands.score import score
from .commands.train import train
from .commands.transfer import transfer
from .commands.translate import translate
from .console import EXIT_CODES, handle_errors
from .options import expand_options

COMMANDS = (
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
)

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


@app.callback(epilog=EXIT_CODES)
def inclust(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Impute unmeasured genes of a tissue section from a scRNA-seq reference, with a held-out score beside each."""


for command in COMMANDS:
    app.command(command.__name__.rstrip("_"))(expand_options(handle_errors(command)))
