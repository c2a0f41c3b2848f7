"""Generators that yield how far they are and return what they found, as training and the search for domains are: driven to their end, or passed on."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

Step = TypeVar("Step")
Other = TypeVar("Other")
Result = TypeVar("Result")


def driven(steps: Generator[Step, None, Result], each: Callable[[Step], object] = lambda step: None) -> Result:
    """What a generator returns; `each` is called with what it yields on the way."""
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result
        each(step)


def passed_on(steps: Generator[Step, None, Result], as_other: Callable[[Step], Other]) -> Generator[Other, None, Result]:
    """The same generator, each of its steps as another."""
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result
        yield as_other(step)
