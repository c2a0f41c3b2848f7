"""One workbench a viewer: the session, and those who act on it. Docks are handed this and nothing else."""

from __future__ import annotations

import weakref
from typing import Any

from ..paint.layers import canvas as parts
from .controllers.activity import Activity
from .controllers.cell_selection import Marking
from .controllers.domain_controller import Find, Finding, real_find
from .controllers.embedding_controller import Placing
from .controllers.figures import Figures
from .controllers.loading import Loading
from .controllers.regions import Regions, weak
from .controllers.reliability_controller import Judging
from .controllers.saving import Saving
from .controllers.scene import Scene
from .controllers.side_by_side import Beside
from .controllers.swipe import Swiping
from .controllers.task_controller import Tasking
from .controllers.theming import Theming
from .controllers.tissue import Tissue
from .controllers.training import Steps, Training, real_steps
from .sessions.session_io import Restore
from .state.selection import Selection
from .state.session import Session

_benches: weakref.WeakKeyDictionary[Any, Workbench] = weakref.WeakKeyDictionary()


class Workbench:
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

    def __init__(self, viewer: Any, steps: Steps = real_steps, find: Find = real_find) -> None:
        self.session = Session()
        self.loading = Loading(self.session)
        self.saving = Saving(self.session)
        self.training = Training(self.session, steps)
        self.activity = Activity(self.training)
        self.tasking = Tasking(self.session)
        self.finding = Finding(self.session, find)
        self.judging = Judging(self.session)
        self.figures = Figures(self.session)
        self.scene = Scene(viewer, self.session, self.finding, self.judging)
        self.beside = Beside(viewer, self.session, self.loading, self.scene)
        self.swiping = Swiping(viewer, self.scene)
        self.selection = Selection(self.session)
        self.marking = Marking(viewer, self.scene, self.selection)
        self.regions = Regions(viewer, self.scene, self.selection)
        self.marking.tell_regions(weak(self.regions))
        self.placing = Placing(self.session)
        self.tissue = Tissue(viewer, self.session, self.loading)
        self.theming = Theming(self.scene, self.marking, self.regions.layer)
        self.restore = Restore(viewer, self)
        self._watched: weakref.WeakSet[Any] = weakref.WeakSet()
        self.docks: weakref.WeakSet[Any] = weakref.WeakSet()
        self.closed = False

    def watch(self, widget: Any) -> None:
        """Close with the main window that holds a dock."""
        from qtpy.QtWidgets import QMainWindow

        window = widget.parentWidget()
        while window is not None and not (isinstance(window, QMainWindow) and window.parentWidget() is None):
            window = window.parentWidget()
        if window is not None and window not in self._watched:
            self._watched.add(window)
            me = weakref.ref(self)
            window.destroyed.connect(lambda: me() is not None and me().close())  # type: ignore[union-attr]

    def close(self) -> None:
        """Stop the workers and let go of the viewer."""
        if not self.closed:
            self.closed = True
            self.theming.close()
            self.loading.close()
            self.activity.close()
            self.training.close()
            self.tasking.close()
            self.saving.close()
            self.finding.close()
            self.judging.close()
            self.figures.close()
            self.restore.close()
            self.placing.close()
            self.tissue.close()
            self.regions.close()
            self.marking.close()
            self.selection.close()
            self.beside.close()
            self.swiping.close()
            self.scene.close()


def bench_of(viewer: Any) -> Workbench:
    """The workbench of a viewer, made when there is none."""
    viewer = parts.unwrapped(viewer)
    bench = _benches.get(viewer)
    if bench is None or bench.closed:
        bench = _benches[viewer] = Workbench(viewer)
    return bench
