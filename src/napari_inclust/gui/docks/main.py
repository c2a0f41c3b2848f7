"""inClust+: the steps in order, in one dock."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from ..viewer_context import ViewerContext
from ..widgets.common import SignalConnections
from ..widgets.scrolled import DockScrollArea
from ..widgets.step_bar import StepTabs
from .cells import CellsDock
from .data import DataDock
from .domains import DomainsDock
from .figure import FigureDock
from .genes import GenesDock
from .quality import QualityDock
from .regions import RegionsDock
from .save import ExportDock
from .session import SessionMenu
from .train import TrainDock


class MainDock(QWidget):
    """Data, Train, Genes, Quality, Cells, Domains, Regions, Figure, Export as tabs; a step that is not possible yet is greyed, its tooltip says why.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, context: ViewerContext) -> None:
        super().__init__()
        self._session = context.session
        self.data, self.train, self.genes, self.export = (
            DataDock(context),
            TrainDock(context),
            GenesDock(context),
            ExportDock(context),
        )
        self.quality, self.cells, self.domains, self.regions = (
            QualityDock(context),
            CellsDock(context),
            DomainsDock(context),
            RegionsDock(context),
        )
        self.figure = FigureDock(context)
        self.tabs = StepTabs()
        steps = {
            "Data": self.data,
            "Train": self.train,
            "Genes": self.genes,
            "Quality": self.quality,
            "Cells": self.cells,
            "Domains": self.domains,
            "Regions": self.regions,
            "Figure": self.figure,
            "Export": self.export,
        }
        self.titles = list(steps)
        for title, dock in steps.items():
            self.tabs.addTab(DockScrollArea(dock), title)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        top = QHBoxLayout()
        self.section_label = QLabel()
        self.section_label.setToolTip("The open section and its number of cells")
        top.addWidget(self.section_label, 1)
        top.addWidget(SessionMenu(context))
        box.addLayout(top)
        box.addWidget(self.tabs, 1)
        links = SignalConnections(self)
        links.connect(context.session.section_changed, self._refresh)
        links.connect(context.session.reference_changed, self._refresh)
        links.connect(context.session.run_selected, self._on_run_selected)
        self._refresh()

    def _refresh(self) -> None:
        section = self._session.section
        self.section_label.setText("" if section is None else f"{section.name} · {section.n_cells:,} cells")
        untrained = "" if self._session.run is not None else "Train first (Train), or load a run (Export)."
        nothing = "" if self._session.section is not None else "Open a section first (Data)."
        for i, (why, tip) in enumerate(
            [
                ("", "Section and reference"),
                (self._session.training_obstacle, "Train the network"),
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

    def _on_run_selected(self, *_: Any) -> None:
        self._refresh()
        if (
            self._session.run is not None
            and len(self._session.runs) == 1
            and self._session.runs[0] is self._session.run
        ):
            self.tabs.setCurrentIndex(2)
