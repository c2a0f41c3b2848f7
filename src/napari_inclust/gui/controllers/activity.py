"""Training in napari's activity bar, with the time left: whichever dock started it, also when that is closed."""

from __future__ import annotations

import weakref
from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QLabel, QStatusBar

from .training import RUNNING, STOPPING, Training

_EVERY = 200  # ms
_SPEED = 10  # per cent


class Activity:
    """A bar as long as a training runs. It looks from time to time: napari handles all that is pending when a bar moves, which must not happen amid an epoch's news.

    Parameters
    ----------
    training
        Whose epochs are counted (held weakly).
    """

    def __init__(self, training: Training) -> None:
        self._training = weakref.ref(training)
        self.bar: Any = None
        self._clock = QTimer()
        self._clock.setInterval(_EVERY)
        self._clock.timeout.connect(self._look)
        training.state_changed.connect(self._state)

    def close(self) -> None:
        """Take the bar away and look no longer."""
        training = self._training()
        if training is not None:
            training.state_changed.disconnect(self._state, missing_ok=True)
        self._end()

    def _state(self, state: str) -> None:
        if state == RUNNING:
            self._clock.start()

    def _look(self) -> None:
        training = self._training()
        if training is None or training.state not in (RUNNING, STOPPING):
            self._end()
            return
        if self.bar is None:
            from napari.utils import progress

            self.bar = progress(total=training.epochs, desc="inClust+ training")
            _calm()
        if training.history and self.bar is not None:  # it is gone when its moving led to the end
            last = training.history[-1]
            self.bar.total = last.total  # of a run that is mapped, other than asked for
            self.bar.update(last.number - self.bar.n)

    def _end(self) -> None:
        self._clock.stop()
        if self.bar is not None:
            self.bar.close()
            self.bar = None


def _calm() -> None:
    """Let the picture that turns in the status bar turn slowly: each of its frames takes the interpreter from the training, a fifth of its time in all."""
    bars = [bar for window in QApplication.topLevelWidgets() for bar in window.findChildren(QStatusBar)]
    for movie in (label.movie() for bar in bars for label in bar.findChildren(QLabel)):
        if movie is not None:
            movie.setSpeed(_SPEED)
