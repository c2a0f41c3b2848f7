"""All benchmarks as tables, printed and kept in docs/benchmarks.md between its two marks. `python -m benchmarks [--small]` (no 1M cells)."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from .accuracy import DATA, PAIRS

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def row(module: str, *arguments: str) -> dict[str, Any]:
    """One measurement in a process of its own."""
    display = (
        []
        if module not in ("benchmarks.paint", "benchmarks.cells", "benchmarks.polygons", "benchmarks.window")
        or os.environ.get("DISPLAY")
        or not shutil.which("xvfb-run")
        else ["xvfb-run", "-a"]
    )
    done = subprocess.run(
        [*display, sys.executable, "-m", module, *arguments], check=True, capture_output=True, text=True
    )
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown."""
    columns = list(dict.fromkeys(c for r in rows for c in r))
    shown = [[_text(r.get(c)) for c in columns] for r in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in [columns, ["---"] * len(columns), *shown])


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 10 else f"{value:,.0f}"
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def main(small: bool) -> None:
    """Measure, print, and write the page."""
    sizes = ("10000", "100000") if small else ("10000", "100000", "1000000")
    pairs = PAIRS if DATA.exists() else PAIRS[:1]
    parts = [
        f"Measured on {platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; trust ratios more than seconds.",
        "### Training and held-out accuracy (medians over the shared genes)",
        table(
            [row("benchmarks.accuracy", p) for p in pairs]
            + [row("benchmarks.accuracy", PAIRS[0], preset) for preset in ("fast", "thorough", "as-published")]
        ),
        "### Opening a section (100 of 500 genes in each cell)",
        table([row("benchmarks.open", n, kind) for n in sizes for kind in ("h5ad", "zarr")]),
        "### Opening a section with an outline of each cell, until a gene is on the screen (software GL)",
        table([row("benchmarks.polygons", n) for n in sizes[:2]]),
        "### Decoding one gene for all cells",
        table([row("benchmarks.decode", n) for n in sizes]),
        "### Painting one gene (setter, and with the draw; software GL)",
        table([row("benchmarks.paint", n) for n in sizes]),
        "### Single cells: half of the section selected, outlines switched, the scatter plot (software GL)",
        table([row("benchmarks.cells", n) for n in sizes]),
        "### Spatial domains (six, default method)",
        table([row("benchmarks.domains", n) for n in sizes]),
        "### The window, panned while a run trains (gaps of a 10 ms timer; software GL)",
        table([row("benchmarks.window")]),
    ]
    text = "\n\n".join(parts)
    print(text)
    page = PAGE.read_text(encoding="utf-8")
    head, tail = page.split(BEGIN)[0], page.split(END)[1]
    PAGE.write_text(f"{head}{BEGIN}\n{text}\n{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    main("--small" in sys.argv)
