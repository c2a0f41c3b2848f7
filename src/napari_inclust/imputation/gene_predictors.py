"""The base predictors of genes: which they are, and kriging over genes.

All work on genes standardised over the reference's cells, and none is trained on a target value of the gene that it
predicts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import lu_factor, lu_solve

from ..data.normalize import column_mean_and_sd
from ..training.inference import EncodedCells
from ..training.plan import Plan
from ..training.trainer import Trainer
from .linear import VisibleInputs
from .predictors import (
    AttentionPredictor,
    BasePredictor,
    RequestedFeatures,
    RidgePredictor,
    TrainedHeadPredictor,
    decode_activations,
    decoder_activations_of,
    latent_of,
)
from .similarity import CellSimilarity

Matrix = NDArray[np.floating[Any]]
MAX_VISIBLE_GENES = 1000  # genes of the section that predictors use directly
CLIP_SD = 4.0  # standard deviations at which a reference value is clipped
KRIGING_SETTINGS = (  # noise, common covariance and covariance by mean rank of each kriging predictor
    (1.0, 0.1, 0.0),
    (3.0, 0.05, 0.1),
    (3.0, 0.05, 0.3),
)
TEMPERATURES = {"cells": 0.05, "similar cells": 0.07, "latent": 0.1}  # of attention in each embedding
DECODER_RIDGE_PENALTY = 1.0  # of the decoder's last layer fitted in closed form


@dataclass(frozen=True, eq=False)
class RequestedGenes(RequestedFeatures):
    """Genes to predict, with their standardised values in the reference's cells.

    Attributes
    ----------
    correlation_with_shared : (shared genes, genes)
        Correlation with the shared genes in the reference.
    mean_rank : (genes,)
        Rank of the mean level among the shared genes, 0 to 1.
    """

    correlation_with_shared: Matrix
    mean_rank: Matrix


class ReferenceGenes:
    """Genes of the reference: standardised values, and each gene's mean level as a rank among the shared genes.

    Parameters
    ----------
    matrix : (reference cells, genes) CSR
        Log-normalised, shared genes first.
    n_shared
        Number of shared genes.
    reference_rows
        Reference cells that predictors use.
    """

    def __init__(self, matrix: sp.csr_matrix, n_shared: int, reference_rows: NDArray[np.intp]) -> None:
        self.reference_rows, self.matrix = reference_rows, matrix[reference_rows].tocsc()
        self.mean, self.sd = column_mean_and_sd(matrix)
        order = np.sort(self.mean[:n_shared])
        self.mean_rank = np.interp(self.mean, order, np.arange(1, n_shared + 1) / n_shared)
        self.shared_values = self.standardised_values(np.arange(n_shared))
        self.shared_correlation = self.shared_values.T @ self.shared_values / len(self.shared_values)

    def standardised_values(self, gene_indices: NDArray[np.intp]) -> NDArray[np.float32]:
        """Compute z-scores (reference rows, genes), clipped at `CLIP_SD`; 0 for a constant gene."""
        values = self.matrix[:, gene_indices].toarray()
        z = (values - self.mean[gene_indices]) / np.where(self.sd[gene_indices] > 1e-6, self.sd[gene_indices], np.inf)
        out: NDArray[np.float32] = np.clip(z, -CLIP_SD, CLIP_SD).astype(np.float32)
        return out

    def request(self, gene_indices: NDArray[np.intp]) -> RequestedGenes:
        """Collect what predictors need of some genes."""
        values = self.standardised_values(gene_indices)
        correlation = self.shared_values.T @ values / len(values)
        return RequestedGenes(gene_indices, values, values, correlation, self.mean_rank[gene_indices])


@dataclass(frozen=True, eq=False)
class GeneKrigingPredictor:
    """Kriging over genes: a gene's profile over the target's cells from the profiles of the visible genes.

    The covariance of two genes is their correlation in the reference, plus `common_covariance` (one factor shared by
    all genes), plus `mean_rank_covariance` times a Gaussian of the difference of their mean ranks; `noise` is added on
    the diagonal. With both 0 it is ridge regression.

    Attributes
    ----------
    visible_genes : members x (genes,) int
        Shared genes that each member sees.
    """

    name: str
    visible_genes: list[NDArray[np.intp]]
    reference_genes: ReferenceGenes
    noise: float
    common_covariance: float = 0.0
    mean_rank_covariance: float = 0.0
    mean_rank_length_scale: float = 0.3

    def design_matrix(self, cells: EncodedCells, member: int) -> Matrix:
        """(cells, visible genes) scaled values."""
        return VisibleInputs(self.visible_genes).design_matrix(cells, member)

    def coefficients(self, member: int, requested: RequestedGenes) -> Matrix:
        """(visible genes, genes): covariance^-1 @ cross-covariance."""
        weights: Matrix = lu_solve(self._lu_factors[member], self.cross_covariance(member, requested))
        return weights

    @cached_property
    def _lu_factors(self) -> list[Any]:
        return [lu_factor(self.visible_covariance(m)) for m in range(len(self.visible_genes))]

    def visible_covariance(self, member: int) -> Matrix:
        """(visible genes, visible genes) covariance, noise included."""
        visible = self.visible_genes[member]
        correlation = self.reference_genes.shared_correlation[np.ix_(visible, visible)].astype(np.float64)
        ranks = self.reference_genes.mean_rank[visible]
        covariance: Matrix = correlation + self.noise * np.eye(len(visible)) + self._prior_covariance(ranks, ranks)
        return covariance

    def cross_covariance(self, member: int, requested: RequestedGenes) -> Matrix:
        """(visible genes, genes) covariance."""
        visible = self.visible_genes[member]
        ranks = self.reference_genes.mean_rank[visible]
        return requested.correlation_with_shared[visible] + self._prior_covariance(ranks, requested.mean_rank)

    def _prior_covariance(self, ranks_a: Matrix, ranks_b: Matrix) -> Matrix:
        """(genes a, genes b) covariance that does not depend on their correlation."""
        out = np.full((len(ranks_a), len(ranks_b)), self.common_covariance)
        if self.mean_rank_covariance:
            scaled = (ranks_a[:, None] - ranks_b[None]) ** 2 / (2 * self.mean_rank_length_scale**2)
            out += self.mean_rank_covariance * np.exp(-scaled)
        return out


def visible_genes_by_member(plan: Plan, reference_genes: ReferenceGenes) -> list[NDArray[np.intp]]:
    """List the shared genes that each member sees.

    Of a very large panel only the most variable ones in the reference, since the predictors' cost grows with the cube
    of their number.
    """
    visible = [np.flatnonzero(plan.input_mask & ~hidden) for hidden in plan.hidden_features]
    return [
        genes
        if len(genes) <= MAX_VISIBLE_GENES
        else np.sort(genes[np.argsort(-reference_genes.sd[genes], kind="stable")[:MAX_VISIBLE_GENES]])
        for genes in visible
    ]


def build_base_predictors(
    trainer: Trainer, reference_genes: ReferenceGenes, reference_cells: EncodedCells, similarity: CellSimilarity
) -> list[BasePredictor[RequestedGenes]]:
    """Build all base predictors that the settings of a trained plan ask for.

    Parameters
    ----------
    reference_cells
        Cells of the reference that predictors use.
    similarity
        Of the section's cells.
    """
    config, visible, n_members = trainer.config, similarity.visible_genes, trainer.plan.n_members
    if config.readouts == ("head",):

        def decode(activations: Matrix, member: int) -> Matrix:
            return decode_activations(trainer, activations, member)

        n_outputs = trainer.model.head.weight.shape[-1]
        return [TrainedHeadPredictor("head", decoder_activations_of(0, n_members), decode, n_outputs)]
    predictors: list[BasePredictor[RequestedGenes]] = []
    if "genes" in config.readouts:
        predictors += [
            GeneKrigingPredictor(f"gene process {i}", visible, reference_genes, *settings)
            for i, settings in enumerate(KRIGING_SETTINGS)
        ]
    if "cells" in config.readouts:
        predictors += [
            AttentionPredictor.fit(
                "attention, cells", reference_cells, TEMPERATURES["cells"], VisibleInputs(visible).design_matrix
            ),
            AttentionPredictor.fit(
                "attention, cells averaged with those like them",
                reference_cells,
                TEMPERATURES["similar cells"],
                similarity.smoothed_embedding,
                similarity.embed,
            ),
        ]
    if "latent" in config.readouts:
        predictors += [
            AttentionPredictor.fit(
                f"attention, latent {v}", reference_cells, TEMPERATURES["latent"], latent_of(v, n_members)
            )
            for v in range(trainer.n_kl_weights)
        ]
    if "decoder" in config.readouts:
        predictors += [
            RidgePredictor(f"decoder {v}", decoder_activations_of(v, n_members), reference_cells, DECODER_RIDGE_PENALTY)
            for v in range(trainer.n_kl_weights)
        ]
    return predictors
