"""Follows napari's theme: what was drawn in its colours is drawn anew. No widgets here."""

from __future__ import annotations

from typing import Protocol


class ThemeAware(Protocol):
    """Has drawn something in colours of the theme."""

    def restyle(self) -> None:
        """Draw it anew."""


class ThemeObserver:
    """Listens to napari's settings.

    Parameters
    ----------
    parts
        Who has drawn something in colours of the theme, or text in its size.
    """

    def __init__(self, *parts: ThemeAware) -> None:
        from napari.settings import get_settings

        self._observers, self._events = parts, get_settings().appearance.events
        for event in (self._events.theme, self._events.font_size):
            event.connect(self._on_theme_changed)

    def close(self) -> None:
        """Listen no more."""
        for event in (self._events.theme, self._events.font_size):
            event.disconnect(self._on_theme_changed)
        self._observers = ()

    def _on_theme_changed(self, *_: object) -> None:
        for part in self._observers:
            part.restyle()
