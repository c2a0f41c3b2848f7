"""The domains of a session: the solutions, their edits and what is highlighted. No threads and no widgets here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from ...errors import ConfigError
from ...paint.values import CellTypes, palette

if TYPE_CHECKING:
    from ...spatial_domains.edit import History, Segmentation
    from ...spatial_domains.find import Domains

IDLE, RUNNING, STOPPING = "idle", "running", "stopping"


class DomainState:
    """What was found and what is done with it.

    Signals
    -------
    changed
        Another state, result, number of domains or edit: what is painted may differ.
    look_changed
        Highlighting, confidence, outlines.
    """

    changed = Signal()
    look_changed = Signal()

    def __init__(self) -> None:
        self.state, self.message, self.wrong = IDLE, "", False
        self.found: Domains | None = None
        self.selected: frozenset[int] = frozenset()
        self.shaded = self.outlined = False
        self.lines: Any = None  # (segments, 2, 2) of the segmentation that is shown, when they were asked for
        self._histories: dict[int, History] = {}
        self._types: tuple[Any, CellTypes] | None = None

    def put(self, found: Domains | None) -> None:
        """Other domains, or none. Edits stay of the solutions that are still the same; nobody is told yet."""
        self._histories = {k: h for k, h in self._histories.items() if found is not None and k in found.solutions and h.now is found.solutions[k]}
        self.found, self.selected, self._types = found, frozenset(), None
        self._ask_lines()

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
        """Outlines over everything."""
        self.outlined = on
        self._ask_lines()
        self.look_changed()

    # edits
    @property
    def can_undo(self) -> bool:
        return self.found is not None and bool(self._history().past)

    @property
    def can_redo(self) -> bool:
        return self.found is not None and bool(self._history().undone)

    def rename(self, domain: int, name: str) -> None:
        """Another name; refused with a reason in `message`."""
        from ...spatial_domains.edit import rename

        self._edit(lambda seg: rename(seg, domain, name), keep=True)

    def recolour(self, domain: int, colour: str) -> None:
        """Another colour."""
        from ...spatial_domains.edit import recolour

        self._edit(lambda seg: recolour(seg, domain, colour), keep=True)

    def merge(self) -> None:
        """The highlighted domains as one."""
        from ...spatial_domains.edit import merge

        self._edit(lambda seg: merge(seg, self.selected))

    def split(self) -> None:
        """The highlighted domain in two."""
        from ...spatial_domains.edit import split

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
        from ...spatial_domains.edit import History

        assert self.found is not None
        return self._histories.setdefault(self.found.chosen, History(self.found.segmentation))

    def _edited(self, *, keep: bool = False) -> None:
        if not keep:
            self.selected = frozenset()
            self._ask_lines()
        self.changed()

    def _ask_lines(self) -> None:
        """The borders are others now: `lines` are to be found anew."""
        self.lines = None

    def _set(self, state: str, message: str, *, wrong: bool = False) -> None:
        self.state, self.message, self.wrong = state, message, wrong
        self.changed()
