"""Spatial domains of a session, with all that takes a thread: finding them, their outlines, composition, evidence and files. No widgets here."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from ...errors import InclustError
from ..state.domains import IDLE, RUNNING, STOPPING, DomainState
from ..state.error_text import told
from ..state.session import Session
from ..workers.imports import heavy
from ..workers.latest_only import Later
from ..workers.worker import Worker

if TYPE_CHECKING:
    from ...spatial.neighbors import Graph
    from ...spatial_domains.find import Domains

METHODS = ("inclust+", "inclust", "smoothed-pca")  # as core.domains, which takes a second to import
Find = Callable[..., Generator[Any, None, Any]]


def real_find(*args: Any, **kwargs: Any) -> Generator[Any, None, Any]:
    """`spatial_domains.find.steps`, imported in the thread."""
    from ...spatial_domains.find import steps

    return (yield from steps(*args, **kwargs))


class Finding(DomainState):
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

    stepped = Signal(object)
    composed = Signal(object)
    gathered = Signal(object)

    def __init__(self, session: Session, find: Find = real_find) -> None:
        super().__init__()
        self._session = weakref.ref(session)
        self.find = find
        self._worker: Worker | None = None
        self._outliner, self._composer, self._gatherer, self._saver = (Later(self._failed) for _ in range(4))
        self._section: Any = None
        session.data_changed.connect(self._data)

    # finding
    def start(
        self, n_domains: int | None, *, method: str = "inclust+", section_key: str | None = None, latent: bool = False, graph: Graph | None = None
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
        section, find = session.section, self.find
        options = {"method": method, "section_key": section_key, "run": session.run if latent and method == "inclust+" else None, "graph": graph}
        before = self.found if self.found is not None and _like(self.found, section, options) else None
        self._worker = Worker(
            heavy(lambda: find(section, n_domains, **options)),
            on_yield=self._stepped,
            on_return=lambda found: self._done(found, before, used_run=options["run"] is not None),
            on_error=self._crashed,
            on_stopped=lambda: self._set(IDLE, "Cancelled. No result was made."),
        )
        self._worker.start()
        self._set(RUNNING, "Starting.")

    def cancel(self) -> None:
        """Stop at the next step."""
        if self.state == RUNNING and self._worker is not None:
            self._worker.stop()
            self._set(STOPPING, "Stopping at the end of this step.")

    def close(self) -> None:
        """End the threads; nothing is called any more."""
        session = self._session()
        if session is not None:
            session.data_changed.disconnect(self._data, missing_ok=True)
        if self._worker is not None:
            self._worker.close()
            self._worker = None
        for later in (self._outliner, self._composer, self._gatherer, self._saver):
            later.close()

    # what is shown
    def compose(self, column: str | None) -> None:
        """Ask for the shares of the categories of a column in each domain; `composed` brings them."""
        found, seg = self.found, self.segmentation
        if found is None or seg is None or column is None:
            self._composer.forget()
            return

        def job() -> Any:
            from ...spatial_domains.markers import composition

            return composition(found.section, seg, column)

        self._composer.ask(job, self.composed)

    def gather(self) -> None:
        """Ask for the evidence of what is shown; `gathered` brings it. Imputed markers where the session has a run."""
        found, session = self.found, self._session()
        if found is None or session is None:
            return
        run = session.run if session.run is not None and session.run.section is found.section else None

        def job() -> Any:
            from ...spatial_domains.markers import evidence

            return evidence(found, imputed=run)

        self._gatherer.ask(job, self.gathered)

    def save(self, path: str | Path, key: str = "domain") -> None:
        """A file of what is shown, in a thread; see `save_domains`."""
        found, path = self.found, Path(path)
        if found is None:
            return

        def job() -> str:
            from .domain_saving import save_domains

            return save_domains(found, path, key)

        self._set(self.state, f"Writing {path.name} …")
        self._saver.ask(job, lambda text: self._set(self.state, text))

    def _ask_lines(self) -> None:
        found = self.found
        self.lines = None
        if not self.outlined or found is None:
            self._outliner.forget()
            return
        seg = found.segmentation

        def job() -> Any:
            from ...paint.layers.outlines import segments
            from ...spatial_domains.outlines import outlines

            return segments((o.shape for o in outlines(seg, found.xy, found.sections)), found.xy)

        self._outliner.ask(job, self._lined)

    def _lined(self, lines: Any) -> None:
        self.lines = lines
        self.look_changed()

    # the thread
    def _stepped(self, step: Any) -> None:
        self.stepped(step)

    def _done(self, found: Domains, before: Domains | None, *, used_run: bool) -> None:
        session = self._session()
        if session is None or session.section is not found.section:
            self._set(IDLE, "Another section was opened meanwhile: the domains of the one before were dropped.")
            return
        facts = found.provenance | {"run": used_run}
        if before is not None and before is self.found:
            import pandas as pd

            table = before.table.drop(index=found.table.index, errors="ignore")
            solutions = before.solutions | found.solutions
            found = replace(found, solutions=dict(sorted(solutions.items())), table=pd.concat([table, found.table]).sort_index())
        self.put(replace(found, provenance=facts))
        self._set(IDLE, "\n".join(found.notes))

    def _crashed(self, error: Exception) -> None:
        text = told(error, "Finding domains failed", "What was open stays open.")
        self._set(IDLE, text, wrong=True)
        session = self._session()
        if session is not None:
            session.told(text)

    def _failed(self, error: Exception) -> None:
        self._set(self.state, told(error, "That failed"), wrong=True)

    def _data(self) -> None:
        session = self._session()
        section = None if session is None else session.section
        if section is self._section:
            return
        self._section = section
        self.cancel()
        for later in (self._outliner, self._composer, self._gatherer):
            later.forget()
        self.put(None)
        if self.state == IDLE:
            self.message, self.wrong = "", False
        self.changed()


def _like(found: Domains, section: Any, options: dict[str, Any]) -> bool:
    """Whether earlier solutions can stand beside new ones."""
    facts = found.provenance
    same = (found.section is section, found.method == options["method"], facts.get("section_key", "") == (options["section_key"] or ""))
    return all(same) and bool(facts.get("run")) == (options["run"] is not None) and facts.get("graph", "nearest") == str(options["graph"] or "nearest")
