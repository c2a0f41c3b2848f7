"""The session on the canvas: what is chosen gets painted; the pointer tells its cell; keys change genes."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from napari.utils.notifications import show_error
from psygnal import Signal

from ...errors import InclustError
from ...paint.layers import canvas
from ...paint.layers.painter import Painter
from ...paint.values import CellTypes
from ..state.columns import likely_types
from ..state.session import BOTH, Session
from ..theme import theme_colours
from .decoding import Decoding
from .domain_controller import Finding
from .reliability_controller import Judging

KEYS = {
    "Alt-Right": ("next_gene", "next gene in the table"),
    "Alt-Left": ("previous_gene", "previous gene in the table"),
    "Alt-M": ("toggle_view", "measured / imputed"),
    "Alt-B": ("toggle_both", "side by side on / off"),
    "Alt-S": ("star", "star the gene"),
    "Alt-O": ("toggle_outlines", "outlines of the domains on / off"),
}


class Scene:
    """Paints a session into a viewer.

    Signals
    -------
    hovered(text)
        The cell under the pointer in words, or "".
    wanted(step)
        A key asked for the next (1) or previous (-1) gene of the table.
    """

    hovered = Signal(str)
    wanted = Signal(int)

    def __init__(self, viewer: Any, session: Session, finding: Finding, judging: Judging) -> None:
        viewer = canvas.unwrapped(viewer)
        self._viewer = weakref.ref(viewer)
        self.session, self.finding, self.judging = session, finding, judging
        self.painter: Painter | None = None
        self.decoding = Decoding(session)
        self.elsewhere: Callable[[float, float], str] = lambda y, x: ""  # what lies beside the section, in words
        self.beneath: Callable[[Any], str] = lambda corners: ""  # name of the section beside it that lies under an area
        self._links = (
            (session.data_changed, self._data),
            (session.types_changed, self._types),
            (session.gene_changed, self._gene),
            (session.gene_recalled, self._recalled),
            (session.foreseen_changed, self._repaint),
            (session.blend_changed, self._blend),
            (session.look_changed, self._look),
            (session.told, self._told),
            (finding.changed, self._domains),
            (finding.look_changed, self._domains_look),
            (judging.read, self._read),
            (judging.look_changed, self._trust_look),
        )
        for signal, slot in self._links:
            signal.connect(slot)
        viewer.mouse_move_callbacks.append(self._moved)
        me = weakref.ref(self)
        for key, (name, _) in KEYS.items():
            viewer.bind_key(key, _on_key(me, name), overwrite=True)

    def close(self) -> None:
        """Let go of the viewer; its layers stay."""
        viewer = self._viewer()
        self.decoding.close()
        for signal, slot in self._links:
            signal.disconnect(slot, missing_ok=True)
        self._links = ()
        if viewer is not None:
            if self._moved in viewer.mouse_move_callbacks:
                viewer.mouse_move_callbacks.remove(self._moved)
            for key in KEYS:
                viewer.bind_key(key, None, overwrite=True)
        self.painter = None

    # keys
    def next_gene(self) -> None:
        self.wanted(1)

    def previous_gene(self) -> None:
        self.wanted(-1)

    def toggle_view(self) -> None:
        self.session.toggle_view()

    def toggle_both(self) -> None:
        self.session.set_view(BOTH if self.session.view != BOTH else "imputed")

    def star(self) -> None:
        if self.session.gene:
            self.session.star(self.session.gene)

    def toggle_outlines(self) -> None:
        self.finding.outline(not self.finding.outlined)

    def elsewhere_of(self, corners: Any) -> str:
        """Why an area (corners (n, 2) in micrometres) holds no cell of the open section: it lies on one beside it. Empty else."""
        name, section = self.beneath(corners), self.session.section
        return f"That area lies on {name}, beside {section.name}, which is open. Choose {name} as the section first." if name and section is not None else ""

    # painting
    def _data(self) -> None:
        section, viewer = self.session.section, self._viewer()
        if viewer is None or (self.painter is not None and self.painter.section is section):
            return
        if self.painter is not None:
            self.painter.close()
            self.painter = None
        if section is None:
            return
        self.painter = Painter(viewer, section, on_limits=self.session.look.set_manual)
        self.painter.colormap = self.session.look.colormap
        key = likely_types(section.adata.obs)
        if key is not None:
            self.session.set_types(types_of(section, key))
        else:
            self.session.choose(str(self.session.genes().names[0]))

    def _types(self) -> None:
        if self.painter is not None and self.session.types is not None:
            self.painter.paint_types(self.session.types)

    def _blend(self) -> None:
        if self.painter is not None:
            blend = self.session.blend
            self.painter.blend.show(blend, dict(zip(blend, self.session.look.limits(list(blend.values())), strict=True)), self.painter.describe)
            self.painter.bring("blend" if blend else "genes")

    def _domains(self) -> None:
        """Paint the domains when they are others than before."""
        types = self.finding.types()
        if self.painter is None:
            return
        shown = self.painter.overlays.domains
        if types is None or shown is None or shown.types is not types:
            self._domains_look()
            if types is not None:
                self.painter.bring("domains")

    def _domains_look(self) -> None:
        if self.painter is None:
            return
        finding, seg = self.finding, self.finding.segmentation
        self.painter.show_domains(finding.types(), None if seg is None else seg.confidence, finding.selected, shaded=finding.shaded)
        self.painter.overlays.show_outlines(finding.lines if finding.outlined else None, theme_colours()[1])

    def restyle(self) -> None:
        """Draw anew what is drawn in colours of napari's theme."""
        if self.painter is not None:
            overlays = self.painter.overlays
            overlays.show_outlines(None, "")
            overlays.show_divide(None, "")
            overlays.show_uncertainty(None, self.painter.describe)
            self._domains_look()
            self._repaint()

    def bring(self, what: str) -> None:
        """Bring "domains" or "genes" to view."""
        if self.painter is not None:
            self.painter.bring(what)

    def hide_types(self, hidden: set[int]) -> None:
        """Draw some categories transparent."""
        if self.painter is not None:
            self.painter.hide_types(hidden)

    def _gene(self) -> None:
        if self._repaint() and self.painter is not None:
            self.painter.bring("genes")

    def _recalled(self) -> None:
        """The gene may lie under others, or the user may have removed its layer."""
        if self.painter is not None and self.painter.gene_layer() is None:
            self._gene()
        else:
            self.bring("genes")

    def _repaint(self) -> bool:
        """Paint the gene; False when there is none yet."""
        if self.painter is None:
            return False
        if self.session.must_wait and self.session.gene is not None:
            self.decoding.ask(self.session.run, self.session.gene)
            return False
        try:
            shown = self.session.shown()
        except InclustError as error:
            show_error(str(error))
            return False
        if shown:
            look = self.session.look
            self.painter.paint(shown, look.beside(shown), [look.threshold(p) for p in shown])
            self.painter.overlays.show_divide(self.session.line if 0 < self.session.divide < 1 else None, theme_colours()[1])
            self._read()
        return bool(shown)

    def _read(self) -> None:
        """The interval of the chosen gene is known, or no longer."""
        about = self.judging.about
        if self.painter is not None:
            if about is not None:
                self.painter.annotate(about.better)
            self.painter.overlays.show_uncertainty(self.judging.uncertain(), self.painter.describe, veil=self.judging.veil)

    def _trust_look(self) -> None:
        if self.painter is not None:
            self.painter.fade(self.judging.faded())
            self._read()

    def _look(self) -> None:
        if self.painter is None:
            return
        if self.painter.colormap != self.session.look.colormap:
            self.painter.recolour(self.session.look.colormap)
        self.painter.relimit(self.session.look.beside, self.session.look.threshold)

    def _told(self, text: str) -> None:
        show_error(text)

    def _moved(self, viewer: Any, event: Any) -> None:
        if self.painter is not None and len(viewer.cursor.position) >= 2:
            y, x = viewer.cursor.position[-2:]
            self.hovered(self.painter.cell_text(float(y), float(x)) or self.elsewhere(float(y), float(x)))


def types_of(section: Any, key: str) -> CellTypes:
    """Categories of a column of a section, in the colours that the file keeps when it does."""
    return CellTypes.from_column(key, section.adata.obs[key], section.adata.uns.get(f"{key}_colors"))


def _on_key(me: weakref.ref[Scene], name: str) -> Any:
    def act(viewer: Any) -> None:
        scene = me()
        if scene is not None:
            getattr(scene, name)()

    act.__doc__ = f"inClust+: {dict(KEYS.values())[name]}"
    return act
