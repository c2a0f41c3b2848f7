"""Whether the reference fits the section, before anything is trained: a traffic light with its reasons."""

from __future__ import annotations

import weakref
from html import escape
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt

from ...errors import InclustError
from ..viewer_context import Workbench
from ..widgets.common import Links, Wrapped
from ..workers.imports import heavy
from ..workers.latest_only import Later

if TYPE_CHECKING:
    from ...qc.reference_check import ReferenceCheck

COLOURS = {"green": "#3a9d5d", "amber": "#d97706", "red": "#e0533d"}
_TIP = "Compares the reference with the section over their shared genes, in seconds and without training"


class CheckLight(Wrapped):
    """One line with a coloured dot, computed in a thread when both data sets are open and the dock is looked at; the reasons in the tooltip.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._session, me = bench.session, weakref.ref(self)
        self._later = later = Later(lambda error: me() is not None and me()._failed(error))  # type: ignore[func-returns-value, union-attr]
        self._asked: tuple[Any, ...] = (None, None, None)
        self.found: ReferenceCheck | None = None
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        Links(self).to(bench.session.data_changed, self._ask)
        self.destroyed.connect(lambda: later.close())

    def showEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        super().showEvent(event)
        self._ask()

    def _ask(self) -> None:
        s = self._session
        section, reference, labels = asked = s.section, s.reference, s.labels
        if not self.isVisible() or all(a is b for a, b in zip(asked, self._asked, strict=True)):
            return
        self._asked, self.found = asked, None
        self._later.forget()
        self._say("")
        if section is None or reference is None or s.obstacle:
            return
        self._say("Comparing the reference with the section …")

        def job() -> ReferenceCheck:
            from ...data.panel import align
            from ...qc.reference_check import check

            return check(section, reference, align(section, reference), labels=labels)

        me = weakref.ref(self)
        self._later.ask(heavy(job), lambda found: me() is not None and me()._checked(found))  # type: ignore[func-returns-value, union-attr]

    def _checked(self, found: ReferenceCheck) -> None:
        self.found = found
        told = [f"{r.what}: {r.found}" for r in found.reasons if r.light != "green"] or ["nothing speaks against this pair"]
        lines = [
            f"<li><span style='color:{COLOURS[r.light]}'>&#9679;</span> {r.light}: {escape(f'{r.what}: {r.found}')}{_todo(r.todo)}</li>" for r in found.reasons
        ]
        self._say(f"<span style='color:{COLOURS[found.light]}'>&#9679;</span> Reference check: <b>{found.light}</b>: {escape('; '.join(told))}.")
        self.setToolTip(f"{_TIP}:<ul>{''.join(lines)}</ul>")

    def _failed(self, error: Exception) -> None:
        reason = str(error) if isinstance(error, InclustError) else f"{type(error).__name__}: {error}"
        self._say(f"The reference could not be compared with the section ({escape(reason)}). Training is not touched by this.")

    def _say(self, text: str) -> None:
        self.setToolTip(_TIP)
        self.setText(text)


def _todo(text: str) -> str:
    return f"<br><i>{escape(text)}</i>" if text else ""
