"""What each domain is made of, by a column of the section."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from ..controllers.scene import types_of
from ..state.columns import categories
from ..viewer_context import Workbench
from ..widgets.common import Links, choice, fill, form

_MOST = 24  # categories named below the plot, by their largest share


class Composition(QWidget):
    """A column chooser, stacked bars, and the names of the colours.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._session, self._finding = bench.session, bench.finding
        self.column = choice("Column of the section whose categories are counted in each domain", [("none", None)])
        self.names = QLabel()
        self.names.setWordWrap(True)
        self.names.hide()
        self.plot: Any = None
        rows = form()
        rows.addRow("Made of", self.column)
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.addLayout(rows)
        self._box.addWidget(self.names)
        links = Links(self)
        links.to(bench.session.data_changed, self._data)
        links.to(bench.finding.changed, self._ask)
        links.to(bench.finding.composed, self._show)
        self.column.activated.connect(self._ask)
        self._shown: Any = None
        self._data()

    def _data(self) -> None:
        s = self._session
        names = categories(s.section.adata.obs) if s.section is not None else []
        preferred = s.types.name if s.types is not None else None
        fill(self.column, [("none", None), *((n, n) for n in names)], self.column.currentData() or preferred or next(iter(names), None))
        self._shown = None
        self._ask()

    def _ask(self, *_: Any) -> None:
        wanted = (self._finding.segmentation, self.column.currentData())
        if wanted != self._shown:
            self._shown = wanted
            self._finding.compose(wanted[1])
        for part in (self.plot, self.names):
            if part is not None:
                part.setVisible(wanted[1] is not None)

    def _show(self, table: Any) -> None:
        section = self._session.section
        if section is None or table.columns.name != self.column.currentData():
            return
        if self.plot is None:
            from ..plots.base import CompositionPlot

            self.plot = CompositionPlot()
            self._box.insertWidget(1, self.plot)
        types = types_of(section, table.columns.name)
        order = table.max(axis=0).sort_values(ascending=False).index
        colour = dict(zip(types.categories, types.colours, strict=True))
        kept = [c for c in table.columns if str(c) in colour]
        self.plot.show_shares(list(table.index), table[kept].to_numpy(), np.array([colour[str(c)] for c in kept]))
        hexes = {str(c): "#" + "".join(f"{round(255 * v):02x}" for v in colour[str(c)][:3]) for c in kept}
        named = [str(c) for c in order if str(c) in hexes][:_MOST]
        more = f" … and {len(kept) - len(named)} more" if len(kept) > len(named) else ""
        self.names.setText(" ".join(f"<span style='color:{hexes[c]}'>■</span>&nbsp;{escape(c).replace(' ', '&nbsp;')}" for c in named) + more)
        self.names.show()
