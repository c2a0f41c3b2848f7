"""How values become colours: limits, colormap, logarithm, threshold. No widgets here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from psygnal import Signal

from ...paint.compare import SwipedValues
from ...paint.limits import (
    COLORMAPS,
    LimitsPolicy,
    ManualLimits,
    PercentileLimits,
    limits_from_zero,
    side_by_side_limits,
    symmetric_limits,
    union_limits,
)
from ...paint.values import NORMALISED_COUNTS, CellValues
from ...utils.settings import setting


class Look:
    """Colour limits (by percentiles, or by hand for single genes), colormap, scale and thresholds of a session.

    Limits and thresholds that were set by hand are kept by gene, in log-normalised units whatever the scale is.

    Signals
    -------
    changed
        Limits, thresholds or the colormap.
    scale_changed
        Log-normalised values, or normalised counts.

    Attributes
    ----------
    separate_limits
        Whether measured and imputed values have separate limits, to compare patterns; else equal ones, to compare
        levels.
    """

    changed = Signal()
    scale_changed = Signal()

    def __init__(self) -> None:
        self.limits_policy: LimitsPolicy = PercentileLimits()
        self.manual_limits: dict[str, ManualLimits] = {}
        self.thresholds: dict[str, float] = {}
        self.colormap = "viridis"
        self.log = True
        self.separate_limits = False

    @property
    def options(self) -> LookOptions:
        """The settings of all genes; the default percentiles where other limits are set."""
        policy = self.limits_policy if isinstance(self.limits_policy, PercentileLimits) else PercentileLimits()
        return LookOptions(policy.low, policy.high, self.separate_limits, self.colormap, self.log)

    def clear_manual(self) -> None:
        """Another section: nothing by hand is kept."""
        self.manual_limits.clear()
        self.thresholds.clear()

    def limits(self, painted: list[CellValues]) -> list[tuple[float, float]]:
        """Colour limits of each, by hand where the user moved them."""
        return [self._limits_of(p) for p in painted]

    def paired_limits(self, painted: list[CellValues]) -> list[tuple[float, float]]:
        """Colour limits of one gene's measured and imputed values beside each other."""
        return side_by_side_limits(self.limits(painted), separate=self.separate_limits)

    def _limits_of(self, painted: CellValues) -> tuple[float, float]:
        if (key := self._limits_key(painted)) in self.manual_limits:
            low, high = self.manual_limits[key].get_limits(painted.values)
            return (float(np.expm1(low)), float(np.expm1(high))) if painted.unit == NORMALISED_COUNTS else (low, high)
        if painted.centred:
            return symmetric_limits(painted.values)
        return union_limits(
            *(
                limits_from_zero(self.limits_policy, side.values)
                for side in (painted.sides if isinstance(painted, SwipedValues) else (painted,))
            )
        )

    def threshold_of(self, painted: CellValues) -> float | None:
        """Value below which cells are left out, in the unit of what is painted; None: all are drawn."""
        least = self.thresholds.get(painted.name)
        return float(np.expm1(least)) if least is not None and painted.unit == NORMALISED_COUNTS else least

    def set_limits_policy(self, policy: LimitsPolicy) -> None:
        """Another way to find colour limits; limits set by hand are kept for their genes."""
        self.limits_policy = policy
        self._emit_changed()

    def set_manual_limits(self, painted: CellValues, low: float, high: float) -> None:
        """Limits by hand of what is painted, in its unit."""
        self.manual_limits[self._limits_key(painted)] = ManualLimits(
            _to_log_scale(painted, low), _to_log_scale(painted, high)
        )
        self._emit_changed()

    def has_manual_limits(self, name: str) -> bool:
        """Whether limits of a gene were set by hand."""
        return name in self.manual_limits or _imputed_key(name) in self.manual_limits

    def reset_limits(self, name: str) -> None:
        """Back to the policy for one gene."""
        for key in (name, _imputed_key(name)):
            self.manual_limits.pop(key, None)
        self._emit_changed()

    def set_separate_limits(self, separate: bool) -> None:
        """Limits of their own for measured and imputed values, or equal ones."""
        self.separate_limits = separate
        self._emit_changed()

    def _limits_key(self, painted: CellValues) -> str:
        return (
            _imputed_key(painted.name)
            if self.separate_limits and painted.is_imputed and not isinstance(painted, SwipedValues)
            else painted.name
        )

    def set_threshold(self, painted: CellValues, minimum: float | None) -> None:
        """Leave out cells of what is painted below a value, in its unit; None: draw all."""
        self.thresholds.pop(painted.name, None)
        if minimum is not None:
            self.thresholds[painted.name] = _to_log_scale(painted, minimum)
        self._emit_changed()

    def set_colormap(self, name: str) -> None:
        """Another colormap for the genes."""
        self.colormap = name
        self._emit_changed()

    def set_log(self, log: bool) -> None:
        """Show log-normalised values, or normalised counts."""
        self.restore(log=log)

    def restore(self, **values: Any) -> None:
        """Set attributes by name; each signal is emitted at most once."""
        scale = values.get("log", self.log) != self.log
        for name, value in values.items():
            setattr(self, name, value)
        if scale:
            self.scale_changed()
        if values.keys() - {"log"}:
            self._emit_changed()

    def _emit_changed(self) -> None:
        self.changed()


def _imputed_key(name: str) -> str:
    """Return the key of the limits of the imputed values of a gene, where they are separate."""
    return f"{name}, imputed"


def _to_log_scale(painted: CellValues, value: float) -> float:
    return float(np.log1p(max(value, 0.0))) if painted.unit == NORMALISED_COUNTS else value


@dataclass(frozen=True)
class LookOptions:
    """Settings of the colours of all genes, from which the form of the Genes dock is built."""

    low: float = setting(0.0, "Lowest colour: percentile of the values; 0 % is zero", low=0.0, high=100.0, unit="%")
    high: float = setting(99.0, "Highest colour: percentile of the values", low=0.0, high=100.0, unit="%")
    separate_limits: bool = setting(
        False,
        "Side by side and in figures. Off: equal limits, so that equal colours are equal values. On: measured and "
        "imputed values each have their own: the pattern is compared, not the level, which is predicted from the "
        "reference and may be off",
    )
    colormap: str = setting(
        "viridis",
        "Colours of the values. Those named first are perceptually uniform and safe for the colour-blind",
        choices=COLORMAPS,
    )
    log: bool = setting(True, "On: log-normalised values. Off: normalised counts (exp(value) - 1)")
