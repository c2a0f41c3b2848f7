"""The session and the controllers of one viewer: all that a dock is given."""

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
from .controllers.tissue import ImageController
from .controllers.training import TrainingController, TrainingSteps, train_and_impute
from .sessions.session_io import SessionIO
from .state.selection import SelectedCells
from .state.session import Session
from .theme import ThemeObserver

_contexts: weakref.WeakKeyDictionary[Any, ViewerContext] = weakref.WeakKeyDictionary()


class ViewerContext:
    """Session and controllers of one viewer.

    Parameters
    ----------
    viewer
        napari viewer (held weakly).
    train
        Generator function of training; replaced in tests.
    search
        Generator function of the search for domains; replaced in tests.
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
        """Close when the main window that holds a dock is destroyed."""
        from qtpy.QtWidgets import QMainWindow

        window = widget.parentWidget()
        while window is not None and not (isinstance(window, QMainWindow) and window.parentWidget() is None):
            window = window.parentWidget()
        if window is not None and window not in self._watched_windows:
            self._watched_windows.add(window)
            me = weakref.ref(self)
            window.destroyed.connect(lambda: me() is not None and me().close())  # type: ignore[union-attr]

    def close(self) -> None:
        """Stop the workers and disconnect from the viewer; its layers stay."""
        if not self.closed:
            self.closed = True
            for part in reversed(list(vars(self).values())):  # in the reverse order of their construction
                if callable(close := getattr(part, "close", None)):
                    close()


def get_viewer_context(viewer: Any) -> ViewerContext:
    """Return the context of a viewer; it is created when there is none."""
    viewer = parts.unwrap(viewer)
    context = _contexts.get(viewer)
    if context is None or context.closed:
        context = _contexts[viewer] = ViewerContext(viewer)
    return context
