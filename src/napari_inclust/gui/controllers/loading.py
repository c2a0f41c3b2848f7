"""Reading files off the GUI thread; only the most recent request of each kind is kept."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from ..state.columns import guess_cell_type_column
from ..state.gene_source import lognormalised_genes
from ..state.layer_source import SpatialDataLayer
from ..state.session import Session
from ..state.status import error_message, with_control_names
from ..workers.worker import Worker, as_generator

if TYPE_CHECKING:
    from ...data.measured import MeasuredExpression
    from ...data.section import Section

SECTION, REFERENCE = "section", "reference"
DEMO = "the demo"
_NO_CHOICES: tuple[list[str], list[str], list[str]] = ([], [], [])


class LoadingController:
    """Opens sections and references into a session.

    Signals
    -------
    loading_changed(side)
        Reading began or ended; `busy` and `problem` say how.
    """

    loading_changed = Signal(str)

    def __init__(self, session: Session) -> None:
        self._session = weakref.ref(session)
        self.busy: dict[str, str] = {}  # side -> what is being read
        self.error_messages: dict[str, str] = {}
        self.paths: dict[str, str] = {}
        self.section_options: dict[str, Any] = {}  # with which the section is read
        self.section_choices: tuple[list[str], list[str], list[str]] = (
            _NO_CHOICES  # tables, coordinate systems, columns of the section
        )
        self.unit_question = ""  # what the section's file leaves open and the user may answer
        self.opened_sections: dict[str, dict[str, Any]] = {}  # path -> options of every section that was open
        self._previous_section_path = ""  # path of the section that was open when a file of unknown kind was asked for
        self._workers: dict[str, Worker] = {}

    def load_section(self, path: str | Path, **options: Any) -> None:
        """Read a section, with options as those of `io.readers.dispatch.read_section`."""

        def read() -> Any:
            from ...io.readers.dispatch import available_options, read_section

            found = available_options(path)  # also of a file that is refused because nothing was chosen
            if self.paths[SECTION] == str(path):
                self.section_choices = found
            return _prepare_section(read_section(path, **options))

        self.section_options = options
        self._reset_choices(str(path))
        self._start_reading(SECTION, str(path), read)

    def load_any(self, path: str | Path) -> None:
        """Read a file whatever it is: a section, or a reference when its cells have no places."""

        def read() -> Any:
            from ...data.section import Section
            from ...io.readers.dispatch import available_options, read_section_or_reference

            found = available_options(path)
            if self.paths[SECTION] == str(path):
                self.section_choices = found
            data = read_section_or_reference(path)
            return _prepare_section(data) if isinstance(data, Section) else data

        self._reset_choices(str(path))
        self._previous_section_path, self.section_options = self.paths.get(SECTION, ""), {}
        self._start_reading(SECTION, str(path), read)

    def load_section_from_layer(self, layer: SpatialDataLayer, **options: Any) -> None:
        """Read a section from a SpatialData object of another plugin (values, pixel_size, table, system)."""
        chosen = {"system": layer.coordinate_system} | options

        def read() -> Any:
            from ...io.readers.dispatch import section_from_spatialdata
            from ...io.readers.options import ReadOptions

            if self.paths[SECTION] == str(layer.path):
                self.section_choices = sorted(layer.sdata.tables), sorted(layer.sdata.coordinate_systems), []
            return _prepare_section(
                section_from_spatialdata(
                    layer.sdata,
                    layer.path,
                    ReadOptions.from_dict(
                        {k: v for k, v in chosen.items() if k in ("values", "pixel_size", "table", "system")}
                    ),
                )
            )

        self.section_options = chosen
        self._reset_choices(str(layer.path))
        self._start_reading(SECTION, str(layer.path), read)

    def load_reference(self, path: str | Path, **options: Any) -> None:
        """Read a reference. Options as `io.readers.dispatch.read_reference`: values."""

        def read() -> Any:
            from ...io.readers.dispatch import read_reference

            return read_reference(path, **options)

        self._start_reading(REFERENCE, str(path), read)

    def load_demo(self) -> None:
        """Open the small real data set of the package: section and reference."""

        def section() -> Any:
            from ...io.demo import demo_section

            return _prepare_section(demo_section())

        def reference() -> Any:
            from ...io.demo import demo_reference

            return demo_reference()

        self.section_options = {}
        self._reset_choices("")
        self._start_reading(SECTION, "", section)
        self._start_reading(REFERENCE, "", reference)

    def _reset_choices(self, path: str) -> None:
        """Forget tables, systems and columns to choose from, unless the same file is read again."""
        if self.paths.get(SECTION) != path:
            self.section_choices = _NO_CHOICES
        self.unit_question = ""

    def set_sources(self, paths: dict[str, str], section_options: dict[str, Any]) -> None:
        """Set where section and reference of a saved session were read from, and how the section was read."""
        self.paths |= paths
        self.section_options = section_options

    def _emit_loading_changed(self, side: str) -> None:
        self.loading_changed(side)

    def close(self) -> None:
        """End all reading."""
        for worker in self._workers.values():
            worker.close()
        self._workers.clear()
        self.busy.clear()

    def _start_reading(self, side: str, path: str, read: Callable[[], Any]) -> None:
        if side in self._workers:
            self._workers.pop(side).close(timeout=0)  # replaced: its result is dropped
        self.busy[side], self.paths[side] = path or "the demo", path or DEMO
        self.error_messages.pop(side, None)
        worker = Worker(
            as_generator(read),
            on_return=lambda found: self._on_read(side, found),
            on_error=lambda error: self._on_read_error(side, error),
        )
        self._workers[side] = worker
        self._emit_loading_changed(side)
        worker.start()

    def _on_read(self, side: str, data: Any) -> None:
        self.busy.pop(side, None)
        session = self._session()
        if session is None:
            return
        if side == SECTION and not isinstance(data, tuple):  # opened without saying what it is: a reference
            self.paths[REFERENCE], self.paths[SECTION] = self.paths[SECTION], self._previous_section_path
            self.error_messages.pop(REFERENCE, None)
            side = REFERENCE
        if side == SECTION:
            if Path(self.paths[SECTION]).exists():  # not the demo, nor what is in memory only
                self.opened_sections[self.paths[SECTION]] = self.section_options
            section, measured, self.unit_question = data
            session.open_section(section, measured)
        else:
            session.open_reference(data, guess_cell_type_column(data.adata.obs))
            session.batch_key = None
        self._emit_loading_changed(side)

    def _on_read_error(self, side: str, error: Exception) -> None:
        self.busy.pop(side, None)
        text = error_message(error, f"{self.paths[side]} could not be read")
        self.error_messages[side] = text
        session = self._session()
        if session is not None:
            (session.close_section if side == SECTION else session.close_reference)()
            session.report(text)
        self._emit_loading_changed(side)


def _prepare_section(section: Section) -> tuple[Section, MeasuredExpression, str]:
    """Prepare a section, in the reading thread: log-normalised values, and a warning about its unit."""
    from ...data.section import unit_warning

    return section, lognormalised_genes(section), with_control_names(unit_warning(section))
