"""Principal components analysis: exact where that is quick, else by a seeded randomised decomposition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Matrix = NDArray[np.floating[Any]]
MAX_EXACT_SIZE = 1000  # cells or features up to which the decomposition is exact


@dataclass(frozen=True, eq=False)
class PCA:
    """Principal components of a matrix.

    Attributes
    ----------
    mean : (features,)
        Taken off before the projection.
    axes : (features, components)
        Orthonormal directions, largest variance first; of each the loading of the largest size is positive.
    """

    mean: Matrix
    axes: Matrix

    @classmethod
    def fit(cls, values: Matrix | sp.csr_matrix, n_components: int, seed: int = 0, *, randomised: bool = False) -> PCA:
        """Find the leading components of values (cells, features).

        Exact up to 1,000 features (eigenvectors of the covariance) or 1,000 cells (singular vectors). Beyond that by randomised SVD (Halko et al.,
        SIAM Review 2011, 53:217) of dense values and by Arnoldi iteration of sparse ones: the time then grows with their number, not with its cube.

        Parameters
        ----------
        values : (cells, features)
            Dense or CSR; not changed, and not made dense.
        n_components
            At most; there are never more than cells or features.
        randomised
            Dense values: by randomised SVD at any size, where exact trailing components are not worth their time.
        """
        mean = np.asarray(values.mean(0), dtype=np.float64).ravel()
        k = max(1, min(n_components, *values.shape))
        if values.shape[1] <= MAX_EXACT_SIZE and not randomised:
            covariance = _covariance(values, mean)
            axes = np.linalg.eigh(covariance)[1][:, ::-1][:, :k]
        elif sp.issparse(values):
            from sklearn import decomposition

            k = min(k, min(values.shape) - 1)
            axes = decomposition.PCA(k, svd_solver="arpack", random_state=seed).fit(values).components_.T
        else:
            centred = values - mean.astype(values.dtype)
            if min(values.shape) <= MAX_EXACT_SIZE and not randomised:
                axes = np.linalg.svd(centred, full_matrices=False)[2][:k].T
            else:
                from sklearn.utils.extmath import randomized_svd

                axes = randomized_svd(centred, k, random_state=seed)[2].T
        axes = axes * np.sign(np.take_along_axis(axes, np.abs(axes).argmax(0)[None], 0))
        return cls(mean.astype(values.dtype), axes.astype(values.dtype))

    def transform(self, values: Matrix | sp.csr_matrix) -> Matrix:
        """(cells, components): values (cells, features) projected on the axes."""
        projected: Matrix = np.asarray(values @ self.axes) - self.mean @ self.axes
        return projected


def _covariance(values: Matrix | sp.csr_matrix, mean: Matrix) -> Matrix:
    """(features, features) in double precision."""
    if not isinstance(values, np.ndarray):
        products = (values.T @ values).toarray().astype(np.float64) / values.shape[0]
        covariance: Matrix = products - np.outer(mean, mean)
        return covariance
    total = np.zeros((values.shape[1], values.shape[1]))
    for start in range(0, len(values), 4096):  # some rows at a time: no copy of all in double precision
        centred = values[start : start + 4096] - mean
        total += centred.T @ centred
    return total / len(values)
