"""One workbench a viewer: the session, and those who act on it. Docks are handed this and nothing else."""

from __future__ import annotations

import weakref
from typing import Any

from napari.utils.notifications import show_error

from ..paint.layers import canvas as parts
from .controllers.activity import TrainingActivity
from .controllers.additional_sections import AdditionalSectionsController
from .controllers.cell_selection import CellSelection
from .controllers.domain_controller import DomainController, DomainSearch, run_domain_search
from .controllers.embedding_controller import EmbeddingController
from .controllers.figures import FigureController
from .controllers.gene_controller import GeneController
from .controllers.loading import LoadingController
from .controllers.regions import RegionController, weak_region_lookup
from .controllers.reliability_controller import ReliabilityController
from .controllers.saving import ExportController
from .controllers.scene import CanvasController
from .controllers.swipe import SwipeController
from .controllers.task_controller import TaskController
from .controllers.theming import ThemeObserver
from .controllers.tissue import ImageController
from .controllers.training import TrainingController, TrainingSteps, train_and_impute
from .sessions.session_io import SessionIO
from .state.selection import SelectedCells
from .state.session import Session

_contexts: weakref.WeakKeyDictionary[Any, ViewerContext] = weakref.WeakKeyDictionary()


class ViewerContext:
    """Session, reading, training, domains and painting of one viewer.

    Parameters
    ----------
    viewer
        napari viewer (held weakly).
    steps
        The generator of training; replaced in tests.
    find
        The generator of domains; replaced in tests.
    """

    def __init__(
        self, viewer: Any, train: TrainingSteps = train_and_impute, search: DomainSearch = run_domain_search
    ) -> None:
        self.session = Session()
        self.loading_controller = LoadingController(self.session)
        self.export_controller = ExportController(self.session)
        self.training_controller = TrainingController(self.session, train)
        self.training_activity = TrainingActivity(self.training_controller)
        self.task_controller = TaskController(self.session)
        self.domain_controller = DomainController(self.session, search)
        self.reliability_controller = ReliabilityController(self.session)
        self.figure_controller = FigureController(self.session)
        self.gene_controller = GeneController(self.session)
        self.canvas_controller = CanvasController(
            viewer, self.session, self.gene_controller, self.domain_controller, self.reliability_controller
        )
        self.additional_sections = AdditionalSectionsController(
            viewer, self.session, self.loading_controller, self.canvas_controller
        )
        self.swipe_controller = SwipeController(viewer, self.canvas_controller)
        self.selected_cells = SelectedCells(self.session)
        self.cell_selection = CellSelection(viewer, self.canvas_controller, self.selected_cells)
        self.region_controller = RegionController(viewer, self.canvas_controller, self.selected_cells)
        self.cell_selection.set_region_lookup(weak_region_lookup(self.region_controller))
        self.embedding_controller = EmbeddingController(self.session)
        self.image_controller = ImageController(viewer, self.session, self.loading_controller)
        self.theme_observer = ThemeObserver(self.canvas_controller, self.cell_selection, self.region_controller.layer)
        self.session_io = SessionIO(viewer, self)
        self.session.message_emitted.connect(show_error)
        self._watched_windows: weakref.WeakSet[Any] = weakref.WeakSet()
        self.docks: weakref.WeakSet[Any] = weakref.WeakSet()
        self.closed = False

    def close_with_window(self, widget: Any) -> None:
        """Close with the main window that holds a dock."""
        from qtpy.QtWidgets import QMainWindow

        window = widget.parentWidget()
        while window is not None and not (isinstance(window, QMainWindow) and window.parentWidget() is None):
            window = window.parentWidget()
        if window is not None and window not in self._watched_windows:
            self._watched_windows.add(window)
            me = weakref.ref(self)
            window.destroyed.connect(lambda: me() is not None and me().close())  # type: ignore[union-attr]

    def close(self) -> None:
        """Stop the workers and let go of the viewer."""
        if not self.closed:
            self.closed = True
            self.theme_observer.close()
            self.loading_controller.close()
            self.training_activity.close()
            self.training_controller.close()
            self.task_controller.close()
            self.export_controller.close()
            self.domain_controller.close()
            self.reliability_controller.close()
            self.figure_controller.close()
            self.session_io.close()
            self.embedding_controller.close()
            self.image_controller.close()
            self.region_controller.close()
            self.cell_selection.close()
            self.selected_cells.close()
            self.additional_sections.close()
            self.swipe_controller.close()
            self.canvas_controller.close()
            self.gene_controller.close()


def get_viewer_context(viewer: Any) -> ViewerContext:
    """The workbench of a viewer, made when there is none."""
    viewer = parts.unwrap(viewer)
    bench = _contexts.get(viewer)
    if bench is None or bench.closed:
        bench = _contexts[viewer] = ViewerContext(viewer)
    return bench
