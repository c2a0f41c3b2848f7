"""From cells to values: readouts predict any gene of the reference, each in its own way, from what one member (blind to its fold) saw.

All work on genes standardised over the reference's cells; none is trained on a target value of the gene that it predicts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from scipy.linalg import lu_factor, lu_solve

from ..data.normalize import column_mean_and_sd
from ..training.inference import EncodedCells
from ..training.plan import Plan
from ..training.trainer import Trainer
from ..utils.attention import attention_weights, normalise_rows
from .linear import FeatureMap
from .similarity import CellSimilarity

Matrix = NDArray[np.floating[Any]]
MAX_VISIBLE_GENES = 1000  # genes that readouts look at directly
CLIP_SD = 4.0  # standard deviations at which a reference value is cut
KRIGING_SETTINGS = (
    (1.0, 0.1, 0.0),
    (3.0, 0.05, 0.1),
    (3.0, 0.05, 0.3),
)  # noise, common factor and level of each process over genes
DECODER_RIDGE_PENALTY = 1.0  # of the decoder's last layer


class ReferenceGenes:
    """Genes of the reference: standardised values of its cells, and each gene's mean level as a rank among the shared genes.

    Parameters
    ----------
    matrix : (reference cells, genes) CSR
        Log-normalised.
    n_shared
        The first so many genes are shared.
    rows
        Reference cells that readouts look at.
    """

    def __init__(self, matrix: sp.csr_matrix, n_shared: int, reference_rows: NDArray[np.intp]) -> None:
        self.reference_rows, self.matrix = reference_rows, matrix[reference_rows].tocsc()
        self.mean, self.sd = column_mean_and_sd(matrix)
        order = np.sort(self.mean[:n_shared])
        self.mean_rank = np.interp(self.mean, order, np.arange(1, n_shared + 1) / n_shared)
        self.shared_values = self.standardised_values(np.arange(n_shared))
        self.shared_correlation = self.shared_values.T @ self.shared_values / len(self.shared_values)

    def standardised_values(self, gene_indices: NDArray[np.intp]) -> NDArray[np.float32]:
        """(rows, features), cut at `OUTLIER`; 0 for a constant gene."""
        values = self.matrix[:, gene_indices].toarray()
        z = (values - self.mean[gene_indices]) / np.where(self.sd[gene_indices] > 1e-6, self.sd[gene_indices], np.inf)
        out: NDArray[np.float32] = np.clip(z, -CLIP_SD, CLIP_SD).astype(np.float32)
        return out

    def request(self, gene_indices: NDArray[np.intp]) -> RequestedGenes:
        """What readouts need to know of some genes."""
        values = self.standardised_values(gene_indices)
        return RequestedGenes(
            gene_indices, values, self.shared_values.T @ values / len(values), self.mean_rank[gene_indices]
        )


@dataclass(frozen=True, eq=False)
class RequestedGenes:
    """Genes to predict.

    Attributes
    ----------
    features : (genes,) int
    values : (rows, genes) float32
        Standardised, in the reference's cells.
    to_shared : (shared genes, genes)
        Correlation with the shared genes there.
    level : (genes,)
    """

    gene_indices: NDArray[np.intp]
    standardised_values: NDArray[np.float32]
    correlation_with_shared: Matrix
    mean_rank: Matrix


class BasePredictor(FeatureMap, Protocol):
    """Predicts genes (any scale: the stack standardises) for cells, as one member: `matrix` @ `vectors`."""

    @property
    def name(self) -> str: ...

    def coefficients(self, member: int, requested: RequestedGenes) -> Matrix:
        """(d, genes) what the genes are to it."""
        ...


EmbedFunction = Callable[[EncodedCells, int], Matrix]


@dataclass(frozen=True, eq=False)
class AttentionPredictor:
    """The mean of all reference cells, weighted by softmax(cosine / temperature), in a space where both sets have a place.

    Attributes
    ----------
    place
        (cells, member) -> (cells, d).
    anchors
        The reference's cells, one (reference cells, d) a member, rows of length 1.
    """

    name: str
    embed: EmbedFunction
    reference_embeddings: list[NDArray[np.float32]]
    temperature: float

    def design_matrix(self, cells: EncodedCells, member: int) -> NDArray[np.float32]:
        """(cells, reference cells), rows sum to 1."""
        return attention_weights(self.embed(cells, member), self.reference_embeddings[member], self.temperature)

    def coefficients(self, member: int, requested: RequestedGenes) -> Matrix:
        """The reference's values."""
        return requested.standardised_values


@dataclass(frozen=True, eq=False)
class GeneKrigingPredictor:
    """Kriging over genes: a gene's profile over the target's cells from the profiles of the genes shown there.

    The covariance of two genes is their correlation in the reference, plus `common` (one factor shared by all genes), plus `level` times the closeness of
    their mean levels; `noise` is added on the diagonal. With `common = level = 0` it is ridge regression.
    """

    name: str
    visible_genes: list[NDArray[np.intp]]
    reference_genes: ReferenceGenes
    noise: float
    common_covariance: float = 0.0
    mean_rank_covariance: float = 0.0
    mean_rank_length_scale: float = 0.3

    def design_matrix(self, cells: EncodedCells, member: int) -> Matrix:
        """The shown genes."""
        values: Matrix = cells.inputs[member][:, self.visible_genes[member]]
        return values

    def coefficients(self, member: int, requested: RequestedGenes) -> Matrix:
        """Weights of the shown genes."""
        weights: Matrix = lu_solve(self._lu_factors[member], self.cross_covariance(member, requested))
        return weights

    @cached_property
    def _lu_factors(self) -> list[Any]:
        return [lu_factor(self.visible_covariance(m)) for m in range(len(self.visible_genes))]

    def visible_covariance(self, member: int) -> Matrix:
        """(shown, shown) covariance."""
        shown = self.visible_genes[member]
        between = self.reference_genes.shared_correlation[np.ix_(shown, shown)].astype(
            np.float64
        ) + self.noise * np.eye(len(shown))
        return between + self._additional_covariance(
            self.reference_genes.mean_rank[shown], self.reference_genes.mean_rank[shown]
        )

    def cross_covariance(self, member: int, requested: RequestedGenes) -> Matrix:
        """(shown, genes) covariance."""
        shown = self.visible_genes[member]
        return requested.correlation_with_shared[shown] + self._additional_covariance(
            self.reference_genes.mean_rank[shown], requested.mean_rank
        )

    def _additional_covariance(self, a: Matrix, b: Matrix) -> Matrix:
        """What genes share whatever their correlation."""
        out = np.full((len(a), len(b)), self.common_covariance)
        if self.mean_rank_covariance:
            out += self.mean_rank_covariance * np.exp(
                -((a[:, None] - b[None]) ** 2) / (2 * self.mean_rank_length_scale**2)
            )
        return out


@dataclass(frozen=True, eq=False)
class DecoderRidgePredictor:
    """The decoder with its last layer fitted in closed form (ridge from the hidden units of the reference's cells): any gene of the reference, trained or not."""

    name: str
    network_of_member: Callable[[int], int]
    reference_cells: EncodedCells
    penalty: float

    def design_matrix(self, cells: EncodedCells, member: int) -> Matrix:
        """The hidden units, standardised over the reference."""
        mean, sd = self._hidden_moments[member]
        units: Matrix = (cells.decoder_activations[self.network_of_member(member)] - mean) / sd
        return units

    def coefficients(self, member: int, requested: RequestedGenes) -> Matrix:
        """The last layer."""
        h = self.design_matrix(self.reference_cells, member)
        layer: Matrix = lu_solve(self._lu_factors[member], h.T @ requested.standardised_values)
        return layer

    @cached_property
    def _hidden_moments(self) -> list[tuple[Matrix, Matrix]]:
        units = (
            self.reference_cells.decoder_activations[self.network_of_member(m)]
            for m in range(len(self.reference_cells.inputs))
        )
        return [(h.mean(0), h.std(0) + 1e-2) for h in units]

    @cached_property
    def _lu_factors(self) -> list[Any]:
        units = (self.design_matrix(self.reference_cells, m) for m in range(len(self.reference_cells.inputs)))
        return [lu_factor(h.T @ h + len(h) * self.penalty * np.eye(h.shape[1], dtype=np.float32)) for h in units]


@dataclass(frozen=True, eq=False)
class TrainedHeadPredictor:
    """The decoder's own trained last layer, as published: only genes that were outputs in training."""

    name: str
    decode: Callable[[NDArray[np.float32], int], NDArray[np.float32]]
    n_outputs: int

    def design_matrix(self, cells: EncodedCells, member: int) -> Matrix:
        """All outputs."""
        return self.decode(cells.decoder_activations[member], member)

    def coefficients(self, member: int, requested: RequestedGenes) -> Matrix:
        """Which output each gene is."""
        return np.eye(self.n_outputs, dtype=np.float32)[:, requested.gene_indices]


def visible_genes_by_member(plan: Plan, reference_genes: ReferenceGenes) -> list[NDArray[np.intp]]:
    """For each member the inputs that it sees; of a very large panel the most variable in the reference, since the readouts' cost grows with the cube."""
    shown = [np.flatnonzero(plan.input_mask & ~hidden) for hidden in plan.hidden_features]
    return [
        s
        if len(s) <= MAX_VISIBLE_GENES
        else np.sort(s[np.argsort(-reference_genes.sd[s], kind="stable")[:MAX_VISIBLE_GENES]])
        for s in shown
    ]


def build_base_predictors(
    trainer: Trainer, reference_genes: ReferenceGenes, reference_cells: EncodedCells, similarity: CellSimilarity
) -> list[BasePredictor]:
    """All readouts of a trained plan.

    Parameters
    ----------
    reference
        The cells of the reference that readouts look at.
    likeness
        Of the section's cells.
    """
    plan, config, shown = trainer.plan, trainer.config, similarity.visible_genes
    if config.readouts == ("head",):
        return [TrainedHeadPredictor("head", _head_decoder(trainer), trainer.model.head.weight.shape[-1])]
    members = range(plan.n_members)

    def genes_shown(cells: EncodedCells, m: int) -> Matrix:
        values: Matrix = cells.inputs[m][:, shown[m]]
        return values

    def latent(variant: int) -> EmbedFunction:
        return lambda cells, m: cells.z[variant * plan.n_members + m]

    found: list[BasePredictor] = []
    if "genes" in config.readouts:
        found += [
            GeneKrigingPredictor(f"gene process {i}", shown, reference_genes, *numbers)
            for i, numbers in enumerate(KRIGING_SETTINGS)
        ]
    places: list[tuple[str, EmbedFunction, EmbedFunction, float]] = []
    if "cells" in config.readouts:
        places += [
            ("attention, cells", genes_shown, genes_shown, 0.05),
            ("attention, cells averaged with those like them", similarity.smoothed_embedding, similarity.embed, 0.07),
        ]
    if "latent" in config.readouts:
        places += [(f"attention, latent {v}", latent(v), latent(v), 0.1) for v in range(trainer.n_kl_weights)]
    found += [
        AttentionPredictor(name, ours, [normalise_rows(theirs(reference_cells, m)) for m in members], temperature)
        for name, ours, theirs, temperature in places
    ]
    if "decoder" in config.readouts:
        found += [
            DecoderRidgePredictor(
                f"decoder {v}", partial(_network_index, plan.n_members, v), reference_cells, DECODER_RIDGE_PENALTY
            )
            for v in range(trainer.n_kl_weights)
        ]
    return found


def _head_decoder(trainer: Trainer) -> Callable[[NDArray[np.float32], int], NDArray[np.float32]]:
    head, output = trainer.model.head, trainer.model.output_activation

    def decode(hidden: NDArray[np.float32], member: int) -> NDArray[np.float32]:
        with torch.no_grad():
            values: NDArray[np.float32] = output(
                torch.from_numpy(hidden) @ head.weight[member].cpu() + head.bias[member].cpu()
            ).numpy()
        return values

    return decode


def _network_index(n_members: int, variant: int, member: int) -> int:
    """Index of the network of a member among those of all KL weights."""
    return variant * n_members + member
