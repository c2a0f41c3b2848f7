"""Output of the commands: results on stdout, notes and progress on stderr, an error as one line."""

from __future__ import annotations

import functools
import json
import math
import os
import shlex
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from ..errors import InclustError, OutputError
from ..utils.progress import listen_to_progress
from ..utils.text import format_duration
from . import INTERRUPTED_EXIT_CODE, interrupt_handler

if TYPE_CHECKING:
    from ..training.loop import Epoch

T = TypeVar("T")

_LOG_INTERVAL = 15.0  # seconds between two lines of progress where stderr is no terminal
_OUTPUT_HELP_PANEL = "Output"

EXIT_CODES = """Exit codes: 0 done, 1 a fault of the program, 2 a wrong option or setting, 3 data that cannot be used,
4 a saved run or checkpoint that does not fit, 5 a result that could not be written, 130 stopped with Ctrl-C."""


class _PipedConsole(Console):
    """A console that leaves a closed pipe to `handle_errors`: rich would exit with the code of a program fault."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


stderr_console = _PipedConsole(stderr=True, highlight=False, soft_wrap=True)
stdout_console = _PipedConsole(highlight=False, soft_wrap=True)


def handle_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Make a command print expected errors as one line, without a traceback, and exit with their code."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except InclustError as error:
            stderr_console.print(f"[bold red]error:[/] {escape_markup(str(error))}")
            raise typer.Exit(error.exit_code) from None
        except BrokenPipeError:  # the reader of stdout has closed it
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - python flushes it once more at exit
            raise typer.Exit(OutputError.exit_code) from None
        except KeyboardInterrupt:
            stderr_console.print("stopped; nothing was written.")
            raise typer.Exit(INTERRUPTED_EXIT_CODE) from None

    return run


def escape_markup(text: str) -> str:
    """Escape square brackets, which rich would take for markup."""
    return text.replace("[", r"\[")


def command_line() -> str:
    """Return the command as typed, for the provenance of a result."""
    return shlex.join(["inclust", *sys.argv[1:]])


@dataclass(frozen=True)
class Reporter:
    """Options for the output of a command, and the output itself: notes, progress, summary, elapsed time.

    Attributes
    ----------
    quiet
        No notes and no progress.
    as_json
        The summary as one JSON object.
    start
        When the command began, in seconds of `time.perf_counter`.
    """

    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Say nothing but errors.", rich_help_panel=_OUTPUT_HELP_PANEL)
    ] = False
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a summary as one JSON object.", rich_help_panel=_OUTPUT_HELP_PANEL)
    ] = False
    start: float = field(default_factory=time.perf_counter, init=False, repr=False, compare=False)

    @property
    def seconds(self) -> float:
        """Seconds since the command began, rounded as in the summaries."""
        return round(time.perf_counter() - self.start, 2)

    @property
    def duration(self) -> str:
        """The same in words."""
        return format_duration(time.perf_counter() - self.start)

    def note(self, text: str) -> None:
        """Print a note to stderr."""
        if not self.quiet:
            stderr_console.print(escape_markup(text))

    def summary(self, values: dict[str, Any], *lines: str) -> None:
        """Print the result to stdout: `values` as JSON, or `lines` as text."""
        if self.as_json:
            print(json.dumps(_to_json(values)))
        elif not self.quiet:
            for line in lines:
                stdout_console.print(escape_markup(line))

    @contextmanager
    def progress(self, name: str, total: int) -> Iterator[Callable[..., None]]:
        """Show a bar on stderr, or a line now and then where stderr is a file.

        Stages of the computation inside (`utils.progress`) replace the bar while they last; each begins with a line.

        Yields
        ------
        A function to call with the steps done, the seconds left and a text.
        """
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total}"),
            TextColumn("{task.fields[text]}"),
        )
        with Progress(*columns, console=stderr_console, disable=self.quiet or not stderr_console.is_terminal) as bar:
            task, last_stage, last_time = bar.add_task(name, total=total, text=""), "", -math.inf

            def show(stage: str, done: int, stage_total: int, text: str = "") -> None:
                nonlocal last_stage, last_time
                interrupt_handler.raise_pending()
                bar.update(task, description=stage, completed=done, total=stage_total, text=text)
                is_due = stage != last_stage or time.monotonic() - last_time > _LOG_INTERVAL
                if is_due and not stderr_console.is_terminal:
                    self.note(f"{stage} {done}/{stage_total}  {text}".rstrip())
                    last_stage, last_time = stage, time.monotonic()

            def update(done: int, remaining: float | None = None, text: str = "") -> None:
                left = "" if remaining is None else f"{format_duration(remaining)} left"
                show(name, done, total, "  ".join(t for t in (left, text) if t))

            with listen_to_progress(show):
                yield update

    def training_progress(self, steps: Generator[Epoch, None, T], epochs: int) -> T:
        """Run a training to its end under a progress bar, and return its result.

        Parameters
        ----------
        steps
            Generator of epochs.
        epochs
            Epochs at most.
        """
        from ..utils.progress import exhaust

        with self.progress("training", epochs) as update:
            return exhaust(
                steps,
                lambda epoch: update(
                    epoch.number,
                    epoch.remaining,
                    f"loss {epoch.terms['loss']:.3f}" if "loss" in epoch.terms else epoch.stage,
                ),
            )


def _to_json(value: Any) -> Any:
    """Replace what JSON cannot hold: NaN and infinity by null, numpy numbers by Python's, the rest by text."""
    if isinstance(value, dict):
        return {str(k): _to_json(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_json(v) for v in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
