"""How values become colours: limits, colormap, logarithm, threshold. No widgets here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...paint.compare import Swiped
from ...paint.limits import Limits, Manual, Percentile, anchored, around_zero, beside, join
from ...paint.values import LINEAR, CellValues


class Look:
    """Colour limits (by percentiles, or by hand for single genes), colormap, scale and thresholds of a session.

    Limits and thresholds that were set by hand are kept by gene, in log-normalised units whatever the scale is.

    Parameters
    ----------
    changed
        Called after every change.

    Attributes
    ----------
    own
        Whether measured and imputed values have limits of their own, to compare patterns; else equal ones, to compare levels.
    """

    def __init__(self, changed: Callable[[], Any]) -> None:
        self._changed = changed
        self.policy: Limits = Percentile()
        self.manual: dict[str, Manual] = {}
        self.thresholds: dict[str, float] = {}
        self.colormap = "viridis"
        self.log = True
        self.own = False

    def forget(self) -> None:
        """Another section: nothing by hand is kept."""
        self.manual.clear()
        self.thresholds.clear()

    def limits(self, shown: list[CellValues]) -> list[tuple[float, float]]:
        """Colour limits of each, by hand where the user moved them."""
        return [self._limits(p) for p in shown]

    def beside(self, shown: list[CellValues]) -> list[tuple[float, float]]:
        """Colour limits of one gene's measured and imputed values beside each other."""
        return beside(self.limits(shown), own=self.own)

    def _limits(self, p: CellValues) -> tuple[float, float]:
        if (key := self._key(p)) in self.manual:
            low, high = self.manual[key].get_limits(p.values)
            return (float(np.expm1(low)), float(np.expm1(high))) if p.unit == LINEAR else (low, high)
        if p.centred:
            return around_zero(p.values)
        return join(*(anchored(self.policy, side.values) for side in (p.sides if isinstance(p, Swiped) else (p,))))

    def threshold(self, p: CellValues) -> float | None:
        """Value below which cells are left out, in the unit of what is painted; None: all are drawn."""
        least = self.thresholds.get(p.name)
        return float(np.expm1(least)) if least is not None and p.unit == LINEAR else least

    def set_policy(self, policy: Limits) -> None:
        """Another way to find colour limits; limits set by hand are kept for their genes."""
        self.policy = policy
        self._changed()

    def set_manual(self, painted: CellValues, low: float, high: float) -> None:
        """Limits by hand of what is painted, in its unit."""
        self.manual[self._key(painted)] = Manual(_as_log(painted, low), _as_log(painted, high))
        self._changed()

    def by_hand(self, name: str) -> bool:
        """Whether limits of a gene were set by hand."""
        return name in self.manual or _imputed(name) in self.manual

    def reset(self, name: str) -> None:
        """Back to the policy for one gene."""
        for key in (name, _imputed(name)):
            self.manual.pop(key, None)
        self._changed()

    def set_own(self, own: bool) -> None:
        """Limits of their own for measured and imputed values, or equal ones."""
        self.own = own
        self._changed()

    def _key(self, p: CellValues) -> str:
        return _imputed(p.name) if self.own and p.is_imputed and not isinstance(p, Swiped) else p.name

    def set_threshold(self, painted: CellValues, least: float | None) -> None:
        """Leave out cells of what is painted below a value, in its unit; None: draw all."""
        self.thresholds.pop(painted.name, None)
        if least is not None:
            self.thresholds[painted.name] = _as_log(painted, least)
        self._changed()

    def set_colormap(self, name: str) -> None:
        """Another colormap for the genes."""
        self.colormap = name
        self._changed()


def _imputed(name: str) -> str:
    """What the imputed values of a gene are called where they have limits of their own."""
    return f"{name}, imputed"


def _as_log(painted: CellValues, value: float) -> float:
    return float(np.log1p(max(value, 0.0))) if painted.unit == LINEAR else value
