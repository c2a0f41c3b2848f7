"""Principal component analysis: exact where that is quick, else by a seeded randomised decomposition."""

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
        Subtracted before the projection.
    axes : (features, components)
        Orthonormal directions, largest variance first; the largest loading of each (by magnitude) is positive.
    """

    mean: Matrix
    axes: Matrix

    @classmethod
    def fit(cls, values: Matrix | sp.csr_matrix, n_components: int, seed: int = 0, *, randomised: bool = False) -> PCA:
        """Find the leading components of values (cells, features).

        Exact up to 1,000 features (eigenvectors of the covariance) or 1,000 cells (singular vectors). Beyond that by
        randomised SVD [1]_ of dense values and by Arnoldi iteration of sparse ones: the time then grows linearly with
        the smaller dimension, not with its cube.

        Parameters
        ----------
        values : (cells, features)
            Dense or CSR; neither changed nor densified.
        n_components
            Upper limit; there are never more than cells or features.
        seed
            Of the randomised decompositions.
        randomised
            Dense values: randomised SVD at any size, where exact trailing components are not worth their time.

        References
        ----------
        .. [1] Halko et al., SIAM Review 2011, 53:217.
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
        """Project values (cells, features) on the axes: (cells, components)."""
        projected: Matrix = np.asarray(values @ self.axes) - self.mean @ self.axes
        return projected


def _covariance(values: Matrix | sp.csr_matrix, mean: Matrix) -> Matrix:
    """Return the covariance (features, features) in double precision."""
    if not isinstance(values, np.ndarray):
        products = (values.T @ values).toarray().astype(np.float64) / values.shape[0]
        covariance: Matrix = products - np.outer(mean, mean)
        return covariance
    total = np.zeros((values.shape[1], values.shape[1]))
    for start in range(0, len(values), 4096):  # by chunks: no copy of the whole in double precision
        centred = values[start : start + 4096] - mean
        total += centred.T @ centred
    return total / len(values)


def grouped_pca_scores(
    values: sp.csr_matrix, group_codes: NDArray[np.intp], group_means: Matrix, n_components: int
) -> NDArray[np.float32]:
    """Project sparse values, centred within groups, on their common principal axes: (cells, components).

    A randomised SVD [1]_ that never densifies the matrix; scikit-learn's cannot subtract a mean of its own in each
    group.

    Parameters
    ----------
    values : (cells, features) CSR
    group_codes : (cells,) int
        Group of each cell.
    group_means : (groups, features)
        Subtracted from the cells of each group.
    n_components
        Upper limit; there are never more than features.

    References
    ----------
    .. [1] Halko et al., SIAM Review 2011, 53:217; 20 extra directions and 5 power iterations, seed 0.
    """
    n, n_features = values.shape
    mean = group_means.astype(np.float32)
    transposed = values.T.tocsr()
    group_sums = sp.csr_matrix((np.ones(n, dtype=np.float32), (group_codes, np.arange(n))), shape=(len(mean), n))
    basis = np.random.default_rng(0).standard_normal((n_features, min(n_components + 20, n_features)))
    basis = basis.astype(np.float32)
    for _ in range(5):
        q = np.linalg.qr(values @ basis - (mean @ basis)[group_codes])[0]
        basis = np.linalg.qr(transposed @ q - mean.T @ (group_sums @ q))[0]
    u, s, _ = np.linalg.svd(values @ basis - (mean @ basis)[group_codes], full_matrices=False)
    scores: NDArray[np.float32] = (u * s)[:, :n_components].astype(np.float32)
    return scores
