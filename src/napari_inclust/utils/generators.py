"""Generators that yield how far they are and return what they found, as training and the search for domains are: driven to their end, or passed on."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Generic, TypeVar

Step = TypeVar("Step")
Other = TypeVar("Other")
Result = TypeVar("Result")


def driven(steps: Generator[Step, None, Result], each: Callable[[Step], object] = lambda step: None) -> Result:
    """What a generator returns; `each` is called with what it yields on the way."""
    kept = _Kept(steps)
    for step in kept.each():
        each(step)
    return kept.result


def passed_on(steps: Generator[Step, None, Result], as_other: Callable[[Step], Other]) -> Generator[Other, None, Result]:
    """The same generator, each of its steps as another."""
    kept = _Kept(steps)
    for step in kept.each():
        yield as_other(step)
    return kept.result


class _Kept(Generic[Step, Result]):
    """A generator to loop over, whose result is there after the last step."""

    result: Result

    def __init__(self, steps: Generator[Step, None, Result]) -> None:
        self._steps = steps

    def each(self) -> Generator[Step, None, None]:
        self.result = yield from self._steps
