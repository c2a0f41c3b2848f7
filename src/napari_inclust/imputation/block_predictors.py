"""The features of a block for cells that lack it, predicted in several ways from the cells of one data set that has it.

Attention and ridge regression, each in the latent or in principal components of the inputs; ridge regression from the decoder's hidden units; the decoder.
Each is a map from places of cells (`Places`) to values; which to believe is decided by the stack.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..training.batches import chunks
from ..training.trained import Trained
from ..utils.attention import attention, unit
from ..utils.pca import PCA

COMPONENTS = 50
TEMPERATURES = (0.05, 0.1, 0.2)
_LEAST_SPREAD = 1e-2  # of a direction before it is divided by it

Matrix = NDArray[np.float32]
Places = Mapping[str, Matrix]  # of some cells: "latent 0" (cells, latent), "hidden 0" (cells, units), ..., "components" (cells, components)


class BlockReadout(Protocol):
    """Predicts all features of a block."""

    @property
    def name(self) -> str: ...

    def predict(self, places: Places) -> Matrix:
        """(cells, features)."""
        ...


@dataclass(frozen=True, eq=False)
class Attention:
    """The mean over cells of the source, weighted by softmax(cosine / temperature).

    Attributes
    ----------
    anchors : (source cells, d), rows of length 1
    known : (source cells, features)
    """

    name: str
    place: str
    anchors: Matrix
    known: Matrix
    temperature: float

    def predict(self, places: Places) -> Matrix:
        out: Matrix = attention(places[self.place], self.anchors, self.temperature) @ self.known
        return out


@dataclass(frozen=True, eq=False)
class Ridge:
    """Linear regression on standardised coordinates, its slopes shrunk."""

    name: str
    place: str
    shift: Matrix
    scale: Matrix
    slopes: Matrix
    mean: Matrix

    @classmethod
    def fit(cls, name: str, place: str, x: Matrix, known: sp.csr_matrix, penalty: float) -> Ridge:
        """Slopes (d, features) from x (source cells, d) to known (source cells, features); the penalty in units of the number of cells."""
        shift: Matrix = x.mean(0)
        scale: Matrix = x.std(0) + np.float32(_LEAST_SPREAD)
        x = (x - shift) / scale
        slopes = np.linalg.solve(x.T @ x + len(x) * penalty * np.eye(x.shape[1], dtype=np.float32), (known.T @ x).T)
        return cls(name, place, shift, scale, slopes.astype(np.float32), np.asarray(known.mean(0), dtype=np.float32).ravel())

    def predict(self, places: Places) -> Matrix:
        out: Matrix = ((places[self.place] - self.shift) / self.scale @ self.slopes + self.mean).astype(np.float32)
        return out


@dataclass(frozen=True, eq=False)
class Decoder:
    """The trained decoder itself."""

    name: str
    place: str
    decode: Callable[[Matrix], Matrix]

    def predict(self, places: Places) -> Matrix:
        return self.decode(places[self.place])


class Placing:
    """Where cells of any table stand, seen with the covariate of a source.

    Parameters
    ----------
    inputs
        Blocks that the encoder sees of other tables.
    own
        Blocks that it sees of the source; None: every way in which it was trained. Components are only there when both are the same.
    rows
        Cells of the source from which the components are found: few.
    """

    def __init__(self, trained: Trained, source: str, inputs: tuple[str, ...], own: tuple[str, ...] | None, rows: NDArray[np.intp]) -> None:
        self.trained, self.source, self.inputs, self.own = trained, source, inputs, own
        self.covariate = trained.plan.table(source).covariate
        self.components = self._components(rows) if own == inputs else None

    def _components(self, rows: NDArray[np.intp]) -> PCA:
        """Principal components of what the encoder sees of the source."""
        return PCA.fit(self.seen(self.source, rows), COMPONENTS, self.trained.trainer.config.seed)

    def seen(self, table: str, rows: NDArray[np.intp]) -> Matrix:
        """(cells, inputs) scaled values, zero where the encoder sees nothing."""
        trainer = self.trained.trainer
        mask = self.trained.shown(table, self.own if table == self.source else self.inputs)[0][trainer.inputs]
        out: Matrix = trainer.take(table, rows)[0][0].cpu().numpy() * mask.astype(np.float32)
        return out

    def __call__(self, table: str, rows: NDArray[np.intp]) -> Places:
        """Places of some cells of a table."""
        inputs = self.own if table == self.source else self.inputs
        z = self.trained.encode(table, inputs, rows)[0]
        hidden = self.trained.hidden(z, self.covariate)
        found = {f"latent {n}": each for n, each in enumerate(z)} | {f"hidden {n}": each for n, each in enumerate(hidden)}
        if self.components is not None:
            found["components"] = np.concatenate([self.components.transform(self.seen(table, rows[c])) for c in chunks(len(rows))])
        return found


def build(placing: Placing, rows: NDArray[np.intp], few: NDArray[np.intp], known: sp.csr_matrix, decode: Callable[[Matrix, int], Matrix]) -> list[BlockReadout]:
    """All readouts from the cells of a source.

    Parameters
    ----------
    rows
        Cells that they may look at: those of training.
    few
        Positions among them of those that attention looks at.
    known : (rows, features)
        Values of the rows, on the scale in which they are predicted.
    decode
        (latent (cells, d), network) -> (cells, features) on that scale.
    """
    near = known[few].toarray()
    found: list[BlockReadout] = []
    for place, x in placing(placing.source, rows).items():
        kind, _, network = place.partition(" ")
        if kind != "hidden":
            anchors = unit(x[few])
            found += [Attention(f"{place}, attention {t:g}", place, anchors, near, t) for t in TEMPERATURES]
        penalties = {"latent": (1.0,), "hidden": (0.3, 5.0), "components": (0.5,)}[kind]
        found += [Ridge.fit(f"{place}, ridge {penalty:g}", place, x, known, penalty) for penalty in penalties]
        if kind == "latent":
            found.append(Decoder(f"decoder {network}", place, lambda z, n=int(network): decode(z, n)))  # type: ignore[misc]
    return found
