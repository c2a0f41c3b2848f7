"""Status of a controller's work, and errors in the words of the window."""

from __future__ import annotations

from enum import StrEnum

from psygnal import Signal

from ...errors import InclustError

_CONTROL_BY_OPTION = {
    "--plane xy (or xz, yz)": "Plane, above",
    "--columns X,Y,NAMES": "Column of x, of y and of names, above",
    "--columns X,Y": "Column of x and of y, above",
    "--table": "Table, above",
    "--pixel-size": "Pixel size, above",
}


class WorkState(StrEnum):
    """State of a long computation that can be cancelled."""

    IDLE = "idle"
    RUNNING = "running"
    STOPPING = "stopping"
    DONE = "done"
    STOPPED = "stopped"
    CRASHED = "crashed"


IDLE, RUNNING, STOPPING, DONE, STOPPED, CRASHED = WorkState


class Status:
    """What a controller is doing, and what became of it.

    Attributes
    ----------
    busy
        What is being done; "" when idle.
    message
        Result, progress or error.

    Signals
    -------
    status_changed
        Any of the attributes.
    """

    status_changed = Signal()

    def __init__(self) -> None:
        self.busy, self.message, self.is_error = "", "", False

    def _set_status(self, message: str = "", *, busy: str = "", is_error: bool = False) -> None:
        self.busy, self.message, self.is_error = busy, message, is_error
        self.status_changed()


def error_message(error: Exception, failed_action: str, advice: str = "") -> str:
    """Return the text of an error of ours; of any other, what failed and the error.

    Parameters
    ----------
    error
        What was raised.
    failed_action
        As "The figure could not be drawn".
    advice
        A sentence that follows when the error is none of ours.
    """
    return (
        with_control_names(str(error))
        if isinstance(error, InclustError)
        else " ".join(filter(None, [f"{failed_action} ({type(error).__name__}: {error}).", advice]))
    )


def with_control_names(text: str) -> str:
    """Replace options of the command line in an error by the controls of the Data dock."""
    for option, control in _CONTROL_BY_OPTION.items():
        text = text.replace(option, control)
    return text
