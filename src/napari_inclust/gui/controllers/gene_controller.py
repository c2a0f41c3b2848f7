"""Values of the selected gene: read from the session, or imputed in a thread first."""

from __future__ import annotations

import time
import weakref
from typing import Any

from psygnal import Signal

from ...errors import InclustError
from ...paint.values import CellValues
from ..state.gene_source import impute_gene
from ..state.session import SWIPE, Session, differs
from ..workers.imports import with_heavy_imports
from ..workers.latest_only import LatestOnly
from ..workers.progress import ComputationCancelled, ProgressMonitor


class GeneController:
    """Provides the values that are to be painted.

    Signals
    -------
    values_ready(values)
        Values of another gene, run, view or scale: a list of one, of measured and imputed ones, or empty.
    values_annotated(values)
        The same values with a predicted score.
    pending_gene_changed(gene)
        The gene that is being imputed, or "".
    progressed(gene, text)
        Stage of a long imputation.
    """

    values_ready = Signal(list)
    values_annotated = Signal(list)
    pending_gene_changed = Signal(str)
    progressed = Signal(str, str)

    def __init__(self, session: Session) -> None:
        self._session = weakref.ref(session)
        self.values: list[CellValues] = []
        self._values_key: tuple[Any, ...] = ()
        self._runner = LatestOnly(self._on_error, deliver_all=True)  # a gene that was overtaken is cached too
        self._pending_gene = ""
        self._pending_channel = ""  # channel of the blend for the gene that is being imputed
        self._progress_monitor = ProgressMonitor(self._on_progress)
        self._connections = (
            (session.gene_selected, self._on_gene_selected),
            (session.run_selected, self.update),
            (session.generated_changed, self.update),
            (session.view_changed, self.update),
            (session.divider_moved, self.update),
            (session.look.scale_changed, self.update),
            (session.predicted_scores_changed, self._on_predicted_scores_changed),
        )
        for signal, slot in self._connections:
            signal.connect(slot)

    def close(self) -> None:
        """Disconnect; the imputation that runs ends at its next step."""
        for signal, slot in self._connections:
            signal.disconnect(slot, missing_ok=True)
        self._progress_monitor.close()
        self._runner.close()

    def update(self) -> None:
        """Provide the values of what is selected, when they are not those of the last time."""
        session = self._session()
        if session is None:
            return
        if session.needs_imputation and session.gene is not None:
            self._impute(session.run, session.gene)
            return
        divider = session.divider_fraction if session.effective_view == SWIPE else None
        key = (
            session.section,
            session.run,
            session.generated,
            session.gene,
            session.gene_set_score,
            session.view,
            divider,
            session.look.log,
        )
        if self._values_key and not any(map(differs, key, self._values_key)):
            return
        try:
            values = session.displayed_values()
        except InclustError as error:
            session.report(str(error))
            return
        self._values_key, self.values = key, values
        self.values_ready(values)

    def toggle_blend_channel(self, channel: str) -> None:
        """Put the gene into a channel of the blend, or remove it; one that is being imputed follows when ready."""
        session = self._session()
        if session is None:
            return
        self._pending_channel = channel if session.needs_imputation else ""
        if not self._pending_channel and len(self.values) == 1:
            session.toggle_blend_channel(channel, self.values[0])

    def _on_gene_selected(self) -> None:
        self._pending_channel = ""
        self.update()

    def _on_predicted_scores_changed(self) -> None:
        session = self._session()
        if session is not None and self.values:
            self.values = [session.with_predicted_score(values) for values in self.values]
            self.values_annotated(self.values)

    def _impute(self, run: Any, gene: str) -> None:
        """Impute a gene in the thread; a request that waits is replaced."""
        progress = self._progress_monitor.start()

        def impute() -> tuple[CellValues, float]:
            start = time.perf_counter()
            try:
                return impute_gene(run, gene), time.perf_counter() - start
            except (InclustError, ComputationCancelled):
                raise
            except Exception as error:
                raise InclustError(
                    f"{gene} could not be imputed ({type(error).__name__}: {error}). "
                    "Choose another gene, or train again."
                ) from error

        self._set_pending_gene(gene)
        self._runner.submit(
            with_heavy_imports(progress.follow_function(impute)),
            lambda result: self._on_imputed(run, *result),
            key=(id(run), gene),
        )

    def _on_imputed(self, run: Any, imputed: CellValues, seconds: float) -> None:
        self._clear_when_idle()
        session = self._session()
        if session is None or run is not session.run:
            return
        session.add_imputed(imputed, seconds)
        if imputed.name == session.gene:
            channel = self._pending_channel
            self.update()
            if channel:
                self.toggle_blend_channel(channel)

    def _on_error(self, error: Exception) -> None:
        self._clear_when_idle()
        session = self._session()
        if session is not None:
            session.report(str(error))

    def _on_progress(self, text: str) -> None:
        self.progressed(self._pending_gene, text)

    def _clear_when_idle(self) -> None:
        if not self._runner.busy:
            self._progress_monitor.stop()
            self._set_pending_gene("")

    def _set_pending_gene(self, gene: str) -> None:
        self._pending_gene = gene
        self.pending_gene_changed(gene)
