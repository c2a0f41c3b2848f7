"""Leading principal axes: exact where that is quick, else by a seeded randomised decomposition."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.floating[Any]]
EXACT = 1000  # cells or features up to which all axes are computed


def axes(centred: Matrix, k: int, seed: int) -> Matrix:
    """(features, at most k) right singular vectors of values (cells, features) whose columns have mean 0.

    Of more than 1,000 cells and features they are those of `sklearn.utils.extmath.randomized_svd`: the time then grows with their number, not with the cube of it.
    """
    if min(centred.shape) <= EXACT:
        found: Matrix = np.linalg.svd(centred, full_matrices=False)[2][:k].T
        return found
    from sklearn.utils.extmath import randomized_svd

    randomised: Matrix = randomized_svd(centred, k, random_state=seed)[2].T
    return randomised
