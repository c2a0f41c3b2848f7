"""Imputing one gene off the GUI thread: the window stays alive however large the section is; the last wish wins."""

from __future__ import annotations

import time
import weakref
from typing import Any

from psygnal import Signal

from ...errors import InclustError
from ..state.gene_source import impute_gene
from ..state.session import Session
from ..workers.imports import with_heavy_imports
from ..workers.latest_only import LatestOnly
from ..workers.progress import ComputationCancelled, ProgressMonitor


class BackgroundImputer:
    """Asks the run for genes, one at a time.

    Signals
    -------
    busy_changed(gene)
        The gene that is wanted, or "" when it has arrived.
    progressed(gene, text)
        What is done for it, and how far, where that takes long.
    """

    pending_gene_changed = Signal(str)
    progressed = Signal(str, str)

    def __init__(self, session: Session) -> None:
        self._session = weakref.ref(session)
        self._runner = LatestOnly(self._on_error, deliver_all=True)  # a gene that was overtaken is kept too
        self._pending_gene = ""
        self._progress_monitor = ProgressMonitor(lambda text: self.progressed(self._pending_gene, text))

    def request(self, run: Any, gene: str) -> None:
        """Impute a gene; it arrives in the session. A wish that waits is replaced."""
        progress = self._progress_monitor.start()

        def impute() -> Any:
            start = time.perf_counter()
            try:
                return impute_gene(run, gene), time.perf_counter() - start
            except (InclustError, ComputationCancelled):
                raise
            except Exception as error:
                raise InclustError(
                    f"{gene} could not be imputed ({type(error).__name__}: {error}). Choose another gene, or train again."
                ) from error

        self._pending_gene = gene
        self.pending_gene_changed(gene)
        self._runner.submit(
            with_heavy_imports(progress.follow_function(impute)),
            lambda found: self._on_imputed(run, *found),
            key=(id(run), gene),
        )

    def close(self) -> None:
        """Forget all wishes; what is being computed ends at its next step."""
        self._progress_monitor.close()
        self._runner.close()

    def _on_imputed(self, run: Any, found: Any, seconds: float) -> None:
        self._clear_when_idle()
        session = self._session()
        if session is not None:
            session.add_imputed(run, found, seconds)

    def _on_error(self, error: Exception) -> None:
        self._clear_when_idle()
        session = self._session()
        if session is not None:
            session.message_emitted(str(error))

    def _clear_when_idle(self) -> None:
        if not self._runner.busy:
            self._progress_monitor.stop()
            self.pending_gene_changed("")
