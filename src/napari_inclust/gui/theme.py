"""Colours and text size of napari's theme, for what its style sheets do not reach; redraw when it changes."""

from __future__ import annotations

from typing import Protocol


def theme_colours() -> tuple[str, str]:
    """Background and text of napari's current theme, as hex."""
    from napari.settings import get_settings
    from napari.utils.theme import get_theme

    theme = get_theme(get_settings().appearance.theme)
    return theme.background.as_hex(), theme.text.as_hex()


def font_size() -> int:
    """Points of the text."""
    from napari.settings import get_settings

    return int(get_settings().appearance.font_size)


def tick_style() -> str:
    """Style sheet of a list whose boxes look as those of napari, on the colour of its lists."""
    from napari.settings import get_settings

    name, side = get_settings().appearance.theme, font_size() + 4
    box = f"width: {side}px; height: {side}px; border-radius: 2px; background: {theme_colours()[0]};"
    return f'QListView::indicator {{ {box} }} QListView::indicator:checked {{ image: url("theme_{name}:/check.svg"); }}'


class ThemeAware(Protocol):
    """Draws in colours of the theme."""

    def restyle(self) -> None:
        """Redraw in the colours of the current theme."""


class ThemeObserver:
    """Redraws theme-coloured layers when napari's settings change.

    Parameters
    ----------
    parts
        Objects that draw in colours of the theme, or text in its size.
    """

    def __init__(self, *parts: ThemeAware) -> None:
        from napari.settings import get_settings

        self._observers, self._events = parts, get_settings().appearance.events
        for event in (self._events.theme, self._events.font_size):
            event.connect(self._on_theme_changed)

    def close(self) -> None:
        """Disconnect from the settings."""
        for event in (self._events.theme, self._events.font_size):
            event.disconnect(self._on_theme_changed)
        self._observers = ()

    def _on_theme_changed(self, *_: object) -> None:
        for part in self._observers:
            part.restyle()
