"""Regions: draw areas on the tissue, see what they hold, compare and save them."""

from __future__ import annotations

import re
from html import escape
from typing import Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCompleter, QFileDialog, QLineEdit, QVBoxLayout, QWidget

from ...data.gene_sets import parse_genes
from ...errors import InclustError
from ...spatial.regions import shares
from ..controllers.lasso import TOOLS
from ..theme import font_size, theme_colours
from ..viewer_context import Workbench
from ..views.region_compare import RegionCompare
from ..views.region_list import RegionList
from ..views.section_note import BesideNote
from ..widgets.common import Links, Message, Wrapped, allow, button, form
from ..widgets.flow import Flow
from ..widgets.tables import FrameView

_TIPS = {
    "lasso": "Draw freely around a region with the left button held",
    "polygon": "Click the corners of a region; a double click or Enter closes it",
    "rectangle": "Drag a rectangle",
}
_TITLES = {"gene": "Gene", "kind": "Values", "region": "Region", "mean": "Mean", "sd": "SD", "share_above_0": "> 0", "unit": "Unit"}
_MOST = 24  # categories named below the plot
_KINDS = "Tables (*.csv);;Polygons (*.geojson);;The section with a column region (*.h5ad *.zarr)"


class RegionsDock(QWidget):
    """Areas of the open section.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._session, self._regions = bench.session, bench.regions
        self.tools = {tool: button(tool.capitalize(), _TIPS[tool]) for tool in TOOLS}
        self.list = RegionList()
        self.select = button("Select cells", "Select the cells of the region that is chosen in the list")
        self.delete = button("Delete", "Delete the region that is chosen in the list")
        self.save = button("Save…", "Tables of all regions (.csv), polygons in micrometres (.geojson), or the section with a column `region` (.h5ad, .zarr)")
        self.load = button("Load…", "Polygons of a GeoJSON file in micrometres, of this plugin or of QuPath")
        self.genes = QLineEdit()
        self.genes.setPlaceholderText("genes, separated by commas")
        self.genes.setToolTip(
            "Genes whose mean in each region is told, measured where they were measured, else imputed; generated features as CD8 (protein). Enter counts"
        )
        self.shown = button("Add shown", "Add the gene that is painted")
        self.message = Message()
        self.names = Wrapped()
        self.plot: Any = None
        self.table = FrameView(
            _TITLES,
            "Mean and standard deviation of log-normalised values (of generated features: in their own unit), and share of cells above 0. Imputed genes are in italics",
        )
        self.compare, self.note = RegionCompare(bench), BesideNote(bench)
        self._lay_out()

        links, r = Links(self), bench.regions
        for signal in (r.changed, bench.session.data_changed, bench.session.gene_changed):
            links.to(signal, self._show)
        links.to(r.counted, self._counted)
        links.to(bench.session.data_changed, self._complete)
        links.to(bench.session.run_changed, self._complete)
        for tool, b in self.tools.items():
            b.setCheckable(True)
            b.clicked.connect(lambda on, t=tool: r.draw(t if on else ""))
        self.list.renamed.connect(r.rename, Qt.ConnectionType.QueuedConnection)  # the list is written anew: not while it is being edited
        self.list.currentItemChanged.connect(self._show)
        self.select.clicked.connect(lambda: self._act(r.select))
        self.delete.clicked.connect(lambda: self._act(r.remove))
        self.save.clicked.connect(self._save)
        self.load.clicked.connect(self._load)
        self.genes.returnPressed.connect(self._genes)
        self.shown.clicked.connect(self._add_shown)
        self._complete()
        self._counted()

    def _lay_out(self) -> None:
        tools, row = Flow(*self.tools.values()), Flow(self.select, self.delete, self.save, self.load)
        genes = form()
        genes.addRow("Genes", Flow(self.genes, self.shown))
        self._place = QVBoxLayout()
        box = QVBoxLayout(self)
        for part in (self.note, tools, self.list, row, self.message, self._place, self.names, genes, self.table, self.compare):
            box.addWidget(part) if isinstance(part, QWidget) else box.addLayout(part)
        box.addStretch(1)

    # what the user does
    def _act(self, what: Any) -> None:
        if self.list.row() >= 0:
            what(self.list.row())

    def _genes(self) -> None:
        try:
            self._regions.set_genes(parse_genes(self.genes.text()))
            self.message.say("")
        except InclustError as error:
            self.message.say(str(error), wrong=True)

    def _add_shown(self) -> None:
        gene = self._session.gene
        if gene is not None and gene not in self._regions.genes:
            self.genes.setText(", ".join([*self._regions.genes, gene]))
            self._genes()

    def _save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save regions", "regions.csv", _KINDS)
        if path:
            self._regions.save(path)

    def _load(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Load regions", "", "Polygons (*.geojson *.json)")
        if path:
            try:
                self._regions.load(path)
            except InclustError as error:
                self.message.say(str(error), wrong=True)

    # what the session says
    def _complete(self) -> None:
        """Names to complete the word that is being typed."""
        names = [str(n) for n in self._session.genes().names]
        self.genes.setCompleter(_LastWord(names, self.genes) if names else None)

    def _show(self, *_: Any) -> None:
        r, s = self._regions, self._session
        nothing = "" if s.section is not None else "Open a section first (Data)."
        for tool, b in self.tools.items():
            allow(b, nothing)
            b.setChecked(r.layer.tool == tool)
        allow(self.load, nothing)
        drawn = nothing or ("" if r.items else "Draw a region first.")
        allow(self.save, drawn or ("" if r.facts is not None else "The cells are being counted."))
        for b in (self.select, self.delete):
            allow(b, drawn or ("" if self.list.row() >= 0 else "Choose a region in the list first."))
        allow(self.shown, "" if s.gene is not None else "No gene is shown (Genes).")
        self.message.say(r.message, wrong=r.wrong)

    def _counted(self) -> None:
        r, facts = self._regions, self._regions.facts
        self.list.show_regions(r)
        self.table.show_frame(None if facts is None else facts.expression)
        if not self.genes.hasFocus():  # asked for elsewhere
            self.genes.setText(", ".join(r.genes))
        types = self._session.types
        draw = facts is not None and types is not None and list(facts.composition.columns) == list(types.categories)
        if draw and self.plot is None:
            from ..plots.base import CompositionPlot

            self.plot = CompositionPlot()
            self.plot.plot.setToolTip("What each region is made of: shares of its cells by the column that colours them")
            self._place.addWidget(self.plot)
        for part in (self.plot, self.names):
            if part is not None:
                part.setVisible(draw)
        if draw and facts is not None and types is not None:
            table = shares(facts.composition)
            self.plot.show_shares(list(table.index), table.to_numpy(), types.colours)
            order = np.argsort(-np.nan_to_num(table.to_numpy()).max(0), kind="stable")[:_MOST]
            colours = ["#" + "".join(f"{round(255 * v):02x}" for v in c[:3]) for c in types.colours]
            said = [f"<span style='color:{colours[i]}'>■</span>&nbsp;{escape(types.categories[i]).replace(' ', '&nbsp;')}" for i in order]
            self.names.setText(" ".join(said) + (f" … and {len(colours) - _MOST} more" if len(colours) > _MOST else ""))
        self._show()


class _LastWord(QCompleter):
    """Completes the last of several names."""

    def __init__(self, names: list[str], parent: QWidget) -> None:
        super().__init__(names, parent)
        self.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.setMaxVisibleItems(12)
        background, text = theme_colours()  # a list of its own window, which napari's style sheet does not reach
        self.popup().setStyleSheet(f"background: {background}; color: {text}; font-size: {font_size()}pt")

    def splitPath(self, path: str | None) -> list[str]:  # noqa: N802 - Qt's name
        return [re.split(r"[,;\s]+", path or "")[-1]]

    def pathFromIndex(self, index: Any) -> str:  # noqa: N802 - Qt's name
        before = re.split(r"(?<=[,;\s])(?=[^,;\s]*$)", self.widget().text())  # type: ignore[attr-defined]
        return (before[0] if len(before) > 1 else "") + str(super().pathFromIndex(index))
