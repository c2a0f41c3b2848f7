"""From cells to values: readouts predict any gene of the reference, each in its own way, from what one member (blind to its fold) saw.

All work on genes standardised over the reference's cells; none is trained on a target value of the gene that it predicts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from .latent import Cells, encode
from .train import Trainer

Matrix = NDArray[np.floating[Any]]
OUTLIER = 4.0  # standard deviations at which a reference value is cut


class Genes:
    """Genes of the reference: standardised values of its cells, and each gene's mean level as a rank among the shared genes.

    Parameters
    ----------
    matrix : (reference cells, genes) CSR
        Log-normalised.
    n_shared
        The first so many genes are shared.
    """

    def __init__(self, matrix: sp.csr_matrix, n_shared: int) -> None:
        self.matrix = matrix.tocsc()
        self.mean = np.asarray(matrix.mean(0), dtype=np.float64).ravel()
        self.sd = np.sqrt(np.maximum(np.asarray(matrix.multiply(matrix).mean(0), dtype=np.float64).ravel() - self.mean**2, 0))
        order = np.sort(self.mean[:n_shared])
        self.level = np.interp(self.mean, order, np.arange(1, n_shared + 1) / n_shared)

    def standardised(self, features: NDArray[np.intp]) -> NDArray[np.float32]:
        """(reference cells, features), cut at `OUTLIER`; 0 for a constant gene."""
        values = self.matrix[:, features].toarray()
        z = (values - self.mean[features]) / np.where(self.sd[features] > 1e-6, self.sd[features], np.inf)
        out: NDArray[np.float32] = np.clip(z, -OUTLIER, OUTLIER).astype(np.float32)
        return out


class Readout(Protocol):
    """Predicts genes (any scale: the stack standardises) for cells, as one member."""

    name: str

    def predict(self, cells: Cells, member: int, features: NDArray[np.intp]) -> Matrix:
        """(cells, features)."""
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
    genes: Genes

    def predict(self, cells: Cells, member: int, features: NDArray[np.intp]) -> Matrix:
        values = self.genes.standardised(features)
        out: Matrix = self.weights(cells, member) @ values
        return out

    def weights(self, cells: Cells, member: int) -> NDArray[np.float32]:
        """(cells, reference cells), rows sum to 1."""
        w = unit(self.place(cells, member)) @ self.anchors[member].T
        w /= np.float32(self.temperature)
        w -= w.max(1, keepdims=True)
        np.exp(w, out=w)
        w /= w.sum(1, keepdims=True)
        return w


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

    def predict(self, cells: Cells, member: int, features: NDArray[np.intp]) -> Matrix:
        shown = self.shown[member]
        known = self.genes.standardised(shown)
        covariance = self._covariance(known, shown, known, shown) + self.noise * np.eye(len(shown))
        out: Matrix = cells.x[member][:, shown] @ np.linalg.solve(covariance, self._covariance(known, shown, self.genes.standardised(features), features))
        return out

    def _covariance(self, a: Matrix, fa: NDArray[np.intp], b: Matrix, fb: NDArray[np.intp]) -> Matrix:
        out: Matrix = (a.T @ b).astype(np.float64) / len(a) + self.common
        if self.level:
            out += self.level * np.exp(-((self.genes.level[fa][:, None] - self.genes.level[fb][None]) ** 2) / (2 * self.width**2))
        return out


@dataclass(frozen=True, eq=False)
class Decoder:
    """The decoder with its last layer fitted in closed form (ridge from the hidden units of the reference's cells): any gene of the reference, trained or not."""

    name: str
    network: Callable[[int], int]
    reference: Cells
    genes: Genes
    penalty: float

    def predict(self, cells: Cells, member: int, features: NDArray[np.intp]) -> Matrix:
        h = self.reference.hidden[self.network(member)]
        mean, sd = h.mean(0), h.std(0) + 1e-2
        h, ours = (h - mean) / sd, (cells.hidden[self.network(member)] - mean) / sd
        gram = h.T @ h / len(h) + self.penalty * np.eye(h.shape[1], dtype=np.float32)
        out: Matrix = ours @ np.linalg.solve(gram, h.T @ self.genes.standardised(features) / len(h))
        return out


@dataclass(frozen=True, eq=False)
class Head:
    """The decoder's own trained last layer, as published: only genes that were outputs in training."""

    name: str
    decode: Callable[[NDArray[np.float32], int], NDArray[np.float32]]

    def predict(self, cells: Cells, member: int, features: NDArray[np.intp]) -> Matrix:
        return self.decode(cells.hidden[member], member)[:, features]


def unit(a: Matrix) -> NDArray[np.float32]:
    """Rows of length 1."""
    out: NDArray[np.float32] = (a / np.maximum(np.linalg.norm(a, axis=1, keepdims=True), 1e-8)).astype(np.float32)
    return out


def principal_vectors(target: Matrix, reference: Matrix, threshold: float = 0.3) -> Matrix:
    """Directions (genes, d) that both sets share: principal vectors between their principal components, similarity above the threshold.

    Source: SpaGE (Abdelaal et al., Nucleic Acids Research 2020) and PRECISE (Mourragui et al., Bioinformatics 2019).
    """
    n = max(2, min(50, target.shape[1] // 2))

    def components(z: Matrix) -> Matrix:
        vectors: Matrix = np.linalg.eigh(z.T @ z)[1][:, ::-1][:, :n].T
        return vectors

    ours = components(reference)
    u, s, _ = np.linalg.svd(ours @ components(target).T)
    directions: Matrix = (u.T @ ours)[: max(2, int((s > threshold).sum()))].T
    return directions


def build_readouts(trainer: Trainer, genes: Genes, target: Cells) -> list[Readout]:
    """All readouts of a trained plan.

    Parameters
    ----------
    target
        Cells of the target, from which the shared directions are found.
    """
    plan, config = trainer.plan, trainer.config
    reference = encode(trainer, "reference", np.arange(plan.table("reference").n_cells))
    if config.readouts == ("head",):
        return [Head("head", _decode(trainer))]
    members = range(plan.members)
    shown = [np.flatnonzero(plan.inputs & ~plan.hidden[m]) for m in members]
    vectors = [principal_vectors(target.x[m][:, s], reference.x[m][:, s]) for m, s in zip(members, shown, strict=True)]

    def shared_directions(cells: Cells, m: int) -> Matrix:
        projected: Matrix = cells.x[m][:, shown[m]] @ vectors[m]
        return projected

    def latent(variant: int) -> Place:
        return lambda cells, m: cells.z[variant * plan.members + m]

    found: list[Readout] = []
    if "genes" in config.readouts:
        found += [
            GeneProcess(f"gene process {i}", shown, genes, noise, common, level)
            for i, (noise, common, level) in enumerate(((1, 0, 0), (1, 0.1, 0), (3, 0.05, 0), (3, 0.05, 0.1), (3, 0.05, 0.3)))
        ]
    if "attention" in config.readouts:
        places = {"shared directions": shared_directions} | {f"latent {v}": latent(v) for v in range(trainer.variants)}
        for name, place in places.items():
            anchors = [unit(place(reference, m)) for m in members]
            found += [Attention(f"{name}, attention {t:g}", place, anchors, t, genes) for t in (0.1, 0.2)]
    if "decoder" in config.readouts:
        for v in range(trainer.variants):
            network = lambda m, v=v: v * plan.members + m  # noqa: E731
            found += [Decoder(f"decoder {v}, penalty {penalty:g}", network, reference, genes, penalty) for penalty in (1.0, 5.0)]
    return found


def _decode(trainer: Trainer) -> Callable[[NDArray[np.float32], int], NDArray[np.float32]]:
    head, output = trainer.model.head, trainer.model.output

    def decode(hidden: NDArray[np.float32], member: int) -> NDArray[np.float32]:
        with torch.no_grad():
            values: NDArray[np.float32] = output(torch.from_numpy(hidden) @ head.weight[member].cpu() + head.bias[member].cpu()).numpy()  # type: ignore[index]
        return values

    return decode
