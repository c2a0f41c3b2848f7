"""How far a thread is between the results that it sends: written there, looked at here."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from qtpy.QtCore import QTimer

from ...utils.progress import listen_to_progress

T = TypeVar("T")
_POLL_INTERVAL_MS = 300  # ms between looks


class ComputationCancelled(Exception):  # noqa: N818 - nothing is wrong
    """Nobody waits any more for what is being computed."""


@dataclass
class ThreadProgress:
    """What a thread is at, and whether it may go on.

    Attributes
    ----------
    text
        The stage (`utils.progress`) and its share in %; "" when nothing was told since it was last shown.
    closed
        Ends the computation at its next step, by `Closed`.
    """

    text: str = ""
    cancelled: bool = False

    def report(self, stage: str, done: int, total: int) -> None:
        """Called in the thread."""
        if self.cancelled:
            raise ComputationCancelled
        self.text = f"{stage}, {done / max(total, 1):.0%}"

    def follow_generator(self, make_generator: Callable[[], Generator[Any, None, T]]) -> Generator[Any, None, T]:
        """A generator whose stages are written down."""
        with listen_to_progress(self.report):
            return (yield from make_generator())

    def follow_function(self, function: Callable[[], T]) -> Callable[[], T]:
        """The same of a function."""

        def run() -> T:
            with listen_to_progress(self.report):
                return function()

        return run


class ProgressMonitor:
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

    def __init__(self, on_text: Callable[[str], Any]) -> None:
        self._on_text, self.progress = on_text, ThreadProgress()
        self._timer = QTimer()
        self._timer.setInterval(_POLL_INTERVAL_MS)
        self._timer.timeout.connect(self._poll)

    def start(self) -> ThreadProgress:
        """Look at what is about to be computed."""
        self.progress.cancelled = False
        self._timer.start()
        return self.progress

    def stop(self) -> None:
        """Look no longer."""
        self._timer.stop()
        self.progress.text = ""

    def close(self) -> None:
        """End what is being computed at its next step, and look no longer."""
        self.progress.cancelled = True
        self.stop()

    def _poll(self) -> None:
        text, self.progress.text = self.progress.text, ""
        if text:
            self._on_text(text)
