"""Saves and opens sessions, in a thread; the state itself is in `session_file`. Saved whole or not at all."""

from __future__ import annotations

import json
import weakref
from pathlib import Path
from typing import Any

from psygnal import Signal

from ...errors import DataError, InclustError
from ...io.writers.atomic import as_output_error, replacing
from ...paint.layers import canvas
from ..state.error_text import told
from ..workers.imports import heavy
from ..workers.latest_only import Later
from .session_file import SUFFIX, Data, apply, capture, open_data, read_state
from .sidecars import of_section, write_beside


class Restore:
    """Saves and opens the session of a workbench.

    Signals
    -------
    changed
        Something began or ended; `busy`, `message` and `wrong` say what.

    Parameters
    ----------
    viewer
        napari viewer (held weakly).
    bench
        Its workbench (held weakly).
    """

    changed = Signal()

    def __init__(self, viewer: Any, bench: Any) -> None:
        self._viewer, self._bench = weakref.ref(canvas.unwrapped(viewer)), weakref.ref(bench)
        self._later = Later(self._failed)
        self.busy, self.message, self.wrong = "", "", False

    def close(self) -> None:
        """End the thread."""
        self._later.close()

    def save(self, path: str | Path) -> None:
        """Write the session, with its runs, what was generated and its domains in files beside it."""
        path, bench, viewer = Path(path), self._bench(), self._viewer()
        if bench is None or viewer is None:
            return
        try:
            state = capture(bench, viewer, path.absolute().parent)
        except InclustError as error:
            self._failed(error)
            return
        s, domains = bench.session, bench.finding.found
        runs, chosen, made = of_section(s.runs, s.section), s.run, s.generated

        def write() -> str:
            name = path.name.removesuffix(SUFFIX).removesuffix(".json")
            beside = write_beside(path, name, state, runs, chosen, made, domains)
            with replacing(path) as part, as_output_error(path):
                part.write_text(json.dumps(state, indent=1, allow_nan=False), encoding="utf-8")
            return f"The session is in {path}." + (f" Beside it: {', '.join(beside)}." if beside else "")

        self._start(f"Saving {path.name}", write, self._told)

    def open(self, path: str | Path) -> None:
        """Read a session: its files in a thread, then all that was chosen."""
        path = Path(path)

        def read() -> Any:
            state = read_state(path)
            return state, open_data(state, path.absolute().parent)

        self._start(f"Opening {path.name}", read, lambda found: self._opened(path, *found))

    def _opened(self, path: Path, state: dict[str, Any], data: Data) -> None:
        bench, viewer = self._bench(), self._viewer()
        if bench is None or viewer is None:
            return
        try:
            lost = apply(bench, viewer, state, data)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            self._failed(DataError(f"{path} is damaged: its files were opened, but not all that was chosen ({type(error).__name__}: {error})."))
            return
        self._told(f"Opened {path.name}." + (f" Not there any more: {', '.join(lost)}." if lost else ""))

    def _start(self, what: str, job: Any, then: Any) -> None:
        self.busy, self.message, self.wrong = what, "", False
        self._later.ask(heavy(job), then)
        self.changed()

    def _told(self, message: str) -> None:
        self.busy, self.message = "", message
        self.changed()

    def _failed(self, error: Exception) -> None:
        self.busy, self.wrong = "", True
        self.message = told(error, "That failed", "Nothing was changed.")
        self.changed()
        bench = self._bench()
        if bench is not None:
            bench.session.told(self.message)
