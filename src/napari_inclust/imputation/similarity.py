"""Which cells of the section are alike: what is too noisy in one cell is clearer in the mean of those like it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..training.inference import Cells
from ..utils.attention import attention, unit
from ..utils.progress import stage

Matrix = NDArray[np.floating[Any]]
COMPONENTS = 30
TEMPERATURE = 0.1


@dataclass(frozen=True, eq=False)
class Likeness:
    """Cosine between cells in the leading principal components of both data sets together, as each member sees them.

    Attributes
    ----------
    anchors
        Cells of the section over which is averaged.
    shown : members x (inputs,)
        Inputs that each member sees.
    axes : members x (inputs, components)
    """

    anchors: Cells
    shown: list[NDArray[np.intp]]
    axes: list[Matrix]

    @classmethod
    def find(cls, anchors: Cells, reference: Cells, shown: list[NDArray[np.intp]]) -> Likeness:
        """Components of the anchors and of the reference's cells, which count alike however many they are."""
        axes = []
        for m, genes in enumerate(stage("finding cells that are alike", shown)):
            sides = [side.x[m][:, genes] for side in (anchors, reference)]
            vectors = np.linalg.eigh(sum(x.T @ x / len(x) for x in sides))[1]
            axes.append(vectors[:, ::-1][:, :COMPONENTS])
        return cls(anchors, shown, axes)

    def place(self, cells: Cells, member: int) -> Matrix:
        """(cells, components)."""
        placed: Matrix = cells.x[member][:, self.shown[member]] @ self.axes[member]
        return placed

    def matrix(self, cells: Cells, member: int) -> NDArray[np.float32]:
        """(cells, anchors), rows sum to 1: how much each anchor is like a cell."""
        return attention(self.place(cells, member), unit(self.place(self.anchors, member)), TEMPERATURE)

    def averaged(self, cells: Cells, member: int) -> Matrix:
        """(cells, components): mean place of the anchors that are like each cell."""
        mean: Matrix = self.matrix(cells, member) @ self.place(self.anchors, member)
        return mean
