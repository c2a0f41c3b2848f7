"""Names of the colormaps that genes are drawn in."""

from __future__ import annotations

COLOUR_BLIND_SAFE = (
    "viridis",
    "magma",
    "inferno",
    "plasma",
    "cividis",
    "gray",
)  # perceptually even, safe for the colour-blind
COLORMAPS = (*COLOUR_BLIND_SAFE, "turbo")
DIVERGING = "RdBu_r"  # blue below zero, white, red above; safe for the colour-blind
RGB_CHANNELS = ("red", "green", "blue")
