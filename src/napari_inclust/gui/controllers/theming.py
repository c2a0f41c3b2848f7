"""Follows napari's theme: what was drawn in its colours is drawn anew. No widgets here."""

from __future__ import annotations

from typing import Protocol


class Styled(Protocol):
    """Has drawn something in colours of the theme."""

    def restyle(self) -> None:
        """Draw it anew."""


class Theming:
    """Listens to napari's settings.

    Parameters
    ----------
    parts
        Who has drawn something in colours of the theme, or text in its size.
    """

    def __init__(self, *parts: Styled) -> None:
        from napari.settings import get_settings

        self._parts, self._events = parts, get_settings().appearance.events
        for event in (self._events.theme, self._events.font_size):
            event.connect(self._changed)

    def close(self) -> None:
        """Listen no more."""
        for event in (self._events.theme, self._events.font_size):
            event.disconnect(self._changed)
        self._parts = ()

    def _changed(self, *_: object) -> None:
        for part in self._parts:
            part.restyle()
