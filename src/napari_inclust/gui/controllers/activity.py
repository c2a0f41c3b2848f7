"""Training in napari's activity bar, with the time left; independent of the docks."""

from __future__ import annotations

import weakref
from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QLabel, QStatusBar

from ..state.status import RUNNING, STOPPING
from .training import TrainingController

_UPDATE_INTERVAL_MS = 200  # ms
_ANIMATION_SPEED_PERCENT = 10  # per cent


class TrainingActivity:
    """Shows a progress bar while a training runs.

    The state is polled: napari processes all pending events when a bar moves, which must not happen while an epoch is
    being handled.

    Parameters
    ----------
    training
        Whose epochs are counted (held weakly).
    """

    def __init__(self, training: TrainingController) -> None:
        self._training = weakref.ref(training)
        self.bar: Any = None
        self._timer = QTimer()
        self._timer.setInterval(_UPDATE_INTERVAL_MS)
        self._timer.timeout.connect(self._update_bar)
        training.state_changed.connect(self._on_state_changed)

    def close(self) -> None:
        """Remove the bar and stop polling."""
        training = self._training()
        if training is not None:
            training.state_changed.disconnect(self._on_state_changed, missing_ok=True)
        self._close_bar()

    def _on_state_changed(self, state: str) -> None:
        if state == RUNNING:
            self._timer.start()

    def _update_bar(self) -> None:
        training = self._training()
        if training is None or training.state not in (RUNNING, STOPPING):
            self._close_bar()
            return
        if self.bar is None:
            from napari.utils import progress

            self.bar = progress(total=training.n_epochs, desc="inClust+ training")
            _slow_status_animation()
        if training.history and self.bar is not None:  # it is gone when its moving led to the end
            last = training.history[-1]
            self.bar.total = last.total  # of a run that is mapped, other than asked for
            self.bar.update(last.number - self.bar.n)

    def _close_bar(self) -> None:
        self._timer.stop()
        if self.bar is not None:
            self.bar.close()
            self.bar = None


def _slow_status_animation() -> None:
    """Slow the animation of the status bar: its frames take the interpreter from the training, a fifth of the time."""
    bars = [bar for window in QApplication.topLevelWidgets() for bar in window.findChildren(QStatusBar)]
    for movie in (label.movie() for bar in bars for label in bar.findChildren(QLabel)):
        if movie is not None:
            movie.setSpeed(_ANIMATION_SPEED_PERCENT)
