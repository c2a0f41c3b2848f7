"""Colours and size of the text of napari's theme, for what its style sheets do not reach."""

from __future__ import annotations


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
