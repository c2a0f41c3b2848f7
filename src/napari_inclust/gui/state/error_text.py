"""Errors in words for those who have no command line before them."""

from __future__ import annotations

from ...errors import InclustError

_CONTROL_BY_OPTION = {
    "--plane xy (or xz, yz)": "Plane, above",
    "--columns X,Y,NAMES": "Column of x, of y and of names, above",
    "--columns X,Y": "Column of x and of y, above",
    "--table": "Table, above",
    "--pixel-size": "Pixel size, above",
}


def error_message(error: Exception, failed_action: str, advice: str = "") -> str:
    """What an error says; of a fault that nobody foresaw, what failed and what the fault is.

    Parameters
    ----------
    failed
        As "The figure could not be drawn".
    after
        A sentence that follows in this case.
    """
    return (
        with_control_names(str(error))
        if isinstance(error, InclustError)
        else " ".join(filter(None, [f"{failed_action} ({type(error).__name__}: {error}).", advice]))
    )


def with_control_names(text: str) -> str:
    """What the readers say of options of the command line, in names of the controls of the Data dock."""
    for option, control in _CONTROL_BY_OPTION.items():
        text = text.replace(option, control)
    return text
