"""Reliability of a run: predicted scores, intervals, cells. Computed in a thread when a run is selected."""

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
from ..state.gene_source import to_cell_values
from ..state.session import Session
from ..state.status import Status
from ..workers.imports import with_heavy_imports
from ..workers.latest_only import LatestOnly
from ..workers.progress import ThreadProgress
from ..workers.worker import Worker

if TYPE_CHECKING:
    from ...evaluation.conformal import ConformalCalibration
    from ...imputation.gene_reliability import GeneReliability

GENE_STAGE, INTERVAL_STAGE, CELL_STAGE = "genes", "intervals", "cells"
NO_UNCERTAINTY, UNCERTAINTY_SPREAD, UNCERTAINTY_INTERVAL_WIDTH = "none", "spread", "width"
FADE_BY_CELL, FADE_BY_VALUE = (
    "cell",
    "value",
)  # what cells are faded by: trust in the cell, or how narrow the interval of its value is
_STAGE_MESSAGES = {
    GENE_STAGE: "Foreseeing the scores of unmeasured genes …",
    INTERVAL_STAGE: "Calibrating intervals on the held-out genes …",
    CELL_STAGE: "Comparing cells with the reference …",
}
_NO_RUN_MESSAGE = "Train or load a run first: trust is a matter of imputed values."


@dataclass(frozen=True, eq=False)
class GeneInterval:
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

    def with_interval(self, painted: CellValues) -> CellValues:
        """Add the interval to values that are the imputed ones of this gene."""
        if (painted.name, painted.kind) != (self.imputed.name, self.imputed.kind):
            return painted
        low, high = (
            (self.low, self.high) if painted.unit == self.imputed.unit else (np.expm1(self.low), np.expm1(self.high))
        )
        return painted.with_interval(low, high)


class ReliabilityController(Status):
    """Trust in the session's run.

    Signals
    -------
    interval_changed
        `gene_interval` is that of another gene, or None.
    look_changed
        Fading, or the uncertainty layer.
    """

    interval_changed = Signal()
    look_changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = weakref.ref(session)
        self.run: Any = None
        self.gene_reliability: GeneReliability | None = None
        self.calibration: ConformalCalibration | None = None
        self.cell_reliability: NDArray[np.float64] | None = None
        self.gene_interval: GeneInterval | None = None
        self.fade_threshold, self.fade_by, self.uncertainty_kind, self.uncertainty_as_veil = (
            0.0,
            FADE_BY_CELL,
            NO_UNCERTAINTY,
            False,
        )
        self.message = _NO_RUN_MESSAGE
        self._faded_cells: NDArray[np.bool_] | None = None
        self._worker: Worker | None = None
        self._interval_runner = LatestOnly(self._on_error)
        self._progress = ThreadProgress()
        session.run_selected.connect(self._on_run_selected)
        session.gene_selected.connect(self._request_interval)

    def close(self) -> None:
        """End the threads at their next step; no callback follows."""
        self._progress.cancelled = True
        session = self._session()
        if session is not None:
            session.run_selected.disconnect(self._on_run_selected, missing_ok=True)
            session.gene_selected.disconnect(self._request_interval, missing_ok=True)
        if self._worker is not None:
            self._worker.close()
            self._worker = None
        self._interval_runner.close()

    def set_fade(self, threshold: float, by: str = FADE_BY_CELL) -> None:
        """Fade cells whose trust, or whose value's sureness, is below."""
        self.fade_threshold, self.fade_by = threshold, by
        sure = self.certainty()
        self._faded_cells = sure < threshold if sure is not None and threshold > 0 else None
        self._emit_look_changed()

    def certainty(self) -> NDArray[np.floating[Any]] | None:
        """Return (cells,) 0 to 1 by which cells are faded, or None.

        Their reliability, or 1 - width of the interval of the value / the widest interval of the gene.
        """
        if self.fade_by == FADE_BY_CELL:
            return self.cell_reliability
        if self.gene_interval is None:
            return None
        width = self.gene_interval.high - self.gene_interval.low
        return 1 - width / max(float(width.max()), 1e-9)

    def set_uncertainty(self, kind: str, *, as_veil: bool = False) -> None:
        """Show the spread of the members, the width of the interval, or nothing, as a coloured layer or as a veil."""
        self.uncertainty_kind, self.uncertainty_as_veil = kind, as_veil
        self._emit_look_changed()

    def _emit_look_changed(self) -> None:
        self.look_changed()

    def faded_cells(self) -> NDArray[np.bool_] | None:
        """(cells,) which are faded; None: none."""
        return self._faded_cells

    def uncertainty_values(self) -> CellValues | None:
        """Return the values of the uncertainty layer, or None."""
        about = self.gene_interval
        if about is None or self.uncertainty_kind == NO_UNCERTAINTY:
            return None
        if self.uncertainty_kind == UNCERTAINTY_INTERVAL_WIDTH:
            return CellValues(about.imputed.name, about.high - about.low, "width of the 90 % interval")
        spread = about.imputed.spread
        return None if spread is None else CellValues(about.imputed.name, spread, "spread of the members")

    # what the session says
    def _on_run_selected(self) -> None:
        session = self._session()
        self.run = run = None if session is None else session.run
        self._progress.cancelled, self._progress = True, ThreadProgress()
        if self._worker is not None:
            self._worker.close(timeout=0)
            self._worker = None
        self.gene_reliability = self.calibration = self.cell_reliability = self._faded_cells = None
        self._clear_interval()
        self._set_status(_NO_RUN_MESSAGE if run is None else _STAGE_MESSAGES[GENE_STAGE])
        self._emit_look_changed()
        if run is not None:
            progress = self._progress
            self._worker = Worker(
                with_heavy_imports(lambda: progress.follow_generator(lambda: _reliability_stages(run))),
                on_yield=self._on_stage_finished,
                on_return=lambda _: self._on_finished(),
                on_error=self._on_error,
            )
            self._worker.start()

    def _on_stage_finished(self, result: tuple[str, Any]) -> None:
        session, (stage, data) = self._session(), result
        message = ""
        if stage == GENE_STAGE:
            self.gene_reliability, message = data, _STAGE_MESSAGES[INTERVAL_STAGE]
            if session is not None:
                session.set_predicted_scores(data.table)
        elif stage == INTERVAL_STAGE:
            self.calibration, message = data, _STAGE_MESSAGES[CELL_STAGE]
            self._request_interval()
        else:
            self.cell_reliability = data
            self.set_fade(self.fade_threshold, self.fade_by)
        self._set_status(message)

    def _on_finished(self) -> None:
        self._worker = None

    def _request_interval(self) -> None:
        session = self._session()
        if session is None or self.calibration is None or self.run is None:
            return
        gene, run = session.gene, self.run
        if self.gene_interval is not None and gene == self.gene_interval.imputed.name:
            return
        if gene is None or (gene not in set(run.panel.shared) and gene not in set(run.panel.reference_only)):
            self._clear_interval()
        else:
            self._interval_runner.submit(
                self._progress.follow_function(lambda: _impute_with_interval(run, gene)),
                lambda about: self._on_interval_ready(run, about),
            )

    def _on_interval_ready(self, run: Any, about: GeneInterval) -> None:
        session = self._session()
        if run is self.run and session is not None and session.gene == about.imputed.name:
            self._set_interval(about)

    def _clear_interval(self) -> None:
        self._interval_runner.discard()
        self._set_interval(None)

    def _set_interval(self, about: GeneInterval | None) -> None:
        self.gene_interval = about
        if self.fade_by == FADE_BY_VALUE and self.fade_threshold:
            self.set_fade(self.fade_threshold, FADE_BY_VALUE)
        self.interval_changed()

    def _on_error(self, error: Exception) -> None:
        reason = str(error) if isinstance(error, InclustError) else f"{type(error).__name__}: {error}"
        self._set_status(
            f"Not all of the trust could be computed ({reason}). Scores and values are not touched by this.",
            is_error=True,
        )


def _reliability_stages(run: Any) -> Generator[tuple[str, Any], None, None]:
    """In the thread: what is quick to tell first."""
    yield GENE_STAGE, run.gene_trust
    yield INTERVAL_STAGE, run.calibration
    yield CELL_STAGE, run.cell_trust


def _impute_with_interval(run: Any, gene: str) -> GeneInterval:
    imputed = run.impute(gene)
    low, high = run.interval(imputed)
    return GeneInterval(to_cell_values(imputed), low, high, run.measured(gene))
