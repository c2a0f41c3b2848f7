"""Base predictors: predictions of features for cells, each the product of a design matrix and coefficients.

The design matrix depends on the cells, the coefficients on the features. The same predictors serve imputation (any
gene of the reference, from each member of the ensemble: `gene_predictors`) and generation (all features of a block,
from a data set that measures them: `multimodal.block_predictor`). None is trained on a target value of the feature
that it predicts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeVar

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from ..training.inference import EncodedCells
from ..training.trainer import Trainer
from ..utils.attention import attention_weights, normalise_rows
from ..utils.ridge import Ridge
from .linear import FeatureMap

Matrix = NDArray[np.floating[Any]]
_MIN_SD = 1e-2  # added to the standard deviation of a coordinate before its penalty is scaled by it


@dataclass(frozen=True, eq=False)
class RequestedFeatures:
    """Features to predict, with their values in the source cells: the reference's, or a data set's that measures them.

    Attributes
    ----------
    indices : (features,) int
    source_values : (source cells, features) float32
        Dense or CSR.
    attended_values : (attended cells, features) float32
        Of the source cells that attention looks at.
    """

    indices: NDArray[np.intp]
    source_values: Matrix | sp.csr_matrix
    attended_values: Matrix


_Requested = TypeVar("_Requested", bound=RequestedFeatures, contravariant=True)


EmbedFunction = Callable[[EncodedCells, int], Matrix]  # cells, member -> (cells, d)


class BasePredictor(FeatureMap, Protocol[_Requested]):
    """A prediction of features for cells as one member sees them: design matrix @ coefficients.

    In any unit, since stacking standardises.
    """

    @property
    def name(self) -> str:
        """Name of the predictor in tables of weights."""
        ...

    def coefficients(self, member: int, requested: _Requested) -> Matrix:
        """(d, features): the features' columns."""
        ...


def predict(predictor: BasePredictor[_Requested], cells: EncodedCells, member: int, requested: _Requested) -> Matrix:
    """(cells, features) predicted by one member."""
    predicted: Matrix = predictor.design_matrix(cells, member) @ predictor.coefficients(member, requested)
    return predicted


def latent_of(variant: int, n_members: int) -> EmbedFunction:
    """Embedding of cells: the latent of the member's network for one KL weight."""
    return lambda cells, member: cells.z[variant * n_members + member]


def decoder_activations_of(variant: int, n_members: int) -> EmbedFunction:
    """Embedding of cells: the last hidden layer of the decoder of the member's network for one KL weight."""
    return lambda cells, member: cells.decoder_activations[variant * n_members + member]


@dataclass(frozen=True, eq=False)
class AttentionPredictor:
    """The mean of source cells, weighted by softmax(cosine / temperature) in an embedding of both sets of cells.

    Attributes
    ----------
    embed
        Embedding of the target cells.
    source_embeddings : members x (attended cells, d)
        Embedding of the source cells, rows of length 1.
    """

    name: str
    embed: EmbedFunction
    source_embeddings: list[NDArray[np.float32]]
    temperature: float

    @classmethod
    def fit(
        cls,
        name: str,
        source_cells: EncodedCells,
        temperature: float,
        embed: EmbedFunction,
        embed_source: EmbedFunction | None = None,
    ) -> AttentionPredictor:
        """Embed the source cells, in their own way if `embed_source` is given."""
        members = range(len(source_cells.inputs))
        embeddings = [normalise_rows((embed_source or embed)(source_cells, m)) for m in members]
        return cls(name, embed, embeddings, temperature)

    def design_matrix(self, cells: EncodedCells, member: int) -> NDArray[np.float32]:
        """(cells, attended cells) weights, rows of sum 1."""
        return attention_weights(self.embed(cells, member), self.source_embeddings[member], self.temperature)

    def coefficients(self, member: int, requested: RequestedFeatures) -> Matrix:
        """(attended cells, features) values."""
        return requested.attended_values


@dataclass(frozen=True, eq=False)
class RidgePredictor:
    """Ridge regression of the source cells' values on an embedding, with an intercept.

    From the hidden units of the decoder it is the decoder with its last layer fitted in closed form: for any feature,
    trained or not.

    Attributes
    ----------
    penalty
        On the slopes of the standardised coordinates, in units of the number of source cells.
    n_covariates
        Number of the last coordinates that are levels of covariates, 0 or 1: not standardised, and penalised by
        `covariate_penalty`, in cells.
    """

    name: str
    embed: EmbedFunction
    source_cells: EncodedCells
    penalty: float
    n_covariates: int = 0
    covariate_penalty: float = 1.0

    def design_matrix(self, cells: EncodedCells, member: int) -> Matrix:
        """(cells, 1 + d): 1 for the intercept, and the embedding."""
        x = self.embed(cells, member)
        return np.hstack([np.ones((len(x), 1), dtype=x.dtype), x])

    def coefficients(self, member: int, requested: RequestedFeatures) -> Matrix:
        """(1 + d, features): intercepts and slopes."""
        return np.vstack(self._regressions[member].solve(requested.source_values))

    @cached_property
    def _regressions(self) -> list[Ridge]:
        return [self._regression(self.embed(self.source_cells, m)) for m in range(len(self.source_cells.inputs))]

    def _regression(self, x: Matrix) -> Ridge:
        """Factorise; a penalty on slopes of x / sd is one times sd^2 on slopes of x."""
        penalty = self.penalty * len(x) * (x.std(0, dtype=np.float64) + _MIN_SD) ** 2
        if self.n_covariates:
            penalty[-self.n_covariates :] = self.covariate_penalty
        return Ridge(x, penalty)


@dataclass(frozen=True, eq=False)
class TrainedHeadPredictor:
    """The decoder with its trained last layer: only features that were outputs in training.

    Attributes
    ----------
    decode
        (hidden units (cells, units), member) -> (cells, outputs).
    """

    name: str
    embed: EmbedFunction
    decode: Callable[[Matrix, int], Matrix]
    n_outputs: int

    def design_matrix(self, cells: EncodedCells, member: int) -> Matrix:
        """(cells, outputs)."""
        return self.decode(self.embed(cells, member), member)

    def coefficients(self, member: int, requested: RequestedFeatures) -> Matrix:
        """Select the requested outputs: (outputs, features) of 0 and 1."""
        return np.eye(self.n_outputs, dtype=np.float32)[:, requested.indices]


def decode_activations(trainer: Trainer, activations: Matrix, network: int, outputs: slice = slice(None)) -> Matrix:
    """(cells, outputs): the trained last layer of one network applied to its hidden units (cells, units)."""
    head = trainer.model.head
    with torch.no_grad():
        linear = torch.from_numpy(activations) @ head.weight[network, :, outputs].cpu()
        values: Matrix = trainer.model.output_activation(linear + head.bias[network, :, outputs].cpu()).numpy()
    return values
