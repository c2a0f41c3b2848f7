"""What the readers say of options of the command line, in names of the controls of the Data dock."""

from __future__ import annotations

_CONTROLS = {
    "--plane xy (or xz, yz)": "Plane, above",
    "--columns X,Y,NAMES": "Column of x, of y and of names, above",
    "--columns X,Y": "Column of x and of y, above",
    "--table": "Table, above",
    "--pixel-size": "Pixel size, above",
}


def in_window(text: str) -> str:
    """The same, for those who have no command line before them."""
    for option, control in _CONTROLS.items():
        text = text.replace(option, control)
    return text
