"""How far a thread is between the results that it sends: written there, looked at here."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from qtpy.QtCore import QTimer

from ...utils.progress import followed

T = TypeVar("T")
_EVERY = 300  # ms between looks


class Closed(Exception):  # noqa: N818 - nothing is wrong
    """Nobody waits any more for what is being computed."""


@dataclass
class Progress:
    """What a thread is at, and whether it may go on.

    Attributes
    ----------
    text
        The stage (`utils.progress`) and its share in %; "" when nothing was told since it was last shown.
    closed
        Ends the computation at its next step, by `Closed`.
    """

    text: str = ""
    closed: bool = False

    def step(self, what: str, done: int, total: int) -> None:
        """Called in the thread."""
        if self.closed:
            raise Closed
        self.text = f"{what}, {done / max(total, 1):.0%}"

    def following(self, steps: Callable[[], Generator[Any, None, T]]) -> Generator[Any, None, T]:
        """A generator whose stages are written down."""
        with followed(self.step):
            return (yield from steps())

    def watched(self, work: Callable[[], T]) -> Callable[[], T]:
        """The same of a function."""

        def run() -> T:
            with followed(self.step):
                return work()

        return run


class Watch:
    """Shows the text of a progress from time to time.

    Parameters
    ----------
    show
        Called on the GUI thread with each new text.

    Attributes
    ----------
    progress
        For the thread.
    """

    def __init__(self, show: Callable[[str], Any]) -> None:
        self._show, self.progress = show, Progress()
        self._clock = QTimer()
        self._clock.setInterval(_EVERY)
        self._clock.timeout.connect(self._look)

    def start(self) -> Progress:
        """Look at what is about to be computed."""
        self.progress.closed = False
        self._clock.start()
        return self.progress

    def stop(self) -> None:
        """Look no longer."""
        self._clock.stop()
        self.progress.text = ""

    def close(self) -> None:
        """End what is being computed at its next step, and look no longer."""
        self.progress.closed = True
        self.stop()

    def _look(self) -> None:
        text, self.progress.text = self.progress.text, ""
        if text:
            self._show(text)
