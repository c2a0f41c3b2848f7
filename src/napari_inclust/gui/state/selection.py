"""The selected cells: one set with a name for the whole window."""

from __future__ import annotations

import weakref
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from .session import Session

REPLACE, ADD, REMOVE, INTERSECT = "new", "add", "remove", "within"
MODE_LABELS = {
    REPLACE: "replace the selection",
    ADD: "add to it",
    REMOVE: "take from it",
    INTERSECT: "keep what is in both",
}
_MODE_SIGNS = {ADD: "+", REMOVE: "-", INTERSECT: "&"}
_MAX_UNDO = 30  # selections that undo reaches


@dataclass(frozen=True, eq=False)
class NamedCells:
    """Some cells.

    Attributes
    ----------
    mask : (cells,) bool
    name
        Where they come from: "lasso", "neuron", "region 1".
    """

    mask: NDArray[np.bool_]
    name: str

    @property
    def n_cells(self) -> int:
        """Number of selected cells."""
        return int(self.mask.sum())


class SelectedCells:
    """The selected cells of the open section.

    Signals
    -------
    changed
        Others are selected, or none (`now` is None).

    Attributes
    ----------
    now
        What is selected; None: nothing.
    how
        What the next selection does with the present one: a key of `HOW`.
    """

    changed = Signal()

    def __init__(self, session: Session) -> None:
        self._session = weakref.ref(session)
        self.current: NamedCells | None = None
        self.mode = REPLACE
        self._past: list[NamedCells | None] = []
        self._undone: list[NamedCells | None] = []
        session.section_changed.connect(self._on_section_changed)

    def select(self, mask: NDArray[np.bool_], name: str, mode: str | None = None) -> None:
        """Select cells.

        Parameters
        ----------
        cells : (cells,) bool
        how
            As `HOW`; what was chosen in the dock when not given.
        """
        mode, before = mode or self.mode, self.current
        if mode == REPLACE or before is None:
            made = NamedCells(~mask if mode == REMOVE else mask, f"all - {name}" if mode == REMOVE else name)
        else:
            joined = {ADD: before.mask | mask, REMOVE: before.mask & ~mask, INTERSECT: before.mask & mask}[mode]
            made = NamedCells(joined, f"{before.name} {_MODE_SIGNS[mode]} {name}")
        self._replace(made if made.mask.any() else None)

    def invert(self) -> None:
        """All cells but those."""
        if self.current is not None:
            rest = ~self.current.mask
            self._replace(NamedCells(rest, f"not {self.current.name}") if rest.any() else None)

    def clear(self) -> None:
        """Select nothing."""
        if self.current is not None:
            self._replace(None)

    @property
    def can_undo(self) -> bool:
        """Whether there is an earlier selection."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether a selection was undone."""
        return bool(self._undone)

    def undo(self) -> None:
        """Return to the previous selection."""
        if self._past:
            self._set_current(self._past[-1], self._past[:-1], [*self._undone, self.current])

    def redo(self) -> None:
        """Forward again."""
        if self._undone:
            self._set_current(self._undone[-1], [*self._past, self.current], self._undone[:-1])

    def close(self) -> None:
        """Let go of the session."""
        session = self._session()
        if session is not None:
            session.section_changed.disconnect(self._on_section_changed, missing_ok=True)

    def _replace(self, current: NamedCells | None) -> None:
        self._set_current(current, [*self._past[-_MAX_UNDO:], self.current], [])

    def _set_current(
        self, current: NamedCells | None, past: list[NamedCells | None], undone: list[NamedCells | None]
    ) -> None:
        self.current, self._past, self._undone = current, past, undone
        self.changed()

    def _on_section_changed(self) -> None:
        self._set_current(None, [], [])
