"""Single cells on the canvas: selected, outlined, pinned by a click, drawn over with a lasso, coloured by a column. No widgets here."""

from __future__ import annotations

import weakref
from collections.abc import Generator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from ...paint.layers import canvas
from ...paint.values import CellValues
from ...spatial.regions import inside
from ..state.cell_card import Line, card
from ..state.columns import categories, numbers
from ..state.selection import Selection
from ..state.session import BOTH, MEASURED
from ..theme import theme_colours
from ..workers.latest_only import Later
from .lasso import Lasso
from .scene import Scene, types_of

KEYS = {"Alt-C": ("toggle_outlines", "outlines of the cells on / off"), "Alt-Z": ("undo", "the selection before")}
_STILL = 4.0  # pixels that the pointer may move in a click
_LINE = 1 / 200  # width of a drawn line, of the section's extent


class Marking:
    """Paints what is said of cells, and listens to the mouse.

    Signals
    -------
    changed
        The column, the outlines or the drawing tool.
    pinned
        Another cell is pinned, or more is known of it; `lines` tells.
    """

    changed = Signal()
    pinned = Signal()

    def __init__(self, viewer: Any, scene: Scene, selection: Selection) -> None:
        viewer = canvas.unwrapped(viewer)
        self._viewer = weakref.ref(viewer)
        self._scene, self._selection = scene, selection
        self.lasso = Lasso(viewer)
        self.column: str | None = None
        self.problem = ""  # why the last drawing selected nothing
        self.outlined = False
        self.row: int | None = None
        self.lines: list[Line] = []
        self._regions_of: Any = lambda row: []
        self._probabilities: Any = None
        self._reader = Later(self._failed)
        s = scene.session
        self._links = (
            (s.data_changed, self._data),
            (s.types_changed, self._types),
            (selection.changed, self._selected),
            (s.gene_changed, self._write),
            (s.run_changed, self._read),
            (scene.judging.read, self._write),
            (scene.judging.changed, self._write),
            (scene.finding.changed, self._write),
            (self.lasso.changed, self.changed.emit),
        )
        for signal, slot in self._links:
            signal.connect(slot)
        viewer.mouse_drag_callbacks.append(self._pressed)
        me = weakref.ref(self)
        for key, (name, about) in KEYS.items():
            viewer.bind_key(key, _on_key(me, name, about), overwrite=True)
        self._section: Any = None

    def close(self) -> None:
        """Let go of the viewer; its layers stay."""
        viewer = self._viewer()
        self._reader.close()
        self.lasso.close()
        for signal, slot in self._links:
            signal.disconnect(slot, missing_ok=True)
        self._links = ()
        if viewer is not None:
            if self._pressed in viewer.mouse_drag_callbacks:
                viewer.mouse_drag_callbacks.remove(self._pressed)
            for key in KEYS:
                viewer.bind_key(key, None, overwrite=True)

    # selecting
    def draw(self, tool: str) -> None:
        """Select with a tool of `lasso.TOOLS`, until it is put away ("")."""
        painter = self._scene.painter
        if not tool or painter is None:
            self.lasso.stop()
            return
        if self._scene.session.view == BOTH:  # side by side the drawing would have a place of its own
            self._scene.session.set_view(MEASURED)
        section = painter.section
        width = float(np.ptp(section.xy, axis=0).max()) * _LINE
        self.lasso.start(tool, painter.unit, width, lambda corners: self._select_inside(corners, tool))

    def _select_inside(self, corners: NDArray[np.float64], tool: str) -> None:
        section = self._scene.session.section
        if section is not None:
            cells = inside(corners, section.xy)
            self.problem = "" if cells.any() else self._scene.elsewhere_of(corners)
            if not self.problem:
                self._selection.select(cells, tool)
            self.changed()

    def select_categories(self, codes: frozenset[int]) -> None:
        """Cells of some of the categories that colour them."""
        types = self._scene.session.types
        if types is not None and codes:
            names = [types.categories[c] for c in sorted(codes)]
            self._selection.select(np.isin(types.codes, list(codes)), ", ".join(names[:3]) + (" …" if len(names) > 3 else ""))

    def select_domains(self) -> None:
        """Cells of the highlighted domains."""
        finding = self._scene.finding
        seg = finding.segmentation
        if seg is not None and finding.selected:
            names = [seg.names[d] for d in sorted(finding.selected)]
            self._selection.select(np.isin(seg.labels, list(finding.selected)), ", ".join(names[:3]) + (" …" if len(names) > 3 else ""))

    def toggle_outlines(self) -> None:
        self.outline(not self.outlined)

    def undo(self) -> None:
        self._selection.undo()

    # looking
    def outline(self, on: bool) -> None:
        """The border of every cell."""
        self.outlined = on
        if self._scene.painter is not None:
            self._scene.painter.cells.show_outlines(theme_colours()[1], on=on)
        self.changed()

    def columns(self) -> tuple[list[str], list[str]]:
        """Columns of the section with categories, and those with numbers."""
        section = self._scene.session.section
        return ([], []) if section is None else (categories(section.adata.obs), numbers(section.adata.obs))

    def colour_by(self, name: str) -> None:
        """Colour the cells by a column of the section."""
        session, painter = self._scene.session, self._scene.painter
        if painter is None or session.section is None:
            return
        if session.view == BOTH:
            session.set_view(MEASURED)
        if name in self.columns()[0]:
            session.set_types(types_of(session.section, name))
            return
        values = np.asarray(session.section.adata.obs[name], dtype=np.float32)
        self.column = name
        painter.cells.show_column(
            CellValues(name, values, "column of the section", unit="(unit of the file)"), painter.describe, "cividis", [*painter.layers, *painter.cells.over]
        )
        painter.bring("cells")
        self._write()
        self.changed()

    def restyle(self) -> None:
        """Draw anew what is drawn in colours of napari's theme."""
        painter = self._scene.painter
        if painter is not None:
            painter.cells.show_outlines("", on=False)
            painter.cells.show_pin(None, 0, "")
            painter.cells.show_selected(None, "", "")
            self.outline(self.outlined)
            self._ring()
            self._selected()

    # pinning
    def pin(self, row: int | None) -> None:
        """Pin the card of a cell; None: let go."""
        self.row = row
        self._ring()
        self._read()

    def _ring(self) -> None:
        painter, row = self._scene.painter, self.row
        if painter is not None:
            place = None if row is None else (float(painter.section.xy[row][1]), float(painter.section.xy[row][0]))
            painter.cells.show_pin(place, 1.6 * painter.cells.width, theme_colours()[1])

    def tell_regions(self, of: Any) -> None:
        """Who knows the names of the regions that a row lies in."""
        self._regions_of = of

    def _read(self) -> None:
        """Ask for the probabilities of the types, which takes a network."""
        self._probabilities = None
        self._write()
        run, row = self._scene.session.run, self.row
        if run is None or row is None:
            self._reader.forget()
            return
        self._reader.ask(lambda: run.type_probabilities(np.array([row])), lambda table: self._arrived(run, row, table))

    def _arrived(self, run: Any, row: int, table: Any) -> None:
        if run is self._scene.session.run and row == self.row and table is not None:
            self._probabilities = table.iloc[0]
            self._write()

    def _failed(self, error: Exception) -> None:
        self._write()
        self.lines.append(("Predicted type", f"could not be computed ({type(error).__name__}: {error})"))
        self.pinned()

    def _write(self, *_: Any) -> None:
        scene = self._scene
        self.lines = []
        if self.row is not None and scene.painter is not None:
            self.lines = card(self.row, scene.session, scene.painter, scene.judging, scene.finding, self._regions_of(self.row), self._probabilities)
        self.pinned()

    # what the session and the viewer say
    def _data(self) -> None:
        section = self._scene.session.section
        if section is not self._section:
            self._section, self.row, self.column = section, None, None
            self.lasso.stop()
            self.outline(self.outlined and section is not None)
            self._write()

    def _types(self) -> None:
        if self._scene.painter is not None and self._scene.session.types is not None:
            self.column = None
            self._scene.painter.cells.show_column(None, self._scene.painter.describe, "", [])
            self._scene.painter.bring("cells")
        self._write()
        self.changed()

    def _selected(self) -> None:
        self.problem = ""
        painter, now = self._scene.painter, self._selection.now
        if painter is not None and (now is None or len(now.cells) == painter.raster.n_cells):
            painter.cells.show_selected(None if now is None else now.cells, canvas.background(), theme_colours()[1])

    def _pressed(self, viewer: Any, event: Any) -> Generator[None, None, None]:
        """A click, without a drag, while the active layer is only looked at."""
        active = viewer.layers.selection.active
        if event.button != 1 or str(getattr(active, "mode", "pan_zoom")) != "pan_zoom" or self._scene.painter is None:
            return
        start, still = np.array(event.pos), True
        yield
        while event.type == "mouse_move":
            still &= float(np.abs(np.array(event.pos) - start).max()) <= _STILL
            yield
        if still and self._scene.painter is not None:
            y, x = viewer.cursor.position[-2:]
            self.pin(self._scene.painter.raster.cell_at(float(y), float(x)))


def _on_key(me: weakref.ref[Marking], name: str, about: str) -> Any:
    def act(viewer: Any) -> None:
        marking = me()
        if marking is not None:
            getattr(marking, name)()

    act.__doc__ = f"inClust+: {about}"
    return act
