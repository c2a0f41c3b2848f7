"""What a long computation is at, told to whoever follows it: a progress bar, a log, or nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")
Listener = Callable[[str, int, int], None]

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def followed(listener: Listener) -> Iterator[None]:
    """Call `listener(what, done, total)` at every step of what is computed inside, in this thread."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def stage(what: str, items: Sequence[T]) -> Iterator[T]:
    """The items one by one, each told before it is worked on, with how many are done."""
    for done, item in enumerate(items):
        tell(what, done, len(items))
        yield item


def tell(what: str, done: int = 0, total: int = 1) -> None:
    """Tell whoever follows of one step."""
    listener = _listener.get()
    if listener is not None:
        listener(what, done, total)
