"""Errors in words for those who have no command line before them."""

from __future__ import annotations

from ...errors import InclustError

_CONTROLS = {
    "--plane xy (or xz, yz)": "Plane, above",
    "--columns X,Y,NAMES": "Column of x, of y and of names, above",
    "--columns X,Y": "Column of x and of y, above",
    "--table": "Table, above",
    "--pixel-size": "Pixel size, above",
}


def told(error: Exception, failed: str, after: str = "") -> str:
    """What an error says; of a fault that nobody foresaw, what failed and what the fault is.

    Parameters
    ----------
    failed
        As "The figure could not be drawn".
    after
        A sentence that follows in this case.
    """
    return in_window(str(error)) if isinstance(error, InclustError) else " ".join(filter(None, [f"{failed} ({type(error).__name__}: {error}).", after]))


def in_window(text: str) -> str:
    """What the readers say of options of the command line, in names of the controls of the Data dock."""
    for option, control in _CONTROLS.items():
        text = text.replace(option, control)
    return text
