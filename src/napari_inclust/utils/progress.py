"""What a long computation is at, told to whoever follows it: a progress bar, a log, or nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")
ProgressCallback = Callable[[str, int, int], None]

_callback: ContextVar[ProgressCallback | None] = ContextVar("listener", default=None)


@contextmanager
def listen_to_progress(callback: ProgressCallback) -> Iterator[None]:
    """Call `listener(what, done, total)` at every step of what is computed inside, in this thread."""
    token = _callback.set(callback)
    try:
        yield
    finally:
        _callback.reset(token)


def progress_stage(name: str, items: Sequence[T]) -> Iterator[T]:
    """The items one by one, each told before it is worked on, with how many are done."""
    for done, item in enumerate(items):
        report_progress(name, done, len(items))
        yield item


def report_progress(name: str, done: int = 0, total: int = 1) -> None:
    """Tell whoever follows of one step."""
    listener = _callback.get()
    if listener is not None:
        listener(name, done, total)
