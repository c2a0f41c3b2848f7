"""The runs of the session: a table, and the comparison of two."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QWidget

from ..state.history import comparison_summary, differing_settings, paired_scores, run_name, runs_table
from ..viewer_context import ViewerContext
from ..widgets.common import MessageLabel, SignalConnections, create_combo_box, set_items
from ..widgets.flow import Collapsible
from ..widgets.form_layout import FormLayout
from ..widgets.tables import DataFrameView

_RUN_COLUMNS = {
    "name": "run",
    "seed": "seed",
    "epochs": "epochs",
    "time": "time",
    "median": "median r",
    "knn": "r of kNN",
    "labels": "labels",
    "device": "device",
    "made": "made (UTC)",
}


class RunsView(Collapsible):
    """Table of finished runs, of which one is painted, and the comparison of two.

    Parameters
    ----------
    context
        The context of the viewer.
    """

    def __init__(self, context: ViewerContext) -> None:
        super().__init__("History of runs", "Finished runs of this session with their settings and held-out scores")
        self._session = context.session
        self.table = DataFrameView(
            _RUN_COLUMNS,
            "Finished runs; click one to paint from it. Median r: median held-out Pearson of the measured genes",
        )
        self.run_a, self.run_b = (
            create_combo_box("Run A", [("no run yet", None)]),
            create_combo_box("Run B", [("no run yet", None)]),
        )
        self.settings_table = DataFrameView(
            {"setting": "setting", "a": "A", "b": "B"}, "Settings in which the two runs differ"
        )
        for table in (self.table, self.settings_table):
            table.setMaximumHeight(9 * self.fontMetrics().height())
        self.verdict_message = MessageLabel()
        self.plot: Any = None
        chosen = QWidget()
        rows = FormLayout(chosen)
        rows.addRow("Compare A", self.run_a)
        rows.addRow("with B", self.run_b)
        for part in (self.table, chosen, self.verdict_message, self.settings_table):
            self.addWidget(part)

        links = SignalConnections(self)
        links.connect(context.session.runs_changed, self._refresh)
        links.connect(context.session.run_selected, self._refresh)
        self.table.clicked.connect(lambda index: self._choose_run(index))
        self.run_a.activated.connect(self._compare)
        self.run_b.activated.connect(self._compare)
        self.toggled.connect(self._refresh)
        self._refresh()

    def _choose_run(self, index: Any) -> None:
        row = self.table.model().mapToSource(index).row()  # type: ignore[union-attr]
        self._session.select_run(self._session.runs[row])

    def _refresh(self, *_: Any) -> None:
        runs = self._session.runs
        self.table.show_frame(runs_table(runs))
        items: list[tuple[str, Any]] = [
            (f"{run_name(i, r)}, r {r.scores['pcc'].median():.3f}", i) for i, r in enumerate(runs)
        ] or [("no run yet", None)]
        before = self.run_a.currentData(), self.run_b.currentData()
        last = len(runs) - 1
        set_items(self.run_a, items, before[0] if before[0] is not None else max(0, last - 1))
        set_items(self.run_b, items, before[1] if before[1] not in (None, before[0]) else last)
        self._compare()

    def _compare(self, *_: Any) -> None:
        a, b = self.run_a.currentData(), self.run_b.currentData()
        pair = a is not None and b is not None and a != b
        self.settings_table.setVisible(pair)
        if self.plot is not None:
            self.plot.setVisible(pair)
        if not pair:
            self.verdict_message.show_message("" if len(self._session.runs) != 1 else "Train another one to compare.")
            return
        one, two = self._session.runs[a], self._session.runs[b]
        differences = differing_settings(one, two)
        self.settings_table.show_frame(differences)
        genes, scores = paired_scores(one, two)
        self.verdict_message.show_message(
            comparison_summary(scores) + ("" if len(differences) else " Their settings are the same.")
        )
        if not self.isExpanded():
            return
        if self.plot is None:
            from ..plots.predictions import RunComparisonPlot

            self.plot = RunComparisonPlot()
            self.addWidget(self.plot)
        self.plot.show_scores(genes, scores)
        self.plot.setVisible(True)
