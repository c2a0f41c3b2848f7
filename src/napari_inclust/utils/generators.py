"""Generators that yield how far they are and return what they found, as training and the search for domains are: driven to their end, or passed on."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Generic, TypeVar

Step = TypeVar("Step")
MappedStep = TypeVar("MappedStep")
Result = TypeVar("Result")


def exhaust(steps: Generator[Step, None, Result], on_step: Callable[[Step], object] = lambda step: None) -> Result:
    """What a generator returns; `each` is called with what it yields on the way."""
    kept = _GeneratorWithResult(steps)
    for step in kept.iterate():
        on_step(step)
    return kept.result


def map_steps(
    steps: Generator[Step, None, Result], convert: Callable[[Step], MappedStep]
) -> Generator[MappedStep, None, Result]:
    """The same generator, each of its steps as another."""
    kept = _GeneratorWithResult(steps)
    for step in kept.iterate():
        yield convert(step)
    return kept.result


class _GeneratorWithResult(Generic[Step, Result]):
    """A generator to loop over, whose result is there after the last step."""

    result: Result

    def __init__(self, steps: Generator[Step, None, Result]) -> None:
        self._steps = steps

    def iterate(self) -> Generator[Step, None, None]:
        self.result = yield from self._steps
