"""Ridge regression of any number of responses on one design, factorised once."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import lu_factor, lu_solve

Matrix = NDArray[np.floating[Any]]


class Ridge:
    """Least squares with a penalty on the squared slopes.

    The slopes are (X'X + diag(penalty))^-1 X'y, where X and y are centred if there is an intercept (not penalised).

    Parameters
    ----------
    design : (rows, columns)
        Kept, not copied.
    penalty : float or (columns,)
        Added to the diagonal of X'X, so in units of rows times the square of the column's unit.
    intercept
        Whether the regression has one; without it, it is 0.
    """

    def __init__(self, design: Matrix, penalty: float | Matrix, *, intercept: bool = True) -> None:
        self.design = design
        self._centre = design.mean(0) if intercept else np.zeros(design.shape[1], dtype=design.dtype)
        self._has_intercept = intercept
        centred = design - self._centre
        gram = (centred.T @ centred).astype(np.float64)
        self._factors = lu_factor(gram + np.diag(np.broadcast_to(penalty, len(gram))))

    def solve(self, responses: Matrix | sp.csr_matrix) -> tuple[Matrix, Matrix]:
        """Fit some responses.

        Parameters
        ----------
        responses : (rows, responses) or (rows,)
            Dense, or CSR, which is not made dense.

        Returns
        -------
        Intercepts (responses,) and slopes (columns, responses), in the precision of the design.
        """
        if sp.issparse(responses):
            mean = np.asarray(responses.mean(0), dtype=np.float64).ravel()
            products = (responses.T @ (self.design - self._centre)).T
        else:
            mean = responses.mean(0)
            products = self.design.T @ (responses - mean if self._has_intercept else responses)
        slopes = lu_solve(self._factors, products).astype(self.design.dtype)
        intercept = mean - self._centre @ slopes if self._has_intercept else np.zeros_like(mean)
        return np.asarray(intercept, dtype=self.design.dtype), slopes
