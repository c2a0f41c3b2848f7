"""Cells: colour them by a column, select them, pin one and read its card."""

from __future__ import annotations

from html import escape
from typing import Any

from qtpy.QtWidgets import QCheckBox, QGroupBox, QVBoxLayout, QWidget

from ..viewer_context import Workbench
from ..views.legend import Legend
from ..views.section_note import BesideNote
from ..views.selection_bar import SelectionBar
from ..widgets.common import Links, Wrapped, allow, button, choice, fill, form
from ..widgets.flow import Flow, Fold
from .latent import LatentView

_NOTHING = "Click a cell on the tissue to read all that is known of it."


class CellsDock(QWidget):
    """Single cells of the open section.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._bench = bench
        self.colour = choice("Column of the section by which the cells are coloured: categories with a legend, numbers with a colour bar", [("none", None)])
        self.colour.setPlaceholderText("choose a column")
        self.outlines = QCheckBox("Outlines")
        self.outlines.setToolTip("Draw the border of every cell over everything; seen from where cells are large enough on the screen (Alt+C)")
        self.legend = Legend()
        self.selection = SelectionBar(bench)
        self.card = Wrapped()
        self.card.setToolTip("What is known of the cell in the ring; click another cell, or beside the tissue to let go")
        self.unpin = button("Let go", "Take the ring and the card away")
        self.latent, self.note = LatentView(bench), BesideNote(bench)
        self._lay_out()

        links = Links(self)
        for signal in (bench.session.data_changed, bench.session.types_changed, bench.marking.changed):
            links.to(signal, self._show)
        links.to(bench.marking.pinned, self._pinned)
        links.to(bench.selection.changed, self._selected)
        self.colour.activated.connect(self._colour)
        self.outlines.toggled.connect(bench.marking.outline)
        self.legend.hidden.connect(bench.scene.hide_types)
        self.legend.picked.connect(self._picked)
        self.unpin.clicked.connect(self._unpin)
        self._picking = False
        self._show()
        self._pinned()

    def _lay_out(self) -> None:
        rows = form()
        rows.addRow("Colour by", Flow(self.colour, self.outlines))
        select, pinned = QGroupBox("Select"), QGroupBox("Cell")
        QVBoxLayout(select).addWidget(self.selection)
        inner = QVBoxLayout(pinned)
        inner.addWidget(self.card)
        inner.addWidget(self.unpin)
        scatter = Fold("Scatter plot (latent)", "The cells in the plane of a PCA or UMAP; a lasso there selects on the tissue")
        scatter.addWidget(self.latent, 1)
        scatter.expand()
        box = QVBoxLayout(self)
        box.addWidget(self.note)
        box.addLayout(rows)
        for part in (self.legend, select, pinned):
            box.addWidget(part)
        box.addWidget(scatter, 1)

    def _colour(self, *_: Any) -> None:
        name = self.colour.currentData()
        if name is not None:
            self._bench.marking.colour_by(name)

    def _picked(self, codes: Any) -> None:
        self._picking = True
        self._bench.marking.select_categories(codes)
        self._picking = False

    def _selected(self) -> None:
        if not self._picking:  # another way to select: the legend lets go of its names
            self.legend.unpick()

    def _unpin(self) -> None:
        self._bench.marking.pin(None)

    def _show(self, *_: Any) -> None:
        session, marking = self._bench.session, self._bench.marking
        kinds, counts = marking.columns()
        names = [(n, n) for n in kinds] + [(f"{n} (number)", n) for n in counts]
        chosen = marking.column or (session.types.name if session.types is not None else None)
        fill(self.colour, names or [("none", None)], chosen)
        if names and chosen is None:
            self.colour.setCurrentIndex(-1)
        allow(
            self.colour,
            "" if names else "The section has no column of categories or numbers." if session.section is not None else "Open a section first (Data).",
        )
        allow(self.outlines, "" if session.section is not None else "Open a section first (Data).")
        self.outlines.blockSignals(True)
        self.outlines.setChecked(marking.outlined)
        self.outlines.blockSignals(False)
        self.legend.show_types(session.types if marking.column is None else None)

    def _pinned(self) -> None:
        lines = self._bench.marking.lines
        rows = "".join(f"<tr><td style='padding-right:10px'><b>{escape(what)}</b></td><td>{escape(value)}</td></tr>" for what, value in lines)
        self.card.setText(f"<table>{rows}</table>" if lines else _NOTHING)
        self.unpin.setVisible(bool(lines))
