"""`inclust presets`: the named settings."""

from __future__ import annotations

from rich.table import Table

from ..console import escape_markup, stdout_console


def presets() -> None:
    """List the named settings and how each differs from the default."""
    from ...training.config import PRESETS

    table = Table("preset", "what for", "settings", box=None, pad_edge=False)
    for name, preset in PRESETS.items():
        changes = ", ".join(f"{k}={v}" for k, v in preset["settings"].items())
        table.add_row(name, preset["help"], escape_markup(changes))
    stdout_console.print(table)
