"""Domains: the search, the choice of their number, names, merges and exports."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFileDialog,
    QLabel,
    QProgressBar,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from ...errors import InclustError
from ..controllers.domain_controller import METHODS
from ..controllers.saving import FILE_FILTER, is_source_store
from ..state.columns import categorical_columns
from ..state.status import IDLE, RUNNING
from ..viewer_context import ViewerContext
from ..views.additional_sections import AdditionalSectionsNote
from ..views.domain_parts import DomainComposition, DomainEvidence, DomainLegend
from ..widgets.common import (
    MessageLabel,
    SignalConnections,
    create_button,
    create_combo_box,
    enable_unless,
    set_items,
    show_value,
)
from ..widgets.flow import FlowLayout
from ..widgets.form_layout import FormLayout

_METHOD_TITLES = {
    "inclust+": "inclust+ (default)",
    "inclust": "inclust (as published)",
    "smoothed-pca": "smoothed-pca (baseline, fast)",
}


class DomainsDock(QWidget):
    """Spatial domains of the open section, which need no run.

    Parameters
    ----------
    context
        The context of the viewer.
    """

    def __init__(self, context: ViewerContext) -> None:
        super().__init__()
        self._session, self._domain_controller, self._scene = (
            context.session,
            context.domain_controller,
            context.canvas_controller,
        )
        self.method = create_combo_box(
            "inclust+: a vote over five views of the cells and three scales; inclust: the published network; "
            "smoothed-pca: the baseline",
            [(_METHOD_TITLES[m], m) for m in METHODS],
        )
        self.number_mode = create_combo_box(
            "How many domains: given, or the most stable of 2 to 15 (the curve is shown)",
            [("the most stable", True), ("given", False)],
        )
        self.n_domains = QSpinBox()
        self.n_domains.setRange(1, 100)
        self.n_domains.setValue(7)
        self.n_domains.setSuffix(" domains")
        self.n_domains.setToolTip("Number of domains; numbers computed before stay on the slider")
        self.section_column = create_combo_box(
            "Column with sections: neighbours lie within a section, domains are shared by all", [("one section", None)]
        )
        self.graph_kind = create_combo_box(
            "Graph of neighbours. Automatic: as many nearest cells as predict a cell best; Delaunay: cells that touch; "
            "grid: spots of Visium",
            [
                ("automatic", None),
                ("nearest cells", "knn"),
                ("radius", "radius"),
                ("Delaunay", "delaunay"),
                ("grid", "grid"),
            ],
        )
        self.neighbours, self.radius = QSpinBox(), QDoubleSpinBox()
        self.neighbours.setRange(1, 99)
        self.neighbours.setValue(6)
        self.neighbours.setSuffix(" cells")
        self.neighbours.setToolTip("Neighbours of each cell in the graph; the scales lie around that")
        self.radius.setRange(0.1, 10_000)
        self.radius.setValue(50)
        self.radius.setSuffix(" µm")
        self.radius.setToolTip("Cells within this distance are neighbours, in micrometres")
        self.use_latent = QCheckBox("Use the latent of the run")
        self.use_latent.setToolTip(
            "The latent representation of the run is one more view of the cells: helps where the panel is small"
        )
        self.start = create_button(
            "Find domains", "Look for regions whose neighbourhoods are alike; no labels are used"
        )
        self.cancel = create_button("Cancel", "Stop at the end of this step")
        self.progress_bar = QProgressBar()
        self.progress_bar.setToolTip("Steps done of those planned")
        self.message = MessageLabel()
        self.number_slider, self.number_label = QSlider(Qt.Orientation.Horizontal), QLabel()
        self.number_slider.setToolTip("Switch between the numbers of domains that were computed")
        self.number_slider.setPageStep(1)
        self.number_slider.setTickPosition(QSlider.TickPosition.TicksBelow)
        self.legend = DomainLegend()
        self.merge = create_button("Merge", "The highlighted domains as one, with the name of the largest")
        self.split = create_button("Split", "The highlighted domain in two")
        self.undo, self.redo = create_button("Undo", "Take back the last edit"), create_button("Redo", "Do it again")
        self.outlines = QCheckBox("Outlines")
        self.outlines.setToolTip("Draw the borders of the domains over everything, genes too")
        self.confidence = QCheckBox("Confidence as opacity")
        self.confidence.setToolTip("Cells are the more transparent the less sure their domain is (share of the vote)")
        self.save = create_button(
            "Save domains…",
            "The section with the domains in obs and their evidence (.h5ad, .zarr), or outlines in micrometres "
            "(.geojson, .shapes.zarr)",
        )
        self.add_to_store = create_button(
            "Add to the store",
            "A new table and outlines as shapes in the store that the section came from; nothing there is replaced",
        )
        self.composition, self.evidence = DomainComposition(context), DomainEvidence(context)
        self.stability_plot: Any = None
        self.additional_sections_note = AdditionalSectionsNote(context)
        self._lay_out()

        links, f = SignalConnections(self), context.domain_controller
        links.connect(context.session.section_changed, self._on_data_changed)
        links.connect(context.session.run_selected, self._refresh)
        links.connect(f.domains_changed, self._refresh)
        links.connect(f.status_changed, self._refresh)
        links.connect(f.look_changed, self._refresh_legend)
        links.connect(f.progressed, self._show_progress)
        self.number_mode.activated.connect(self._refresh_legend)
        self.graph_kind.activated.connect(self._refresh_legend)
        self.method.activated.connect(self._refresh)
        self.start.clicked.connect(self._start)
        self.cancel.clicked.connect(f.cancel)
        self.number_slider.valueChanged.connect(self._choose_number)
        self.legend.picked.connect(self._highlight_domains)
        # queued: renaming fills the list again, which is not possible while a row is edited
        self.legend.renamed.connect(f.rename, Qt.ConnectionType.QueuedConnection)
        self.legend.recoloured.connect(f.recolour)
        self.merge.clicked.connect(f.merge)
        self.split.clicked.connect(f.split)
        self.undo.clicked.connect(f.undo)
        self.redo.clicked.connect(f.redo)
        self.outlines.toggled.connect(f.show_outlines)
        self.confidence.toggled.connect(f.show_confidence)
        self.save.clicked.connect(self._save)
        self.add_to_store.clicked.connect(self._add_to_store)
        self._on_data_changed()

    def _lay_out(self) -> None:
        rows = FormLayout()
        rows.addRow("Method", self.method)
        rows.addRow("Number", FlowLayout(self.number_mode, self.n_domains))
        rows.addRow("Sections", self.section_column)
        rows.addRow("Neighbours", FlowLayout(self.graph_kind, self.neighbours, self.radius))
        rows.addRow("", self.use_latent)
        box = QVBoxLayout(self)
        box.addWidget(self.additional_sections_note)
        box.addLayout(rows)
        box.addLayout(FlowLayout(self.start, self.cancel))
        box.addWidget(self.progress_bar)
        box.addWidget(self.message)
        self.result_box = QWidget()
        below = QVBoxLayout(self.result_box)
        below.setContentsMargins(0, 0, 0, 0)
        below.addLayout(FlowLayout(self.number_label, self.number_slider))
        self._plot_layout = QVBoxLayout()
        below.addLayout(self._plot_layout)
        below.addWidget(self.legend, 1)
        below.addLayout(FlowLayout(self.merge, self.split, self.undo, self.redo))
        below.addLayout(FlowLayout(self.outlines, self.confidence))
        below.addWidget(self.composition)
        below.addWidget(self.evidence)
        below.addWidget(self.save)
        below.addWidget(self.add_to_store)
        box.addWidget(self.result_box, 1)
        box.addStretch(0)

    def _start(self) -> None:
        number = None if self.number_mode.currentData() else self.n_domains.value()
        try:
            latent = self.use_latent.isChecked() and self.use_latent.isEnabled()
            self._domain_controller.start(
                number,
                method=self.method.currentData(),
                section_key=self.section_column.currentData(),
                use_latent=latent,
                graph=self._graph_options(),
            )
        except InclustError as error:
            self.message.show_message(str(error), is_error=True)

    def _graph_options(self) -> Any:
        from ...spatial.neighbors import Graph

        kind = self.graph_kind.currentData()
        return None if kind is None else Graph(kind, self.neighbours.value(), self.radius.value())

    def _choose_number(self, index: int) -> None:
        domains = self._domain_controller.domains
        if domains is not None:
            self._domain_controller.select_solution(list(domains.solutions)[index])

    def _highlight_domains(self, domains: Any) -> None:
        self._domain_controller.highlight(domains)
        self._scene.bring_to_front("domains")

    def _save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save domains", "domains.h5ad", FILE_FILTER)
        if path:
            self._domain_controller.save(path)

    def _add_to_store(self) -> None:
        section = self._session.section
        if section is not None and section.path is not None:
            self._domain_controller.save(section.path)

    def _on_data_changed(self) -> None:
        enable_unless(
            self.add_to_store,
            "" if is_source_store(self._session.section) else "The section is not from a SpatialData store (.zarr).",
        )
        section = self._session.section
        names = categorical_columns(section.adata.obs) if section is not None else []
        set_items(
            self.section_column, [("one section", None), *((n, n) for n in names)], self.section_column.currentData()
        )
        self._refresh()

    def _show_progress(self, step: Any) -> None:
        self.progress_bar.setRange(0, max(1, step.total))
        self.progress_bar.setValue(step.done)
        self.message.show_message(f"{step.message[:1].upper()}{step.message[1:]} …")

    def _refresh(self, *_: Any) -> None:
        f, s = self._domain_controller, self._session
        running = f.state != IDLE
        enable_unless(
            self.start,
            "Domains are being found." if running else "" if s.section is not None else "Open a section first (Data).",
        )
        enable_unless(self.cancel, "" if f.state == RUNNING else "Nothing is running.")
        enable_unless(
            self.use_latent,
            "Only inclust+ can use a run."
            if self.method.currentData() != "inclust+"
            else ""
            if s.run is not None
            else "There is no run: domains are found in the measured values.",
        )
        self.progress_bar.setVisible(running)
        if running and f.message:
            self.progress_bar.setRange(0, 0)
        self.message.show_message(f.message, is_error=f.is_error)
        domains, segmentation = f.domains, f.segmentation
        self.result_box.setVisible(domains is not None)
        if domains is None or segmentation is None:
            self._refresh_legend()
            self.legend.show_segmentation(None, [], frozenset())
            return
        numbers, n = list(domains.solutions), segmentation.n_domains
        with QSignalBlocker(self.number_slider):
            self.number_slider.setRange(0, len(numbers) - 1)
            self.number_slider.setValue(numbers.index(domains.chosen))
        self.number_slider.setEnabled(len(numbers) > 1)
        edited = "" if n == domains.chosen else f" ({domains.chosen} found)"
        self.number_label.setText(f"{n} domain{'' if n == 1 else 's'}{edited}")
        self._draw_stability()
        self._refresh_legend()

    def _refresh_legend(self, *_: Any) -> None:
        f, segmentation = self._domain_controller, self._domain_controller.segmentation
        self.n_domains.setVisible(not self.number_mode.currentData())
        self.neighbours.setVisible(self.graph_kind.currentData() in ("knn", "grid"))
        self.radius.setVisible(self.graph_kind.currentData() == "radius")
        if segmentation is None:
            return
        self.legend.show_segmentation(segmentation, f.mean_confidence(), f.highlighted)
        n = len(f.highlighted)
        enable_unless(self.merge, "" if n > 1 else "Click two or more domains in the list first.")
        enable_unless(self.split, "" if n == 1 else "Click one domain in the list first.")
        enable_unless(self.undo, "" if f.can_undo else "There is no edit to take back.")
        enable_unless(self.redo, "" if f.can_redo else "Nothing was taken back.")
        for box, on in ((self.outlines, f.outlines_shown), (self.confidence, f.confidence_shown)):
            show_value(box, on)

    def _draw_stability(self) -> None:
        domains = self._domain_controller.domains
        stability = None if domains is None else domains.table["stability"].dropna()
        drawn = domains is not None and stability is not None and len(stability) > 1
        if drawn and self.stability_plot is None:
            from ..plots.domains import StabilityPlot

            self.stability_plot = StabilityPlot()
            self._plot_layout.addWidget(self.stability_plot)
        if drawn and domains is not None and stability is not None:
            self.stability_plot.show_curve(stability.index.tolist(), stability.tolist(), domains.chosen)
        if self.stability_plot is not None:
            self.stability_plot.setVisible(drawn)
