"""Progress reporting: stages of a computation, and generators that yield their steps and return a result."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Generic, TypeVar

T = TypeVar("T")
Step = TypeVar("Step")
MappedStep = TypeVar("MappedStep")
Result = TypeVar("Result")
ProgressCallback = Callable[[str, int, int], None]

_callback: ContextVar[ProgressCallback | None] = ContextVar("progress_callback", default=None)


@contextmanager
def listen_to_progress(callback: ProgressCallback) -> Iterator[None]:
    """Call `callback(name, done, total)` at every step reported inside the block, in this thread."""
    token = _callback.set(callback)
    try:
        yield
    finally:
        _callback.reset(token)


def progress_stage(name: str, items: Sequence[T]) -> Iterator[T]:
    """Yield the items; before each, report the stage with the number of items done."""
    for done, item in enumerate(items):
        report_progress(name, done, len(items))
        yield item


def report_progress(name: str, done: int = 0, total: int = 1) -> None:
    """Report one step of a stage to the callback in force, if any."""
    callback = _callback.get()
    if callback is not None:
        callback(name, done, total)


def exhaust(steps: Generator[Step, None, Result], on_step: Callable[[Step], object] = lambda step: None) -> Result:
    """Run a generator to its end, call `on_step` with each value that it yields, and return its result."""
    generator = _GeneratorWithResult(steps)
    for step in generator.iterate():
        on_step(step)
    return generator.result


def map_steps(
    steps: Generator[Step, None, Result], convert: Callable[[Step], MappedStep]
) -> Generator[MappedStep, None, Result]:
    """Yield each step of a generator converted, and return its result."""
    generator = _GeneratorWithResult(steps)
    for step in generator.iterate():
        yield convert(step)
    return generator.result


class _GeneratorWithResult(Generic[Step, Result]):
    """A generator for use in a `for` loop; `result` is set after the last step."""

    result: Result

    def __init__(self, steps: Generator[Step, None, Result]) -> None:
        self._steps = steps

    def iterate(self) -> Generator[Step, None, None]:
        self.result = yield from self._steps
