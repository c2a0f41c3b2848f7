"""Other sections beside the open one: read off the GUI thread, the selected gene painted in all."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from ...errors import DataError
from ...paint.layers import canvas
from ...paint.layers.additional_sections import AdditionalSectionLayers, Placement
from ...paint.values import CellValues
from ...spatial.regions import points_in_polygon
from ..state.gene_source import impute_gene, lognormalised_genes
from ..state.session import IMPUTED, Session
from ..state.status import error_message
from ..workers.latest_only import LatestOnly
from .loading import SECTION, LoadingController
from .scene import CanvasController

if TYPE_CHECKING:
    from ...data.measured import MeasuredExpression

__all__ = ["AdditionalSectionsController", "Placement"]


class AdditionalSectionsController:
    """Sections by their path.

    Signals
    -------
    sections_changed
        Others are shown or being read; `shown`, `busy` and `problem` say what.
    """

    sections_changed = Signal()

    def __init__(
        self, viewer: Any, session: Session, loading_controller: LoadingController, canvas_controller: CanvasController
    ) -> None:
        self._viewer = canvas.weak_viewer(viewer)
        self._session, self._loading_controller, self._canvas_controller = (
            session,
            loading_controller,
            canvas_controller,
        )
        self.section_layers = AdditionalSectionLayers(canvas.unwrap(viewer))
        self.error_message = ""
        self._measured_by_path: dict[str, MeasuredExpression] = {}
        self._main_path = ""  # path of the section that is worked on
        self._pending_paths: list[str] = []
        self._read_runner, self._value_runner = LatestOnly(self._on_read_error), LatestOnly(self._on_paint_error)
        self._values_by_path: dict[str, CellValues | None] = {}
        self._connections: tuple[Any, ...] = (
            (canvas_controller.section_painted, self._on_section_painted),  # the view is fitted to all layers
            (canvas_controller.gene_painted, self._request_values),
            (canvas_controller.look_painted, self._paint_sections),
            (session.runs_changed, self._request_values),
        )
        for signal, slot in self._connections:
            signal.connect(slot)
        me = weakref.ref(self)
        canvas_controller.additional_section_text = lambda y, x: (
            "" if (mine := me()) is None else mine.section_layers.cell_text(y, x)
        )
        canvas_controller.additional_section_under = lambda corners: (
            "" if (mine := me()) is None else mine.section_name_under(corners)
        )

    def _emit_sections_changed(self) -> None:
        self.sections_changed()

    def close(self) -> None:
        """End the threads; layers stay."""
        for signal, slot in self._connections:
            signal.disconnect(slot, missing_ok=True)
        self._connections = ()
        self._read_runner.close()
        self._value_runner.close()

    @property
    def available_paths(self) -> list[str]:
        """Paths of sections of the session that can be shown beside the one that is open."""
        return [
            path
            for path in self._loading_controller.opened_sections
            if path != self._loading_controller.paths.get(SECTION)
        ]

    @property
    def shown_paths(self) -> list[str]:
        """Paths of those that are, or are being read."""
        return [*self.section_layers.sections, *self._pending_paths]

    @property
    def busy(self) -> str:
        """What is being read."""
        return f"Reading {Path(self._pending_paths[0]).name} …" if self._pending_paths else ""

    def set_shown(self, path: str, *, on: bool) -> None:
        """Show a section beside the others, or no longer."""
        self.error_message = ""
        if not on:
            self._pending_paths = [p for p in self._pending_paths if p != path]
            self.section_layers.remove(path)
            self._measured_by_path.pop(path, None)
            self._arrange()
        elif path not in self.shown_paths:
            self._pending_paths.append(path)
            self._read_next()
        self._emit_sections_changed()

    def move_section(self, path: str, placement: Placement) -> None:
        """Move or turn a section."""
        self.section_layers.placements[path] = placement
        self._arrange(reset=False)

    def section_name_under(self, corners: NDArray[np.floating[Any]]) -> str:
        """Return the name of the additional section with most cells in an area, or "".

        Parameters
        ----------
        corners : (n, 2)
            x and y in micrometres.
        """
        counts = {
            guest.section.name: int(points_in_polygon(corners, guest.xy).sum())
            for guest in self.section_layers.sections.values()
        }
        most = max(counts, key=lambda name: counts[name], default="")
        return most if counts.get(most) else ""

    def _read_next(self) -> None:
        if not self._pending_paths:
            return
        path, options = self._pending_paths[0], self._loading_controller.opened_sections[self._pending_paths[0]]

        def read() -> Any:
            from ...io.readers.dispatch import read_section

            section = read_section(path, **options)
            if "in pixels" in section.unit_note:
                raise DataError(
                    f"the distances of {section.name} are in pixels, and no pixel size is known: "
                    "it cannot be laid beside others. Open it with a pixel size."
                )
            return section, lognormalised_genes(section)

        self._read_runner.submit(read, lambda found: self._on_section_read(path, *found))

    def _on_section_read(self, path: str, section: Any, measured: MeasuredExpression) -> None:
        if path in self._pending_paths:
            self._pending_paths.remove(path)
            self._measured_by_path[path] = measured
            self.section_layers.add(path, section, "um")
            self._request_values()
            self._arrange()
        self._read_next()
        self._emit_sections_changed()

    def _on_read_error(self, error: Exception) -> None:
        self._pending_paths = self._pending_paths[1:]
        self._read_next()
        self._on_paint_error(error)

    def _on_paint_error(self, error: Exception) -> None:
        self.error_message = error_message(error, "That section could not be shown")
        self._emit_sections_changed()

    def _arrange(self, *, reset: bool = True) -> None:
        section, viewer = self._session.section, self._viewer()
        if section is not None and viewer is not None:
            self.section_layers.arrange(section)
            if reset:
                viewer.reset_view()

    # painting
    def _request_values(self) -> None:
        """Request the values of the selected gene in all sections."""
        session, gene = self._session, self._session.gene
        if not self.section_layers.sections:
            return
        if gene is None:
            self._value_runner.discard()
            self._on_values_ready({})
            return
        imputed, log = session.effective_view == IMPUTED, session.look.log
        jobs = {
            path: (guest.section, self._measured_by_path[path], self._latest_run_of(path))
            for path, guest in self.section_layers.sections.items()
        }

        def values() -> dict[str, CellValues | None]:
            found = {path: _section_values(gene, *job, imputed=imputed) for path, job in jobs.items()}
            return found if log else {path: None if v is None else v.to_linear() for path, v in found.items()}

        self._value_runner.submit(values, self._on_values_ready)

    def _latest_run_of(self, path: str) -> Any:
        """Return the last run of this session that was trained on a section."""
        return next(
            (
                run
                for run in reversed(self._session.runs)
                if run.section.path is not None and str(run.section.path) == path
            ),
            None,
        )

    def _on_values_ready(self, values: dict[str, CellValues | None]) -> None:
        self._values_by_path = values
        self._paint_sections()

    def _paint_sections(self) -> None:
        painter = self._canvas_controller.painter
        if painter is not None and self.section_layers.sections:
            leader = painter.gene_layer()
            self.section_layers.show(
                self._values_by_path.get,
                leader if self._session.gene is not None else None,
                self._session.look.threshold_of,
            )

    def _on_section_painted(self) -> None:
        """Remove the section that was opened from the additional ones; the previous one is added to those shown."""
        path = self._loading_controller.paths.get(SECTION, "") if self._session.section is not None else ""
        if path == self._main_path:
            return
        before, self._main_path = self._main_path, path
        beside = bool(self.section_layers.sections)
        self.section_layers.remove(path)
        self._pending_paths = [p for p in self._pending_paths if p != path]
        if not path:
            for other in list(self.section_layers.sections):
                self.section_layers.remove(other)
        elif beside and before in self._loading_controller.opened_sections:
            self._pending_paths.append(before)
            self._read_next()
        self._request_values()
        self._arrange()
        self._emit_sections_changed()


def _section_values(
    gene: str, section: Any, measured: MeasuredExpression, run: Any, *, imputed: bool
) -> CellValues | None:
    """Of one section: what is painted in the first one, where there is such a thing."""
    if imputed:
        return (
            impute_gene(run, gene)
            if run is not None and gene in {*run.panel.shared, *run.panel.reference_only}
            else None
        )
    genes = section.genes
    return CellValues(gene, measured.column(genes.index(gene))) if gene in genes else None
