"""Writing results off the GUI thread: complete or not at all, cancellable."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from ...errors import InclustError
from ..state.session import Session
from ..state.status import Status, error_message
from ..workers.imports import with_heavy_imports
from ..workers.worker import Worker, as_generator

if TYPE_CHECKING:
    from ...data.section import Section
    from ...spatial_domains.result import Domains

GENE_GROUPS = ("imputed", "all", "starred", "shown")
SHAPES_SUFFIX = ".shapes.zarr"
FILE_FILTER = f"AnnData (*.h5ad *.zarr);;Outlines (*.geojson);;Outlines for SpatialData (*{SHAPES_SUFFIX})"


class _ExportCancelledError(Exception):
    """Raised in the writing thread, between two groups of genes."""


class ExportController(Status):
    """Writes imputed genes, scores and runs, and loads runs."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = weakref.ref(session)
        self._worker: Worker | None = None
        self.n_written, self.n_total = 0, 0
        self._cancel_requested = False

    @property
    def running(self) -> bool:
        """Whether something is being written or loaded."""
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
        """Write imputed values, spread, scores and provenance, as `inclust impute` does; the suffix says the format.

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
        """Write them as a new table of the SpatialData store that the section came from."""
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
        """Write the held-out scores of all shared genes as CSV."""
        run, path = self._require_run(), Path(path)

        def write() -> str:
            from ...io.writers.atomic import check_output, write_csv

            write_csv(run.scores, check_output(path, (".csv",)))
            return f"Held-out scores of {len(run.scores):,} genes are in {path}."

        self._start(f"Writing {path.name}", write)

    def export_generated(self, path: str | Path) -> None:
        """Write all generated features of the section's cells."""
        session, path = self._session(), Path(path)
        if session is not None and session.generated is not None:
            made = session.generated
            self._start(f"Writing {path.name}", lambda: made.write(path))

    def export_run(self, path: str | Path) -> None:
        """Write the run: weights, settings and provenance, without the data."""
        run, path = self._require_run(), Path(path)
        self._start(
            f"Writing {path.name}",
            lambda: f"The run is in {run.save(path)}. It needs the same section and reference to be loaded.",
        )

    def load_run(self, path: str | Path) -> None:
        """Load a saved run onto the open section and reference."""
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
        """Stop the thread."""
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
        self.n_written, self.n_total, self._cancel_requested = 0, total, False
        self._worker = Worker(
            as_generator(with_heavy_imports(function)),
            on_return=lambda found: self._finish(on_result(found)),
            on_error=self._on_error,
        )
        self._worker.start()
        self._set_status(busy=busy_message)

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
        self._set_status(message, is_error=is_error)


def export_domains(domains: Domains, path: Path, key: str) -> str:
    """Write the section with domains and evidence (`.h5ad`, `.zarr`), or outlines (`.geojson`, `.shapes.zarr`).

    The SpatialData store that the section came from gets a new table and new shapes, numbered when it has such already.

    Raises
    ------
    OutputError
        Nothing could be written there.
    """
    from ...io.writers.atomic import check_output
    from ...io.writers.domains import (
        check_domains_output,
        check_outlines_output,
        unused_key,
        write_domains,
        write_outlines,
    )
    from ...spatial_domains.markers import evidence, to_long_tables

    given = [p for p in (domains.section.path,) if p is not None]
    if path.suffix == ".geojson" or path.name.endswith(SHAPES_SUFFIX):
        check_outlines_output(path, given)
        write_outlines(path, domains)
        return f"Outlines of {domains.segmentation.n_domains} domains (micrometres) are in {path}."
    into_store = is_source_store(domains.section, path)
    if into_store:
        key = unused_key(path, key)
        check_domains_output(path, path, (), key)
    else:
        check_output(path, inputs=given)
    obs, uns = domains.obs_and_uns(key)
    uns[f"{key}_inclust"]["evidence"] = to_long_tables(evidence(domains))
    write_domains(path, domains, obs, uns, key)
    if into_store:
        return (
            f"{domains.segmentation.n_domains} domains are in {path}: "
            f"the table inclust_{key} and the shapes inclust_{key}_outlines."
        )
    return f"{domains.segmentation.n_domains} domains are in obs['{key}'] of {path}."


def is_source_store(section: Section | None, path: Path | None = None) -> bool:
    """Whether a section came from a SpatialData store, and (when a path is given) from the one at it."""
    from ...io.readers.zarr_metadata import is_spatialdata

    own = None if section is None else section.path
    if own is None or not own.exists() or not is_spatialdata(own):
        return False
    return path is None or (path.exists() and path.samefile(own))
