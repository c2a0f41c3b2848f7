"""Measured and imputed values of one gene in one picture: divided by a line (swipe), or subtracted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .values import HELD_OUT, CellValues


@dataclass(frozen=True, eq=False)
class SwipedValues(CellValues):
    """Measured values on one side of a line, imputed values on the other.

    Attributes
    ----------
    sides
        Measured and imputed values.
    shows_measured : (cells,) bool
        Cells that show the measured value.
    """

    sides: tuple[CellValues, ...] = ()
    shows_measured: NDArray[np.bool_] | None = None

    def value_text(self, row: int) -> str:
        """Describe the value of one cell: measured or imputed, by its side of the line."""
        assert self.shows_measured is not None
        return self.sides[0 if self.shows_measured[row] else 1].value_text(row)


def swipe_values(measured: CellValues, imputed: CellValues, shows_measured: NDArray[np.bool_]) -> SwipedValues:
    """Join measured and imputed values; the kind names those that are shown.

    Parameters
    ----------
    measured, imputed
        Values of one gene.
    shows_measured : (cells,) bool
        Cells that show the measured value; the others show the imputed one.
    """
    if shows_measured.all():
        kind = measured.kind_label
    elif not shows_measured.any():
        kind = imputed.kind_label
    else:
        kind = f"{measured.kind_label} | {imputed.kind_label}"
    return SwipedValues(
        imputed.name,
        np.where(shows_measured, measured.values, imputed.values),
        kind,
        score=imputed.score,
        unit=measured.unit,
        predicted_score=imputed.predicted_score,
        sides=(measured, imputed),
        shows_measured=shows_measured,
    )


def subtract_measured(measured: CellValues, imputed: CellValues) -> CellValues:
    """Subtract measured from imputed values: positive where the imputed value is higher."""
    score = f" ({imputed.score_text})" if imputed.kind == HELD_OUT else ""
    return CellValues(
        f"{imputed.name} difference",
        imputed.values - measured.values,
        f"imputed - measured{score}",
        score=imputed.score,
        centred=True,
    )
