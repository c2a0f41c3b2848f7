"""The command `inclust`. Nothing heavy is imported here: Ctrl-C is answered from the first moment on."""

from __future__ import annotations

import signal
import sys
import warnings

from .interrupt import interrupt_handler

INTERRUPTED_EXIT_CODE, TERMINATED_EXIT_CODE = 130, 143


def main() -> None:
    """Run the command line; ends with the exit codes listed in `inclust --help`."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED_EXIT_CODE))  # clean up as on Ctrl-C
    interrupt_handler.install()
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # of other packages, about their own changes; ours are told as notes
    try:
        from .app import app

        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED_EXIT_CODE)
