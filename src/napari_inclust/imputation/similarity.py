"""Which cells of the section are alike: what is too noisy in one cell is clearer in the mean of those like it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..training.inference import EncodedCells
from ..utils.attention import attention_weights, normalise_rows
from ..utils.progress import progress_stage

Matrix = NDArray[np.floating[Any]]
N_COMPONENTS = 30
TEMPERATURE = 0.1


@dataclass(frozen=True, eq=False)
class CellSimilarity:
    """Cosine between cells in the leading principal components of both data sets together, as each member sees them.

    Attributes
    ----------
    anchors
        Cells of the section over which is averaged.
    shown : members x (inputs,)
        Inputs that each member sees.
    axes : members x (inputs, components)
    """

    standardisation_cells: EncodedCells
    visible_genes: list[NDArray[np.intp]]
    principal_axes: list[Matrix]

    @classmethod
    def fit(
        cls, standardisation_cells: EncodedCells, reference_cells: EncodedCells, visible_genes: list[NDArray[np.intp]]
    ) -> CellSimilarity:
        """Components of the anchors and of the reference's cells, which count alike however many they are."""
        axes = []
        for m, genes in enumerate(progress_stage("finding cells that are alike", visible_genes)):
            sides = [side.inputs[m][:, genes] for side in (standardisation_cells, reference_cells)]
            vectors = np.linalg.eigh(sum(x.T @ x / len(x) for x in sides))[1]
            axes.append(vectors[:, ::-1][:, :N_COMPONENTS])
        return cls(standardisation_cells, visible_genes, axes)

    def embed(self, cells: EncodedCells, member: int) -> Matrix:
        """(cells, components)."""
        placed: Matrix = cells.inputs[member][:, self.visible_genes[member]] @ self.principal_axes[member]
        return placed

    def design_matrix(self, cells: EncodedCells, member: int) -> NDArray[np.float32]:
        """(cells, anchors), rows sum to 1: how much each anchor is like a cell."""
        return attention_weights(
            self.embed(cells, member), normalise_rows(self.embed(self.standardisation_cells, member)), TEMPERATURE
        )

    def smoothed_embedding(self, cells: EncodedCells, member: int) -> Matrix:
        """(cells, components): mean place of the anchors that are like each cell."""
        mean: Matrix = self.design_matrix(cells, member) @ self.embed(self.standardisation_cells, member)
        return mean
