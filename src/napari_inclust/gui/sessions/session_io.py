"""Saves and opens sessions, in a thread; the state itself is in `session_file`. Saved whole or not at all."""

from __future__ import annotations

import json
import weakref
from pathlib import Path
from typing import Any

from ...errors import DataError, InclustError
from ...io.writers.atomic import as_output_error, atomic_output
from ...paint.layers import canvas
from ..state.status import Status, error_message
from ..workers.imports import with_heavy_imports
from ..workers.latest_only import LatestOnly
from .session_file import SUFFIX, SessionData, apply_state, capture_state, load_session_data, read_state
from .sidecars import runs_of_section, write_linked_files


class SessionIO(Status):
    """Saves and opens the session of a workbench.

    Parameters
    ----------
    viewer
        napari viewer (held weakly).
    bench
        Its workbench (held weakly).
    """

    def __init__(self, viewer: Any, context: Any) -> None:
        super().__init__()
        self._viewer, self._context = weakref.ref(canvas.unwrap(viewer)), weakref.ref(context)
        self._runner = LatestOnly(self._on_error)

    def close(self) -> None:
        """End the thread."""
        self._runner.close()

    def save(self, path: str | Path) -> None:
        """Write the session, with its runs, what was generated and its domains in files beside it."""
        path, bench, viewer = Path(path), self._context(), self._viewer()
        if bench is None or viewer is None:
            return
        try:
            state = capture_state(bench, viewer, path.absolute().parent)
        except InclustError as error:
            self._on_error(error)
            return
        s, domains = bench.session, bench.domain_controller.domains
        runs, chosen, made = runs_of_section(s.runs, s.section), s.run, s.generated

        def write() -> str:
            name = path.name.removesuffix(SUFFIX).removesuffix(".json")
            beside = write_linked_files(path, name, state, runs, chosen, made, domains)
            with atomic_output(path) as part, as_output_error(path):
                part.write_text(json.dumps(state, indent=1, allow_nan=False), encoding="utf-8")
            return f"The session is in {path}." + (f" Beside it: {', '.join(beside)}." if beside else "")

        self._start(f"Saving {path.name}", write, self._set_status)

    def open(self, path: str | Path) -> None:
        """Read a session: its files in a thread, then all that was chosen."""
        path = Path(path)

        def read() -> Any:
            state = read_state(path)
            return state, load_session_data(state, path.absolute().parent)

        self._start(f"Opening {path.name}", read, lambda found: self._on_loaded(path, *found))

    def _on_loaded(self, path: Path, state: dict[str, Any], session_data: SessionData) -> None:
        bench, viewer = self._context(), self._viewer()
        if bench is None or viewer is None:
            return
        try:
            lost = apply_state(bench, viewer, state, session_data)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            self._on_error(
                DataError(
                    f"{path} is damaged: its files were opened, but not all that was chosen "
                    f"({type(error).__name__}: {error})."
                )
            )
            return
        self._set_status(f"Opened {path.name}." + (f" Not there any more: {', '.join(lost)}." if lost else ""))

    def _start(self, busy_message: str, job: Any, on_result: Any) -> None:
        self._runner.submit(with_heavy_imports(job), on_result)
        self._set_status(busy=busy_message)

    def _on_error(self, error: Exception) -> None:
        self._set_status(error_message(error, "That failed", "Nothing was changed."), is_error=True)
        bench = self._context()
        if bench is not None:
            bench.session.report(self.message)
