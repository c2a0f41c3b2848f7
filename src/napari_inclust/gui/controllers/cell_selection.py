"""Single cells on the canvas: selection, outlines, the pinned cell, the lasso, colours by a column."""

from __future__ import annotations

import weakref
from collections.abc import Generator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from ...paint.layers import canvas
from ...paint.values import MEASURED, CellValues
from ...spatial.regions import points_in_polygon
from ..state.cell_card import CardLine, cell_card_lines
from ..state.columns import categorical_columns, categories_from_column, numeric_columns
from ..state.selection import SelectedCells
from ..state.session import MEASURED_AND_IMPUTED
from ..theme import theme_colours
from ..workers.latest_only import LatestOnly
from .lasso import Lasso
from .scene import CanvasController

KEY_BINDINGS = {
    "Alt-C": ("toggle_outlines", "outlines of the cells on / off"),
    "Alt-Z": ("undo", "the selection before"),
}
_MAX_CLICK_MOVE = 4.0  # pixels that the pointer may move in a click
_LINE_WIDTH_FRACTION = 1 / 200  # width of a drawn line, of the section's extent


class CellSelection:
    """Paints selected, pinned and outlined cells, and handles mouse and keys.

    Signals
    -------
    display_changed
        The column that colours the cells, the outlines, or the error of the last drawing.
    card_changed
        `card_lines` of the pinned cell.
    """

    display_changed = Signal()
    card_changed = Signal()

    def __init__(self, viewer: Any, canvas_controller: CanvasController, selected_cells: SelectedCells) -> None:
        viewer = canvas.unwrap(viewer)
        self._viewer = weakref.ref(viewer)
        self._canvas_controller, self._selected_cells = canvas_controller, selected_cells
        self.lasso = Lasso(viewer)
        self.colour_column: str | None = None
        self.error_message = ""  # why the last drawing selected nothing
        self.outlines_shown = False
        self.pinned_cell: int | None = None
        self.card_lines: list[CardLine] = []
        self._region_names_of: Any = lambda row: []
        self._type_probabilities: Any = None
        self._probability_runner = LatestOnly(self._on_error)
        s = canvas_controller.session
        self._connections: tuple[Any, ...] = (
            (s.section_closing, self._on_section_closing),
            (canvas_controller.section_painted, self._on_section_painted),
            (s.cell_categories_changed, self._on_cell_categories_changed),
            (selected_cells.changed, self._on_selection_changed),
            (canvas_controller.gene_painted, self._update_card),
            (s.run_selected, self._request_type_probabilities),
            (canvas_controller.reliability_controller.interval_changed, self._update_card),
            (canvas_controller.reliability_controller.status_changed, self._update_card),
            (canvas_controller.domain_controller.domains_changed, self._update_card),
        )
        for signal, slot in self._connections:
            signal.connect(slot)
        viewer.mouse_drag_callbacks.append(self._on_mouse_press)
        me = weakref.ref(self)
        for key, (name, about) in KEY_BINDINGS.items():
            viewer.bind_key(key, _key_binding(me, name, about), overwrite=True)

    def close(self) -> None:
        """Disconnect from the viewer; its layers stay."""
        viewer = self._viewer()
        self._probability_runner.close()
        self.lasso.close()
        for signal, slot in self._connections:
            signal.disconnect(slot, missing_ok=True)
        self._connections = ()
        if viewer is not None:
            if self._on_mouse_press in viewer.mouse_drag_callbacks:
                viewer.mouse_drag_callbacks.remove(self._on_mouse_press)
            for key in KEY_BINDINGS:
                viewer.bind_key(key, None, overwrite=True)

    # selecting
    def start_drawing(self, tool: str) -> None:
        """Select with a tool of `lasso.TOOLS`, until it is put away ("")."""
        painter = self._canvas_controller.painter
        if not tool or painter is None:
            self.lasso.stop()
            return
        if (
            self._canvas_controller.session.view == MEASURED_AND_IMPUTED
        ):  # side by side the drawing would have a place of its own
            self._canvas_controller.session.set_view(MEASURED)
        section = painter.section
        width = float(np.ptp(section.xy, axis=0).max()) * _LINE_WIDTH_FRACTION
        self.lasso.start(tool, painter.unit, width, lambda corners: self._select_inside(corners, tool))

    def _select_inside(self, corners: NDArray[np.float64], tool: str) -> None:
        section = self._canvas_controller.session.section
        if section is not None:
            cells = points_in_polygon(corners, section.xy)
            self.error_message = "" if cells.any() else self._canvas_controller.wrong_section_message(corners)
            if not self.error_message:
                self._selected_cells.select(cells, tool)
            self._emit_display_changed()

    def select_categories(self, category_codes: frozenset[int]) -> None:
        """Cells of some of the categories that colour them."""
        types = self._canvas_controller.session.cell_categories
        if types is not None and category_codes:
            names = [types.categories[c] for c in sorted(category_codes)]
            self._selected_cells.select(
                np.isin(types.codes, list(category_codes)), ", ".join(names[:3]) + (" …" if len(names) > 3 else "")
            )

    def select_domains(self) -> None:
        """Cells of the highlighted domains."""
        finding = self._canvas_controller.domain_controller
        seg = finding.segmentation
        if seg is not None and finding.highlighted:
            names = [seg.names[d] for d in sorted(finding.highlighted)]
            self._selected_cells.select(
                np.isin(seg.labels, list(finding.highlighted)), ", ".join(names[:3]) + (" …" if len(names) > 3 else "")
            )

    def toggle_outlines(self) -> None:
        """Show or hide the outlines of the cells."""
        self.show_outlines(not self.outlines_shown)

    def undo(self) -> None:
        """Return to the previous selection."""
        self._selected_cells.undo()

    # looking
    def show_outlines(self, on: bool) -> None:
        """Show or hide the border of every cell."""
        self.outlines_shown = on
        if self._canvas_controller.painter is not None:
            self._canvas_controller.painter.cell_marks.show_outlines(theme_colours()[1], on=on)
        self._emit_display_changed()

    def colour_columns(self) -> tuple[list[str], list[str]]:
        """Columns of the section with categories, and those with numbers."""
        section = self._canvas_controller.session.section
        return (
            ([], [])
            if section is None
            else (categorical_columns(section.adata.obs), numeric_columns(section.adata.obs))
        )

    def colour_by(self, name: str) -> None:
        """Colour the cells by a column of the section."""
        session, painter = self._canvas_controller.session, self._canvas_controller.painter
        if painter is None or session.section is None:
            return
        if session.view == MEASURED_AND_IMPUTED:
            session.set_view(MEASURED)
        if name in self.colour_columns()[0]:
            session.set_cell_categories(categories_from_column(session.section, name))
            return
        values = np.asarray(session.section.adata.obs[name], dtype=np.float32)
        self.colour_column = name
        painter.cell_marks.show_column(
            CellValues(name, values, "column of the section", unit="(unit of the file)"),
            painter.describe,
            "cividis",
            [*painter.layers, *painter.cell_marks.top_layers],
        )
        painter.bring_to_front("cells")
        self._update_card()
        self._emit_display_changed()

    def restyle(self) -> None:
        """Redraw theme-coloured layers."""
        painter = self._canvas_controller.painter
        if painter is not None:
            painter.cell_marks.show_outlines("", on=False)
            painter.cell_marks.show_pin(None, 0, "")
            painter.cell_marks.show_selected(None, "", "")
            self.show_outlines(self.outlines_shown)
            self._draw_pin()
            self._on_selection_changed()

    # pinning
    def pin(self, cell_index: int | None) -> None:
        """Pin the card of a cell; None: unpin it."""
        self.pinned_cell = cell_index
        self._draw_pin()
        self._request_type_probabilities()

    def _draw_pin(self) -> None:
        painter, row = self._canvas_controller.painter, self.pinned_cell
        if painter is not None:
            place = None if row is None else (float(painter.section.xy[row][1]), float(painter.section.xy[row][0]))
            painter.cell_marks.show_pin(place, 1.6 * painter.cell_marks.cell_diameter, theme_colours()[1])

    def set_region_lookup(self, lookup: Any) -> None:
        """Set the function that names the regions of a cell."""
        self._region_names_of = lookup

    def _request_type_probabilities(self) -> None:
        """Request the type probabilities of the pinned cell, which a network computes."""
        self._type_probabilities = None
        self._update_card()
        run, row = self._canvas_controller.session.run, self.pinned_cell
        if run is None or row is None:
            self._probability_runner.discard()
            return
        self._probability_runner.submit(
            lambda: run.type_probabilities(np.array([row])), lambda table: self._on_type_probabilities(run, row, table)
        )

    def _on_type_probabilities(self, run: Any, row: int, table: Any) -> None:
        if run is self._canvas_controller.session.run and row == self.pinned_cell and table is not None:
            self._type_probabilities = table.iloc[0]
            self._update_card()

    def _on_error(self, error: Exception) -> None:
        self._set_card(("Predicted type", f"could not be computed ({type(error).__name__}: {error})"))

    def _update_card(self, *_: Any) -> None:
        self._set_card()

    def _emit_display_changed(self) -> None:
        self.display_changed()

    def _set_card(self, *more: CardLine) -> None:
        scene = self._canvas_controller
        self.card_lines = []
        if self.pinned_cell is not None and scene.painter is not None:
            self.card_lines = cell_card_lines(
                self.pinned_cell,
                scene.session,
                scene.painter,
                scene.reliability_controller,
                scene.domain_controller,
                self._region_names_of(self.pinned_cell),
                self._type_probabilities,
            )
        self.card_lines += more
        self.card_changed()

    # what the session and the viewer say
    def _on_section_closing(self) -> None:
        self.pinned_cell = self.colour_column = None
        self.lasso.stop()
        self._update_card()

    def _on_section_painted(self) -> None:
        self.show_outlines(self.outlines_shown and self._canvas_controller.session.section is not None)

    def _on_cell_categories_changed(self) -> None:
        if self._canvas_controller.painter is not None and self._canvas_controller.session.cell_categories is not None:
            self.colour_column = None
            self._canvas_controller.painter.cell_marks.show_column(
                None, self._canvas_controller.painter.describe, "", []
            )
            self._canvas_controller.painter.bring_to_front("cells")
        self._update_card()
        self._emit_display_changed()

    def _on_selection_changed(self) -> None:
        self.error_message = ""
        painter, now = self._canvas_controller.painter, self._selected_cells.current
        if painter is not None and (now is None or len(now.mask) == painter.raster.n_cells):
            painter.cell_marks.show_selected(
                None if now is None else now.mask, canvas.background_colour(), theme_colours()[1]
            )

    def _on_mouse_press(self, viewer: Any, event: Any) -> Generator[None, None, None]:
        """Handle a click, without a drag, while the active layer is in pan/zoom mode."""
        active = viewer.layers.selection.active
        if (
            event.button != 1
            or str(getattr(active, "mode", "pan_zoom")) != "pan_zoom"
            or self._canvas_controller.painter is None
        ):
            return
        start, still = np.array(event.pos), True
        yield
        while event.type == "mouse_move":
            still &= float(np.abs(np.array(event.pos) - start).max()) <= _MAX_CLICK_MOVE
            yield
        if still and self._canvas_controller.painter is not None:
            y, x = viewer.cursor.position[-2:]
            self.pin(self._canvas_controller.painter.raster.cell_at(float(y), float(x)))


def _key_binding(me: weakref.ref[CellSelection], method: str, description: str) -> Any:
    def act(viewer: Any) -> None:
        marking = me()
        if marking is not None:
            getattr(marking, method)()

    act.__doc__ = f"inClust+: {description}"
    return act
