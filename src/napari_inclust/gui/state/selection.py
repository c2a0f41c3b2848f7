"""Which cells are selected: one set with a name for the whole window, whoever made it. No widgets here."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from .session import Session

NEW, ADD, REMOVE, WITHIN = "new", "add", "remove", "within"
HOW = {NEW: "replace the selection", ADD: "add to it", REMOVE: "take from it", WITHIN: "keep what is in both"}
_SIGN = {ADD: "+", REMOVE: "-", WITHIN: "&"}
_KEPT = 30  # selections that undo reaches


@dataclass(frozen=True, eq=False)
class Chosen:
    """Some cells.

    Attributes
    ----------
    cells : (cells,) bool
    name
        Where they come from: "lasso", "neuron", "region 1".
    """

    cells: NDArray[np.bool_]
    name: str

    @property
    def n(self) -> int:
        return int(self.cells.sum())


class Selection:
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
        self.now: Chosen | None = None
        self.how = NEW
        self._past: list[Chosen | None] = []
        self._undone: list[Chosen | None] = []
        self._section: Any = None
        session.data_changed.connect(self._data)

    def select(self, cells: NDArray[np.bool_], name: str, how: str | None = None) -> None:
        """Select cells.

        Parameters
        ----------
        cells : (cells,) bool
        how
            As `HOW`; what was chosen in the dock when not given.
        """
        how, before = how or self.how, self.now
        if how == NEW or before is None:
            made = Chosen(~cells if how == REMOVE else cells, f"all - {name}" if how == REMOVE else name)
        else:
            joined = {ADD: before.cells | cells, REMOVE: before.cells & ~cells, WITHIN: before.cells & cells}[how]
            made = Chosen(joined, f"{before.name} {_SIGN[how]} {name}")
        self._turn(made if made.cells.any() else None)

    def invert(self) -> None:
        """All cells but those."""
        if self.now is not None:
            rest = ~self.now.cells
            self._turn(Chosen(rest, f"not {self.now.name}") if rest.any() else None)

    def clear(self) -> None:
        """Select nothing."""
        if self.now is not None:
            self._turn(None)

    @property
    def can_undo(self) -> bool:
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        return bool(self._undone)

    def undo(self) -> None:
        """What was selected before."""
        if self._past:
            self._undone.append(self.now)
            self.now = self._past.pop()
            self.changed()

    def redo(self) -> None:
        """Forward again."""
        if self._undone:
            self._past.append(self.now)
            self.now = self._undone.pop()
            self.changed()

    def close(self) -> None:
        """Let go of the session."""
        session = self._session()
        if session is not None:
            session.data_changed.disconnect(self._data, missing_ok=True)

    def _turn(self, now: Chosen | None) -> None:
        self._past = [*self._past[-_KEPT:], self.now]
        self._undone = []
        self.now = now
        self.changed()

    def _data(self) -> None:
        session = self._session()
        section = None if session is None else session.section
        if section is not self._section:
            self._section, self.now, self._past, self._undone = section, None, [], []
            self.changed()
