"""inClust+: the steps in order, in one dock."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from ..viewer_context import Workbench
from ..widgets.common import Links
from ..widgets.scrolled import Scrolled
from ..widgets.step_bar import Steps
from .cells import CellsDock
from .data import DataDock
from .domains import DomainsDock
from .figure import FigureDock
from .genes import GenesDock
from .quality import QualityDock
from .regions import RegionsDock
from .save import SaveDock
from .session import SessionMenu
from .train import TrainDock


class MainDock(QWidget):
    """Data, Train, Genes, Quality, Cells, Domains, Regions, Figure, Export as tabs; a step that is not possible yet is greyed, its tooltip says why.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._session = bench.session
        self.data, self.train, self.genes, self.save = DataDock(bench), TrainDock(bench), GenesDock(bench), SaveDock(bench)
        self.quality, self.cells, self.domains, self.regions = QualityDock(bench), CellsDock(bench), DomainsDock(bench), RegionsDock(bench)
        self.figure = FigureDock(bench)
        self.tabs = Steps()
        steps = {
            "Data": self.data,
            "Train": self.train,
            "Genes": self.genes,
            "Quality": self.quality,
            "Cells": self.cells,
            "Domains": self.domains,
            "Regions": self.regions,
            "Figure": self.figure,
            "Export": self.save,
        }
        self.titles = list(steps)
        for title, dock in steps.items():
            self.tabs.addTab(Scrolled(dock), title)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        top = QHBoxLayout()
        self.where = QLabel()
        self.where.setToolTip("The open section and its number of cells")
        top.addWidget(self.where, 1)
        top.addWidget(SessionMenu(bench))
        box.addLayout(top)
        box.addWidget(self.tabs, 1)
        links = Links(self)
        links.to(bench.session.data_changed, self._show)
        links.to(bench.session.run_changed, self._ran)
        self._show()

    def _show(self) -> None:
        section = self._session.section
        self.where.setText("" if section is None else f"{section.name} · {section.n_cells:,} cells")
        untrained = "" if self._session.run is not None else "Train first (Train), or load a run (Export)."
        nothing = "" if self._session.section is not None else "Open a section first (Data)."
        for i, (why, tip) in enumerate(
            [
                ("", "Section and reference"),
                (self._session.obstacle, "Train the network"),
                (nothing, "Paint genes"),
                (untrained, "Which genes, values and cells may be believed"),
                (nothing, "Colour, select and read single cells; their scatter plot"),
                (nothing, "Find spatial domains; no run is needed"),
                (nothing, "Draw areas, see what they hold, compare them"),
                (nothing, "Figures for print"),
                ("", "Save results, load a run"),
            ]
        ):
            self.tabs.setTabEnabled(i, not why)
            self.tabs.setTabToolTip(i, why or tip)

    def _ran(self, *_: Any) -> None:
        self._show()
        if self._session.run is not None and len(self._session.runs) == 1 and self._session.runs[0] is self._session.run:
            self.tabs.setCurrentIndex(2)
