"""inClust+: all steps in order in one dock."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QStyle,
    QStyleOptionTab,
    QStylePainter,
    QTabBar,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from ..theme import theme_colours
from ..viewer_context import ViewerContext
from ..widgets.common import SignalConnections
from ..widgets.scrolled import DockScrollArea
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

_DISABLED_OPACITY = 0.35  # of the text of a disabled step


class StepTabBar(QTabBar):
    """Tabs at the side with horizontal text, which Qt would rotate."""

    def tabSizeHint(self, index: int) -> QSize:  # noqa: N802
        """Return the size of a tab with horizontal text."""
        return super().tabSizeHint(index).transposed()

    def paintEvent(self, event: Any) -> None:  # noqa: N802
        """Draw the tabs with horizontal text."""
        painter, option = QStylePainter(self), QStyleOptionTab()
        text = QColor(theme_colours()[1])
        for i in range(self.count()):
            self.initStyleOption(option, i)
            painter.drawControl(QStyle.ControlElement.CE_TabBarTabShape, option)
            text.setAlphaF(1.0 if self.isTabEnabled(i) else _DISABLED_OPACITY)
            painter.setPen(text)
            painter.drawText(self.tabRect(i), Qt.AlignmentFlag.AlignCenter, self.tabText(i))


class StepTabs(QTabWidget):
    """Pages of the steps with their tabs from top to bottom."""

    def __init__(self) -> None:
        super().__init__()
        self.setTabBar(StepTabBar())
        self.setTabPosition(QTabWidget.TabPosition.West)


class MainDock(QWidget):
    """A tab for each step; one that is not possible yet is disabled with the reason as its tooltip.

    Parameters
    ----------
    context
        The context of the viewer.
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
        for i, (reason, tip) in enumerate(
            [
                ("", "Section and reference"),
                (self._session.training_obstacle, "Train the network"),
                (nothing, "Paint genes"),
                (untrained, "Reliability of genes, values and cells"),
                (nothing, "Colour, select and read single cells; their scatter plot"),
                (nothing, "Find spatial domains; no run is needed"),
                (nothing, "Draw areas, see what they hold, compare them"),
                (nothing, "Figures for print"),
                ("", "Save results, load a run"),
            ]
        ):
            self.tabs.setTabEnabled(i, not reason)
            self.tabs.setTabToolTip(i, reason or tip)

    def _on_run_selected(self, *_: Any) -> None:
        self._refresh()
        if (
            self._session.run is not None
            and len(self._session.runs) == 1
            and self._session.runs[0] is self._session.run
        ):
            self.tabs.setCurrentIndex(2)
