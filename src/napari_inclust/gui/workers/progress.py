"""Progress of a thread between its results: written by the thread, polled by the GUI."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from qtpy.QtCore import QTimer

from ...utils.progress import listen_to_progress

T = TypeVar("T")
_POLL_INTERVAL_MS = 300  # ms between looks


class ComputationCancelled(Exception):  # noqa: N818 - nothing is wrong
    """The result is not needed any more."""


@dataclass
class ThreadProgress:
    """Progress of a thread, and its cancellation.

    Attributes
    ----------
    text
        The stage (`utils.progress`) and its share in %; "" when there is none since it was last shown.
    cancelled
        Ends the computation at its next step, by `ComputationCancelled`.
    """

    text: str = ""
    cancelled: bool = False

    def report(self, stage: str, done: int, total: int) -> None:
        """Store the progress; called in the thread."""
        if self.cancelled:
            raise ComputationCancelled
        self.text = f"{stage}, {done / max(total, 1):.0%}"

    def follow_generator(self, make_generator: Callable[[], Generator[Any, None, T]]) -> Generator[Any, None, T]:
        """Return the generator with its progress reported here."""
        with listen_to_progress(self.report):
            return (yield from make_generator())

    def follow_function(self, function: Callable[[], T]) -> Callable[[], T]:
        """Return the function with its progress reported here."""

        def run() -> T:
            with listen_to_progress(self.report):
                return function()

        return run


class ProgressMonitor:
    """Polls the progress of a thread.

    Parameters
    ----------
    on_text
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
        """Start polling."""
        self.progress.cancelled = False
        self._timer.start()
        return self.progress

    def stop(self) -> None:
        """Stop polling."""
        self._timer.stop()
        self.progress.text = ""

    def close(self) -> None:
        """Cancel the computation at its next step, and stop polling."""
        self.progress.cancelled = True
        self.stop()

    def _poll(self) -> None:
        text, self.progress.text = self.progress.text, ""
        if text:
            self._on_text(text)
