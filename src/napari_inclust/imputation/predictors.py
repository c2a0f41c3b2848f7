"""From cells to values: readouts predict any gene of the reference, each in its own way, from what one member (blind to its fold) saw.

All work on genes standardised over the reference's cells; none is trained on a target value of the gene that it predicts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from scipy.linalg import lu_factor, lu_solve

from ..data.normalize import moments
from ..training.inference import Cells
from ..training.plan import Plan
from ..training.trainer import Trainer
from ..utils.attention import attention, unit
from .linear import Source
from .similarity import Likeness

Matrix = NDArray[np.floating[Any]]
MOST_SHOWN = 1000  # genes that readouts look at directly
OUTLIER = 4.0  # standard deviations at which a reference value is cut
PROCESSES = ((1.0, 0.1, 0.0), (3.0, 0.05, 0.1), (3.0, 0.05, 0.3))  # noise, common factor and level of each process over genes
PENALTY = 1.0  # of the decoder's last layer


class Genes:
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

    def __init__(self, matrix: sp.csr_matrix, n_shared: int, rows: NDArray[np.intp]) -> None:
        self.rows, self.matrix = rows, matrix[rows].tocsc()
        self.mean, self.sd = moments(matrix)
        order = np.sort(self.mean[:n_shared])
        self.level = np.interp(self.mean, order, np.arange(1, n_shared + 1) / n_shared)
        self.shared = self.standardised(np.arange(n_shared))
        self.shared_correlation = self.shared.T @ self.shared / len(self.shared)

    def standardised(self, features: NDArray[np.intp]) -> NDArray[np.float32]:
        """(rows, features), cut at `OUTLIER`; 0 for a constant gene."""
        values = self.matrix[:, features].toarray()
        z = (values - self.mean[features]) / np.where(self.sd[features] > 1e-6, self.sd[features], np.inf)
        out: NDArray[np.float32] = np.clip(z, -OUTLIER, OUTLIER).astype(np.float32)
        return out

    def wanted(self, features: NDArray[np.intp]) -> Wanted:
        """What readouts need to know of some genes."""
        values = self.standardised(features)
        return Wanted(features, values, self.shared.T @ values / len(values), self.level[features])


@dataclass(frozen=True, eq=False)
class Wanted:
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

    features: NDArray[np.intp]
    values: NDArray[np.float32]
    to_shared: Matrix
    level: Matrix


class Readout(Source, Protocol):
    """Predicts genes (any scale: the stack standardises) for cells, as one member: `matrix` @ `vectors`."""

    @property
    def name(self) -> str: ...

    def vectors(self, member: int, wanted: Wanted) -> Matrix:
        """(d, genes) what the genes are to it."""
        ...


Place = Callable[[Cells, int], Matrix]


@dataclass(frozen=True, eq=False)
class Attention:
    """The mean of all reference cells, weighted by softmax(cosine / temperature), in a space where both sets have a place.

    Attributes
    ----------
    place
        (cells, member) -> (cells, d).
    anchors
        The reference's cells, one (reference cells, d) a member, rows of length 1.
    """

    name: str
    place: Place
    anchors: list[NDArray[np.float32]]
    temperature: float

    def matrix(self, cells: Cells, member: int) -> NDArray[np.float32]:
        """(cells, reference cells), rows sum to 1."""
        return attention(self.place(cells, member), self.anchors[member], self.temperature)

    def vectors(self, member: int, wanted: Wanted) -> Matrix:
        """The reference's values."""
        return wanted.values


@dataclass(frozen=True, eq=False)
class GeneProcess:
    """Kriging over genes: a gene's profile over the target's cells from the profiles of the genes shown there.

    The covariance of two genes is their correlation in the reference, plus `common` (one factor shared by all genes), plus `level` times the closeness of
    their mean levels; `noise` is added on the diagonal. With `common = level = 0` it is ridge regression.
    """

    name: str
    shown: list[NDArray[np.intp]]
    genes: Genes
    noise: float
    common: float = 0.0
    level: float = 0.0
    width: float = 0.3

    def matrix(self, cells: Cells, member: int) -> Matrix:
        """The shown genes."""
        values: Matrix = cells.x[member][:, self.shown[member]]
        return values

    def vectors(self, member: int, wanted: Wanted) -> Matrix:
        """Weights of the shown genes."""
        weights: Matrix = lu_solve(self._solvers[member], self.to_shown(member, wanted))
        return weights

    @cached_property
    def _solvers(self) -> list[Any]:
        return [lu_factor(self.between_shown(m)) for m in range(len(self.shown))]

    def between_shown(self, member: int) -> Matrix:
        """(shown, shown) covariance."""
        shown = self.shown[member]
        between = self.genes.shared_correlation[np.ix_(shown, shown)].astype(np.float64) + self.noise * np.eye(len(shown))
        return between + self._alike(self.genes.level[shown], self.genes.level[shown])

    def to_shown(self, member: int, wanted: Wanted) -> Matrix:
        """(shown, genes) covariance."""
        shown = self.shown[member]
        return wanted.to_shared[shown] + self._alike(self.genes.level[shown], wanted.level)

    def _alike(self, a: Matrix, b: Matrix) -> Matrix:
        """What genes share whatever their correlation."""
        out = np.full((len(a), len(b)), self.common)
        if self.level:
            out += self.level * np.exp(-((a[:, None] - b[None]) ** 2) / (2 * self.width**2))
        return out


@dataclass(frozen=True, eq=False)
class Decoder:
    """The decoder with its last layer fitted in closed form (ridge from the hidden units of the reference's cells): any gene of the reference, trained or not."""

    name: str
    network: Callable[[int], int]
    reference: Cells
    penalty: float

    def matrix(self, cells: Cells, member: int) -> Matrix:
        """The hidden units, standardised over the reference."""
        mean, sd = self._scales[member]
        units: Matrix = (cells.hidden[self.network(member)] - mean) / sd
        return units

    def vectors(self, member: int, wanted: Wanted) -> Matrix:
        """The last layer."""
        h = self.matrix(self.reference, member)
        layer: Matrix = lu_solve(self._solvers[member], h.T @ wanted.values)
        return layer

    @cached_property
    def _scales(self) -> list[tuple[Matrix, Matrix]]:
        units = (self.reference.hidden[self.network(m)] for m in range(len(self.reference.x)))
        return [(h.mean(0), h.std(0) + 1e-2) for h in units]

    @cached_property
    def _solvers(self) -> list[Any]:
        units = (self.matrix(self.reference, m) for m in range(len(self.reference.x)))
        return [lu_factor(h.T @ h + len(h) * self.penalty * np.eye(h.shape[1], dtype=np.float32)) for h in units]


@dataclass(frozen=True, eq=False)
class Head:
    """The decoder's own trained last layer, as published: only genes that were outputs in training."""

    name: str
    decode: Callable[[NDArray[np.float32], int], NDArray[np.float32]]
    outputs: int

    def matrix(self, cells: Cells, member: int) -> Matrix:
        """All outputs."""
        return self.decode(cells.hidden[member], member)

    def vectors(self, member: int, wanted: Wanted) -> Matrix:
        """Which output each gene is."""
        return np.eye(self.outputs, dtype=np.float32)[:, wanted.features]


def shown_genes(plan: Plan, genes: Genes) -> list[NDArray[np.intp]]:
    """For each member the inputs that it sees; of a very large panel the most variable in the reference, since the readouts' cost grows with the cube."""
    shown = [np.flatnonzero(plan.inputs & ~hidden) for hidden in plan.hidden]
    return [s if len(s) <= MOST_SHOWN else np.sort(s[np.argsort(-genes.sd[s], kind="stable")[:MOST_SHOWN]]) for s in shown]


def build_readouts(trainer: Trainer, genes: Genes, reference: Cells, likeness: Likeness) -> list[Readout]:
    """All readouts of a trained plan.

    Parameters
    ----------
    reference
        The cells of the reference that readouts look at.
    likeness
        Of the section's cells.
    """
    plan, config, shown = trainer.plan, trainer.config, likeness.shown
    if config.readouts == ("head",):
        return [Head("head", _decode(trainer), trainer.model.head.weight.shape[-1])]
    members = range(plan.members)

    def genes_shown(cells: Cells, m: int) -> Matrix:
        values: Matrix = cells.x[m][:, shown[m]]
        return values

    def latent(variant: int) -> Place:
        return lambda cells, m: cells.z[variant * plan.members + m]

    found: list[Readout] = []
    if "genes" in config.readouts:
        found += [GeneProcess(f"gene process {i}", shown, genes, *numbers) for i, numbers in enumerate(PROCESSES)]
    places: list[tuple[str, Place, Place, float]] = []
    if "cells" in config.readouts:
        places += [
            ("attention, cells", genes_shown, genes_shown, 0.05),
            ("attention, cells averaged with those like them", likeness.averaged, likeness.place, 0.07),
        ]
    if "latent" in config.readouts:
        places += [(f"attention, latent {v}", latent(v), latent(v), 0.1) for v in range(trainer.variants)]
    found += [Attention(name, ours, [unit(theirs(reference, m)) for m in members], temperature) for name, ours, theirs, temperature in places]
    if "decoder" in config.readouts:
        found += [Decoder(f"decoder {v}", lambda m, v=v: v * plan.members + m, reference, PENALTY) for v in range(trainer.variants)]  # type: ignore[misc]
    return found


def _decode(trainer: Trainer) -> Callable[[NDArray[np.float32], int], NDArray[np.float32]]:
    head, output = trainer.model.head, trainer.model.output

    def decode(hidden: NDArray[np.float32], member: int) -> NDArray[np.float32]:
        with torch.no_grad():
            values: NDArray[np.float32] = output(torch.from_numpy(hidden) @ head.weight[member].cpu() + head.bias[member].cpu()).numpy()
        return values

    return decode
