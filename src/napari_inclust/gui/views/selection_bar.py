"""Tools that select cells, and the current selection."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from ..controllers.lasso import DRAWING_MODES
from ..state.selection import MODE_LABELS
from ..viewer_context import ViewerContext
from ..widgets.common import (
    MessageLabel,
    SignalConnections,
    WrappedLabel,
    create_button,
    create_combo_box,
    enable_unless,
)
from ..widgets.flow import FlowLayout

_TIPS = {
    "lasso": "Draw freely around cells on the tissue with the left button held",
    "polygon": "Click corners on the tissue; a double click or Enter closes the polygon",
    "rectangle": "Drag a rectangle on the tissue",
}


class SelectionBar(QWidget):
    """Drawing tools, domains as selections, the mode of combination, undo and redo.

    Parameters
    ----------
    context
        The context of the viewer.
    """

    def __init__(self, context: ViewerContext) -> None:
        super().__init__()
        self._context = context
        self.tool_buttons = {tool: create_button(tool.capitalize(), _TIPS[tool]) for tool in DRAWING_MODES}
        self.select_domains = create_button("Domains", "Select the cells of the highlighted domains (Domains)")
        self.combine_mode = create_combo_box(
            "How the next selection is combined with the current one",
            [(text, how) for how, text in MODE_LABELS.items()],
        )
        self.invert = create_button("Invert", "Select all other cells")
        self.clear = create_button("Clear", "Select nothing")
        self.undo, self.redo = (
            create_button("Undo", "Back to the previous selection (Alt+Z)"),
            create_button("Redo", "Forward to the next selection"),
        )
        self.summary, self.message = WrappedLabel(), MessageLabel()
        self.summary.setToolTip("Number of selected cells and how they were selected")
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addLayout(FlowLayout(*self.tool_buttons.values(), self.select_domains))
        box.addLayout(FlowLayout(QLabel("New selection"), self.combine_mode))
        box.addLayout(FlowLayout(self.invert, self.clear, self.undo, self.redo))
        box.addWidget(self.summary)
        box.addWidget(self.message)

        links, s = SignalConnections(self), context.selected_cells
        for signal in (
            s.changed,
            context.session.section_changed,
            context.cell_selection.display_changed,
            context.cell_selection.lasso.tool_changed,
            context.domain_controller.domains_changed,
            context.domain_controller.look_changed,
        ):
            links.connect(signal, self._refresh)
        for tool, b in self.tool_buttons.items():
            b.setCheckable(True)
            b.clicked.connect(lambda on, t=tool: context.cell_selection.start_drawing(t if on else ""))
        self.select_domains.clicked.connect(context.cell_selection.select_domains)
        self.combine_mode.activated.connect(self._set_combine_mode)
        self.invert.clicked.connect(s.invert)
        self.clear.clicked.connect(s.clear)
        self.undo.clicked.connect(s.undo)
        self.redo.clicked.connect(s.redo)
        self._refresh()

    def _set_combine_mode(self, *_: Any) -> None:
        self._context.selected_cells.mode = self.combine_mode.currentData()

    def _refresh(self, *_: Any) -> None:
        context, selection = self._context, self._context.selected_cells.current
        section = context.session.section
        nothing = "" if section is not None else "Open a section first (Data)."
        for tool, b in self.tool_buttons.items():
            enable_unless(b, nothing)
            b.setChecked(context.cell_selection.lasso.tool == tool)
        enable_unless(
            self.select_domains,
            nothing
            or (
                ""
                if context.domain_controller.highlighted
                else "Highlight domains first: click them in the list of Domains."
            ),
        )
        for b in (self.invert, self.clear):
            enable_unless(b, "" if selection is not None else "No cell is selected.")
        enable_unless(self.undo, "" if context.selected_cells.can_undo else "There is no selection before this one.")
        enable_unless(self.redo, "" if context.selected_cells.can_redo else "Nothing was taken back.")
        self.message.show_message(context.cell_selection.error_message, is_error=True)
        if selection is None or section is None:
            self.summary.setText("No cell is selected.")
        else:
            share = 100 * selection.n_cells / section.n_cells
            self.summary.setText(
                f"{selection.n_cells:,} of {section.n_cells:,} cells ({share:.1f} %): {selection.name}"
            )
