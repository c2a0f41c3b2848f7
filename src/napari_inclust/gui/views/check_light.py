"""Whether the reference fits the section, before anything is trained: a traffic light with its reasons."""

from __future__ import annotations

import weakref
from html import escape
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt

from ...errors import InclustError
from ..viewer_context import ViewerContext
from ..widgets.common import SignalConnections, WrappedLabel
from ..workers.imports import with_heavy_imports
from ..workers.latest_only import LatestOnly

if TYPE_CHECKING:
    from ...qc.reference_check import ReferenceCheck

LIGHT_COLOURS = {"green": "#3a9d5d", "amber": "#d97706", "red": "#e0533d"}
_TIP = "Compares the reference with the section over their shared genes, in seconds and without training"


class ReferenceCheckLight(WrappedLabel):
    """One line with a coloured dot, computed in a thread when both data sets are open and the dock is looked at; the reasons in the tooltip.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, context: ViewerContext) -> None:
        super().__init__()
        self._session, me = context.session, weakref.ref(self)
        self._latest_only = later = LatestOnly(lambda error: me() is not None and me()._show_error(error))  # type: ignore[func-returns-value, union-attr]
        self._checked_inputs: tuple[Any, ...] = (None, None, None)
        self.result: ReferenceCheck | None = None
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        links = SignalConnections(self)
        links.connect(context.session.section_changed, self._start_check)
        links.connect(context.session.reference_changed, self._start_check)
        self.destroyed.connect(lambda: later.close())

    def showEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        super().showEvent(event)
        self._start_check()

    def _start_check(self) -> None:
        s = self._session
        section, reference, labels = asked = s.section, s.reference, s.labels_key
        if not self.isVisible() or all(a is b for a, b in zip(asked, self._checked_inputs, strict=True)):
            return
        self._checked_inputs, self.result = asked, None
        self._latest_only.discard()
        self._show_text("")
        if section is None or reference is None or s.training_obstacle:
            return
        self._show_text("Comparing the reference with the section …")

        def job() -> ReferenceCheck:
            from ...data.panel import align
            from ...qc.reference_check import check_reference

            return check_reference(section, reference, align(section, reference), labels=labels)

        me = weakref.ref(self)
        self._latest_only.submit(with_heavy_imports(job), lambda found: me() is not None and me()._show_result(found))  # type: ignore[func-returns-value, union-attr]

    def _show_result(self, result: ReferenceCheck) -> None:
        self.result = result
        told = [f"{r.what}: {r.found}" for r in result.findings if r.light != "green"] or [
            "nothing speaks against this pair"
        ]
        lines = [
            f"<li><span style='color:{LIGHT_COLOURS[r.light]}'>&#9679;</span> {r.light}: {escape(f'{r.what}: {r.found}')}{_advice_html(r.todo)}</li>"
            for r in result.findings
        ]
        self._show_text(
            f"<span style='color:{LIGHT_COLOURS[result.light]}'>&#9679;</span> Reference check: <b>{result.light}</b>: {escape('; '.join(told))}."
        )
        self.setToolTip(f"{_TIP}:<ul>{''.join(lines)}</ul>")

    def _show_error(self, error: Exception) -> None:
        reason = str(error) if isinstance(error, InclustError) else f"{type(error).__name__}: {error}"
        self._show_text(
            f"The reference could not be compared with the section ({escape(reason)}). Training is not touched by this."
        )

    def _show_text(self, text: str) -> None:
        self.setToolTip(_TIP)
        self.setText(text)


def _advice_html(advice: str) -> str:
    return f"<br><i>{escape(advice)}</i>" if advice else ""
