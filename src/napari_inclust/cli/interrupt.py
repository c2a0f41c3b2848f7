"""Ctrl-C that always counts: Python drops a KeyboardInterrupt raised in a callback or a finaliser, so it is raised once more at the next step."""

from __future__ import annotations

import signal
from types import FrameType


class InterruptHandler:
    """Remembers that Ctrl-C was pressed until somebody has answered it."""

    def __init__(self) -> None:
        self.pending = False

    def install(self) -> None:
        """Answer Ctrl-C from now on, unless the shell has told this process to ignore it (as in a background job)."""
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.pending = True
        raise KeyboardInterrupt

    def raise_pending(self) -> None:
        """Raise the interrupt that was asked for and got lost; called between steps that take long."""
        if self.pending:
            self.pending = False
            raise KeyboardInterrupt


interrupt_handler = InterruptHandler()
