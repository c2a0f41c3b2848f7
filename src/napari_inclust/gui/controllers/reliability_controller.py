"""How far to trust a run: foreseen scores, intervals, cells. Computed in a thread when a run is chosen; no widgets here."""

from __future__ import annotations

import weakref
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from ...errors import InclustError
from ...paint.values import CellValues
from ..state.gene_source import as_values
from ..state.session import Session
from ..workers.imports import heavy
from ..workers.latest_only import Later
from ..workers.progress import Progress
from ..workers.worker import Worker

if TYPE_CHECKING:
    from ...evaluation.conformal import Calibration
    from ...imputation.gene_reliability import GeneTrust

GENES, INTERVALS, CELLS = "genes", "intervals", "cells"
NONE, SPREAD, WIDTH = "none", "spread", "width"
CELL, VALUE = "cell", "value"  # what cells are faded by: trust in the cell, or how narrow the interval of its value is
_SAID = {
    GENES: "Foreseeing the scores of unmeasured genes …",
    INTERVALS: "Calibrating intervals on the held-out genes …",
    CELLS: "Comparing cells with the reference …",
}
_NOTHING = "Train or load a run first: trust is a matter of imputed values."


@dataclass(frozen=True, eq=False)
class About:
    """One imputed gene with its interval.

    Attributes
    ----------
    imputed
        Its values.
    low, high : (cells,)
        Ends of the 90 % interval.
    measured : (cells,) or None
    """

    imputed: CellValues
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    measured: NDArray[np.float32] | None

    def better(self, shown: CellValues) -> CellValues:
        """What is painted, with the interval when it is this gene's imputed values."""
        if (shown.name, shown.kind) != (self.imputed.name, self.imputed.kind):
            return shown
        low, high = (self.low, self.high) if shown.unit == self.imputed.unit else (np.expm1(self.low), np.expm1(self.high))
        return shown.within(low, high)


class Judging:
    """Trust in the session's run.

    Signals
    -------
    changed
        A run was chosen, or more is known of it.
    read
        Interval and measured values of the chosen gene arrived (`about`), or none are known any more.
    look_changed
        Fading, or the uncertainty layer.
    """

    changed = Signal()
    read = Signal()
    look_changed = Signal()

    def __init__(self, session: Session) -> None:
        self._session = weakref.ref(session)
        self.run: Any = None
        self.genes: GeneTrust | None = None
        self.calibration: Calibration | None = None
        self.cells: NDArray[np.float64] | None = None
        self.about: About | None = None
        self.fade, self.fade_by, self.uncertainty, self.veil = 0.0, CELL, NONE, False
        self.message, self.wrong = _NOTHING, False
        self._faded: NDArray[np.bool_] | None = None
        self._worker: Worker | None = None
        self._reader = Later(self._failed)
        self._progress = Progress()
        session.run_changed.connect(self._run)
        session.gene_changed.connect(self._gene)

    def close(self) -> None:
        """End the threads at their next step; nothing is called any more."""
        self._progress.closed = True
        session = self._session()
        if session is not None:
            session.run_changed.disconnect(self._run, missing_ok=True)
            session.gene_changed.disconnect(self._gene, missing_ok=True)
        if self._worker is not None:
            self._worker.close()
            self._worker = None
        self._reader.close()

    def set_fade(self, least: float, by: str = CELL) -> None:
        """Fade cells whose trust, or whose value's sureness, is below."""
        self.fade, self.fade_by = least, by
        sure = self.sureness()
        self._faded = sure < least if sure is not None and least > 0 else None
        self.look_changed()

    def sureness(self) -> NDArray[np.floating[Any]] | None:
        """(cells,) 0 to 1 by which cells are faded: their trust, or 1 - width of the value's interval / the widest of the gene; None: not known."""
        if self.fade_by == CELL:
            return self.cells
        if self.about is None:
            return None
        width = self.about.high - self.about.low
        return 1 - width / max(float(width.max()), 1e-9)

    def set_uncertainty(self, what: str, *, veil: bool = False) -> None:
        """Show the spread of the members, the width of the interval, or nothing: as a layer in colours, or as a veil that hides what is unsure."""
        self.uncertainty, self.veil = what, veil
        self.look_changed()

    def faded(self) -> NDArray[np.bool_] | None:
        """(cells,) which are faded; None: none."""
        return self._faded

    def uncertain(self) -> CellValues | None:
        """What the uncertainty layer shows, or None."""
        about = self.about
        if about is None or self.uncertainty == NONE:
            return None
        if self.uncertainty == WIDTH:
            return CellValues(about.imputed.name, about.high - about.low, "width of the 90 % interval")
        spread = about.imputed.spread
        return None if spread is None else CellValues(about.imputed.name, spread, "spread of the members")

    # what the session says
    def _run(self) -> None:
        session = self._session()
        run = None if session is None else session.run
        if run is self.run:
            return
        self.run = run
        self._progress.closed, self._progress = True, Progress()
        if self._worker is not None:
            self._worker.close(timeout=0)
            self._worker = None
        self.genes = self.calibration = self.cells = self._faded = None
        self.message, self.wrong = (_NOTHING, False) if run is None else (_SAID[GENES], False)
        self._forget()
        self.changed()
        self.look_changed()
        if run is not None:
            progress = self._progress
            self._worker = Worker(
                heavy(lambda: progress.following(lambda: _judge(run))), on_yield=self._judged, on_return=lambda _: self._ended(), on_error=self._failed
            )
            self._worker.start()

    def _judged(self, found: tuple[str, Any]) -> None:
        session, (what, facts) = self._session(), found
        if what == GENES:
            self.genes, self.message = facts, _SAID[INTERVALS]
            if session is not None:
                session.foresee(facts.table)
        elif what == INTERVALS:
            self.calibration, self.message = facts, _SAID[CELLS]
            self._gene()
        else:
            self.cells, self.message = facts, ""
            self.set_fade(self.fade, self.fade_by)
        self.changed()

    def _ended(self) -> None:
        self._worker = None

    def _gene(self) -> None:
        session = self._session()
        if session is None or self.calibration is None or self.run is None:
            return
        gene, run = session.gene, self.run
        if self.about is not None and gene == self.about.imputed.name:
            self.read()  # painted anew: the layer asks for its interval again
        elif gene is None or (gene not in set(run.panel.shared) and gene not in set(run.panel.reference_only)):
            self._forget()
        else:
            self._reader.ask(self._progress.watched(lambda: _read(run, gene)), lambda about: self._arrived(run, about))

    def _arrived(self, run: Any, about: About) -> None:
        session = self._session()
        if run is self.run and session is not None and session.gene == about.imputed.name:
            self._know(about)

    def _forget(self) -> None:
        self._reader.forget()
        self._know(None)

    def _know(self, about: About | None) -> None:
        self.about = about
        if self.fade_by == VALUE and self.fade:
            self.set_fade(self.fade, VALUE)
        self.read()

    def _failed(self, error: Exception) -> None:
        reason = str(error) if isinstance(error, InclustError) else f"{type(error).__name__}: {error}"
        self.message, self.wrong = f"Not all of the trust could be computed ({reason}). Scores and values are not touched by this.", True
        self.changed()


def _judge(run: Any) -> Generator[tuple[str, Any], None, None]:
    """In the thread: what is quick to tell first."""
    yield GENES, run.gene_trust
    yield INTERVALS, run.calibration
    yield CELLS, run.cell_trust


def _read(run: Any, gene: str) -> About:
    imputed = run.impute(gene)
    low, high = run.interval(imputed)
    return About(as_values(imputed), low, high, run.measured(gene))
