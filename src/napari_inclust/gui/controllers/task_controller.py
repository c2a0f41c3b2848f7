"""Which task is trained, its masks, and what it made as a file: made in threads. No widgets here."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

from psygnal import Signal

from ...paint.figures.masks import Masks
from ...training.config import Config
from ..state.error_text import told
from ..state.session import Session
from ..state.tasks import MAP, Task, fitting, masks_of
from ..workers.imports import heavy
from ..workers.latest_only import Later


class Tasking:
    """The tasks that fit the data of a session, and the chosen one.

    Signals
    -------
    changed
        Others fit, another was chosen, its masks are known, a file was written; `message` and `wrong` say what went wrong.
    """

    changed = Signal()

    def __init__(self, session: Session) -> None:
        self._session = weakref.ref(session)
        self.tasks: list[Task] = fitting(None, None)
        self.task = self.tasks[0]
        self.masks: Masks | None = None
        self.message, self.wrong = "", False
        self.run_file: Path | None = None  # onto which the section is mapped
        self._watched = False
        self._config = Config()
        self._drawn: Any = None
        self._drawer, self._saver = Later(self._failed), Later(self._failed)
        session.data_changed.connect(self._data)
        session.run_changed.connect(self.changed.emit)

    def close(self) -> None:
        """End the threads."""
        session = self._session()
        if session is not None:
            session.data_changed.disconnect(self._data, missing_ok=True)
            session.run_changed.disconnect(self.changed.emit, missing_ok=True)
        self._drawer.close()
        self._saver.close()

    @property
    def obstacle(self) -> str:
        """Why the chosen task cannot be run here; empty when it can."""
        if self.task.kind == MAP:
            return "" if self.run_file is not None else "Choose the saved run below."
        return f"Run it on the command line: {self.task.command}" if self.task.command else ""

    @property
    def made(self) -> Any:
        """What the chosen task generated, or None."""
        session = self._session()
        made = None if session is None else session.generated
        return made if made is not None and made.block == self.task.block else None

    def choose(self, task: Task) -> None:
        """Another task."""
        self.task = task
        self._ask()
        self.changed()

    def choose_run_file(self, path: str) -> None:
        """The saved run that the section is to be mapped onto; "" for none."""
        self.run_file = Path(path) if path else None
        self.changed()

    def watch(self, config: Config, *, on: bool) -> None:
        """Whether the masks are looked at, and with which members and components."""
        self._watched, self._config = on, config
        self._ask()

    def save(self, path: str | Path) -> None:
        """Write what was generated."""
        made, path = self.made, Path(path)
        if made is not None:
            self._say(f"Writing {path.name} …")
            self._saver.ask(lambda: made.write(path), self._say)

    def _data(self) -> None:
        session = self._session()
        if session is None:
            return
        self.tasks = fitting(session.section, session.reference)
        self.task = next((t for t in self.tasks if t.text == self.task.text), self.tasks[0])
        self._ask()
        self.changed()

    def _ask(self) -> None:
        """Ask for the masks, when they are looked at and others than those that are known."""
        session, task, config = self._session(), self.task, self._config
        if session is None or session.section is None or session.reference is None or session.panel_problem:
            self._drawn = self.masks = None
            self._drawer.forget()
            return
        section, reference = session.section, session.reference
        wanted = (section, reference, task, config.members, config.components)
        if self._watched and wanted != self._drawn:
            self._drawn = wanted
            self._drawer.ask(heavy(lambda: masks_of(task, section, reference, config)), self._drew)

    def _drew(self, masks: Masks) -> None:
        self.masks = masks
        self._say("")

    def _say(self, message: str) -> None:
        self.message, self.wrong = message, False
        self.changed()

    def _failed(self, error: Exception) -> None:
        self.masks = None
        self.message, self.wrong = told(error, "That failed"), True
        self.changed()
