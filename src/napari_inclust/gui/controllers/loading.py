"""Reading files off the GUI thread; the last wish wins."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from ..state.columns import likely_types
from ..state.error_text import in_window, told
from ..state.gene_source import log_measured
from ..state.layer_source import LayerSource
from ..state.session import Session
from ..workers.worker import Worker, once

if TYPE_CHECKING:
    from ...data.measured import Measured
    from ...data.section import Section

SECTION, REFERENCE = "section", "reference"
DEMO = "the demo"
_NOTHING: tuple[list[str], list[str], list[str]] = ([], [], [])


class Loading:
    """Opens sections and references into a session.

    Signals
    -------
    changed(side)
        Reading began or ended; `busy` and `problem` say how.
    """

    changed = Signal(str)

    def __init__(self, session: Session) -> None:
        self._session = weakref.ref(session)
        self.busy: dict[str, str] = {}  # side -> what is being read
        self.problem: dict[str, str] = {}
        self.path: dict[str, str] = {}
        self.options: dict[str, Any] = {}  # with which the section is read
        self.choices: tuple[list[str], list[str], list[str]] = _NOTHING  # tables, coordinate systems, columns of the section
        self.question = ""  # what the section's file leaves open and the user may answer
        self.sections: dict[str, dict[str, Any]] = {}  # path -> options of every section that was open
        self._before = ""  # path of the section that was open when a file of unknown kind was asked for
        self._workers: dict[str, Worker] = {}

    def section(self, path: str | Path, **options: Any) -> None:
        """Read a section. Options as `io.readers.dispatch.read_section`: values, pixel_size, plane, table, system, columns, segmentation."""

        def read() -> Any:
            from ...io.readers.dispatch import choices, read_section

            found = choices(path)  # also of a file that is refused because nothing was chosen
            if self.path[SECTION] == str(path):
                self.choices = found
            return _found(read_section(path, **options))

        self.options = options
        self._ask_anew(str(path))
        self._start(SECTION, str(path), read)

    def open(self, path: str | Path) -> None:
        """Read a file whatever it is: a section, or a reference when its cells have no places."""

        def read() -> Any:
            from ...data.section import Section
            from ...io.readers.dispatch import choices, read_any

            found = choices(path)
            if self.path[SECTION] == str(path):
                self.choices = found
            data = read_any(path)
            return _found(data) if isinstance(data, Section) else data

        self._ask_anew(str(path))
        self._before, self.options = self.path.get(SECTION, ""), {}
        self._start(SECTION, str(path), read)

    def section_of(self, source: LayerSource, **options: Any) -> None:
        """A section from a SpatialData object that another plugin has open. Options: values, pixel_size, table, system."""
        chosen = {"system": source.system} | options

        def read() -> Any:
            from ...io.readers.dispatch import place_object

            if self.path[SECTION] == str(source.path):
                self.choices = sorted(source.data.tables), sorted(source.data.coordinate_systems), []
            return _found(place_object(source.data, source.path, **{k: v for k, v in chosen.items() if k in ("values", "pixel_size", "table", "system")}))

        self.options = chosen
        self._ask_anew(str(source.path))
        self._start(SECTION, str(source.path), read)

    def reference(self, path: str | Path, **options: Any) -> None:
        """Read a reference. Options as `io.readers.dispatch.read_reference`: values."""

        def read() -> Any:
            from ...io.readers.dispatch import read_reference

            return read_reference(path, **options)

        self._start(REFERENCE, str(path), read)

    def demo(self) -> None:
        """Open the small real data set of the package: section and reference."""

        def section() -> Any:
            from ...io.demo import demo_section

            return _found(demo_section())

        def reference() -> Any:
            from ...io.demo import demo_reference

            return demo_reference()

        self.options = {}
        self._ask_anew("")
        self._start(SECTION, "", section)
        self._start(REFERENCE, "", reference)

    def _ask_anew(self, path: str) -> None:
        """Choices hold as long as the same file is read again."""
        if self.path.get(SECTION) != path:
            self.choices = _NOTHING
        self.question = ""

    def close(self) -> None:
        """End all reading."""
        for worker in self._workers.values():
            worker.close()
        self._workers.clear()
        self.busy.clear()

    def _start(self, side: str, path: str, read: Callable[[], Any]) -> None:
        if side in self._workers:
            self._workers.pop(side).close(timeout=0)  # a wish that is overtaken: its result is dropped
        self.busy[side], self.path[side] = path or "the demo", path or DEMO
        self.problem.pop(side, None)
        worker = Worker(once(read), on_return=lambda found: self._read(side, found), on_error=lambda error: self._refused(side, error))
        self._workers[side] = worker
        self.changed(side)
        worker.start()

    def _read(self, side: str, found: Any) -> None:
        self.busy.pop(side, None)
        session = self._session()
        if session is None:
            return
        if side == SECTION and not isinstance(found, tuple):  # opened without saying what it is: a reference
            self.path[REFERENCE], self.path[SECTION] = self.path[SECTION], self._before
            self.problem.pop(REFERENCE, None)
            side = REFERENCE
        if side == SECTION:
            if Path(self.path[SECTION]).exists():  # not the demo, nor what is in memory only
                self.sections[self.path[SECTION]] = self.options
            section, measured, self.question = found
            session.open_section(section, measured)
        else:
            session.open_reference(found, likely_types(found.adata.obs))
            session.batch = None
        self.changed(side)

    def _refused(self, side: str, error: Exception) -> None:
        self.busy.pop(side, None)
        text = told(error, f"{self.path[side]} could not be read")
        self.problem[side] = text
        session = self._session()
        if session is not None:
            (session.close_section if side == SECTION else session.close_reference)()
            session.told(text)
        self.changed(side)


def _found(section: Section) -> tuple[Section, Measured, str]:
    """What opening a section gives: in the reading thread."""
    from ...data.units import unit_question

    return section, log_measured(section), in_window(unit_question(section))
