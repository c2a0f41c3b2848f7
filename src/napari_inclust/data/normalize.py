"""Kinds of expression values, and the log-normalisation that everything downstream uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..errors import ConfigError, DataError

ValueKind = Literal["counts", "linear", "lognorm"]
VALUE_KINDS: tuple[ValueKind, ...] = get_args(ValueKind)
VALUE_KIND_DESCRIPTIONS: dict[ValueKind, str] = {
    "counts": "raw counts",
    "linear": "values on a linear scale (counts per volume, intensities)",
    "lognorm": "log-normalised values",
}
_ROW_CHUNK = 65_536  # rows of a matrix summed at once
_SAMPLE_CELLS = 500  # cells whose values are examined to detect their kind
# Range of the largest logarithm of normalised expression, whatever the base; intensities from 0 to 1 lie below.
_LOG_MAXIMUM_RANGE = (2.5, 25.0)
# Upper limit of the skewness of positive logarithms; on a linear scale expression has a far longer tail.
_LOG_MAXIMUM_SKEW = 3.5


@dataclass(frozen=True)
class ValueInfo:
    """Kind of the values of a matrix.

    Parameters
    ----------
    kind
        "counts" (non-negative integers), "linear" (per volume, intensity) or "lognorm" (log1p of normalised counts).
    declared
        True when the user declared it, False when it was detected from the values.
    """

    kind: ValueKind
    declared: bool = False

    def __str__(self) -> str:
        """Describe the kind and how it is known."""
        return f"{VALUE_KIND_DESCRIPTIONS[self.kind]} ({'as declared' if self.declared else 'detected'})"


def as_csr(matrix: Any) -> sp.csr_matrix:
    """Return a matrix as CSR float32, without a copy where it already is one.

    Raises
    ------
    DataError
        Sparse values whose positions lie outside the matrix: scipy would crash on them.
    """
    if not isinstance(matrix, np.ndarray) and not sp.issparse(matrix):  # on disk: one of anndata's backed wrappers
        matrix = matrix.to_memory() if hasattr(matrix, "to_memory") else np.asarray(matrix)
    if sp.issparse(matrix) and hasattr(matrix, "check_format"):
        try:
            matrix.check_format(full_check=True)
        except ValueError as error:
            raise DataError(f"the sparse matrix is damaged ({error}). Write the file again.") from error
    return sp.csr_matrix(matrix, dtype=np.float32)


def check_values(matrix: sp.csr_matrix, label: str) -> None:
    """Refuse NaN, infinite and negative values.

    Raises
    ------
    DataError
        Names the number of such values and the first row that has one.
    """
    for name, wrong in (
        ("NaN", np.isnan(matrix.data)),
        ("infinite", np.isinf(matrix.data)),
        ("negative", matrix.data < 0),
    ):
        n = int(wrong.sum())
        if n:
            row = int(np.searchsorted(matrix.indptr, int(np.argmax(wrong)), side="right")) - 1
            hint = (
                "Scaled (z-scored) data cannot be used: give raw counts."
                if name == "negative"
                else "Remove these cells or set the values to 0."
            )
            raise DataError(
                f"{label} holds {n} {name} value{'s' if n > 1 else ''} (first in row {row}); expression values must be "
                f"finite and not negative. {hint}"
            )


def detect_value_kind(matrix: sp.csr_matrix, declared: str | None = None) -> ValueInfo:
    """Detect the kind of the values, or check a declared one.

    Whole numbers are counts. Otherwise the values of one cell that came from counts are multiples of its smallest
    value, on the linear scale or after `expm1`: this separates volume-normalised from log-normalised values. Where
    neither fits, values with the range and the short tail of logarithms are called log-normalised (those of TPM, of
    counts per volume, to base 2 or 10, batch-corrected ones), all others linear.

    Parameters
    ----------
    matrix : (cells, genes) CSR
    declared
        One of `VALUE_KINDS`, when the user declares it.

    Raises
    ------
    ConfigError
        The declared kind is unknown.
    DataError
        The values contradict the declared kind.
    """
    whole = bool(np.all(matrix.data == np.round(matrix.data)))
    if declared is not None:
        if declared not in VALUE_KINDS:
            raise ConfigError(f"unknown kind of values {declared!r}; expected one of {', '.join(VALUE_KINDS)}.")
        if declared == "counts" and not whole:
            raise DataError(
                "the values were declared raw counts but are not whole numbers. Declare them 'linear' (counts per "
                "volume, intensities) or 'lognorm' (log-normalised)."
            )
        if declared == "lognorm" and matrix.nnz and matrix.data.max() > 50:
            raise DataError(
                f"the values were declared log-normalised but reach {matrix.data.max():.0f}; logarithms stay below 50. "
                "Declare them 'counts' or 'linear'."
            )
        return ValueInfo(declared, declared=True)
    if whole:
        return ValueInfo("counts")
    linear = _fraction_integer_multiples(matrix, lambda x: x)
    logarithmic = _fraction_integer_multiples(matrix, np.expm1) if matrix.data.max() < 50 else 0.0
    if max(linear, logarithmic) > 0.5:
        return ValueInfo("lognorm" if logarithmic > linear else "linear")
    return ValueInfo("lognorm" if _look_like_logarithms(matrix.data) else "linear")


def _look_like_logarithms(values: NDArray[np.floating[Any]]) -> bool:
    """Return whether values have the range and the tail of logarithms of expression."""
    from scipy.stats import skew

    low, high = _LOG_MAXIMUM_RANGE
    positive = values[values > 0]
    return (
        len(positive) > 0
        and low < float(positive.max()) < high
        and float(skew(positive[:: max(1, len(positive) // 1_000_000)].astype(np.float64))) < _LOG_MAXIMUM_SKEW
    )


def _fraction_integer_multiples(matrix: sp.csr_matrix, inverse: Any) -> float:
    """Fraction of (sampled) cells whose values, after `inverse`, are whole multiples of the smallest."""
    rows = np.flatnonzero(np.diff(matrix.indptr) > 3)
    rows = rows[:: max(1, len(rows) // _SAMPLE_CELLS)]
    hits = 0
    for r in rows:
        x = inverse(matrix.data[matrix.indptr[r] : matrix.indptr[r + 1]].astype(np.float64))
        x = x[x > 0]
        ratio = x / x.min() if len(x) else x
        near = np.abs(ratio - np.round(ratio)) < 0.02 * np.sqrt(ratio)
        hits += bool(len(x)) and bool(near.mean() > 0.95) and bool(ratio.max() > 1.5)
    return hits / max(1, len(rows))


def library_size(matrix: sp.csr_matrix) -> NDArray[np.float64]:
    """Return the total of each cell (cells,)."""
    return np.asarray(matrix.sum(1), dtype=np.float64).ravel()


def scale_to_median(size_factors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median of the positive size factors over each (cells,); 0 where a size factor is 0."""
    positive = size_factors > 0
    scale = np.zeros(len(size_factors))
    scale[positive] = (np.median(size_factors[positive]) if positive.any() else 1.0) / size_factors[positive]
    return scale


def lognormalise(
    matrix: sp.csr_matrix, kind: ValueKind, library_sizes: NDArray[np.float64] | None = None
) -> sp.csr_matrix:
    """Scale cells to the median library size and take log1p; log-normalised values stay, all-zero cells stay zero.

    Parameters
    ----------
    matrix : (cells, genes) CSR
    kind
        Of the values.
    library_sizes : (cells,), optional
        Default: the row sums of `matrix`.

    Returns
    -------
    (cells, genes) CSR float32, a new matrix
    """
    out = sp.csr_matrix(matrix, dtype=np.float32, copy=True)
    if kind == "lognorm":
        return out
    scale = scale_to_median(library_size(matrix) if library_sizes is None else library_sizes)
    out.data = np.log1p(out.data * np.repeat(scale, np.diff(out.indptr))).astype(np.float32)
    return out


def column_mean_and_sd(matrix: sp.csr_matrix) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the mean and standard deviation of each column of a sparse matrix, without densifying it.

    Sums are taken in float64 and around the value of the first row, so that a constant column has standard deviation 0
    at any number of cells and at any level.

    Parameters
    ----------
    matrix : (cells, features) CSR

    Returns
    -------
    mean, sd : (features,) float64
    """
    n, features = matrix.shape
    origin = np.zeros(features)
    is_dense = matrix.getnnz(0) == n  # a column with absent zeros is constant at 0 only
    first = slice(0, matrix.indptr[1])
    origin[matrix.indices[first]] = matrix.data[first]
    origin[~is_dense] = 0
    total, square = np.zeros((2, features))
    for start in range(0, n, _ROW_CHUNK):
        part = slice(matrix.indptr[start], matrix.indptr[min(start + _ROW_CHUNK, n)])
        column = matrix.indices[part]
        deviation = matrix.data[part].astype(np.float64) - origin[column]
        total += np.bincount(column, deviation, features)
        square += np.bincount(column, deviation * deviation, features)
    mean = total / n
    return mean + origin, np.sqrt(np.maximum(square / n - mean**2, 0))
