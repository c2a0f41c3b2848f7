"""Numbers as text for people."""

from __future__ import annotations


def format_duration(seconds: float) -> str:
    """Format seconds as "8 s", "2 min 05 s" or "1 h 10 min"."""
    s = max(0, round(seconds))
    if s < 60:
        return f"{s} s"
    return f"{s // 60} min {s % 60:02d} s" if s < 3600 else f"{s // 3600} h {s % 3600 // 60:02d} min"


def format_count(n: int, noun: str) -> str:
    """Format a number with a regular noun: "1 cell", "2,000 cells"."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
