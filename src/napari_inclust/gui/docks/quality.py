"""Quality: which genes, values and cells may be believed."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QModelIndex, Qt
from qtpy.QtWidgets import QLabel, QLineEdit, QSlider, QVBoxLayout, QWidget

from ..controllers.reliability_controller import CELL, NONE, SPREAD, VALUE, WIDTH
from ..state.quality_text import calibration_table, faded_text, score_summary
from ..viewer_context import Workbench
from ..widgets.common import Links, Message, allow, choice, form
from ..widgets.flow import Flow, Fold
from ..widgets.gene_table import IN_QUALITY
from ..widgets.gene_view import GeneView

_POINTS = 4000
_VEIL = ", as opacity"


class QualityDock(QWidget):
    """Scores of all genes, held-out or foreseen; intervals; trust in cells.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._session, self._judging = bench.session, bench.judging
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search genes")
        self.search.setToolTip("Type a part of a name; several, separated by spaces or commas, show all that match any")
        self.search.setClearButtonEnabled(True)
        self.kind = choice("Which genes the table shows", [("all genes", "all"), ("measured", "measured"), ("imputed", "imputed"), ("starred", "starred")])
        self.table = GeneView(IN_QUALITY)
        self.model = self.table.genes
        self.summary, self.message = Message(), Message()
        self.uncertainty = choice(
            "How far the values of the chosen gene may be off: as a layer of its own, or as opacity (what is less sure fades into the background)",
            [
                ("not shown", NONE),
                ("spread of the members", SPREAD),
                ("width of the 90 % interval", WIDTH),
                ("opacity by the spread", SPREAD + _VEIL),
                ("opacity by the width of the interval", WIDTH + _VEIL),
            ],
        )
        self.fade = QSlider(Qt.Orientation.Horizontal)
        self.fade.setRange(0, 100)
        self.fade.setToolTip("Cells below this are drawn grey")
        self.fade_by = choice(
            "What the slider goes by. Trust in the cell: 0 of no kind that the reference has, 1 of a kind that it has. "
            "Sureness of the value: 1 - the width of its 90 % interval / the widest of the gene",
            [("trust in the cell", CELL), ("sureness of the value", VALUE)],
        )
        self.faded = QLabel()
        self.about, self.plot, self.coverage = Message(), None, None
        self.calibration = QLabel()
        self.calibration.setWordWrap(True)
        self.calibration.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.calibration.setToolTip(
            "Share of held-out measurements inside the 90 % interval, for genes by level and cells by prediction; each gene was calibrated without the genes of its fold"
        )
        self._lay_out()

        links, s, j = Links(self), bench.session, bench.judging
        for signal in (s.data_changed, s.run_changed, s.foreseen_changed):
            links.to(signal, self._genes)
        links.to(s.gene_changed, self._gene)
        links.to(s.stars_changed, self._stars)
        links.to(j.changed, self._show)
        links.to(j.look_changed, self._look)
        links.to(j.read, self._read)
        self.search.textChanged.connect(self._filter)
        self.kind.activated.connect(self._filter)
        self.table.selectionModel().currentRowChanged.connect(self._row)
        self.table.clicked.connect(self._clicked)
        self.uncertainty.activated.connect(self._uncertainty)
        self.fade.valueChanged.connect(self._fade)
        self.fade_by.activated.connect(self._fade)
        self._genes()
        self._stars()
        self._read()

    def _lay_out(self) -> None:
        rows = form()
        rows.addRow("Uncertainty", self.uncertainty)
        rows.addRow("Fade by", self.fade_by)
        rows.addRow("Fade below", self.fade)
        rows.addRow("", self.faded)
        self.intervals = intervals = Fold("Do the intervals hold?", "Calibration of the intervals on the held-out genes")
        intervals.addWidget(self.calibration)
        intervals.toggleButton().toggled.connect(self._calibrated)
        box = QVBoxLayout(self)
        box.addWidget(self.summary)
        box.addLayout(Flow(self.search, self.kind))
        box.addWidget(self.table, 1)
        box.addWidget(self.message)
        box.addLayout(rows)
        box.addWidget(self.about)
        self._place = QVBoxLayout()
        box.addLayout(self._place)
        box.addWidget(intervals)

    # what the user does
    def _filter(self, *_: Any) -> None:
        self.model.set_filter(self.search.text(), self.kind.currentData(), -1.0)
        self.table.show_gene(self._session.gene)

    def _row(self, now: QModelIndex, _before: QModelIndex) -> None:
        if now.isValid():
            self._session.choose(self.model.gene(now.row()))

    def _clicked(self, index: QModelIndex) -> None:
        self._session.choose(self.model.gene(index.row()))

    def _uncertainty(self, *_: Any) -> None:
        what = self.uncertainty.currentData()
        self._judging.set_uncertainty(what.removesuffix(_VEIL), veil=what.endswith(_VEIL))

    def _fade(self, *_: Any) -> None:
        self._judging.set_fade(self.fade.value() / 100, self.fade_by.currentData())

    # what the session says
    def _genes(self) -> None:
        self.model.set_table(self._session.genes())
        self.table.show_gene(self._session.gene)
        self._show()

    def _stars(self) -> None:
        self.model.set_stars(set(self._session.stars))
        self.table.show_gene(self._session.gene)

    def _gene(self) -> None:
        if self.table.currentIndex().row() != self.model.row_of(self._session.gene):
            self.table.show_gene(self._session.gene)

    def _show(self) -> None:
        j, run = self._judging, self._session.run
        self.summary.say(score_summary(run, j.genes))
        self.message.say(j.message, wrong=j.wrong)
        waiting = "" if j.cells is not None else j.message or "Not known yet."
        allow(self.fade, waiting)
        allow(self.fade_by, waiting)
        allow(self.uncertainty, "" if j.calibration is not None else j.message or "Not known yet.")
        self.calibration.setText(calibration_table(j.calibration))
        self._calibrated()
        self._look()

    def _calibrated(self, *_: Any) -> None:
        """The plot of the calibration, made when it is unfolded."""
        calibration = self._judging.calibration
        if self.coverage is None and calibration is not None and self.intervals.isExpanded():
            from ..plots.base import CalibrationPlot

            self.coverage = CalibrationPlot()
            self.intervals.addWidget(self.coverage)
        if self.coverage is not None:
            self.coverage.setVisible(calibration is not None)
            if calibration is not None:
                self.coverage.show_coverage(calibration.coverage, calibration.level)

    def _look(self) -> None:
        j = self._judging
        self.fade.blockSignals(True)
        self.fade.setValue(round(100 * j.fade))
        self.fade.blockSignals(False)
        self.fade_by.setCurrentIndex(self.fade_by.findData(j.fade_by))
        self.uncertainty.setCurrentIndex(self.uncertainty.findData(j.uncertainty + _VEIL * j.veil))
        self.faded.setText(faded_text(j))

    def _read(self) -> None:
        about, s = self._judging.about, self._session
        pair = about is not None and about.measured is not None
        if pair and self.plot is None:
            from ..plots.base import ScatterPlot

            self.plot = ScatterPlot()
            self._place.addWidget(self.plot)
        if self.plot is not None:
            self.plot.setVisible(pair)
            if pair and about is not None:
                step = max(1, len(about.low) // _POINTS)
                self.plot.show_pair(about.measured[::step], about.imputed.values[::step])
        if about is None or s.section is None:
            self.about.say("")
        else:
            self.about.say(about.imputed.title if pair else f"{about.imputed.name} was not measured: nothing to compare it with.")
