"""Regions: areas that are drawn on the tissue, what they hold, and the comparison of two of them."""

from __future__ import annotations

import re
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCompleter, QFileDialog, QLineEdit, QVBoxLayout, QWidget

from ...data.gene_sets import parse_genes
from ...errors import InclustError
from ...spatial.regions import row_shares
from ..controllers.lasso import DRAWING_MODES
from ..theme import font_size, theme_colours
from ..viewer_context import ViewerContext
from ..views.additional_sections import AdditionalSectionsNote
from ..views.legend import ColouredNames
from ..views.region_parts import RegionComparison, RegionList
from ..widgets.common import MessageLabel, SignalConnections, create_button, enable_unless
from ..widgets.flow import FlowLayout
from ..widgets.form_layout import FormLayout
from ..widgets.tables import DataFrameView

_TIPS = {
    "lasso": "Draw freely around a region with the left button held",
    "polygon": "Click the corners of a region; a double click or Enter closes it",
    "rectangle": "Drag a rectangle",
}
_TITLES = {
    "gene": "Gene",
    "kind": "Values",
    "region": "Region",
    "mean": "Mean",
    "sd": "SD",
    "share_above_0": "> 0",
    "unit": "Unit",
}
_FILE_FILTER = "Tables (*.csv);;Polygons (*.geojson);;The section with a column region (*.h5ad *.zarr)"


class RegionsDock(QWidget):
    """The regions of the open section.

    Parameters
    ----------
    context
        The context of the viewer.
    """

    def __init__(self, context: ViewerContext) -> None:
        super().__init__()
        self._session, self._regions = context.session, context.region_controller
        self.tool_buttons = {tool: create_button(tool.capitalize(), _TIPS[tool]) for tool in DRAWING_MODES}
        self.region_list = RegionList()
        self.select = create_button("Select cells", "Select the cells of the region that is chosen in the list")
        self.delete = create_button("Delete", "Delete the region that is chosen in the list")
        self.save = create_button(
            "Save…",
            "Tables of all regions (.csv), polygons in micrometres (.geojson), or the section with a column `region` "
            "(.h5ad, .zarr)",
        )
        self.load = create_button("Load…", "Polygons of a GeoJSON file in micrometres, of this plugin or of QuPath")
        self.genes = QLineEdit()
        self.genes.setPlaceholderText("genes, separated by commas")
        self.genes.setToolTip(
            "Genes whose mean in each region is computed, measured where they were measured, else imputed; "
            "generated features as CD8 (protein). Press Enter to compute"
        )
        self.add_shown = create_button("Add shown", "Add the gene that is painted")
        self.message = MessageLabel()
        self.category_legend = ColouredNames()
        self.plot: Any = None
        self.table = DataFrameView(
            _TITLES,
            "Mean and standard deviation of log-normalised values (of generated features: in their own unit), and "
            "share of cells above 0. Imputed genes are in italics",
        )
        self.comparison, self.additional_sections_note = RegionComparison(context), AdditionalSectionsNote(context)
        self._lay_out()

        links, r = SignalConnections(self), context.region_controller
        for signal in (
            r.regions_changed,
            r.status_changed,
            r.layer.tool_changed,
            context.session.section_changed,
            context.session.gene_selected,
        ):
            links.connect(signal, self._refresh)
        links.connect(r.statistics_ready, self._refresh_counts)
        links.connect(context.session.section_changed, self._refresh_completer)
        links.connect(context.session.run_selected, self._refresh_completer)
        links.connect(context.session.generated_changed, self._refresh_completer)
        for tool, b in self.tool_buttons.items():
            b.setCheckable(True)
            b.clicked.connect(lambda on, t=tool: r.start_drawing(t if on else ""))
        # queued: renaming fills the list again, which is not possible while a row is edited
        self.region_list.renamed.connect(r.rename, Qt.ConnectionType.QueuedConnection)
        self.region_list.currentItemChanged.connect(self._refresh)
        self.select.clicked.connect(lambda: self._apply_to_current(r.select_cells_of))
        self.delete.clicked.connect(lambda: self._apply_to_current(r.remove))
        self.save.clicked.connect(self._save)
        self.load.clicked.connect(self._load)
        self.genes.returnPressed.connect(self._set_genes)
        self.add_shown.clicked.connect(self._add_shown)
        self._refresh_completer()
        self._refresh_counts()

    def _lay_out(self) -> None:
        tools, row = FlowLayout(*self.tool_buttons.values()), FlowLayout(self.select, self.delete, self.save, self.load)
        genes = FormLayout()
        genes.addRow("Genes", FlowLayout(self.genes, self.add_shown))
        self._plot_layout = QVBoxLayout()
        box = QVBoxLayout(self)
        for part in (
            self.additional_sections_note,
            tools,
            self.region_list,
            row,
            self.message,
            self._plot_layout,
            self.category_legend,
            genes,
            self.table,
            self.comparison,
        ):
            box.addWidget(part) if isinstance(part, QWidget) else box.addLayout(part)
        box.addStretch(1)

    def _apply_to_current(self, action: Any) -> None:
        if self.region_list.current_row() >= 0:
            action(self.region_list.current_row())

    def _set_genes(self) -> None:
        try:
            self._regions.set_genes(parse_genes(self.genes.text()))
            self.message.show_message("")
        except InclustError as error:
            self.message.show_message(str(error), is_error=True)

    def _add_shown(self) -> None:
        gene = self._session.gene
        if gene is not None and gene not in self._regions.genes:
            self.genes.setText(", ".join([*self._regions.genes, gene]))
            self._set_genes()

    def _save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save regions", "regions.csv", _FILE_FILTER)
        if path:
            self._regions.export(path)

    def _load(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Load regions", "", "Polygons (*.geojson *.json)")
        if path:
            try:
                self._regions.import_regions(path)
            except InclustError as error:
                self.message.show_message(str(error), is_error=True)

    def _refresh_completer(self) -> None:
        """Offer the names of all genes to complete the last word."""
        names = [str(n) for n in self._session.gene_table().names]
        self.genes.setCompleter(_LastWordCompleter(names, self.genes) if names else None)

    def _refresh(self, *_: Any) -> None:
        r, s = self._regions, self._session
        nothing = "" if s.section is not None else "Open a section first (Data)."
        for tool, b in self.tool_buttons.items():
            enable_unless(b, nothing)
            b.setChecked(r.layer.tool == tool)
        enable_unless(self.load, nothing)
        drawn = nothing or ("" if r.regions else "Draw a region first.")
        enable_unless(self.save, drawn or ("" if r.statistics is not None else "The cells are being counted."))
        for b in (self.select, self.delete):
            enable_unless(
                b, drawn or ("" if self.region_list.current_row() >= 0 else "Choose a region in the list first.")
            )
        enable_unless(self.add_shown, "" if s.gene is not None else "No gene is shown (Genes).")
        self.message.show_message(r.message, is_error=r.is_error)

    def _refresh_counts(self) -> None:
        r, facts = self._regions, self._regions.statistics
        self.region_list.show_regions(r)
        self.table.show_frame(None if facts is None else facts.expression)
        if not self.genes.hasFocus():  # set elsewhere, e.g. by a session
            self.genes.setText(", ".join(r.genes))
        types = self._session.cell_categories
        draw = facts is not None and types is not None and list(facts.category_counts.columns) == list(types.categories)
        if draw and self.plot is None:
            from ..plots.domains import CompositionPlot

            self.plot = CompositionPlot()
            self.plot.plot.setToolTip(
                "What each region is made of: shares of its cells by the column that colours them"
            )
            self._plot_layout.addWidget(self.plot)
        for part in (self.plot, self.category_legend):
            if part is not None:
                part.setVisible(draw)
        if draw and facts is not None and types is not None:
            table = row_shares(facts.category_counts)
            self.plot.show_shares(list(table.index), table.to_numpy(), types.colours)
            self.category_legend.show_names(list(types.categories), types.colours, table.to_numpy())
        self._refresh()


class _LastWordCompleter(QCompleter):
    """Completer of the last of several names."""

    def __init__(self, names: list[str], parent: QWidget) -> None:
        super().__init__(names, parent)
        self.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.setMaxVisibleItems(12)
        (background, text), popup = theme_colours(), self.popup()
        assert popup is not None
        # a window of its own, which napari's style sheet does not reach
        popup.setStyleSheet(f"background: {background}; color: {text}; font-size: {font_size()}pt")

    def splitPath(self, path: str | None) -> list[str]:  # noqa: N802
        """Return the word to complete."""
        return [re.split(r"[,;\s]+", path or "")[-1]]

    def pathFromIndex(self, index: Any) -> str:  # noqa: N802
        """Return the text with its last word completed."""
        field = self.widget()
        assert isinstance(field, QLineEdit)
        before = re.split(r"(?<=[,;\s])(?=[^,;\s]*$)", field.text())
        return (before[0] if len(before) > 1 else "") + str(super().pathFromIndex(index))
