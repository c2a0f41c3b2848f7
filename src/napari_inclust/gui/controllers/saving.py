"""Writing results off the GUI thread: complete or not at all, cancellable."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

from psygnal import Signal

from ...errors import InclustError
from ..state.error_text import error_message
from ..state.session import Session
from ..workers.imports import with_heavy_imports
from ..workers.worker import Worker, as_generator

GENE_GROUPS = ("imputed", "all", "starred", "shown")


class _ExportCancelledError(Exception):
    """Raised in the writing thread, between two groups of genes."""


class ExportController:
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
        self.is_error = False
        self.n_written, self.n_total = 0, 0
        self._cancel_requested = False

    @property
    def running(self) -> bool:
        return self._worker is not None

    def select_genes(
        self, group: Annotated[str, {"help": "Which genes are written", "choices": GENE_GROUPS}] = "imputed"
    ) -> list[str]:
        """Return the genes of a group that the run can impute; the form of the Export dock is built from the signature.

        Parameters
        ----------
        group
            "imputed": not measured in the section; "all": measured ones too, as held-out predictions; "starred";
            "shown": the gene that is painted.
        """
        session = self._session()
        run = None if session is None else session.run
        if session is None or run is None:
            return []
        if group == "imputed":
            return list(run.panel.reference_only)
        chosen = session.starred_genes if group == "starred" else {session.gene}
        return [g for g in (*run.panel.shared, *run.panel.reference_only) if group == "all" or g in chosen]

    def export_genes(self, path: str | Path, genes: Sequence[str]) -> None:
        """Imputed values, spread, scores and provenance: the same file as `inclust impute` writes, of the kind that the suffix says.

        The store that the section came from gets a new table, when it is the path.
        """
        run, path = self._require_run(), Path(path)

        def write() -> str:
            from ...io.readers.zarr_metadata import is_spatialdata
            from ...io.writers.imputed import check_imputed_output, write_run

            check_imputed_output(path, run.section.path or "", [p for p in (run.reference.path,) if p is not None])
            write_run(path, run, genes, command="napari: Save", progress=self._report_progress)
            where = f"the new table inclust_imputed of {path}" if is_spatialdata(path) else str(path)
            return f"{len(genes):,} imputed genes of {run.section.n_cells:,} cells are in {where} (marked as imputed)."

        self._start(f"Writing {path.name}", write, len(genes))

    def export_to_source_store(self, genes: Sequence[str]) -> None:
        """The same, as a new table of the SpatialData store that the section came from."""
        self.export_genes(self.source_store or "", genes)

    @property
    def source_store(self) -> Path | None:
        """The SpatialData store that the section of the run came from."""
        session = self._session()
        path = None if session is None or session.run is None else session.run.section.path
        if path is None:
            return None
        from ...io.readers.zarr_metadata import is_spatialdata

        return path if is_spatialdata(path) else None

    def export_scores(self, path: str | Path) -> None:
        """Held-out scores of all shared genes as CSV."""
        run, path = self._require_run(), Path(path)

        def write() -> str:
            from ...io.writers.atomic import check_output, write_csv

            write_csv(run.scores, check_output(path, (".csv",)))
            return f"Held-out scores of {len(run.scores):,} genes are in {path}."

        self._start(f"Writing {path.name}", write)

    def export_generated(self, path: str | Path) -> None:
        """All generated features of the section's cells."""
        session, path = self._session(), Path(path)
        if session is not None and session.generated is not None:
            made = session.generated
            self._start(f"Writing {path.name}", lambda: made.write(path))

    def export_run(self, path: str | Path) -> None:
        """The run itself: weights, settings and provenance, without the data."""
        run, path = self._require_run(), Path(path)
        self._start(
            f"Writing {path.name}",
            lambda: f"The run is in {run.save(path)}. It needs the same section and reference to be loaded.",
        )

    def load_run(self, path: str | Path) -> None:
        """A saved run onto the open section and reference."""
        session = self._session()
        if session is None:
            return
        section, reference = session.section, session.reference

        def read() -> Any:
            from ...io.runs.load import load_run

            return load_run(path, section, reference)

        def loaded(run: Any) -> str:
            if run.section is not session.section:
                session.open_section(run.section)
            if run.reference is not session.reference:
                session.open_reference(run.reference, run.labels)
            session.add_run(run)
            return f"Loaded {Path(path).name}."

        self._start(f"Loading {Path(path).name}", read, on_result=loaded)

    def cancel(self) -> None:
        """Stop between two groups of genes; nothing half-written stays."""
        self._cancel_requested = True

    def close(self) -> None:
        """Stop and forget."""
        self._cancel_requested = True
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _require_run(self) -> Any:
        session = self._session()
        if session is None or session.run is None:
            raise InclustError("There is no run yet. Train first (Train).")
        return session.run

    def _report_progress(self, done: int) -> None:
        self.n_written = done  # in the writing thread; docks look at it from time to time
        if self._cancel_requested:
            raise _ExportCancelledError

    def _start(
        self, busy_message: str, function: Callable[[], Any], total: int = 0, on_result: Callable[[Any], str] = str
    ) -> None:
        if self.running:
            return
        self.busy, self.message, self.is_error = busy_message, "", False
        self.n_written, self.n_total, self._cancel_requested = 0, total, False
        self._worker = Worker(
            as_generator(with_heavy_imports(function)),
            on_return=lambda found: self._finish(on_result(found)),
            on_error=self._on_error,
        )
        self._worker.start()
        self.changed()

    def _on_error(self, error: Exception) -> None:
        if isinstance(error, _ExportCancelledError):
            self._finish("Cancelled: nothing was written.")
            return
        text = error_message(error, f"{self.busy} failed", "Nothing was written.")
        self._finish(text, is_error=True)
        session = self._session()
        if session is not None:
            session.report(text)

    def _finish(self, message: str, *, is_error: bool = False) -> None:
        self._worker = None
        self.busy, self.message, self.is_error = "", message, is_error
        self.changed()
