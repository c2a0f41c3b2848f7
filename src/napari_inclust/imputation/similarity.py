"""Similarity between cells of the section: means over similar cells are less noisy than the cells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..training.inference import EncodedCells
from ..utils.progress import progress_stage
from .linear import VisibleInputs
from .predictors import AttentionPredictor

Matrix = NDArray[np.floating[Any]]
N_COMPONENTS = 30
TEMPERATURE = 0.1


@dataclass(frozen=True, eq=False)
class CellSimilarity:
    """Cosine between cells in the leading principal components of both data sets together, as each member sees them.

    Attributes
    ----------
    standardisation_cells
        Cells of the section over which means are taken.
    visible_genes : members x (inputs,) int
        Inputs that each member sees.
    principal_axes : members x (inputs, components)
    """

    standardisation_cells: EncodedCells
    visible_genes: list[NDArray[np.intp]]
    principal_axes: list[Matrix]

    @classmethod
    def fit(
        cls, standardisation_cells: EncodedCells, reference_cells: EncodedCells, visible_genes: list[NDArray[np.intp]]
    ) -> CellSimilarity:
        """Find the components of both sets of cells, which have the same weight whatever their numbers."""
        visible, axes = VisibleInputs(visible_genes), []
        for member in progress_stage("finding similar cells", range(len(visible_genes))):
            both = [visible.design_matrix(cells, member) for cells in (standardisation_cells, reference_cells)]
            vectors = np.linalg.eigh(sum(x.T @ x / len(x) for x in both))[1]
            axes.append(vectors[:, ::-1][:, :N_COMPONENTS])
        return cls(standardisation_cells, visible_genes, axes)

    def embed(self, cells: EncodedCells, member: int) -> Matrix:
        """(cells, components)."""
        embedding: Matrix = VisibleInputs(self.visible_genes).design_matrix(cells, member) @ self.principal_axes[member]
        return embedding

    def design_matrix(self, cells: EncodedCells, member: int) -> NDArray[np.float32]:
        """(cells, standardisation cells) weights by similarity, rows of sum 1."""
        return self._attention.design_matrix(cells, member)

    def smoothed_embedding(self, cells: EncodedCells, member: int) -> Matrix:
        """(cells, components): mean embedding of the standardisation cells, weighted by similarity to each cell."""
        mean: Matrix = self.design_matrix(cells, member) @ self.embed(self.standardisation_cells, member)
        return mean

    @cached_property
    def _attention(self) -> AttentionPredictor:
        return AttentionPredictor.fit("similar cells", self.standardisation_cells, TEMPERATURE, self.embed)
