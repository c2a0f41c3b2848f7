"""Rendering of the report: the template environment, its filters, and figures as SVG in the colours of the page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment, FileSystemLoader

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MISSING_VALUE_TEXT = "\u2013"
LONG_WORD_LENGTH = 24  # characters; longer words, such as a path or a fingerprint, may be broken
TEXT_COLOUR_PLACEHOLDER = "#010203"  # in figures; replaced by the text colour of the page, which may be light or dark
MATPLOTLIB_SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "inclust",
    "text.parse_math": False,
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "text.color": TEXT_COLOUR_PLACEHOLDER,
    "axes.edgecolor": TEXT_COLOUR_PLACEHOLDER,
    "axes.labelcolor": TEXT_COLOUR_PLACEHOLDER,
    "xtick.color": TEXT_COLOUR_PLACEHOLDER,
    "ytick.color": TEXT_COLOUR_PLACEHOLDER,
}


@dataclass(frozen=True)
class Picture:
    """A figure for the page.

    Attributes
    ----------
    name
        For screen readers.
    caption
        Plain text.
    view_box, body
        Of the SVG, in which matplotlib has escaped all texts.
    width
        Largest width on the page, in CSS.
    """

    name: str
    caption: str
    view_box: str
    body: str
    width: str


@cache
def environment() -> Environment:
    """Return the environment of the templates in this folder; every value is escaped."""
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    templates.filters |= {"anchor": lambda title: title.lower().replace(" ", "-"), "value": format_value}
    templates.filters["sort_key"] = sort_key
    templates.tests["long_word"] = lambda text: len(text) > LONG_WORD_LENGTH and " " not in text
    return templates


def draw_picture(figure: Figure, name: str, caption: str, width: str = "100%") -> Picture:
    """Convert a figure to SVG in the colours of the page, without metadata that points elsewhere."""
    text = StringIO()
    figure.savefig(text, format="svg", transparent=True, dpi=120, metadata={"Date": None})
    opening, body = re.findall(r"(<svg[^>]*>)(.*)</svg>", text.getvalue(), flags=re.DOTALL)[0]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'<g id="[^"]*"', "<g", body)  # the ids of groups would repeat in one page
    view_box = re.search(r'viewBox="([^"]*)"', opening)
    return Picture(
        name,
        caption,
        view_box[1] if view_box else "",
        body.replace(TEXT_COLOUR_PLACEHOLDER, "currentColor"),
        width,
    )


def format_value(value: Any) -> str:
    """Format a cell of a table: numbers with three digits, missing ones as a dash."""
    if isinstance(value, str):
        return value
    if not np.isfinite(value):
        return MISSING_VALUE_TEXT
    return f"{value:.3f}" if isinstance(value, float) else f"{value:,}"


def sort_key(value: Any) -> str:
    """Return the text that a cell is sorted by: numbers in full, missing ones empty."""
    if isinstance(value, str):
        return value
    return repr(value) if np.isfinite(value) else ""
