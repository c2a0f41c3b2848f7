"""Names of the colormaps that genes are drawn in."""

from __future__ import annotations

SAFE = ("viridis", "magma", "inferno", "plasma", "cividis", "gray")  # perceptually even, safe for the colour-blind
COLORMAPS = (*SAFE, "turbo")
DIVERGING = "RdBu_r"  # blue below zero, white, red above; safe for the colour-blind
CHANNELS = ("red", "green", "blue")
