"""Writing results off the GUI thread: complete or not at all, cancellable."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from psygnal import Signal

from ...errors import InclustError
from ..state.error_text import told
from ..state.session import Session
from ..workers.imports import heavy
from ..workers.worker import Worker, once


class _CancelledError(Exception):
    """Raised in the writing thread, between two groups of genes."""


class Saving:
    """Writes imputed genes, scores and runs, and loads runs.

    Signals
    -------
    changed
        Something began or ended; `busy`, `message` and `wrong` say what.
    """

    changed = Signal()

    def __init__(self, session: Session) -> None:
        self._session = weakref.ref(session)
        self._worker: Worker | None = None
        self.busy = self.message = ""
        self.wrong = False
        self.written, self.total = 0, 0
        self._stop = False

    @property
    def running(self) -> bool:
        return self._worker is not None

    def genes(self, path: str | Path, genes: Sequence[str]) -> None:
        """Imputed values, spread, scores and provenance: the same file as `inclust impute` writes, of the kind that the suffix says.

        The store that the section came from gets a new table, when it is the path.
        """
        run, path = self._run(), Path(path)

        def write() -> str:
            from ...io.writers.atomic import is_spatialdata
            from ...io.writers.imputed import check_target, write_run

            check_target(path, run.section.path or "", [p for p in (run.reference.path,) if p is not None])
            write_run(path, run, genes, command="napari: Save", progress=self._progress)
            where = f"the new table inclust_imputed of {path}" if is_spatialdata(path) else str(path)
            return f"{len(genes):,} imputed genes of {run.section.n_cells:,} cells are in {where} (marked as imputed)."

        self._start(f"Writing {path.name}", write, len(genes))

    def into_store(self, genes: Sequence[str]) -> None:
        """The same, as a new table of the SpatialData store that the section came from."""
        self.genes(self.store or "", genes)

    @property
    def store(self) -> Path | None:
        """The SpatialData store that the section of the run came from."""
        session = self._session()
        path = None if session is None or session.run is None else session.run.section.path
        if path is None:
            return None
        from ...io.writers.atomic import is_spatialdata

        return path if is_spatialdata(path) else None

    def scores(self, path: str | Path) -> None:
        """Held-out scores of all shared genes as CSV."""
        run, path = self._run(), Path(path)

        def write() -> str:
            from ...io.writers.atomic import check_output, write_csv

            write_csv(run.scores, check_output(path, (".csv",)))
            return f"Held-out scores of {len(run.scores):,} genes are in {path}."

        self._start(f"Writing {path.name}", write)

    def generated(self, path: str | Path) -> None:
        """All generated features of the section's cells."""
        session, path = self._session(), Path(path)
        if session is not None and session.generated is not None:
            made = session.generated
            self._start(f"Writing {path.name}", lambda: made.write(path))

    def run(self, path: str | Path) -> None:
        """The run itself: weights, settings and provenance, without the data."""
        run, path = self._run(), Path(path)
        self._start(f"Writing {path.name}", lambda: f"The run is in {run.save(path)}. It needs the same section and reference to be loaded.")

    def load(self, path: str | Path) -> None:
        """A saved run onto the open section and reference."""
        session = self._session()
        if session is None:
            return
        section, reference = session.section, session.reference

        def read() -> Any:
            from ...io.runs.imputation_runs import load_run

            return load_run(path, section, reference)

        def loaded(run: Any) -> str:
            if run.section is not session.section:
                session.open_section(run.section)
            if run.reference is not session.reference:
                session.open_reference(run.reference, run.labels)
            session.set_run(run)
            return f"Loaded {Path(path).name}."

        self._start(f"Loading {Path(path).name}", read, then=loaded)

    def cancel(self) -> None:
        """Stop between two groups of genes; nothing half-written stays."""
        self._stop = True

    def close(self) -> None:
        """Stop and forget."""
        self._stop = True
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _run(self) -> Any:
        session = self._session()
        if session is None or session.run is None:
            raise InclustError("There is no run yet. Train first (Train).")
        return session.run

    def _progress(self, done: int) -> None:
        self.written = done  # in the writing thread; docks look at it from time to time
        if self._stop:
            raise _CancelledError

    def _start(self, what: str, function: Callable[[], Any], total: int = 0, then: Callable[[Any], str] = str) -> None:
        if self.running:
            return
        self.busy, self.message, self.wrong = what, "", False
        self.written, self.total, self._stop = 0, total, False
        self._worker = Worker(once(heavy(function)), on_return=lambda found: self._end(then(found)), on_error=self._failed)
        self._worker.start()
        self.changed()

    def _failed(self, error: Exception) -> None:
        if isinstance(error, _CancelledError):
            self._end("Cancelled: nothing was written.")
            return
        text = told(error, f"{self.busy} failed", "Nothing was written.")
        self._end(text, wrong=True)
        session = self._session()
        if session is not None:
            session.told(text)

    def _end(self, message: str, *, wrong: bool = False) -> None:
        self._worker = None
        self.busy, self.message, self.wrong = "", message, wrong
        self.changed()
