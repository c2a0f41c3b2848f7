"""Spatial domains of a session: finding them in a thread, the solutions, edits and what is highlighted. No widgets here."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from ..errors import ConfigError, InclustError
from ..paint.values import CellTypes, palette
from .later import Later
from .session import Session
from .worker import Worker

if TYPE_CHECKING:
    from ..core.domain_edit import History, Segmentation
    from ..core.domains import Domains
    from ..core.graph import Graph

IDLE, RUNNING, STOPPING = "idle", "running", "stopping"
METHODS = ("inclust+", "inclust", "smoothed-pca")  # as core.domains, which takes a second to import
Find = Callable[..., Generator[Any, None, Any]]


def real_find(*args: Any, **kwargs: Any) -> Generator[Any, None, Any]:
    """`core.domains.steps`, imported in the thread."""
    from ..core.domains import steps

    return (yield from steps(*args, **kwargs))


class Finding:
    """Finds domains and keeps what is done with them.

    Signals
    -------
    changed
        Another state, result, number of domains or edit: what is painted may differ.
    stepped(step)
        Progress of the search.
    look_changed
        Highlighting, confidence, outlines.
    composed(table)
        Composition by a column, asked for by `compose`.
    gathered(tables)
        Evidence by name, asked for by `gather`.
    """

    changed = Signal()
    stepped = Signal(object)
    look_changed = Signal()
    composed = Signal(object)
    gathered = Signal(object)

    def __init__(self, session: Session, find: Find = real_find) -> None:
        self._session = weakref.ref(session)
        self.find = find
        self.state, self.message, self.wrong = IDLE, "", False
        self.found: Domains | None = None
        self.selected: frozenset[int] = frozenset()
        self.shaded = self.outlined = False
        self.lines: Any = None  # (segments, 2, 2) of the segmentation that is shown, when they were asked for
        self._histories: dict[int, History] = {}
        self._worker: Worker | None = None
        self._outliner, self._composer, self._gatherer, self._saver = (Later(self._failed) for _ in range(4))
        self._types: tuple[Any, CellTypes] | None = None
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
            lambda: find(section, n_domains, **options),
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
    @property
    def segmentation(self) -> Segmentation | None:
        """The one that is shown, with its edits."""
        return None if self.found is None else self._history().now

    def types(self) -> CellTypes | None:
        """It as categories of the cells."""
        seg = self.segmentation
        if seg is None:
            return None
        if self._types is None or self._types[0] is not seg:
            codes = self._types[1].codes if self._types is not None and self._types[0].labels is seg.labels else seg.labels.astype(np.int32)
            self._types = (seg, CellTypes(f"domains ({seg.k})", codes, seg.names, palette(seg.k, seg.colours)))
        return self._types[1]

    def confidence(self) -> list[float]:
        """Mean of each domain."""
        seg = self.segmentation
        if seg is None:
            return []
        total: Any = np.bincount(seg.labels, weights=seg.confidence, minlength=seg.k)
        return [float(v) for v in total / np.maximum(seg.sizes, 1)]

    def choose(self, k: int) -> None:
        """Another of the computed solutions."""
        if self.found is not None and k != self.found.chosen:
            self.found = self.found.choose(k)
            self._edited()

    def select(self, domains: frozenset[int]) -> None:
        """Highlight some domains; none: all."""
        if domains != self.selected:
            self.selected = domains
            self.look_changed()

    def shade(self, on: bool) -> None:
        """Confidence as opacity."""
        self.shaded = on
        self.look_changed()

    def outline(self, on: bool) -> None:
        """Outlines over everything; found in a thread."""
        self.outlined = on
        self._ask_lines()
        self.look_changed()

    def compose(self, column: str | None) -> None:
        """Ask for the shares of the categories of a column in each domain; `composed` brings them."""
        found, seg = self.found, self.segmentation
        if found is None or seg is None or column is None:
            self._composer.forget()
            return

        def job() -> Any:
            from ..core.domain_evidence import composition

            return composition(found.section, seg, column)

        self._composer.ask(job, self.composed)

    def gather(self) -> None:
        """Ask for the evidence of what is shown; `gathered` brings it. Imputed markers where the session has a run."""
        found, session = self.found, self._session()
        if found is None or session is None:
            return
        run = session.run if session.run is not None and session.run.section is found.section else None

        def job() -> Any:
            from ..core.domain_evidence import evidence

            return evidence(found, imputed=run)

        self._gatherer.ask(job, self.gathered)

    # edits
    @property
    def can_undo(self) -> bool:
        return self.found is not None and bool(self._history().past)

    @property
    def can_redo(self) -> bool:
        return self.found is not None and bool(self._history().undone)

    def rename(self, domain: int, name: str) -> None:
        """Another name; refused with a reason in `message`."""
        from ..core.domain_edit import rename

        self._edit(lambda seg: rename(seg, domain, name), keep=True)

    def recolour(self, domain: int, colour: str) -> None:
        """Another colour."""
        from ..core.domain_edit import recolour

        self._edit(lambda seg: recolour(seg, domain, colour), keep=True)

    def merge(self) -> None:
        """The highlighted domains as one."""
        from ..core.domain_edit import merge

        self._edit(lambda seg: merge(seg, self.selected))

    def split(self) -> None:
        """The highlighted domain in two."""
        from ..core.domain_edit import split

        found = self.found
        if found is not None and len(self.selected) == 1:
            (domain,) = self.selected
            self._edit(lambda seg: split(seg, domain, found.space))

    def undo(self) -> None:
        """Take back the last edit."""
        self._turn(self._history().undo())

    def redo(self) -> None:
        """Do it again."""
        self._turn(self._history().redo())

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

    def _edit(self, make: Callable[[Segmentation], Segmentation], *, keep: bool = False) -> None:
        seg = self.segmentation
        if seg is None:
            return
        try:
            self._turn(self._history().do(make(seg)), keep=keep)
        except ConfigError as error:
            self._set(self.state, str(error), wrong=True)

    def _turn(self, history: History, *, keep: bool = False) -> None:
        if self.found is None:
            return
        self._histories[self.found.chosen] = history
        self.found = self.found.edited(history.now)
        self.message, self.wrong = "", False
        self._edited(keep=keep)

    def _history(self) -> History:
        from ..core.domain_edit import History

        assert self.found is not None
        return self._histories.setdefault(self.found.chosen, History(self.found.segmentation))

    def _edited(self, *, keep: bool = False) -> None:
        if not keep:
            self.selected = frozenset()
            self._ask_lines()
        self.changed()

    def _ask_lines(self) -> None:
        found = self.found
        self.lines = None
        if not self.outlined or found is None:
            self._outliner.forget()
            return
        seg = found.segmentation

        def job() -> Any:
            from ..core.domain_outlines import outlines
            from ..paint.outlines import segments

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
            table = before.table.drop(index=found.table.index, errors="ignore")
            solutions = before.solutions | found.solutions
            import pandas as pd

            found = replace(found, solutions=dict(sorted(solutions.items())), table=pd.concat([table, found.table]).sort_index())
            self._histories = {k: h for k, h in self._histories.items() if h.now is solutions[k]}
        else:
            self._histories = {}
        self.found, self.selected = replace(found, provenance=facts), frozenset()
        self._ask_lines()
        self._set(IDLE, "\n".join(found.notes))

    def _crashed(self, error: Exception) -> None:
        text = str(error) if isinstance(error, InclustError) else f"Finding domains failed ({type(error).__name__}: {error}). What was open stays open."
        self._set(IDLE, text, wrong=True)
        session = self._session()
        if session is not None:
            session.told(text)

    def _failed(self, error: Exception) -> None:
        self._set(self.state, str(error) if isinstance(error, InclustError) else f"That failed ({type(error).__name__}: {error}).", wrong=True)

    def _set(self, state: str, message: str, *, wrong: bool = False) -> None:
        self.state, self.message, self.wrong = state, message, wrong
        self.changed()

    def _data(self) -> None:
        session = self._session()
        section = None if session is None else session.section
        if section is self._section:
            return
        self._section = section
        self.cancel()
        for later in (self._outliner, self._composer, self._gatherer):
            later.forget()
        self.found, self.lines, self._types, self.selected, self._histories = None, None, None, frozenset(), {}
        if self.state == IDLE:
            self.message, self.wrong = "", False
        self.changed()


def _like(found: Domains, section: Any, options: dict[str, Any]) -> bool:
    """Whether earlier solutions can stand beside new ones."""
    facts = found.provenance
    same = (found.section is section, found.method == options["method"], facts.get("section_key", "") == (options["section_key"] or ""))
    return all(same) and bool(facts.get("run")) == (options["run"] is not None) and facts.get("graph", "nearest") == str(options["graph"] or "nearest")
