"""The runs of the session in the Train dock: a table, and two of them compared."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QWidget

from ..state.history import differing, name_of, paired, runs_table, verdict
from ..viewer_context import Workbench
from ..widgets.common import Links, Message, choice, fill, form
from ..widgets.flow import Fold
from ..widgets.tables import FrameView

_RUNS = {"name": "run", "seed": "seed", "epochs": "epochs", "time": "time", "median": "median r", "knn": "r of kNN", "labels": "labels", "device": "device", "made": "made (UTC)"}  # fmt: skip


class RunsView(Fold):
    """History of runs: a click paints from one; two are compared.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__("History of runs", "Finished runs of this session with their settings and held-out scores")
        self._session = bench.session
        self.table = FrameView(_RUNS, "Finished runs; click one to paint from it. Median r: median held-out Pearson of the measured genes")
        self.first, self.second = choice("Run A", [("no run yet", None)]), choice("Run B", [("no run yet", None)])
        self.settings = FrameView({"setting": "setting", "a": "A", "b": "B"}, "Settings in which the two runs differ")
        for table in (self.table, self.settings):
            table.setMaximumHeight(9 * self.fontMetrics().height())
        self.said = Message()
        self.plot: Any = None
        chosen = QWidget()
        rows = form(chosen)
        rows.addRow("Compare A", self.first)
        rows.addRow("with B", self.second)
        for part in (self.table, chosen, self.said, self.settings):
            self.addWidget(part)

        links = Links(self)
        links.to(bench.session.run_changed, self._show)
        self.table.clicked.connect(lambda index: self._choose(index))
        self.first.activated.connect(self._compare)
        self.second.activated.connect(self._compare)
        self.toggleButton().toggled.connect(self._show)
        self._show()

    def _choose(self, index: Any) -> None:
        row = self.table.model().mapToSource(index).row()  # type: ignore[union-attr]
        self._session.choose_run(self._session.runs[row])

    def _show(self, *_: Any) -> None:
        runs = self._session.runs
        self.table.show_frame(runs_table(runs))
        items: list[tuple[str, Any]] = [(f"{name_of(i, r)}, r {r.scores['pcc'].median():.3f}", i) for i, r in enumerate(runs)] or [("no run yet", None)]
        before = self.first.currentData(), self.second.currentData()
        last = len(runs) - 1
        fill(self.first, items, before[0] if before[0] is not None else max(0, last - 1))
        fill(self.second, items, before[1] if before[1] not in (None, before[0]) else last)
        self._compare()

    def _compare(self, *_: Any) -> None:
        a, b = self.first.currentData(), self.second.currentData()
        pair = a is not None and b is not None and a != b
        self.settings.setVisible(pair)
        if self.plot is not None:
            self.plot.setVisible(pair)
        if not pair:
            self.said.say("" if len(self._session.runs) != 1 else "Train another one to compare.")
            return
        one, two = self._session.runs[a], self._session.runs[b]
        found = differing(one, two)
        self.settings.show_frame(found)
        genes, scores = paired(one, two)
        self.said.say(verdict(scores) + ("" if len(found) else " Their settings are the same."))
        if not self.isExpanded():
            return
        if self.plot is None:
            from ..plots.base import PairPlot

            self.plot = PairPlot()
            self.addWidget(self.plot)
        self.plot.show_pairs(genes, scores)
        self.plot.setVisible(True)
