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

from ..training.batches import row_chunks
from ..training.trained import Trained
from ..utils.attention import attention_weights, normalise_rows
from ..utils.pca import PCA

N_COMPONENTS = 50
ATTENTION_TEMPERATURES = (0.05, 0.1, 0.2)
_MIN_SD = 1e-2  # of a direction before it is divided by it

Matrix = NDArray[np.float32]
Embeddings = Mapping[
    str, Matrix
]  # of some cells: "latent 0" (cells, latent), "hidden 0" (cells, units), ..., "components" (cells, components)


class BlockPredictor(Protocol):
    """Predicts all features of a block."""

    @property
    def name(self) -> str: ...

    def predict(self, embeddings: Embeddings) -> Matrix:
        """(cells, features)."""
        ...


@dataclass(frozen=True, eq=False)
class BlockAttentionPredictor:
    """The mean over cells of the source, weighted by softmax(cosine / temperature).

    Attributes
    ----------
    anchors : (source cells, d), rows of length 1
    known : (source cells, features)
    """

    name: str
    embedding_name: str
    source_embeddings: Matrix
    source_values: Matrix
    temperature: float

    def predict(self, embeddings: Embeddings) -> Matrix:
        out: Matrix = (
            attention_weights(embeddings[self.embedding_name], self.source_embeddings, self.temperature)
            @ self.source_values
        )
        return out


@dataclass(frozen=True, eq=False)
class BlockRidgePredictor:
    """Linear regression on standardised coordinates, its slopes shrunk."""

    name: str
    embedding_name: str
    embedding_mean: Matrix
    embedding_sd: Matrix
    slopes: Matrix
    intercept: Matrix

    @classmethod
    def fit(
        cls, name: str, embedding_name: str, x: Matrix, source_values: sp.csr_matrix, penalty: float
    ) -> BlockRidgePredictor:
        """Slopes (d, features) from x (source cells, d) to known (source cells, features); the penalty in units of the number of cells."""
        shift: Matrix = x.mean(0)
        scale: Matrix = x.std(0) + np.float32(_MIN_SD)
        x = (x - shift) / scale
        slopes = np.linalg.solve(
            x.T @ x + len(x) * penalty * np.eye(x.shape[1], dtype=np.float32), (source_values.T @ x).T
        )
        return cls(
            name,
            embedding_name,
            shift,
            scale,
            slopes.astype(np.float32),
            np.asarray(source_values.mean(0), dtype=np.float32).ravel(),
        )

    def predict(self, embeddings: Embeddings) -> Matrix:
        out: Matrix = (
            (embeddings[self.embedding_name] - self.embedding_mean) / self.embedding_sd @ self.slopes + self.intercept
        ).astype(np.float32)
        return out


@dataclass(frozen=True, eq=False)
class BlockDecoderPredictor:
    """The trained decoder itself."""

    name: str
    embedding_name: str
    decode: Callable[[Matrix], Matrix]

    def predict(self, embeddings: Embeddings) -> Matrix:
        return self.decode(embeddings[self.embedding_name])


class CellEmbedder:
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

    def __init__(
        self,
        trained: Trained,
        source_table: str,
        inputs: tuple[str, ...],
        source_inputs: tuple[str, ...] | None,
        rows: NDArray[np.intp],
    ) -> None:
        self.trained, self.source_table, self.inputs, self.source_inputs = trained, source_table, inputs, source_inputs
        self.covariate = trained.plan.table(source_table).mean_covariate
        self.components = self._fit_components(rows) if source_inputs == inputs else None

    def _fit_components(self, rows: NDArray[np.intp]) -> PCA:
        """Principal components of what the encoder sees of the source."""
        return PCA.fit(self.scaled_inputs(self.source_table, rows), N_COMPONENTS, self.trained.trainer.config.seed)

    def scaled_inputs(self, table: str, rows: NDArray[np.intp]) -> Matrix:
        """(cells, inputs) scaled values, zero where the encoder sees nothing."""
        trainer = self.trained.trainer
        mask = self.trained.input_masks(table, self.source_inputs if table == self.source_table else self.inputs)[0][
            trainer.input_indices
        ]
        out: Matrix = trainer.get_batch(table, rows)[0][0].cpu().numpy() * mask.astype(np.float32)
        return out

    def __call__(self, table: str, rows: NDArray[np.intp]) -> Embeddings:
        """Places of some cells of a table."""
        inputs = self.source_inputs if table == self.source_table else self.inputs
        z = self.trained.encode(table, inputs, rows)[0]
        hidden = self.trained.decoder_activations(z, self.covariate)
        found = {f"latent {n}": each for n, each in enumerate(z)} | {
            f"hidden {n}": each for n, each in enumerate(hidden)
        }
        if self.components is not None:
            found["components"] = np.concatenate(
                [self.components.transform(self.scaled_inputs(table, rows[c])) for c in row_chunks(len(rows))]
            )
        return found


def build_block_predictors(
    embedder: CellEmbedder,
    rows: NDArray[np.intp],
    attention_positions: NDArray[np.intp],
    source_values: sp.csr_matrix,
    decode: Callable[[Matrix, int], Matrix],
) -> list[BlockPredictor]:
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
    near = source_values[attention_positions].toarray()
    found: list[BlockPredictor] = []
    for place, x in embedder(embedder.source_table, rows).items():
        kind, _, network = place.partition(" ")
        if kind != "hidden":
            anchors = normalise_rows(x[attention_positions])
            found += [
                BlockAttentionPredictor(f"{place}, attention {t:g}", place, anchors, near, t)
                for t in ATTENTION_TEMPERATURES
            ]
        penalties = {"latent": (1.0,), "hidden": (0.3, 5.0), "components": (0.5,)}[kind]
        found += [
            BlockRidgePredictor.fit(f"{place}, ridge {penalty:g}", place, x, source_values, penalty)
            for penalty in penalties
        ]
        if kind == "latent":
            found.append(BlockDecoderPredictor(f"decoder {network}", place, lambda z, n=int(network): decode(z, n)))  # type: ignore[misc]
    return found
