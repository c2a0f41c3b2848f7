"""Drag and drop and File > Open: files are opened in the docks of the viewer, as by the Data dock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .plugin import LayerData, current_context, ensure_main_dock, section_layers

NO_LAYERS: list[LayerData] = [(None,)]  # type: ignore[list-item]  # napari: read, and no layer to add


def get_reader(path: str | list[str]) -> Callable[[Any], list[LayerData]] | None:
    """Return a reader for files and folders with cells; None for others, so that napari asks another plugin."""
    if isinstance(path, list):
        path = path[0] if len(path) == 1 else ""
    return read_cells if path and Path(path).exists() and _may_hold_cells(Path(path)) else None


def read_cells(path: str | list[str]) -> list[LayerData]:
    """Open a section, or a reference when its cells have no places: in a thread, into the docks.

    Returns
    -------
    list of layers
        One sentinel: the docks add the layers, with the cells behind them. Without a viewer: those of the section.
    """
    import napari

    name = path[0] if isinstance(path, list) else path
    bench = current_context()
    if bench is None:
        from ..io.readers.dispatch import read_section

        return section_layers(read_section(name, flatten=True))
    ensure_main_dock(napari.current_viewer(), bench)
    bench.loading_controller.load_any(name)
    return NO_LAYERS


def _may_hold_cells(path: Path) -> bool:
    """By name, and by the header of a table: a table without places may be anything."""
    from ..errors import InclustError
    from ..io.readers import tables
    from ..io.readers.dispatch import guess_format

    try:
        kind = guess_format(path)
    except InclustError:
        return False
    if kind is None or kind.name not in ("table", "pair of tables"):
        return kind is not None
    return any(tables.has_coordinates(p) for p in ([path] if path.is_file() else path.iterdir()) if tables.is_table(p))
