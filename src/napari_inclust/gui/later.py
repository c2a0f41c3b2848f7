"""Small jobs off the GUI thread, one at a time; the last wish wins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .worker import Worker, once

Job = Callable[[], Any]


class Later:
    """Runs functions in a thread. A wish that still waits when another comes is dropped, and so is the result of one that was overtaken.

    Parameters
    ----------
    failed
        Called with the exception of the last wish.
    """

    def __init__(self, failed: Callable[[Exception], None]) -> None:
        self._failed = failed
        self._worker: Worker | None = None
        self._wish: tuple[Job, Callable[[Any], None]] | None = None

    @property
    def busy(self) -> bool:
        return self._worker is not None

    def ask(self, job: Job, then: Callable[[Any], None]) -> None:
        """Run a job, and hand its result to `then` on the GUI thread."""
        self._wish = (job, then)
        if self._worker is None:
            self._start()

    def forget(self) -> None:
        """Drop the wish, and what is running."""
        self._wish = None
        if self._worker is not None:
            self._worker.close(timeout=0)
            self._worker = None

    def close(self) -> None:
        """End the thread."""
        self._wish = None
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _start(self) -> None:
        assert self._wish is not None
        (job, then), self._wish = self._wish, None
        self._worker = Worker(
            once(job), on_return=lambda found: self._done(lambda: then(found)), on_error=lambda error: self._done(lambda: self._failed(error))
        )
        self._worker.start()

    def _done(self, tell: Callable[[], None]) -> None:
        self._worker = None
        if self._wish is not None:
            self._start()
        else:
            tell()
