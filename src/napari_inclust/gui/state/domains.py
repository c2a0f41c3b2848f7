"""The domains of a session: the solutions, their edits and what is highlighted. No threads and no widgets here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from ...errors import ConfigError
from ...paint.values import CellCategories, category_palette
from .status import IDLE, Status, WorkState

if TYPE_CHECKING:
    from ...spatial_domains.edit import DomainSegmentation, History
    from ...spatial_domains.find import Domains


class DomainState(Status):
    """What was found and what is done with it.

    Signals
    -------
    domains_changed
        Another result, number of domains or edit.
    look_changed
        Highlighting, confidence, outlines.
    """

    domains_changed = Signal()
    look_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.state: WorkState = IDLE
        self.domains: Domains | None = None
        self.highlighted: frozenset[int] = frozenset()
        self.confidence_shown = self.outlines_shown = False
        self.outline_segments: Any = (
            None  # (segments, 2, 2) of the segmentation that is shown, when they were asked for
        )
        self._edit_histories: dict[int, History] = {}
        self._categories_cache: tuple[Any, CellCategories] | None = None

    def set_domains(self, domains: Domains | None) -> None:
        """Replace the domains without emitting; edits of solutions that are still the same stay."""
        self._edit_histories = {
            k: h
            for k, h in self._edit_histories.items()
            if domains is not None and k in domains.solutions and h.now is domains.solutions[k]
        }
        self.domains, self.highlighted, self._categories_cache = domains, frozenset(), None
        self._request_outlines()

    def restore(self, domains: Domains) -> None:
        """Set the domains of a saved session."""
        self.set_domains(domains)
        self._emit_domains_changed()

    # what is shown
    @property
    def segmentation(self) -> DomainSegmentation | None:
        """The one that is shown, with its edits."""
        return None if self.domains is None else self._edit_history().now

    def domain_categories(self) -> CellCategories | None:
        """Return the displayed segmentation as categories of the cells."""
        seg = self.segmentation
        if seg is None:
            return None
        if self._categories_cache is None or self._categories_cache[0] is not seg:
            codes = (
                self._categories_cache[1].codes
                if self._categories_cache is not None and self._categories_cache[0].labels is seg.labels
                else seg.labels.astype(np.int32)
            )
            self._categories_cache = (
                seg,
                CellCategories(
                    f"domains ({seg.n_domains})", codes, seg.names, category_palette(seg.n_domains, seg.colours)
                ),
            )
        return self._categories_cache[1]

    def mean_confidence(self) -> list[float]:
        """Mean of each domain."""
        seg = self.segmentation
        if seg is None:
            return []
        total: Any = np.bincount(seg.labels, weights=seg.confidence, minlength=seg.n_domains)
        return [float(v) for v in total / np.maximum(seg.sizes, 1)]

    def select_solution(self, k: int) -> None:
        """Another of the computed solutions."""
        if self.domains is not None and k != self.domains.chosen:
            self.domains = self.domains.choose(k)
            self._on_edited()

    def highlight(self, domains: frozenset[int]) -> None:
        """Highlight some domains; none: all."""
        if domains != self.highlighted:
            self.highlighted = domains
            self._emit_look_changed()

    def show_confidence(self, on: bool) -> None:
        """Confidence as opacity."""
        self.confidence_shown = on
        self._emit_look_changed()

    def show_outlines(self, on: bool) -> None:
        """Outlines over everything."""
        self.outlines_shown = on
        self._request_outlines()
        self._emit_look_changed()

    def _emit_look_changed(self) -> None:
        self.look_changed()

    # edits
    @property
    def can_undo(self) -> bool:
        """Whether there is an edit to undo."""
        return self.domains is not None and bool(self._edit_history().past)

    @property
    def can_redo(self) -> bool:
        """Whether there is an undone edit."""
        return self.domains is not None and bool(self._edit_history().undone)

    def rename(self, domain: int, name: str) -> None:
        """Another name; refused with a reason in `message`."""
        from ...spatial_domains.edit import rename

        self._apply_edit(lambda seg: rename(seg, domain, name), keep_highlighted=True)

    def recolour(self, domain: int, colour: str) -> None:
        """Another colour."""
        from ...spatial_domains.edit import recolour

        self._apply_edit(lambda seg: recolour(seg, domain, colour), keep_highlighted=True)

    def merge(self) -> None:
        """Merge the highlighted domains."""
        from ...spatial_domains.edit import merge

        self._apply_edit(lambda seg: merge(seg, self.highlighted))

    def split(self) -> None:
        """Split the highlighted domain in two."""
        from ...spatial_domains.edit import split

        found = self.domains
        if found is not None and len(self.highlighted) == 1:
            (domain,) = self.highlighted
            self._apply_edit(lambda seg: split(seg, domain, found.space))

    def undo(self) -> None:
        """Take back the last edit."""
        self._set_history(self._edit_history().undo())

    def redo(self) -> None:
        """Do it again."""
        self._set_history(self._edit_history().redo())

    def _apply_edit(
        self, edit: Callable[[DomainSegmentation], DomainSegmentation], *, keep_highlighted: bool = False
    ) -> None:
        seg = self.segmentation
        if seg is None:
            return
        try:
            self._set_history(self._edit_history().do(edit(seg)), keep_highlighted=keep_highlighted)
        except ConfigError as error:
            self._set_status(str(error), is_error=True)

    def _set_history(self, history: History, *, keep_highlighted: bool = False) -> None:
        if self.domains is None:
            return
        self._edit_histories[self.domains.chosen] = history
        self.domains = self.domains.edited(history.now)
        self._set_status()
        self._on_edited(keep_highlighted=keep_highlighted)

    def _edit_history(self) -> History:
        from ...spatial_domains.edit import History

        assert self.domains is not None
        return self._edit_histories.setdefault(self.domains.chosen, History(self.domains.segmentation))

    def _on_edited(self, *, keep_highlighted: bool = False) -> None:
        if not keep_highlighted:
            self.highlighted = frozenset()
            self._request_outlines()
        self._emit_domains_changed()

    def _emit_domains_changed(self) -> None:
        self.domains_changed()

    def _request_outlines(self) -> None:
        """Drop the outlines of another segmentation."""
        self.outline_segments = None

    def _set_state(self, state: WorkState, message: str, *, is_error: bool = False) -> None:
        self.state = state
        self._set_status(message, is_error=is_error)
