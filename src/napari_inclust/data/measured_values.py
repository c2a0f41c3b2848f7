"""The measured values of an AnnData: which of its matrices are used, and what their numbers are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from ..errors import DataError
from . import normalize as val
from .predicted import PredictedFeatures, split_predicted

if TYPE_CHECKING:
    from anndata import AnnData


@dataclass(frozen=True, eq=False)
class MeasuredValues:
    """The values of an AnnData that were measured.

    Attributes
    ----------
    adata
        The caller's object; a copy without predictions of a run where it holds some.
    matrix : (cells, genes) CSR float32
        The values.
    values
        What they are.
    source
        Their place: "X", "layers/counts" or "raw".
    predicted
        Features that a run predicted, which are not among the measured ones.
    """

    adata: AnnData
    matrix: sp.csr_matrix
    values: val.ValueInfo
    source: str
    predicted: PredictedFeatures | None

    @classmethod
    def from_adata(
        cls, adata: AnnData, name: str, declared: str | None = None, *, may_be_empty: bool = False
    ) -> MeasuredValues:
        """Check an AnnData and find the values to use: X, or raw counts in layers or raw when X is not counts.

        Parameters
        ----------
        declared
            What the values are, when detection should not decide ("counts", "linear", "lognorm").
        may_be_empty
            Accept an AnnData that holds predictions only.

        Raises
        ------
        DataError
            Empty, duplicate gene or cell names, NaN, infinite or negative values; or all of it was predicted by a run.
        """
        measured, predicted = split_predicted(adata, name)
        if predicted is not None and measured.n_vars == 0 and not may_be_empty:
            raise DataError(
                f"{name} holds no measured features, only predictions of a run ({predicted.summary}), "
                "which no training may see. Give what was measured."
            )
        _check_names(measured, name, may_be_empty=predicted is not None)
        return cls(measured, *_select_values(measured, name, declared), predicted)

    @property
    def genes(self) -> list[str]:
        """Names of the columns."""
        return [str(g) for g in (self.adata.raw.var_names if self.source == "raw" else self.adata.var_names)]


def _check_names(adata: AnnData, name: str, *, may_be_empty: bool) -> None:
    """Refuse an empty AnnData and duplicate names."""
    if adata.n_obs == 0 or (adata.n_vars == 0 and not may_be_empty):
        raise DataError(
            f"{name} is empty: {adata.n_obs} cells x {adata.n_vars} genes. Expected at least one cell and ten genes."
        )
    for what, index in (("gene", adata.var_names), ("cell", adata.obs_names)):
        if not index.is_unique:
            duplicates = list(dict.fromkeys(index[index.duplicated()]))
            more = f" and {len(duplicates) - 5} more" if len(duplicates) > 5 else ""
            fix = "Merge or drop them" if what == "gene" else "Call adata.obs_names_make_unique()"
            raise DataError(
                f"{name} has duplicate {what} names: {', '.join(map(str, duplicates[:5]))}{more}. "
                f"{fix} and save the file again."
            )


def _select_values(adata: AnnData, name: str, declared: str | None) -> tuple[sp.csr_matrix, val.ValueInfo, str]:
    """Choose among X, layers["counts"] and raw: counts, or what was declared for X, else the first usable values."""
    if adata.n_vars == 0:
        return sp.csr_matrix(adata.shape, dtype=np.float32), val.ValueInfo("lognorm"), "X"
    selected: tuple[sp.csr_matrix, val.ValueInfo, str] | None = None
    for source, candidate in (
        ("X", adata.X),
        ("layers/counts", adata.layers.get("counts")),
        ("raw", None if adata.raw is None else adata.raw.X),
    ):
        if candidate is None:
            continue
        matrix = val.as_csr(candidate)
        try:
            val.check_values(matrix, f"{source} of {name}")
        except DataError:
            if selected is None and source == "X" and (adata.layers.get("counts") is not None or adata.raw is not None):
                continue  # scaled data in X: the counts are elsewhere
            if selected is None:
                raise
            continue
        values = val.detect_value_kind(matrix, declared)
        if source == "X" and (values.kind == "counts" or declared is not None):
            return matrix, values, source
        if values.kind == "counts" or selected is None:
            selected = (matrix, values, source)
            if values.kind == "counts":
                break
    if selected is None:
        raise DataError(f"{name} holds no values: X is empty, and so are layers['counts'] and raw.")
    return selected
