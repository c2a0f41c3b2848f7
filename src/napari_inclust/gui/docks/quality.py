"""Quality: the reliability of genes, values and cells."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QModelIndex, Qt
from qtpy.QtWidgets import QLabel, QLineEdit, QSlider, QVBoxLayout, QWidget

from ..controllers.reliability_controller import (
    FADE_BY_CELL,
    FADE_BY_VALUE,
    NO_UNCERTAINTY,
    UNCERTAINTY_INTERVAL_WIDTH,
    UNCERTAINTY_SPREAD,
)
from ..state.quality_text import calibration_table, faded_text, score_summary
from ..viewer_context import ViewerContext
from ..widgets.common import MessageLabel, SignalConnections, create_combo_box, enable_unless, existing, show_value
from ..widgets.flow import Collapsible, FlowLayout
from ..widgets.form_layout import FormLayout
from ..widgets.gene_table import QUALITY_DOCK_COLUMNS, GeneTableView

_MAX_POINTS = 4000
_OPACITY_SUFFIX = ", as opacity"


class QualityDock(QWidget):
    """Scores of all genes, held-out or predicted; prediction intervals; reliability of cells.

    Parameters
    ----------
    context
        The context of the viewer.
    """

    def __init__(self, context: ViewerContext) -> None:
        super().__init__()
        self._session, self._reliability_controller = context.session, context.reliability_controller
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search genes")
        self.search.setToolTip("Type a part of a name; several, separated by spaces or commas, show all that match any")
        self.search.setClearButtonEnabled(True)
        self.kind_filter = create_combo_box(
            "Which genes the table shows",
            [("all genes", "all"), ("measured", "measured"), ("imputed", "imputed"), ("starred", "starred")],
        )
        self.table = GeneTableView(QUALITY_DOCK_COLUMNS)
        self.model = self.table.gene_model
        self.summary, self.message = MessageLabel(), MessageLabel()
        self.uncertainty = create_combo_box(
            "Uncertainty of the values of the chosen gene: as a layer of its own, or as opacity (uncertain values fade "
            "into the background)",
            [
                ("not shown", NO_UNCERTAINTY),
                ("spread of the members", UNCERTAINTY_SPREAD),
                ("width of the 90 % interval", UNCERTAINTY_INTERVAL_WIDTH),
                ("opacity by the spread", UNCERTAINTY_SPREAD + _OPACITY_SUFFIX),
                ("opacity by the width of the interval", UNCERTAINTY_INTERVAL_WIDTH + _OPACITY_SUFFIX),
            ],
        )
        self.fade_below = QSlider(Qt.Orientation.Horizontal)
        self.fade_below.setRange(0, 100)
        self.fade_below.setToolTip("Cells below this are drawn grey")
        self.fade_by = create_combo_box(
            "What the slider goes by. Trust in the cell: 0 of no kind that the reference has, 1 of a kind that it has. "
            "Sureness of the value: 1 - the width of its 90 % interval / the widest of the gene",
            [("trust in the cell", FADE_BY_CELL), ("sureness of the value", FADE_BY_VALUE)],
        )
        self.faded_label = QLabel()
        self.gene_message = MessageLabel()
        self.scatter_plot: Any = None
        self.calibration_plot: Any = None
        self.calibration_label = QLabel()
        self.calibration_label.setWordWrap(True)
        self.calibration_label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.calibration_label.setToolTip(
            "Share of held-out measurements inside the 90 % interval, for genes by level and cells by prediction; each "
            "gene was calibrated without the genes of its fold"
        )
        self._lay_out()

        links, s, j = SignalConnections(self), context.session, context.reliability_controller
        for signal in (s.section_changed, s.run_selected, s.generated_changed, s.predicted_scores_changed):
            links.connect(signal, self._refresh_genes)
        links.connect(s.gene_selected, self._refresh_gene)
        links.connect(s.starred_genes_changed, self._refresh_stars)
        links.connect(j.status_changed, self._refresh)
        links.connect(j.look_changed, self._refresh_controls)
        links.connect(j.interval_changed, self._refresh_scatter)
        self.search.textChanged.connect(self._apply_filter)
        self.kind_filter.activated.connect(self._apply_filter)
        existing(self.table.selectionModel()).currentRowChanged.connect(self._choose_row)
        self.table.clicked.connect(self._on_clicked)
        self.uncertainty.activated.connect(self._set_uncertainty)
        self.fade_below.valueChanged.connect(self._set_fade)
        self.fade_by.activated.connect(self._set_fade)
        self._refresh_genes()
        self._refresh_stars()
        self._refresh_scatter()

    def _lay_out(self) -> None:
        rows = FormLayout()
        rows.addRow("Uncertainty", self.uncertainty)
        rows.addRow("Fade by", self.fade_by)
        rows.addRow("Fade below", self.fade_below)
        rows.addRow("", self.faded_label)
        self.calibration_box = intervals = Collapsible(
            "Do the intervals hold?", "Calibration of the intervals on the held-out genes"
        )
        intervals.addWidget(self.calibration_label)
        intervals.toggled.connect(self._refresh_calibration)
        box = QVBoxLayout(self)
        box.addWidget(self.summary)
        box.addLayout(FlowLayout(self.search, self.kind_filter))
        box.addWidget(self.table, 1)
        box.addWidget(self.message)
        box.addLayout(rows)
        box.addWidget(self.gene_message)
        self._plot_layout = QVBoxLayout()
        box.addLayout(self._plot_layout)
        box.addWidget(intervals)

    def _apply_filter(self, *_: Any) -> None:
        self.model.set_filter(self.search.text(), self.kind_filter.currentData(), -1.0)
        self.table.show_gene(self._session.gene)

    def _choose_row(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if current.isValid():
            self._session.select_gene(self.model.gene_at(current.row()))

    def _on_clicked(self, index: QModelIndex) -> None:
        self._session.select_gene(self.model.gene_at(index.row()))

    def _set_uncertainty(self, *_: Any) -> None:
        what = self.uncertainty.currentData()
        self._reliability_controller.set_uncertainty(
            what.removesuffix(_OPACITY_SUFFIX), as_veil=what.endswith(_OPACITY_SUFFIX)
        )

    def _set_fade(self, *_: Any) -> None:
        self._reliability_controller.set_fade(self.fade_below.value() / 100, self.fade_by.currentData())

    def _refresh_genes(self) -> None:
        self.model.set_table(self._session.gene_table())
        self.table.show_gene(self._session.gene)
        self._refresh()

    def _refresh_stars(self) -> None:
        self.model.set_stars(set(self._session.starred_genes))
        self.table.show_gene(self._session.gene)

    def _refresh_gene(self) -> None:
        if self.table.currentIndex().row() != self.model.row_of(self._session.gene):
            self.table.show_gene(self._session.gene)

    def _refresh(self) -> None:
        j, run = self._reliability_controller, self._session.run
        self.summary.show_message(score_summary(run, j.gene_reliability))
        self.message.show_message(j.message, is_error=j.is_error)
        waiting = "" if j.cell_reliability is not None else j.message or "Not known yet."
        enable_unless(self.fade_below, waiting)
        enable_unless(self.fade_by, waiting)
        enable_unless(self.uncertainty, "" if j.calibration is not None else j.message or "Not known yet.")
        self.calibration_label.setText(calibration_table(j.calibration))
        self._refresh_calibration()
        self._refresh_controls()

    def _refresh_calibration(self, *_: Any) -> None:
        """Draw the calibration, once its box is expanded."""
        calibration = self._reliability_controller.calibration
        if self.calibration_plot is None and calibration is not None and self.calibration_box.isExpanded():
            from ..plots.predictions import CalibrationPlot

            self.calibration_plot = CalibrationPlot()
            self.calibration_box.addWidget(self.calibration_plot)
        if self.calibration_plot is not None:
            self.calibration_plot.setVisible(calibration is not None)
            if calibration is not None:
                self.calibration_plot.show_coverage(calibration.coverage, calibration.nominal_coverage)

    def _refresh_controls(self) -> None:
        j = self._reliability_controller
        show_value(self.fade_below, round(100 * j.fade_threshold))
        self.fade_by.setCurrentIndex(self.fade_by.findData(j.fade_by))
        self.uncertainty.setCurrentIndex(
            self.uncertainty.findData(j.uncertainty_kind + _OPACITY_SUFFIX * j.uncertainty_as_veil)
        )
        self.faded_label.setText(faded_text(j))

    def _refresh_scatter(self) -> None:
        interval, session = self._reliability_controller.gene_interval, self._session
        measured = None if interval is None else interval.measured
        if measured is not None and self.scatter_plot is None:
            from ..plots.predictions import MeasuredImputedPlot

            self.scatter_plot = MeasuredImputedPlot()
            self._plot_layout.addWidget(self.scatter_plot)
        if self.scatter_plot is not None:
            self.scatter_plot.setVisible(measured is not None)
        if interval is None or session.section is None:
            self.gene_message.show_message("")
        elif measured is None:
            self.gene_message.show_message(f"{interval.imputed.name} was not measured: nothing to compare it with.")
        else:
            self.gene_message.show_message(interval.imputed.title)
        if interval is not None and measured is not None:
            step = max(1, len(interval.low) // _MAX_POINTS)
            self.scatter_plot.show_values(measured[::step], interval.imputed.values[::step])
