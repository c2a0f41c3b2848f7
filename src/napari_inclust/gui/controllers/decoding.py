"""Imputing one gene off the GUI thread: the window stays alive however large the section is; the last wish wins."""

from __future__ import annotations

import time
import weakref
from typing import Any

from psygnal import Signal

from ...errors import InclustError
from ..state.gene_source import imputed_values
from ..state.session import Session
from ..workers.imports import heavy
from ..workers.latest_only import Later
from ..workers.progress import Closed, Watch


class Decoding:
    """Asks the run for genes, one at a time.

    Signals
    -------
    busy_changed(gene)
        The gene that is wanted, or "" when it has arrived.
    progressed(gene, text)
        What is done for it, and how far, where that takes long.
    """

    busy_changed = Signal(str)
    progressed = Signal(str, str)

    def __init__(self, session: Session) -> None:
        self._session = weakref.ref(session)
        self._later = Later(self._failed, every=True)  # a gene that was overtaken is kept too
        self._gene = ""
        self._watch = Watch(lambda text: self.progressed(self._gene, text))

    def ask(self, run: Any, gene: str) -> None:
        """Impute a gene; it arrives in the session. A wish that waits is replaced."""
        progress = self._watch.start()

        def impute() -> Any:
            start = time.perf_counter()
            try:
                return imputed_values(run, gene), time.perf_counter() - start
            except (InclustError, Closed):
                raise
            except Exception as error:
                raise InclustError(f"{gene} could not be imputed ({type(error).__name__}: {error}). Choose another gene, or train again.") from error

        self._gene = gene
        self.busy_changed(gene)
        self._later.ask(heavy(progress.watched(impute)), lambda found: self._done(run, *found), key=(id(run), gene))

    def close(self) -> None:
        """Forget all wishes; what is being computed ends at its next step."""
        self._watch.close()
        self._later.close()

    def _done(self, run: Any, found: Any, seconds: float) -> None:
        self._rest()
        session = self._session()
        if session is not None:
            session.keep(run, found, seconds)

    def _failed(self, error: Exception) -> None:
        self._rest()
        session = self._session()
        if session is not None:
            session.told(str(error))

    def _rest(self) -> None:
        if not self._later.busy:
            self._watch.stop()
            self.busy_changed("")
