"""What each domain is made of, by a column of the section."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from ..state.columns import categorical_columns, categories_from_column
from ..viewer_context import ViewerContext
from ..widgets.common import SignalConnections, create_combo_box, create_form, set_items

_MAX_LEGEND_CATEGORIES = 24  # categories named below the plot, by their largest share


class DomainComposition(QWidget):
    """A column chooser, stacked bars, and the names of the colours.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, context: ViewerContext) -> None:
        super().__init__()
        self._session, self._domain_controller = context.session, context.domain_controller
        self.column = create_combo_box(
            "Column of the section whose categories are counted in each domain", [("none", None)]
        )
        self.category_legend = QLabel()
        self.category_legend.setWordWrap(True)
        self.category_legend.hide()
        self.plot: Any = None
        rows = create_form()
        rows.addRow("Made of", self.column)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addLayout(rows)
        self._layout.addWidget(self.category_legend)
        links = SignalConnections(self)
        links.connect(context.session.section_changed, self._refresh_columns)
        links.connect(context.domain_controller.changed, self._request_composition)
        links.connect(context.domain_controller.composition_ready, self._show_composition)
        self.column.activated.connect(self._request_composition)
        self._requested: Any = None
        self._refresh_columns()

    def _refresh_columns(self) -> None:
        s = self._session
        names = categorical_columns(s.section.adata.obs) if s.section is not None else []
        preferred = s.cell_categories.name if s.cell_categories is not None else None
        set_items(
            self.column,
            [("none", None), *((n, n) for n in names)],
            self.column.currentData() or preferred or next(iter(names), None),
        )
        self._requested = None
        self._request_composition()

    def _request_composition(self, *_: Any) -> None:
        wanted = (self._domain_controller.segmentation, self.column.currentData())
        if wanted != self._requested:
            self._requested = wanted
            self._domain_controller.request_composition(wanted[1])
        for part in (self.plot, self.category_legend):
            if part is not None:
                part.setVisible(wanted[1] is not None)

    def _show_composition(self, table: Any) -> None:
        section = self._session.section
        if section is None or table.columns.name != self.column.currentData():
            return
        if self.plot is None:
            from ..plots.base import CompositionPlot

            self.plot = CompositionPlot()
            self._layout.insertWidget(1, self.plot)
        types = categories_from_column(section, table.columns.name)
        order = table.max(axis=0).sort_values(ascending=False).index
        colour = dict(zip(types.categories, types.colours, strict=True))
        kept = [c for c in table.columns if str(c) in colour]
        self.plot.show_shares(list(table.index), table[kept].to_numpy(), np.array([colour[str(c)] for c in kept]))
        hexes = {str(c): "#" + "".join(f"{round(255 * v):02x}" for v in colour[str(c)][:3]) for c in kept}
        named = [str(c) for c in order if str(c) in hexes][:_MAX_LEGEND_CATEGORIES]
        more = f" … and {len(kept) - len(named)} more" if len(kept) > len(named) else ""
        self.category_legend.setText(
            " ".join(f"<span style='color:{hexes[c]}'>■</span>&nbsp;{escape(c).replace(' ', '&nbsp;')}" for c in named)
            + more
        )
        self.category_legend.show()
