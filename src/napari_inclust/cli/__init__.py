"""The command line, `inclust`. Nothing heavy is imported here, so Ctrl-C is handled from the start."""

from __future__ import annotations

import signal
import sys
import warnings
from types import FrameType

INTERRUPTED_EXIT_CODE, TERMINATED_EXIT_CODE = 130, 143


class InterruptHandler:
    """Remembers Ctrl-C until it has been handled.

    Python drops a KeyboardInterrupt that is raised in a callback or a finaliser; `raise_pending` raises it again.
    """

    def __init__(self) -> None:
        self.pending = False

    def install(self) -> None:
        """Handle Ctrl-C from now on, unless the shell makes this process ignore it (as in a background job)."""
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.pending = True
        raise KeyboardInterrupt

    def raise_pending(self) -> None:
        """Raise an interrupt that was dropped; called between steps that take long."""
        if self.pending:
            self.pending = False
            raise KeyboardInterrupt


interrupt_handler = InterruptHandler()


def main() -> None:
    """Run the command line; exit with the codes listed in `inclust --help`."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED_EXIT_CODE))  # clean up as on Ctrl-C
    interrupt_handler.install()
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # deprecations inside other packages; our own are printed as notes
    try:
        from .app import app

        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED_EXIT_CODE)
