"""Imputing one gene off the GUI thread: the window stays alive however large the section is; the last wish wins."""

from __future__ import annotations

import time
import weakref
from typing import Any

from psygnal import Signal

from ..errors import InclustError
from .session import Session, imputed_values
from .worker import Worker, once


class Decoding:
    """Asks the run for genes, one at a time.

    Signals
    -------
    busy_changed(gene)
        The gene that is being imputed, or "" when none is.
    """

    busy_changed = Signal(str)

    def __init__(self, session: Session) -> None:
        self._session = weakref.ref(session)
        self._worker: Worker | None = None
        self._wish: tuple[Any, str] | None = None
        self._now: tuple[Any, str] | None = None

    def ask(self, run: Any, gene: str) -> None:
        """Impute a gene; it arrives in the session. A wish that waits is replaced."""
        if self._now is not None and self._now[0] is run and self._now[1] == gene:
            self._wish = None
            return
        self._wish = (run, gene)
        if self._worker is None:
            self._start()

    def close(self) -> None:
        """Forget all wishes."""
        self._wish = None
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _start(self) -> None:
        assert self._wish is not None
        (run, gene), self._wish = self._wish, None
        self._now = (run, gene)

        def impute() -> Any:
            start = time.perf_counter()
            found = imputed_values(run, gene)
            return found, time.perf_counter() - start

        self._worker = Worker(once(impute), on_return=self._done, on_error=self._failed)
        self._worker.start()
        self.busy_changed(gene)

    def _done(self, found: tuple[Any, float]) -> None:
        run, session = self._end(), self._session()
        if session is not None:
            session.keep(run, *found)
        self._continue()

    def _failed(self, error: Exception) -> None:
        gene = self._now[1] if self._now else ""
        self._end()
        session = self._session()
        if session is not None:
            session.told(
                str(error)
                if isinstance(error, InclustError)
                else f"{gene} could not be imputed ({type(error).__name__}: {error}). Choose another gene, or train again."
            )
        self._continue()

    def _end(self) -> Any:
        run = self._now[0] if self._now else None
        self._worker = self._now = None
        return run

    def _continue(self) -> None:
        if self._wish is not None:
            self._start()
        else:
            self.busy_changed("")
