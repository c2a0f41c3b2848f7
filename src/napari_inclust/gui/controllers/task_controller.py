"""The chosen task, its masks, and the export of its result."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

from psygnal import Signal

from ...paint.figures.masks import MaskDiagram
from ...training.config import Config
from ..state.session import Session
from ..state.status import Status, error_message
from ..state.tasks import MAP, Task, available_tasks, task_masks
from ..workers.imports import with_heavy_imports
from ..workers.latest_only import LatestOnly


class TaskController(Status):
    """The tasks that fit the data of a session, and the chosen one.

    Signals
    -------
    task_changed
        Other tasks fit, another one is chosen, or another saved run for it.
    """

    task_changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = weakref.ref(session)
        self.available_tasks: list[Task] = available_tasks(None, None)
        self.selected_task = self.available_tasks[0]
        self.masks: MaskDiagram | None = None
        self.run_file: Path | None = None  # onto which the section is mapped
        self._masks_visible = False
        self._config = Config()
        self._masks_key: Any = None
        self._mask_runner, self._export_runner = LatestOnly(self._on_error), LatestOnly(self._on_error)
        self._connections = (
            (session.section_changed, self._on_data_changed),
            (session.reference_changed, self._on_data_changed),
        )
        for signal, slot in self._connections:
            signal.connect(slot)

    def close(self) -> None:
        """End the threads."""
        for signal, slot in self._connections:
            signal.disconnect(slot, missing_ok=True)
        self._mask_runner.close()
        self._export_runner.close()

    @property
    def obstacle(self) -> str:
        """Why the chosen task cannot be run here; empty when it can."""
        if self.selected_task.kind == MAP:
            return "" if self.run_file is not None else "Choose the saved run below."
        return f"Run it on the command line: {self.selected_task.command}" if self.selected_task.command else ""

    @property
    def generated(self) -> Any:
        """What the chosen task generated, or None."""
        session = self._session()
        made = None if session is None else session.generated
        return made if made is not None and made.modality == self.selected_task.modality else None

    def select_task(self, task: Task) -> None:
        """Another task."""
        self._set_task(task)

    def choose_run_file(self, path: str) -> None:
        """Choose the saved run that the section is mapped onto; "" for none."""
        self.run_file = Path(path) if path else None
        self._set_task(self.selected_task)

    def set_masks_visible(self, config: Config, *, visible: bool) -> None:
        """Whether the masks are looked at, and with which members and components."""
        self._masks_visible, self._config = visible, config
        self._request_masks()

    def export_generated(self, path: str | Path) -> None:
        """Write what was generated."""
        made, path = self.generated, Path(path)
        if made is not None:
            self._set_status(f"Writing {path.name} …")
            self._export_runner.submit(lambda: made.write(path), self._set_status)

    def _on_data_changed(self) -> None:
        session = self._session()
        if session is None:
            return
        self.available_tasks = available_tasks(session.section, session.reference)
        label = self.selected_task.label
        self._set_task(next((t for t in self.available_tasks if t.label == label), self.available_tasks[0]))

    def _set_task(self, task: Task) -> None:
        self.selected_task = task
        self._request_masks()
        self.task_changed()

    def _request_masks(self) -> None:
        """Ask for the masks, when they are looked at and others than those that are known."""
        session, task, config = self._session(), self.selected_task, self._config
        if session is None or session.section is None or session.reference is None or session.panel_error:
            self._masks_key = self.masks = None
            self._mask_runner.discard()
            return
        section, reference = session.section, session.reference
        wanted = (section, reference, task, config.members, config.components)
        if self._masks_visible and wanted != self._masks_key:
            self._masks_key = wanted
            self._mask_runner.submit(
                with_heavy_imports(lambda: task_masks(task, section, reference, config)), self._on_masks_ready
            )

    def _on_masks_ready(self, masks: MaskDiagram) -> None:
        self.masks = masks
        self._set_status()

    def _on_error(self, error: Exception) -> None:
        self.masks = None
        self._set_status(error_message(error, "That failed"), is_error=True)
