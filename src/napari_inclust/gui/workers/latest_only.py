"""Small jobs off the GUI thread, one at a time; the last wish wins."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from .worker import Worker, once

Job = Callable[[], Any]


class Later:
    """Runs functions in a thread. A wish that still waits when another comes is dropped.

    Parameters
    ----------
    failed
        Called with the exception of a wish.
    every
        Whether the result (or exception) of a wish that was overtaken while it ran is told too; else it is dropped.
    """

    def __init__(self, failed: Callable[[Exception], None], *, every: bool = False) -> None:
        self._failed, self._every = failed, every
        self._worker: Worker | None = None
        self._running: Hashable = None
        self._wish: tuple[Job, Callable[[Any], None], Hashable] | None = None

    @property
    def busy(self) -> bool:
        return self._worker is not None

    def ask(self, job: Job, then: Callable[[Any], None], key: Hashable = None) -> None:
        """Run a job, and hand its result to `then` on the GUI thread.

        Parameters
        ----------
        key
            What the job is about: when just this is running, it is not run again.
        """
        if key is not None and self.busy and key == self._running:
            self._wish = None
            return
        self._wish = (job, then, key)
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
        (job, then, self._running), self._wish = self._wish, None
        self._worker = Worker(
            once(job), on_return=lambda found: self._done(lambda: then(found)), on_error=lambda error: self._done(lambda: self._failed(error))
        )
        self._worker.start()

    def _done(self, tell: Callable[[], None]) -> None:
        self._worker = None
        overtaken = self._wish is not None
        if overtaken:
            self._start()
        if not overtaken or self._every:
            tell()
