"""Domains: find them, switch between numbers, name and merge them on the tissue."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
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
from ..controllers.domain_saving import FILTER, is_own_store
from ..state.columns import categories
from ..state.domains import IDLE, RUNNING
from ..viewer_context import Workbench
from ..views.composition import Composition
from ..views.domain_evidence import Evidence
from ..views.domain_legend import DomainLegend
from ..views.section_note import BesideNote
from ..widgets.common import Links, Message, allow, button, choice, fill, form
from ..widgets.flow import Flow

_ABOUT = {
    "inclust+": "inclust+ (default)",
    "inclust": "inclust (as published)",
    "smoothed-pca": "smoothed-pca (baseline, fast)",
}


class DomainsDock(QWidget):
    """Spatial domains of the open section; no run is needed.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._session, self._finding, self._scene = bench.session, bench.finding, bench.scene
        self.method = choice(
            "inclust+: a vote over five views of the cells and three scales; inclust: the published network; smoothed-pca: the baseline",
            [(_ABOUT[m], m) for m in METHODS],
        )
        self.auto = choice("How many domains: given, or the most stable of 2 to 15 (the curve is shown)", [("the most stable", True), ("given", False)])
        self.number = QSpinBox()
        self.number.setRange(1, 100)
        self.number.setValue(7)
        self.number.setSuffix(" domains")
        self.number.setToolTip("Number of domains; numbers found before stay on the slider")
        self.sections = choice("Column with sections: neighbours lie within a section, domains are shared by all", [("one section", None)])
        self.graph = choice(
            "What a neighbourhood is. Automatic: as many nearest cells as predict a cell best; Delaunay: cells that touch; grid: spots of Visium",
            [("automatic", None), ("nearest cells", "knn"), ("radius", "radius"), ("Delaunay", "delaunay"), ("grid", "grid")],
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
        self.latent = QCheckBox("Use what the run learned")
        self.latent.setToolTip("The latent of the run is one more view of the cells: helps where the panel is small")
        self.start = button("Find domains", "Look for regions whose neighbourhoods are alike; no labels are used")
        self.cancel = button("Cancel", "Stop at the end of this step")
        self.bar = QProgressBar()
        self.bar.setToolTip("Steps done of those planned")
        self.message = Message()
        self.slider, self.shown = QSlider(Qt.Orientation.Horizontal), QLabel()
        self.slider.setToolTip("Switch between the numbers of domains that were computed")
        self.slider.setPageStep(1)
        self.slider.setTickPosition(QSlider.TickPosition.TicksBelow)
        self.legend = DomainLegend()
        self.merge = button("Merge", "The highlighted domains as one, with the name of the largest")
        self.split = button("Split", "The highlighted domain in two")
        self.undo, self.redo = button("Undo", "Take back the last edit"), button("Redo", "Do it again")
        self.outlines = QCheckBox("Outlines")
        self.outlines.setToolTip("Draw the borders of the domains over everything, genes too")
        self.confidence = QCheckBox("Confidence as opacity")
        self.confidence.setToolTip("Cells are the more transparent the less sure their domain is (share of the vote)")
        self.save = button(
            "Save domains…", "The section with the domains in obs and their evidence (.h5ad, .zarr), or outlines in micrometres (.geojson, .shapes.zarr)"
        )
        self.back = button("Add to the store", "A new table and outlines as shapes in the store that the section came from; nothing there is replaced")
        self.composition, self.evidence = Composition(bench), Evidence(bench)
        self.curve: Any = None
        self.note = BesideNote(bench)
        self._lay_out()

        links, f = Links(self), bench.finding
        links.to(bench.session.data_changed, self._data)
        links.to(bench.session.run_changed, self._show)
        links.to(f.changed, self._show)
        links.to(f.look_changed, self._look)
        links.to(f.stepped, self._step)
        self.auto.activated.connect(self._look)
        self.graph.activated.connect(self._look)
        self.method.activated.connect(self._show)
        self.start.clicked.connect(self._start)
        self.cancel.clicked.connect(f.cancel)
        self.slider.valueChanged.connect(self._choose)
        self.legend.picked.connect(self._picked)
        self.legend.renamed.connect(f.rename, Qt.ConnectionType.QueuedConnection)  # the list is written anew: not while it is being edited
        self.legend.recoloured.connect(f.recolour)
        self.merge.clicked.connect(f.merge)
        self.split.clicked.connect(f.split)
        self.undo.clicked.connect(f.undo)
        self.redo.clicked.connect(f.redo)
        self.outlines.toggled.connect(f.outline)
        self.confidence.toggled.connect(f.shade)
        self.save.clicked.connect(self._save)
        self.back.clicked.connect(self._add)
        self._data()

    def _lay_out(self) -> None:
        rows = form()
        rows.addRow("Method", self.method)
        rows.addRow("Number", Flow(self.auto, self.number))
        rows.addRow("Sections", self.sections)
        rows.addRow("Neighbours", Flow(self.graph, self.neighbours, self.radius))
        rows.addRow("", self.latent)
        box = QVBoxLayout(self)
        box.addWidget(self.note)
        box.addLayout(rows)
        box.addLayout(Flow(self.start, self.cancel))
        box.addWidget(self.bar)
        box.addWidget(self.message)
        self.result = QWidget()
        below = QVBoxLayout(self.result)
        below.setContentsMargins(0, 0, 0, 0)
        below.addLayout(Flow(self.shown, self.slider))
        self._place = QVBoxLayout()
        below.addLayout(self._place)
        below.addWidget(self.legend, 1)
        below.addLayout(Flow(self.merge, self.split, self.undo, self.redo))
        below.addLayout(Flow(self.outlines, self.confidence))
        below.addWidget(self.composition)
        below.addWidget(self.evidence)
        below.addWidget(self.save)
        below.addWidget(self.back)
        box.addWidget(self.result, 1)
        box.addStretch(0)

    # what the user does
    def _start(self) -> None:
        number = None if self.auto.currentData() else self.number.value()
        try:
            latent = self.latent.isChecked() and self.latent.isEnabled()
            self._finding.start(number, method=self.method.currentData(), section_key=self.sections.currentData(), latent=latent, graph=self._graph())
        except InclustError as error:
            self.message.say(str(error), wrong=True)

    def _graph(self) -> Any:
        from ...spatial.neighbors import Graph

        kind = self.graph.currentData()
        return None if kind is None else Graph(kind, self.neighbours.value(), self.radius.value())

    def _choose(self, at: int) -> None:
        found = self._finding.found
        if found is not None:
            self._finding.choose(list(found.solutions)[at])

    def _picked(self, domains: Any) -> None:
        self._finding.select(domains)
        self._scene.bring("domains")

    def _save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save domains", "domains.h5ad", FILTER)
        if path:
            self._finding.save(path)

    def _add(self) -> None:
        self._finding.save(self._session.section.path)

    # what the session says
    def _data(self) -> None:
        allow(self.back, "" if is_own_store(self._session.section) else "The section is not from a SpatialData store (.zarr).")
        section = self._session.section
        names = categories(section.adata.obs) if section is not None else []
        fill(self.sections, [("one section", None), *((n, n) for n in names)], self.sections.currentData())
        self._show()

    def _step(self, step: Any) -> None:
        self.bar.setRange(0, max(1, step.total))
        self.bar.setValue(step.done)
        self.message.say(f"{step.text[:1].upper()}{step.text[1:]} …")

    def _show(self, *_: Any) -> None:
        f, s = self._finding, self._session
        running = f.state != IDLE
        allow(self.start, "Domains are being found." if running else "" if s.section is not None else "Open a section first (Data).")
        allow(self.cancel, "" if f.state == RUNNING else "Nothing is running.")
        allow(
            self.latent,
            "Only inclust+ can use a run."
            if self.method.currentData() != "inclust+"
            else ""
            if s.run is not None
            else "There is no run: domains are found in what was measured.",
        )
        self.bar.setVisible(running)
        if running and f.message:
            self.bar.setRange(0, 0)
        self.message.say(f.message, wrong=f.wrong)
        found, seg = f.found, f.segmentation
        self.result.setVisible(found is not None)
        if found is None or seg is None:
            self._look()
            self.legend.show_segmentation(None, [], frozenset())
            return
        numbers = list(found.solutions)
        self.slider.blockSignals(True)
        self.slider.setRange(0, len(numbers) - 1)
        self.slider.setValue(numbers.index(found.chosen))
        self.slider.blockSignals(False)
        self.slider.setEnabled(len(numbers) > 1)
        edited = "" if seg.k == found.chosen else f" ({found.chosen} found)"
        self.shown.setText(f"{seg.k} domain{'' if seg.k == 1 else 's'}{edited}")
        self._draw()
        self._look()

    def _look(self, *_: Any) -> None:
        f, seg = self._finding, self._finding.segmentation
        self.number.setVisible(not self.auto.currentData())
        self.neighbours.setVisible(self.graph.currentData() in ("knn", "grid"))
        self.radius.setVisible(self.graph.currentData() == "radius")
        if seg is None:
            return
        self.legend.show_segmentation(seg, f.confidence(), f.selected)
        n = len(f.selected)
        allow(self.merge, "" if n > 1 else "Click two or more domains in the list first.")
        allow(self.split, "" if n == 1 else "Click one domain in the list first.")
        allow(self.undo, "" if f.can_undo else "There is no edit to take back.")
        allow(self.redo, "" if f.can_redo else "Nothing was taken back.")
        for box, on in ((self.outlines, f.outlined), (self.confidence, f.shaded)):
            box.blockSignals(True)
            box.setChecked(on)
            box.blockSignals(False)

    def _draw(self) -> None:
        found = self._finding.found
        stable = found.table["stability"].dropna() if found is not None else []
        if found is not None and len(stable) > 1:
            if self.curve is None:
                from ..plots.base import StabilityPlot

                self.curve = StabilityPlot()
                self._place.addWidget(self.curve)
            self.curve.show_curve(list(stable.index), list(stable), found.chosen)
        if self.curve is not None:
            self.curve.setVisible(len(stable) > 1)
