"""Whether the reference fits the section, before training: a traffic light with its reasons."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt

from ...errors import InclustError
from ..viewer_context import ViewerContext
from ..widgets.common import SignalConnections, WrappedLabel, weak_method
from ..workers.imports import with_heavy_imports
from ..workers.latest_only import LatestOnly

if TYPE_CHECKING:
    from ...qc.reference_check import ReferenceCheck

LIGHT_COLOURS = {"green": "#3a9d5d", "amber": "#d97706", "red": "#e0533d"}
_TIP = "Compares the reference with the section over their shared genes, in seconds and without training"


class ReferenceCheckLight(WrappedLabel):
    """The result of the reference check in one line with a coloured dot; the reasons in its tooltip.

    It is computed in a thread once both data sets are open and the dock is visible.

    Parameters
    ----------
    context
        The context of the viewer.
    """

    def __init__(self, context: ViewerContext) -> None:
        super().__init__()
        self._session = context.session
        self._latest_only = latest_only = LatestOnly(weak_method(self._show_error))
        self._checked_inputs: tuple[Any, ...] = (None, None, None)
        self.result: ReferenceCheck | None = None
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        links = SignalConnections(self)
        links.connect(context.session.section_changed, self._start_check)
        links.connect(context.session.reference_changed, self._start_check)
        self.destroyed.connect(lambda: latest_only.close())

    def showEvent(self, event: Any) -> None:  # noqa: N802
        """Start the check."""
        super().showEvent(event)
        self._start_check()

    def _start_check(self) -> None:
        s = self._session
        section, reference, labels = inputs = s.section, s.reference, s.labels_key
        if not self.isVisible() or all(a is b for a, b in zip(inputs, self._checked_inputs, strict=True)):
            return
        self._checked_inputs, self.result = inputs, None
        self._latest_only.discard()
        self._show_text("")
        if section is None or reference is None or s.training_obstacle:
            return
        self._show_text("Comparing the reference with the section …")

        def job() -> ReferenceCheck:
            from ...data.panel import align
            from ...qc.reference_check import check_reference

            return check_reference(section, reference, align(section, reference), labels=labels)

        self._latest_only.submit(with_heavy_imports(job), weak_method(self._show_result))

    def _show_result(self, result: ReferenceCheck) -> None:
        self.result = result
        reasons = [f"{finding.what}: {finding.found}" for finding in result.findings if finding.light != "green"]
        lines = [
            f"<li>{_dot(finding.light)} {finding.light}: {escape(f'{finding.what}: {finding.found}')}"
            f"{_advice_html(finding.todo)}</li>"
            for finding in result.findings
        ]
        summary = escape("; ".join(reasons or ["no problem found"]))
        self._show_text(f"{_dot(result.light)} Reference check: <b>{result.light}</b>: {summary}.")
        self.setToolTip(f"{_TIP}:<ul>{''.join(lines)}</ul>")

    def _show_error(self, error: Exception) -> None:
        reason = str(error) if isinstance(error, InclustError) else f"{type(error).__name__}: {error}"
        self._show_text(f"The reference check failed ({escape(reason)}). Training is possible nevertheless.")

    def _show_text(self, text: str) -> None:
        self.setToolTip(_TIP)
        self.setText(text)


def _dot(light: str) -> str:
    return f"<span style='color:{LIGHT_COLOURS[light]}'>&#9679;</span>"


def _advice_html(advice: str) -> str:
    return f"<br><i>{escape(advice)}</i>" if advice else ""
