"""Tools that select cells, and what is selected."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from ..controllers.lasso import TOOLS
from ..state.selection import HOW
from ..viewer_context import Workbench
from ..widgets.common import Links, Message, Wrapped, allow, button, choice
from ..widgets.flow import Flow

_TIPS = {
    "lasso": "Draw freely around cells on the tissue with the left button held",
    "polygon": "Click corners on the tissue; a double click or Enter closes the polygon",
    "rectangle": "Drag a rectangle on the tissue",
}


class SelectionBar(QWidget):
    """Lasso, polygon, rectangle; domains; undo.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._bench = bench
        self.tools = {tool: button(tool.capitalize(), _TIPS[tool]) for tool in TOOLS}
        self.domains = button("Domains", "Select the cells of the domains that are highlighted (Domains)")
        self.how = choice("What the next selection does with the present one", [(text, how) for how, text in HOW.items()])
        self.invert = button("Invert", "All other cells")
        self.clear = button("Clear", "Select nothing")
        self.undo, self.redo = button("Undo", "The selection before (Alt+Z)"), button("Redo", "Forward again")
        self.text, self.message = Wrapped(), Message()
        self.text.setToolTip("How many cells are selected, and where they come from")
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addLayout(Flow(*self.tools.values(), self.domains))
        box.addLayout(Flow(QLabel("A new one shall"), self.how))
        box.addLayout(Flow(self.invert, self.clear, self.undo, self.redo))
        box.addWidget(self.text)
        box.addWidget(self.message)

        links, s = Links(self), bench.selection
        for signal in (s.changed, bench.session.data_changed, bench.marking.changed, bench.finding.changed, bench.finding.look_changed):
            links.to(signal, self._show)
        for tool, b in self.tools.items():
            b.setCheckable(True)
            b.clicked.connect(lambda on, t=tool: bench.marking.draw(t if on else ""))
        self.domains.clicked.connect(bench.marking.select_domains)
        self.how.activated.connect(self._how)
        self.invert.clicked.connect(s.invert)
        self.clear.clicked.connect(s.clear)
        self.undo.clicked.connect(s.undo)
        self.redo.clicked.connect(s.redo)
        self._show()

    def _how(self, *_: Any) -> None:
        self._bench.selection.how = self.how.currentData()

    def _show(self, *_: Any) -> None:
        bench, now = self._bench, self._bench.selection.now
        section = bench.session.section
        nothing = "" if section is not None else "Open a section first (Data)."
        for tool, b in self.tools.items():
            allow(b, nothing)
            b.setChecked(bench.marking.lasso.tool == tool)
        allow(self.domains, nothing or ("" if bench.finding.selected else "Highlight domains first: click them in the list of Domains."))
        for b in (self.invert, self.clear):
            allow(b, "" if now is not None else "No cell is selected.")
        allow(self.undo, "" if bench.selection.can_undo else "There is no selection before this one.")
        allow(self.redo, "" if bench.selection.can_redo else "Nothing was taken back.")
        self.message.say(bench.marking.problem, wrong=True)
        if now is None or section is None:
            self.text.setText("No cell is selected.")
        else:
            self.text.setText(f"{now.n:,} of {section.n_cells:,} cells ({100 * now.n / section.n_cells:.1f} %): {now.name}")
