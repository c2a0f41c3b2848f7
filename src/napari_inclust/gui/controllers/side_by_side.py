"""Other sections of the session beside the one that is worked on: read off the GUI thread, the chosen gene painted in all. No widgets here."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from ...errors import DataError
from ...paint.layers import canvas
from ...paint.layers.side_by_side import Gallery, Placement
from ...paint.values import CellValues
from ...spatial.regions import inside
from ..state.error_text import told
from ..state.gene_source import imputed_values, log_measured
from ..state.session import IMPUTED, Session
from ..workers.latest_only import Later
from .loading import SECTION, Loading
from .scene import Scene

if TYPE_CHECKING:
    from ...data.measured import Measured

__all__ = ["Beside", "Placement"]


class Beside:
    """Sections by their path.

    Signals
    -------
    changed
        Others are shown or being read; `shown`, `busy` and `problem` say what.
    """

    changed = Signal()

    def __init__(self, viewer: Any, session: Session, loading: Loading, scene: Scene) -> None:
        self._viewer = canvas.reference(viewer)
        self._session, self._loading, self._scene = session, loading, scene
        self.gallery = Gallery(canvas.unwrapped(viewer))
        self.problem = ""
        self._measured: dict[str, Measured] = {}
        self._first = ""  # path of the section that is worked on
        self._wanted: list[str] = []
        self._reader, self._painter = Later(self._not_read), Later(self._not_painted)
        self._values: dict[str, CellValues | None] = {}
        self._links = (
            (session.data_changed, self._data),
            (session.gene_changed, self._gene),
            (session.run_changed, self._gene),
            (session.look_changed, self._paint),
        )
        for signal, slot in self._links:
            signal.connect(slot, priority=-1)  # once all layers are those of the section: the view is fitted to them
        me = weakref.ref(self)
        scene.elsewhere = lambda y, x: "" if (mine := me()) is None else mine.gallery.cell_text(y, x)
        scene.beneath = lambda corners: "" if (mine := me()) is None else mine.beneath(corners)

    def close(self) -> None:
        """End the threads; layers stay."""
        for signal, slot in self._links:
            signal.disconnect(slot, missing_ok=True)
        self._links = ()
        self._reader.close()
        self._painter.close()

    @property
    def others(self) -> list[str]:
        """Paths of sections of the session that can be shown beside the one that is open."""
        return [path for path in self._loading.sections if path != self._loading.path.get(SECTION)]

    @property
    def shown(self) -> list[str]:
        """Paths of those that are, or are being read."""
        return [*self.gallery.guests, *self._wanted]

    @property
    def busy(self) -> str:
        """What is being read."""
        return f"Reading {Path(self._wanted[0]).name} …" if self._wanted else ""

    def show(self, path: str, *, on: bool) -> None:
        """Show a section beside the others, or no longer."""
        self.problem = ""
        if not on:
            self._wanted = [p for p in self._wanted if p != path]
            self.gallery.drop(path)
            self._measured.pop(path, None)
            self._arrange()
        elif path not in self.shown:
            self._wanted.append(path)
            self._read()
        self.changed()

    def place(self, path: str, placement: Placement) -> None:
        """Move or turn a section."""
        self.gallery.places[path] = placement
        self._arrange(reset=False)

    def beneath(self, corners: NDArray[np.floating[Any]]) -> str:
        """Name of the section beside the open one with most cells in an area (corners (n, 2) in micrometres, x and y); empty: none has any."""
        counts = {guest.section.name: int(inside(corners, guest.xy).sum()) for guest in self.gallery.guests.values()}
        most = max(counts, key=lambda name: counts[name], default="")
        return most if counts.get(most) else ""

    def _read(self) -> None:
        if not self._wanted:
            return
        path, options = self._wanted[0], self._loading.sections[self._wanted[0]]

        def read() -> Any:
            from ...io.readers.dispatch import read_section

            section = read_section(path, **options)
            if "in pixels" in section.unit_note:
                raise DataError(
                    f"the distances of {section.name} are in pixels, and no pixel size is known: it cannot be laid beside others. Open it with a pixel size."
                )
            return section, log_measured(section)

        self._reader.ask(read, lambda found: self._arrived(path, *found))

    def _arrived(self, path: str, section: Any, measured: Measured) -> None:
        if path in self._wanted:
            self._wanted.remove(path)
            self._measured[path] = measured
            self.gallery.add(path, section, "um")
            self._gene()
            self._arrange()
        self._read()
        self.changed()

    def _not_read(self, error: Exception) -> None:
        self._wanted = self._wanted[1:]
        self._read()
        self._not_painted(error)

    def _not_painted(self, error: Exception) -> None:
        self.problem = told(error, "That section could not be shown")
        self.changed()

    def _arrange(self, *, reset: bool = True) -> None:
        section, viewer = self._session.section, self._viewer()
        if section is not None and viewer is not None:
            self.gallery.arrange(section)
            if reset:
                viewer.reset_view()

    # painting
    def _gene(self) -> None:
        """Ask for the values of what is chosen, in all sections."""
        session, gene = self._session, self._session.gene
        if not self.gallery.guests:
            return
        if gene is None:
            self._painter.forget()
            self._painted({})
            return
        imputed, log = session.effective_view == IMPUTED, session.look.log
        jobs = {path: (guest.section, self._measured[path], self._run_of(path)) for path, guest in self.gallery.guests.items()}

        def values() -> dict[str, CellValues | None]:
            found = {path: _values(gene, *job, imputed=imputed) for path, job in jobs.items()}
            return found if log else {path: None if v is None else v.linear() for path, v in found.items()}

        self._painter.ask(values, self._painted)

    def _run_of(self, path: str) -> Any:
        """The last run of this session that was trained on a section."""
        return next((run for run in reversed(self._session.runs) if run.section.path is not None and str(run.section.path) == path), None)

    def _painted(self, values: dict[str, CellValues | None]) -> None:
        self._values = values
        self._paint()

    def _paint(self) -> None:
        painter = self._scene.painter
        if painter is not None and self.gallery.guests:
            leader = painter.gene_layer()
            self.gallery.show(self._values.get, leader if self._session.gene is not None else None, self._session.look.threshold)

    def _data(self) -> None:
        """The section that is opened now is no longer beside; with others in the window, the one before takes its place."""
        path = self._loading.path.get(SECTION, "") if self._session.section is not None else ""
        if path == self._first:
            return
        before, self._first = self._first, path
        beside = bool(self.gallery.guests)
        self.gallery.drop(path)
        self._wanted = [p for p in self._wanted if p != path]
        if not path:
            for other in list(self.gallery.guests):
                self.gallery.drop(other)
        elif beside and before in self._loading.sections:
            self._wanted.append(before)
            self._read()
        self._gene()
        self._arrange()
        self.changed()


def _values(gene: str, section: Any, measured: Measured, run: Any, *, imputed: bool) -> CellValues | None:
    """Of one section: what is painted in the first one, where there is such a thing."""
    if imputed:
        return imputed_values(run, gene) if run is not None and gene in {*run.panel.shared, *run.panel.reference_only} else None
    genes = section.genes
    return CellValues(gene, measured.column(genes.index(gene))) if gene in genes else None
