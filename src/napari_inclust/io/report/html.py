"""Pieces of a page that needs nothing but itself: its frame, tables, and figures as SVG in the colours of the page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MISSING_VALUE_TEXT = "\u2013"
LONG_WORD_LENGTH = 24  # characters of a word that may be broken: a path, a fingerprint
TEXT_COLOUR_PLACEHOLDER = "#010203"  # drawn with, then replaced by the colour of the page's text: light or dark
MATPLOTLIB_SETTINGS: Any = {  # settings of matplotlib
    "svg.fonttype": "none", "svg.hashsalt": "inclust", "text.parse_math": False, "font.size": 9,
    "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), TEXT_COLOUR_PLACEHOLDER),
}  # fmt: skip
CSS = """
:root{color-scheme:light dark;--ink:#1f2328;--soft:#59636e;--paper:#fff;--line:#d8dee4;--tint:#f4f6f8}
@media(prefers-color-scheme:dark){:root{--ink:#e3e7eb;--soft:#9aa4af;--paper:#15181c;--line:#343a41;--tint:#1e2227}}
body{font:16px/1.55 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:60rem;margin:2rem auto 4rem;padding:0 1rem}
h1{font-size:1.7rem;margin-bottom:0}h2{font-size:1.2rem;margin-top:2.6rem;padding-top:.6rem;border-top:1px solid var(--line)}
p,figcaption{max-width:46rem}.soft,figcaption{color:var(--soft);font-size:.92rem}figure{margin:1rem 0}
svg{display:block;width:100%;height:auto}svg text{font-family:system-ui,sans-serif!important}
.scroll{overflow:auto;max-height:30rem;border:1px solid var(--line);border-radius:6px}
table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums;width:100%}
th,td{padding:.25rem .6rem;text-align:right;border-bottom:1px solid var(--line);vertical-align:top}th.t,td.t{text-align:left}
td.long{overflow-wrap:anywhere}th{position:sticky;top:0;background:var(--tint);font-weight:600}
th button{all:unset;cursor:pointer}th button:focus-visible{outline:2px solid #3b82c4}
th[aria-sort=ascending] button::after{content:" \\2191"}th[aria-sort=descending] button::after{content:" \\2193"}
.tiles{display:flex;flex-wrap:wrap;gap:.8rem;margin:1.2rem 0}.tiles div{flex:1 1 9rem;background:var(--tint);border-radius:6px;padding:.6rem .9rem}
.tiles b{display:block;font-size:1.5rem;font-weight:600}nav{font-size:.9rem}nav a{color:inherit;margin-right:.9rem}
.check{margin:1rem 0;max-width:46rem}.check summary{cursor:pointer}.check ul{list-style:none;padding-left:1rem}.light{font-size:1.2em}
.care{border-left:3px solid #d97706;padding-left:.8rem}
"""
SORT_SCRIPT = """
document.querySelectorAll("table.sort th").forEach((h, i) => h.firstChild.onclick = () => {
  const table = h.closest("table"), body = table.tBodies[0], up = h.getAttribute("aria-sort") === "descending";
  const of = row => row.cells[i].dataset.v, number = v => v === "" ? NaN : Number(v);
  table.querySelectorAll("th").forEach(o => o.removeAttribute("aria-sort"));
  h.setAttribute("aria-sort", up ? "ascending" : "descending");
  [...body.rows].sort((a, b) => {
    const x = number(of(a)), y = number(of(b));
    if (i === 0) return (up ? 1 : -1) * of(a).localeCompare(of(b));
    return isNaN(x) || isNaN(y) ? isNaN(x) - isNaN(y) : up ? x - y : y - x;
  }).forEach(row => body.append(row));
});
"""
CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


def render_document(title: str, subtitle: str, summary: str, sections: dict[str, str]) -> str:
    """The whole page.

    Parameters
    ----------
    title, subtitle
        Plain text.
    summary, sections
        HTML; the sections by their heading.
    """
    anchors = {name: name.lower().replace(" ", "-") for name in sections}
    links = "".join(f'<a href="#{anchor}">{name}</a>' for name, anchor in anchors.items())
    parts = "".join(
        f'<section id="{anchors[name]}"><h2>{name}</h2>{content}</section>' for name, content in sections.items()
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<meta http-equiv="Content-Security-Policy" content="{CONTENT_SECURITY_POLICY}"><title>{escape(title)}</title><style>{CSS}</style></head><body>'
        f'<header><h1>{escape(title)}</h1><p class="soft">{escape(subtitle)}</p>{summary}<nav>{links}</nav></header>'
        f"<main>{parts}</main><script>{SORT_SCRIPT}</script></body></html>\n"
    )


def render_figure(figure: Figure, name: str, caption: str, width: str = "100%") -> str:
    """A figure inside the page: SVG in the page's own colours, without what points outside."""
    text = StringIO()
    figure.savefig(text, format="svg", transparent=True, dpi=120, metadata={"Date": None})
    svg = re.sub(r"<metadata>.*?</metadata>", "", text.getvalue()[text.getvalue().index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg).replace(
        TEXT_COLOUR_PLACEHOLDER, "currentColor"
    )  # ids of groups would repeat in one page
    view = re.search(r'viewBox="[^"]*"', svg)
    svg = re.sub(r"<svg[^>]*>", f'<svg role="img" aria-label="{escape(name)}" {view[0] if view else ""}>', svg, count=1)
    return f'<figure style="max-width:{width}">{svg}<figcaption>{escape(caption)}</figcaption></figure>'


def render_table(header: Sequence[str], rows: Sequence[Sequence[Any]], *, sortable: bool = False) -> str:
    """Numbers with three digits, in full for sorting; missing ones as a dash."""
    texts = [bool(rows) and isinstance(value, str) for value in (rows[0] if rows else header)]
    names = "".join(
        f"<th{' class=t' if text else ''}>{f'<button>{escape(h)}</button>' if sortable else escape(h)}</th>"
        for h, text in zip(header, texts, strict=True)
    )
    body = "".join(f"<tr>{''.join(_render_cell(value, sortable) for value in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table{" class=sort" if sortable else ""}><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table></div>'


def _render_cell(value: Any, sortable: bool) -> str:
    if isinstance(value, str):
        key, shown, kind = (
            escape(value),
            escape(value),
            ' class="t long"' if len(value) > LONG_WORD_LENGTH and " " not in value else ' class="t"',
        )
    else:
        known, kind = bool(np.isfinite(value)), ""
        key = repr(value) if known else ""
        shown = MISSING_VALUE_TEXT if not known else f"{value:.3f}" if isinstance(value, float) else f"{value:,}"
    sorting = f' data-v="{key}"' if sortable else ""
    return f"<td{kind}{sorting}>{shown}</td>"
