"""The session on the canvas: painting, the cell under the pointer, keys."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from psygnal import Signal

from ...paint.layers import canvas
from ...paint.layers.painter import Painter
from ...paint.values import CellValues
from ..state.session import MEASURED_AND_IMPUTED, Session
from ..theme import theme_colours
from .domain_controller import DomainController
from .gene_controller import GeneController
from .reliability_controller import ReliabilityController

KEY_BINDINGS = {
    "Alt-Right": ("next_gene", "next gene in the table"),
    "Alt-Left": ("previous_gene", "previous gene in the table"),
    "Alt-M": ("toggle_view", "measured / imputed"),
    "Alt-B": ("toggle_both", "side by side on / off"),
    "Alt-S": ("star", "star the gene"),
    "Alt-O": ("toggle_outlines", "outlines of the domains on / off"),
}


class CanvasController:
    """Paints a session into a viewer.

    Signals
    -------
    cell_hovered(text)
        The cell under the pointer in words, or "".
    gene_step_requested(step)
        The key of the next (1) or previous (-1) gene of the table.
    section_painted
        The first layer of another section is in the viewer, or the last one is removed.
    gene_painted
        The layers of the gene hold other values.
    look_painted
        The layers of the gene have other limits or colours.
    """

    section_painted = Signal()
    gene_painted = Signal()
    look_painted = Signal()
    cell_hovered = Signal(str)
    gene_step_requested = Signal(int)

    def __init__(
        self,
        viewer: Any,
        session: Session,
        gene_controller: GeneController,
        domain_controller: DomainController,
        reliability_controller: ReliabilityController,
    ) -> None:
        viewer = canvas.unwrap(viewer)
        self._viewer = weakref.ref(viewer)
        self.session, self._gene_controller = session, gene_controller
        self.domain_controller, self.reliability_controller = domain_controller, reliability_controller
        self.painter: Painter | None = None
        self._painted_section: Any = None
        self.additional_section_text: Callable[[float, float], str] = lambda y, x: (
            ""
        )  # what lies beside the section, in words
        self.additional_section_under: Callable[[Any], str] = lambda corners: (
            ""
        )  # name of the section beside it that lies under an area
        self._connections: tuple[Any, ...] = (
            (session.section_closing, self._on_section_closing),
            (session.section_changed, self._on_section_changed),
            (session.cell_categories_changed, self._on_cell_categories_changed),
            (gene_controller.values_ready, self._on_values_ready),
            (gene_controller.values_annotated, self._paint),
            (session.gene_reselected, self._on_gene_reselected),
            (session.blend_changed, self._on_blend_changed),
            (session.look.changed, self._on_look_changed),
            (domain_controller.domains_changed, self._on_domains_changed),
            (domain_controller.look_changed, self._on_domain_look_changed),
            (reliability_controller.interval_changed, self._on_interval_changed),
            (reliability_controller.look_changed, self._on_reliability_look_changed),
        )
        for signal, slot in self._connections:
            signal.connect(slot)
        viewer.mouse_move_callbacks.append(self._on_mouse_move)
        me = weakref.ref(self)
        for key, (name, _) in KEY_BINDINGS.items():
            viewer.bind_key(key, _key_binding(me, name), overwrite=True)

    def close(self) -> None:
        """Disconnect from the viewer; its layers stay."""
        viewer = self._viewer()
        for signal, slot in self._connections:
            signal.disconnect(slot, missing_ok=True)
        self._connections = ()
        if viewer is not None:
            if self._on_mouse_move in viewer.mouse_move_callbacks:
                viewer.mouse_move_callbacks.remove(self._on_mouse_move)
            for key in KEY_BINDINGS:
                viewer.bind_key(key, None, overwrite=True)
        self.painter = None

    # keys
    def next_gene(self) -> None:
        """Request the next gene of the table."""
        self._request_step(1)

    def previous_gene(self) -> None:
        """Request the previous gene of the table."""
        self._request_step(-1)

    def _request_step(self, step: int) -> None:
        self.gene_step_requested(step)

    def toggle_view(self) -> None:
        """Switch between measured and imputed."""
        self.session.toggle_view()

    def toggle_both(self) -> None:
        """Switch the side-by-side view on or off."""
        self.session.set_view(MEASURED_AND_IMPUTED if self.session.view != MEASURED_AND_IMPUTED else "imputed")

    def star(self) -> None:
        """Star the gene, or remove its star."""
        if self.session.gene:
            self.session.toggle_star(self.session.gene)

    def toggle_outlines(self) -> None:
        """Show or hide the outlines of the domains."""
        self.domain_controller.show_outlines(not self.domain_controller.outlines_shown)

    def wrong_section_message(self, corners: Any) -> str:
        """Return the error for an area (corners (n, 2) in micrometres) on an additional section, else ""."""
        name, section = self.additional_section_under(corners), self.session.section
        return (
            f"That area lies on {name}, beside {section.name}, which is open. Choose {name} as the section first."
            if name and section is not None
            else ""
        )

    # painting
    def _on_section_closing(self) -> None:
        if self.painter is not None:
            self.painter.close()
            self.painter = None

    def _on_section_changed(self) -> None:
        section, viewer = self.session.section, self._viewer()
        if section is None:
            self._set_painted_section(None)
        elif viewer is not None:
            self.painter = Painter(viewer, section, on_limits=self.session.look.set_manual_limits)
            self.painter.colormap = self.session.look.colormap

    def _set_painted_section(self, section: Any) -> None:
        if section is not self._painted_section:
            self._painted_section = section
            self.section_painted()

    def _on_cell_categories_changed(self) -> None:
        if self.painter is not None and self.session.cell_categories is not None:
            self.painter.show_categories(self.session.cell_categories)
            self._set_painted_section(self.painter.section)

    def _on_blend_changed(self) -> None:
        if self.painter is not None:
            blend = self.session.blend
            self.painter.blend_layers.show(
                blend,
                dict(zip(blend, self.session.look.limits(list(blend.values())), strict=True)),
                self.painter.describe,
            )
            self.painter.bring_to_front("blend" if blend else "genes")

    def _on_domains_changed(self) -> None:
        """Paint the domains when they are others than before."""
        types = self.domain_controller.domain_categories()
        if self.painter is None:
            return
        shown = self.painter.overlays.domains
        if types is None or shown is None or shown.cell_categories is not types:
            self._on_domain_look_changed()
            if types is not None:
                self.painter.bring_to_front("domains")

    def _on_domain_look_changed(self) -> None:
        if self.painter is None:
            return
        finding, seg = self.domain_controller, self.domain_controller.segmentation
        self.painter.show_domains(
            finding.domain_categories(),
            None if seg is None else seg.confidence,
            finding.highlighted,
            shaded=finding.confidence_shown,
        )
        self.painter.overlays.show_outlines(
            finding.outline_segments if finding.outlines_shown else None, theme_colours()[1]
        )

    def restyle(self) -> None:
        """Redraw theme-coloured layers."""
        if self.painter is not None:
            overlays = self.painter.overlays
            overlays.show_outlines(None, "")
            overlays.show_swipe_line(None, "")
            overlays.show_uncertainty(None, self.painter.describe)
            self._on_domain_look_changed()
            self._paint(self._gene_controller.values)

    def bring_to_front(self, what: str) -> None:
        """Bring "domains" or "genes" to view."""
        if self.painter is not None:
            self.painter.bring_to_front(what)

    def hide_categories(self, hidden: set[int]) -> None:
        """Draw some categories transparent."""
        if self.painter is not None:
            self.painter.hide_categories(hidden)

    def _on_values_ready(self, values: list[CellValues]) -> None:
        self._paint(values)
        if values:
            self.bring_to_front("genes")

    def _on_gene_reselected(self) -> None:
        """Bring the gene to the front; paint it again when the user removed its layer."""
        if self.painter is not None and self.painter.gene_layer() is None:
            self._paint(self._gene_controller.values)
        self.bring_to_front("genes")

    def _paint(self, values: list[CellValues]) -> None:
        """Paint the gene; without values its layers stay as they are."""
        if self.painter is not None and values:
            look = self.session.look
            self.painter.show_genes(values, look.paired_limits(values), [look.threshold_of(v) for v in values])
            self.painter.overlays.show_swipe_line(
                self.session.divider_x if 0 < self.session.divider_fraction < 1 else None, theme_colours()[1]
            )
            self._on_interval_changed()
            self._set_painted_section(self.painter.section)
        self.gene_painted()

    def _on_interval_changed(self) -> None:
        """Add the interval of the gene to its layer, and show its uncertainty."""
        about = self.reliability_controller.gene_interval
        if self.painter is not None:
            if about is not None:
                self.painter.update_values(about.with_interval)
            self.painter.overlays.show_uncertainty(
                self.reliability_controller.uncertainty_values(),
                self.painter.describe,
                as_veil=self.reliability_controller.uncertainty_as_veil,
            )

    def _on_reliability_look_changed(self) -> None:
        if self.painter is not None:
            self.painter.grey_out(self.reliability_controller.faded_cells())
            self._on_interval_changed()

    def _on_look_changed(self) -> None:
        if self.painter is None:
            return
        if self.painter.colormap != self.session.look.colormap:
            self.painter.set_colormap(self.session.look.colormap)
        self.painter.update_limits(self.session.look.paired_limits, self.session.look.threshold_of)
        self.look_painted()

    def _on_mouse_move(self, viewer: Any, event: Any) -> None:
        if self.painter is not None and len(viewer.cursor.position) >= 2:
            y, x = viewer.cursor.position[-2:]
            self.cell_hovered(
                self.painter.cell_text(float(y), float(x)) or self.additional_section_text(float(y), float(x))
            )


def _key_binding(me: weakref.ref[CanvasController], method: str) -> Any:
    def act(viewer: Any) -> None:
        scene = me()
        if scene is not None:
            getattr(scene, method)()

    act.__doc__ = f"inClust+: {dict(KEY_BINDINGS.values())[method]}"
    return act
