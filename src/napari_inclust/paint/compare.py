"""Measured and imputed values of one gene in one picture: divided by a line, or subtracted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .values import CellValues


@dataclass(frozen=True, eq=False)
class Swiped(CellValues):
    """Measured values on one side of a line, imputed ones on the other.

    Attributes
    ----------
    sides
        Measured and imputed.
    left : (cells,) bool
        Cells that show the measured value.
    """

    sides: tuple[CellValues, ...] = ()
    left: NDArray[np.bool_] | None = None

    def text(self, row: int) -> str:
        """Value of one cell: measured or imputed, by the side that it is on."""
        assert self.left is not None
        return self.sides[0 if self.left[row] else 1].text(row)


def swiped(measured: CellValues, imputed: CellValues, left: NDArray[np.bool_]) -> Swiped:
    """Measured where `left`, else imputed; the mark says what is seen.

    Parameters
    ----------
    left : (cells,) bool
    """
    kind = measured.mark if left.all() else imputed.mark if not left.any() else f"{measured.mark} | {imputed.mark}"
    values = np.where(left, measured.values, imputed.values)
    return Swiped(imputed.name, values, kind, score=imputed.score, unit=measured.unit, foreseen=imputed.foreseen, sides=(measured, imputed), left=left)


def difference(measured: CellValues, imputed: CellValues) -> CellValues:
    """Imputed minus measured, cell by cell: positive where more is imputed than was measured."""
    score = imputed.mark.partition(", held out ")[2]
    return CellValues(f"{imputed.name} difference", imputed.values - measured.values, f"imputed - measured {score}".rstrip(), score=imputed.score, centred=True)
