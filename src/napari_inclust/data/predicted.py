"""Features of a file that nobody measured: a run imputed or generated them. They are shown as that, and no training ever sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..errors import DataError

if TYPE_CHECKING:
    from anndata import AnnData

PREDICTION_KINDS = ("imputed", "held-out", "generated")  # in var["kind"]; whatever else stands there was measured
_SCORE_COLUMNS = ("score", "heldout_pcc")  # columns of var with the held-out Pearson: of genes, of a generated modality


@dataclass(frozen=True, eq=False)
class PredictedFeatures:
    """Columns of a file whose `var["kind"]` says that they are predictions.

    Attributes
    ----------
    adata
        These columns alone: X holds the values, `layers["spread"]` (where there is one) their spread.
    kinds, scores, foreseen : by feature
        "imputed", "held-out" or "generated"; held-out Pearson, and the one that is likely for a feature that nobody measured, None where there is none.
    """

    adata: AnnData
    kinds: dict[str, str]
    scores: dict[str, float | None]
    predicted_scores: dict[str, float | None]

    @property
    def summary(self) -> str:
        """How many there are of each kind: "3 imputed, 2 held-out"."""
        kinds = list(self.kinds.values())
        return ", ".join(f"{kinds.count(kind):,} {kind}" for kind in PREDICTION_KINDS if kind in kinds)

    def values(self, feature: str) -> NDArray[np.float32]:
        """(cells,) predicted values."""
        return self._column(self.adata.X, feature)

    def spread(self, feature: str) -> NDArray[np.float32] | None:
        """(cells,) their spread, when the file has it."""
        return self._column(self.adata.layers["spread"], feature) if "spread" in self.adata.layers else None

    def _column(self, matrix: Any, feature: str) -> NDArray[np.float32]:
        column = matrix[:, [self.adata.var_names.get_loc(feature)]]
        return np.asarray(column.toarray() if sp.issparse(column) else column, dtype=np.float32).ravel()


def split_predicted(adata: AnnData, name: str) -> tuple[AnnData, PredictedFeatures | None]:
    """What was measured, and what was predicted by a run and written into the same file.

    Returns
    -------
    The AnnData itself when nothing in it is marked as predicted; else one of its other columns, which may be none.

    Raises
    ------
    DataError
        Predicted values that are NaN or infinite, or two features of one name.
    """
    if "kind" not in adata.var:
        return adata, None
    marked = adata.var["kind"].astype(str).isin(PREDICTION_KINDS).to_numpy()
    if not marked.any():
        return adata, None
    if not adata.var_names.is_unique:
        twice = adata.var_names[adata.var_names.duplicated()][0]
        raise DataError(f"{name} names the feature {twice!r} twice. Drop one and save the file again.")
    theirs = adata[:, marked].copy()
    stored = theirs.X.data if sp.issparse(theirs.X) else theirs.X
    if not np.isfinite(stored).all():
        raise DataError(f"{name} holds predicted values that are NaN or infinite: the file is damaged. Write it again.")
    kinds = dict(zip(theirs.var_names.astype(str), theirs.var["kind"].astype(str), strict=True))
    return adata[:, ~marked].copy(), PredictedFeatures(
        theirs, kinds, _first_column_values(theirs, _SCORE_COLUMNS), _first_column_values(theirs, ("foreseen",))
    )


def _first_column_values(adata: AnnData, columns: tuple[str, ...]) -> dict[str, float | None]:
    """The first of some columns of var that is there, by feature; None for what is missing."""
    found: dict[str, float | None] = dict.fromkeys(map(str, adata.var_names))
    column = next((c for c in columns if c in adata.var), None)
    if column is not None:
        found |= {g: float(x) for g, x in zip(found, adata.var[column], strict=True) if np.isfinite(x)}
    return found
