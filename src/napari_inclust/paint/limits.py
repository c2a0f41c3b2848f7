"""Colour scales: names of colormaps, and policies that set the limits of values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

COLOUR_BLIND_SAFE = ("viridis", "magma", "inferno", "plasma", "cividis", "gray")  # perceptually uniform, too
COLORMAPS = (*COLOUR_BLIND_SAFE, "turbo")
DIVERGING = "RdBu_r"  # blue below zero, white, red above; safe for the colour-blind
RGB_CHANNELS = ("red", "green", "blue")


class LimitsPolicy(Protocol):
    """A policy that turns values into the two ends of the colour scale."""

    def get_limits(self, values: NDArray[np.floating]) -> tuple[float, float]:
        """Return the lower and upper limit of values (cells,)."""
        ...


@dataclass(frozen=True)
class PercentileLimits:
    """Percentiles of the values; where most values are zero, the upper one is that of the values above zero.

    Attributes
    ----------
    low, high
        Percentiles, 0 to 100.
    """

    low: float = 0.0
    high: float = 99.0

    def get_limits(self, values: NDArray[np.floating]) -> tuple[float, float]:
        """Return the two percentiles of the finite values (cells,)."""
        finite = values[np.isfinite(values)]
        if not finite.size:
            return (0.0, 1.0)
        low, high = (float(v) for v in np.percentile(finite, (self.low, self.high)))
        if high <= low:
            above = finite[finite > low]
            high = float(np.percentile(above, self.high)) if above.size else low
        return _increasing(low, high)


@dataclass(frozen=True)
class ManualLimits:
    """Two numbers given by the user.

    Attributes
    ----------
    low, high
        In the unit of the values.
    """

    low: float
    high: float

    def get_limits(self, values: NDArray[np.floating]) -> tuple[float, float]:
        """Return the two numbers; the values are ignored."""
        return _increasing(self.low, self.high)


def _increasing(low: float, high: float) -> tuple[float, float]:
    """Widen empty limits, since napari needs low < high: a constant gene is drawn in the lowest colour."""
    return (low, high) if high > low else (low, low + 1.0)


def clip_at_zero(limits: tuple[float, float]) -> tuple[float, float]:
    """Clip limits of values that cannot be negative: a prediction slightly below 0 is drawn as 0."""
    return (max(0.0, limits[0]), limits[1]) if limits[1] > 0 else limits


def limits_from_zero(policy: LimitsPolicy, values: NDArray[np.floating]) -> tuple[float, float]:
    """Limit values that cannot be negative.

    With the lowest percentile 0 the scale starts at zero, so that measured and imputed values start at the same colour.
    """
    low, high = clip_at_zero(policy.get_limits(values))
    return (0.0, high) if isinstance(policy, PercentileLimits) and policy.low == 0 and high > 0 else (low, high)


def symmetric_limits(values: NDArray[np.floating]) -> tuple[float, float]:
    """Limit values around zero to plus and minus the 99th percentile of their absolute value."""
    high = PercentileLimits().get_limits(np.abs(values))[1]
    return (-high, high)


def side_by_side_limits(limits: list[tuple[float, float]], *, separate: bool) -> list[tuple[float, float]]:
    """Limit one gene's measured and imputed values side by side: equal limits, unless each keeps its own."""
    return limits if separate else [union_limits(*limits)] * len(limits)


def union_limits(*pairs: tuple[float, float]) -> tuple[float, float]:
    """Return the limits that hold all pairs, so that equal colours are equal values."""
    return _increasing(min(p[0] for p in pairs), max(p[1] for p in pairs))
