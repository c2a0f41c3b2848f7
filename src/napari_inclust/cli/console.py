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
from ..utils.progress import followed
from ..utils.text import duration
from . import INTERRUPTED
from .interrupt import interrupts


class _Piped(Console):
    """A console whose reader may go away: rich would end with the exit code of a fault."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


err = _Piped(stderr=True, highlight=False, soft_wrap=True)
out = _Piped(highlight=False, soft_wrap=True)

_LINE_EVERY = 15.0  # seconds

EXIT_CODES = """Exit codes: 0 done, 1 a fault of the program, 2 a wrong option or setting, 3 data that cannot be used, 4 a saved run or checkpoint that does not fit,
5 a result that could not be written, 130 stopped with Ctrl-C."""


def guarded(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose foreseen errors are told without a traceback."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except InclustError as error:
            err.print(f"[bold red]error:[/] {escaped(str(error))}")
            raise typer.Exit(error.exit_code) from None
        except BrokenPipeError:  # the reader of our output went away
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - python flushes it once more at exit
            raise typer.Exit(OutputError.exit_code) from None
        except KeyboardInterrupt:
            err.print("stopped; nothing was written.")
            raise typer.Exit(INTERRUPTED) from None

    return run


def escaped(text: str) -> str:
    """Text whose square brackets rich leaves alone."""
    return text.replace("[", r"\[")


@dataclass(frozen=True)
class Talk:
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
            err.print(escaped(text))

    def summary(self, values: dict[str, Any], *lines: str) -> None:
        """The result: `values` as JSON, or `lines` for people."""
        if self.as_json:
            print(json.dumps(_jsonable(values)))
        elif not self.quiet:
            for line in lines:
                out.print(escaped(line))

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Callable[..., None]]:
        """A bar on stderr, or now and then a line where stderr is a file; call the yielded function with the steps done, the seconds left and a text.

        Stages of the computation inside (`utils.progress`) take the bar's place while they last; each begins with a line.
        """
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"), TextColumn("{task.fields[text]}"))
        with Progress(*columns, console=err, disable=self.quiet or not err.is_terminal) as bar:
            task, last, told = bar.add_task(what, total=total, text=""), "", -math.inf

            def show(name: str, done: int, of: int, text: str = "") -> None:
                nonlocal last, told
                interrupts.insist()
                bar.update(task, description=name, completed=done, total=of, text=text)
                if not err.is_terminal and (name != last or time.monotonic() - told > _LINE_EVERY):
                    self.note(f"{name} {done}/{of}  {text}".rstrip())
                    last, told = name, time.monotonic()

            def update(done: int, remaining: float | None = None, text: str = "") -> None:
                left = "" if remaining is None else f"{duration(remaining)} left"
                show(what, done, total, "  ".join(t for t in (left, text) if t))

            with followed(show):
                yield update


def _jsonable(value: Any) -> Any:
    """NaN and infinity are no JSON: they become null."""
    if isinstance(value, dict):
        return {str(k): _jsonable(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(v) for v in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
