"""Spatial domains in threads: search, outlines, composition, evidence and files."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from ...errors import InclustError
from ..state.domains import DomainState
from ..state.session import Session
from ..state.status import IDLE, RUNNING, STOPPING, error_message
from ..workers.imports import with_heavy_imports
from ..workers.latest_only import LatestOnly
from ..workers.worker import Worker

if TYPE_CHECKING:
    from ...spatial.neighbors import Graph
    from ...spatial_domains.find import Domains

METHODS = ("inclust+", "inclust", "smoothed-pca")  # as core.domains, which takes a second to import
DomainSearch = Callable[..., Generator[Any, None, Any]]


def run_domain_search(*args: Any, **kwargs: Any) -> Generator[Any, None, Any]:
    """`spatial_domains.find.steps`, imported in the thread."""
    from ...spatial_domains.find import domain_steps

    return (yield from domain_steps(*args, **kwargs))


class DomainController(DomainState):
    """Finds domains.

    Signals
    -------
    stepped(step)
        Progress of the search.
    composed(table)
        Composition by a column, asked for by `compose`.
    gathered(tables)
        Evidence by name, asked for by `gather`.
    """

    progressed = Signal(object)
    composition_ready = Signal(object)
    evidence_ready = Signal(object)

    def __init__(self, session: Session, search: DomainSearch = run_domain_search) -> None:
        super().__init__()
        self._session = weakref.ref(session)
        self.search = search
        self._worker: Worker | None = None
        self._outline_runner, self._composition_runner, self._evidence_runner, self._export_runner = (
            LatestOnly(self._on_job_error) for _ in range(4)
        )
        session.section_changed.connect(self._on_section_changed)

    # finding
    def start(
        self,
        n_domains: int | None,
        *,
        method: str = "inclust+",
        section_key: str | None = None,
        use_latent: bool = False,
        graph: Graph | None = None,
    ) -> None:
        """Look for domains; None: the most stable number. Numbers found before with the same method and sections stay.

        Parameters
        ----------
        latent
            Whether the latent of the session's run is one more view ("inclust+" only).
        graph
            What a neighbourhood is; None: the method's own.
        """
        session = self._session()
        if session is None or session.section is None:
            raise InclustError("Open a section first (Data).")
        if self.state != IDLE:
            return
        section, find = session.section, self.search
        options = {
            "method": method,
            "section_key": section_key,
            "run": session.run if use_latent and method == "inclust+" else None,
            "graph": graph,
        }
        before = self.domains if self.domains is not None and _same_settings(self.domains, section, options) else None
        self._worker = Worker(
            with_heavy_imports(lambda: find(section, n_domains, **options)),
            on_yield=self._on_progress,
            on_return=lambda found: self._on_found(found, before, used_run=options["run"] is not None),
            on_error=self._on_search_error,
            on_stopped=lambda: self._set_state(IDLE, "Cancelled. No result was made."),
        )
        self._worker.start()
        self._set_state(RUNNING, "Starting.")

    def cancel(self) -> None:
        """Stop at the next step."""
        if self.state == RUNNING and self._worker is not None:
            self._worker.stop()
            self._set_state(STOPPING, "Stopping at the end of this step.")

    def close(self) -> None:
        """End the threads; no callback follows."""
        session = self._session()
        if session is not None:
            session.section_changed.disconnect(self._on_section_changed, missing_ok=True)
        if self._worker is not None:
            self._worker.close()
            self._worker = None
        for later in (self._outline_runner, self._composition_runner, self._evidence_runner, self._export_runner):
            later.close()

    # what is shown
    def request_composition(self, column: str | None) -> None:
        """Ask for the shares of the categories of a column in each domain; `composed` brings them."""
        found, seg = self.domains, self.segmentation
        if found is None or seg is None or column is None:
            self._composition_runner.discard()
            return

        def job() -> Any:
            from ...spatial_domains.markers import composition

            return composition(found.section, seg, column)

        self._composition_runner.submit(job, self.composition_ready)

    def request_evidence(self) -> None:
        """Ask for the evidence of what is shown; `gathered` brings it. Imputed markers where the session has a run."""
        found, session = self.domains, self._session()
        if found is None or session is None:
            return
        run = session.run if session.run is not None and session.run.section is found.section else None

        def job() -> Any:
            from ...spatial_domains.markers import evidence

            return evidence(found, imputed=run)

        self._evidence_runner.submit(job, self.evidence_ready)

    def save(self, path: str | Path, key: str = "domain") -> None:
        """Write the displayed domains to a file in a thread; see `export_domains`."""
        found, path = self.domains, Path(path)
        if found is None:
            return

        def job() -> str:
            from .saving import export_domains

            return export_domains(found, path, key)

        self._set_status(f"Writing {path.name} …")
        self._export_runner.submit(job, self._set_status)

    def _request_outlines(self) -> None:
        found = self.domains
        self.outline_segments = None
        if not self.outlines_shown or found is None:
            self._outline_runner.discard()
            return
        seg = found.segmentation

        def job() -> Any:
            from ...paint.layers.domains import outline_segments
            from ...spatial_domains.outlines import outlines

            return outline_segments((o.polygon for o in outlines(seg, found.xy, found.sections)), found.xy)

        self._outline_runner.submit(job, self._on_outlines_ready)

    def _on_outlines_ready(self, lines: Any) -> None:
        self.outline_segments = lines
        self._emit_look_changed()

    # the thread
    def _on_progress(self, step: Any) -> None:
        self.progressed(step)

    def _on_found(self, domains: Domains, previous: Domains | None, *, used_run: bool) -> None:
        session = self._session()
        if session is None or session.section is not domains.section:
            self._set_state(IDLE, "Another section was opened meanwhile: the domains of the one before were dropped.")
            return
        facts = domains.provenance | {"run": used_run}
        if previous is not None and previous is self.domains:
            import pandas as pd

            table = previous.table.drop(index=domains.table.index, errors="ignore")
            solutions = previous.solutions | domains.solutions
            domains = replace(
                domains, solutions=dict(sorted(solutions.items())), table=pd.concat([table, domains.table]).sort_index()
            )
        self.set_domains(replace(domains, provenance=facts))
        self._set_state(IDLE, "\n".join(domains.notes))
        self._emit_domains_changed()

    def _on_search_error(self, error: Exception) -> None:
        text = error_message(error, "Finding domains failed", "What was open stays open.")
        self._set_state(IDLE, text, is_error=True)
        session = self._session()
        if session is not None:
            session.report(text)

    def _on_job_error(self, error: Exception) -> None:
        self._set_status(error_message(error, "That failed"), is_error=True)

    def _on_section_changed(self) -> None:
        self.cancel()
        for later in (self._outline_runner, self._composition_runner, self._evidence_runner):
            later.discard()
        self.set_domains(None)
        if self.state == IDLE:
            self._set_status()
        self._emit_domains_changed()


def _same_settings(domains: Domains, section: Any, options: dict[str, Any]) -> bool:
    """Whether earlier solutions can stand beside new ones."""
    facts = domains.provenance
    same = (
        domains.section is section,
        domains.method == options["method"],
        facts.get("section_key", "") == (options["section_key"] or ""),
    )
    return (
        all(same)
        and bool(facts.get("run")) == (options["run"] is not None)
        and facts.get("graph", "nearest") == str(options["graph"] or "nearest")
    )
