"""Measured and imputed values of one gene in one picture: divided by a line, or subtracted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .values import CellValues


@dataclass(frozen=True, eq=False)
class SwipedValues(CellValues):
    """Measured values on one side of a line, imputed ones on the other.

    Attributes
    ----------
    sides
        Measured and imputed.
    left : (cells,) bool
        Cells that show the measured value.
    """

    sides: tuple[CellValues, ...] = ()
    shows_measured: NDArray[np.bool_] | None = None

    def value_text(self, row: int) -> str:
        """Value of one cell: measured or imputed, by the side that it is on."""
        assert self.shows_measured is not None
        return self.sides[0 if self.shows_measured[row] else 1].value_text(row)


def swipe_values(measured: CellValues, imputed: CellValues, shows_measured: NDArray[np.bool_]) -> SwipedValues:
    """Measured where `left`, else imputed; the mark says what is seen.

    Parameters
    ----------
    left : (cells,) bool
    """
    kind = (
        measured.kind_label
        if shows_measured.all()
        else imputed.kind_label
        if not shows_measured.any()
        else f"{measured.kind_label} | {imputed.kind_label}"
    )
    values = np.where(shows_measured, measured.values, imputed.values)
    return SwipedValues(
        imputed.name,
        values,
        kind,
        score=imputed.score,
        unit=measured.unit,
        predicted_score=imputed.predicted_score,
        sides=(measured, imputed),
        shows_measured=shows_measured,
    )


def subtract_measured(measured: CellValues, imputed: CellValues) -> CellValues:
    """Imputed minus measured, cell by cell: positive where more is imputed than was measured."""
    score = imputed.kind_label.partition(", held out ")[2]
    return CellValues(
        f"{imputed.name} difference",
        imputed.values - measured.values,
        f"imputed - measured {score}".rstrip(),
        score=imputed.score,
        centred=True,
    )
