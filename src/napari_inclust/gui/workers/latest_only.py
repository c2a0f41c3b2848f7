"""Small jobs off the GUI thread, one at a time; only the most recent request is run."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from .worker import Worker, as_generator

Job = Callable[[], Any]


class LatestOnly:
    """Runs functions in a thread. A request that waits is replaced by the next one.

    Parameters
    ----------
    on_error
        Called with the exception of a job.
    deliver_all
        Whether the result (or exception) of a job is delivered although another request waits; else it is dropped.
    """

    def __init__(self, on_error: Callable[[Exception], None], *, deliver_all: bool = False) -> None:
        self._on_error, self._deliver_all = on_error, deliver_all
        self._worker: Worker | None = None
        self._running_key: Hashable = None
        self._pending: tuple[Job, Callable[[Any], None], Hashable] | None = None

    @property
    def busy(self) -> bool:
        """Whether a job runs."""
        return self._worker is not None

    def submit(self, job: Job, on_result: Callable[[Any], None], key: Hashable = None) -> None:
        """Run a job, and hand its result to `on_result` on the GUI thread.

        Parameters
        ----------
        key
            What the job is about: when just this is running, it is not run again.
        """
        if key is not None and self.busy and key == self._running_key:
            self._pending = None
            return
        self._pending = (job, on_result, key)
        if self._worker is None:
            self._start_pending()

    def discard(self) -> None:
        """Drop the request that waits, and the result of the job that runs."""
        self._pending = None
        if self._worker is not None:
            self._worker.close(timeout=0)
            self._worker = None

    def close(self) -> None:
        """End the thread."""
        self._pending = None
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _start_pending(self) -> None:
        assert self._pending is not None
        (job, then, self._running_key), self._pending = self._pending, None
        self._worker = Worker(
            as_generator(job),
            on_return=lambda found: self._on_done(lambda: then(found)),
            on_error=lambda error: self._on_done(lambda: self._on_error(error)),
        )
        self._worker.start()

    def _on_done(self, deliver: Callable[[], None]) -> None:
        self._worker = None
        overtaken = self._pending is not None
        if overtaken:
            self._start_pending()
        if not overtaken or self._deliver_all:
            deliver()
