"""Cells: colours by a column, selection, and the card of a single cell."""

from __future__ import annotations

from html import escape
from typing import Any

from qtpy.QtWidgets import QCheckBox, QGroupBox, QVBoxLayout, QWidget

from ..viewer_context import ViewerContext
from ..views.additional_sections import AdditionalSectionsNote
from ..views.legend import CategoryLegend
from ..views.selection_bar import SelectionBar
from ..widgets.common import (
    SignalConnections,
    WrappedLabel,
    create_button,
    create_combo_box,
    enable_unless,
    set_items,
    show_value,
)
from ..widgets.flow import Collapsible, FlowLayout
from ..widgets.form_layout import FormLayout
from .latent import EmbeddingView

_NO_CELL_TEXT = "Click a cell on the tissue to see all of its values."


class CellsDock(QWidget):
    """Colours, selection and single cells of the open section.

    Parameters
    ----------
    context
        The context of the viewer.
    """

    def __init__(self, context: ViewerContext) -> None:
        super().__init__()
        self._context = context
        self.colour_by = create_combo_box(
            "Column of the section by which the cells are coloured: categories with a legend, numbers with a colour "
            "bar",
            [("none", None)],
        )
        self.colour_by.setPlaceholderText("choose a column")
        self.outlines = QCheckBox("Outlines")
        self.outlines.setToolTip(
            "Draw the border of every cell over everything; visible once cells are large enough on the screen (Alt+C)"
        )
        self.legend = CategoryLegend()
        self.selection_bar = SelectionBar(context)
        self.card = WrappedLabel()
        self.card.setToolTip("Values of the cell in the ring; click another cell, or beside the tissue to unpin it")
        self.unpin_button = create_button("Unpin", "Remove the ring and the card")
        self.embedding_view, self.additional_sections_note = EmbeddingView(context), AdditionalSectionsNote(context)
        self._lay_out()

        links = SignalConnections(self)
        for signal in (
            context.session.section_changed,
            context.session.cell_categories_changed,
            context.cell_selection.display_changed,
        ):
            links.connect(signal, self._refresh)
        links.connect(context.cell_selection.card_changed, self._show_card)
        links.connect(context.selected_cells.changed, self._on_selection_changed)
        self.colour_by.activated.connect(self._colour_by_column)
        self.outlines.toggled.connect(context.cell_selection.show_outlines)
        self.legend.hidden_changed.connect(context.canvas_controller.hide_categories)
        self.legend.picked.connect(self._select_categories)
        self.unpin_button.clicked.connect(self._unpin)
        self._selecting_from_legend = False
        self._refresh()
        self._show_card()

    def _lay_out(self) -> None:
        rows = FormLayout()
        rows.addRow("Colour by", FlowLayout(self.colour_by, self.outlines))
        select, pinned = QGroupBox("Select"), QGroupBox("Cell")
        QVBoxLayout(select).addWidget(self.selection_bar)
        inner = QVBoxLayout(pinned)
        inner.addWidget(self.card)
        inner.addWidget(self.unpin_button)
        scatter = Collapsible(
            "Scatter plot (latent)", "The cells in the plane of a PCA or UMAP; a lasso there selects on the tissue"
        )
        scatter.addWidget(self.embedding_view, 1)
        scatter.expand()
        box = QVBoxLayout(self)
        box.addWidget(self.additional_sections_note)
        box.addLayout(rows)
        for part in (self.legend, select, pinned):
            box.addWidget(part)
        box.addWidget(scatter, 1)

    def _colour_by_column(self, *_: Any) -> None:
        name = self.colour_by.currentData()
        if name is not None:
            self._context.cell_selection.colour_by(name)

    def _select_categories(self, codes: Any) -> None:
        self._selecting_from_legend = True
        self._context.cell_selection.select_categories(codes)
        self._selecting_from_legend = False

    def _on_selection_changed(self) -> None:
        if not self._selecting_from_legend:  # selected elsewhere: the names in the legend no longer hold
            self.legend.clear_picked()

    def _unpin(self) -> None:
        self._context.cell_selection.pin(None)

    def _refresh(self, *_: Any) -> None:
        session, cells = self._context.session, self._context.cell_selection
        categories, numbers = cells.colour_columns()
        names = [(n, n) for n in categories] + [(f"{n} (number)", n) for n in numbers]
        chosen = cells.colour_column or (session.cell_categories.name if session.cell_categories is not None else None)
        set_items(self.colour_by, names or [("none", None)], chosen)
        if names and chosen is None:
            self.colour_by.setCurrentIndex(-1)
        enable_unless(
            self.colour_by,
            ""
            if names
            else "The section has no column of categories or numbers."
            if session.section is not None
            else "Open a section first (Data).",
        )
        enable_unless(self.outlines, "" if session.section is not None else "Open a section first (Data).")
        show_value(self.outlines, cells.outlines_shown)
        self.legend.show_types(session.cell_categories if cells.colour_column is None else None)

    def _show_card(self) -> None:
        lines = self._context.cell_selection.card_lines
        rows = "".join(
            f"<tr><td style='padding-right:10px'><b>{escape(what)}</b></td><td>{escape(value)}</td></tr>"
            for what, value in lines
        )
        self.card.setText(f"<table>{rows}</table>" if lines else _NO_CELL_TEXT)
        self.unpin_button.setVisible(bool(lines))
