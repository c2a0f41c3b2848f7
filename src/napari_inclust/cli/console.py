"""What the commands say: results on stdout, notes and progress on stderr, errors in one piece."""

from __future__ import annotations

import functools
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from ..errors import InclustError, OutputError
from ..utils.progress import listen_to_progress
from ..utils.text import format_duration
from . import INTERRUPTED_EXIT_CODE
from .interrupt import interrupt_handler


class _PipedConsole(Console):
    """A console whose reader may go away: rich would end with the exit code of a fault."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


stderr_console = _PipedConsole(stderr=True, highlight=False, soft_wrap=True)
stdout_console = _PipedConsole(highlight=False, soft_wrap=True)

_LINE_INTERVAL = 15.0  # seconds

EXIT_CODES = """Exit codes: 0 done, 1 a fault of the program, 2 a wrong option or setting, 3 data that cannot be used, 4 a saved run or checkpoint that does not fit,
5 a result that could not be written, 130 stopped with Ctrl-C."""


def handle_errors(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose foreseen errors are told without a traceback."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except InclustError as error:
            stderr_console.print(f"[bold red]error:[/] {escape_markup(str(error))}")
            raise typer.Exit(error.exit_code) from None
        except BrokenPipeError:  # the reader of our output went away
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - python flushes it once more at exit
            raise typer.Exit(OutputError.exit_code) from None
        except KeyboardInterrupt:
            stderr_console.print("stopped; nothing was written.")
            raise typer.Exit(INTERRUPTED_EXIT_CODE) from None

    return run


def escape_markup(text: str) -> str:
    """Text whose square brackets rich leaves alone."""
    return text.replace("[", r"\[")


@dataclass(frozen=True)
class Reporter:
    """How much a command says, and in which form.

    Parameters
    ----------
    quiet
        No notes and no progress.
    as_json
        The summary as one JSON object.
    """

    quiet: bool = False
    as_json: bool = False

    def note(self, text: str) -> None:
        if not self.quiet:
            stderr_console.print(escape_markup(text))

    def summary(self, values: dict[str, Any], *lines: str) -> None:
        """The result: `values` as JSON, or `lines` for people."""
        if self.as_json:
            print(json.dumps(_to_json(values)))
        elif not self.quiet:
            for line in lines:
                stdout_console.print(escape_markup(line))

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Callable[..., None]]:
        """A bar on stderr, or now and then a line where stderr is a file; call the yielded function with the steps done, the seconds left and a text.

        Stages of the computation inside (`utils.progress`) take the bar's place while they last; each begins with a line.
        """
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total}"),
            TextColumn("{task.fields[text]}"),
        )
        with Progress(*columns, console=stderr_console, disable=self.quiet or not stderr_console.is_terminal) as bar:
            task, last, told = bar.add_task(what, total=total, text=""), "", -math.inf

            def show(name: str, done: int, of: int, text: str = "") -> None:
                nonlocal last, told
                interrupt_handler.raise_pending()
                bar.update(task, description=name, completed=done, total=of, text=text)
                if not stderr_console.is_terminal and (name != last or time.monotonic() - told > _LINE_INTERVAL):
                    self.note(f"{name} {done}/{of}  {text}".rstrip())
                    last, told = name, time.monotonic()

            def update(done: int, remaining: float | None = None, text: str = "") -> None:
                left = "" if remaining is None else f"{format_duration(remaining)} left"
                show(what, done, total, "  ".join(t for t in (left, text) if t))

            with listen_to_progress(show):
                yield update


def _to_json(value: Any) -> Any:
    """NaN and infinity are no JSON: they become null."""
    if isinstance(value, dict):
        return {str(k): _to_json(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_json(v) for v in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
