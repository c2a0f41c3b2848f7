"""Features of a file that a run imputed or generated: shown as predictions, never used in training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..errors import DataError

if TYPE_CHECKING:
    from anndata import AnnData

PREDICTION_KINDS = ("imputed", "held-out", "generated")  # in var["kind"]; any other value marks a measured feature
_SCORE_COLUMNS = ("score", "heldout_pcc")  # of var: held-out Pearson of genes, of a generated modality
_PREDICTED_SCORE_COLUMNS = ("predicted_score", "foreseen")  # the second in files of older versions


@dataclass(frozen=True, eq=False)
class PredictedFeatures:
    """Columns of a file that `var["kind"]` marks as predictions.

    Attributes
    ----------
    adata
        Only these columns: X holds the values, `layers["spread"]` (where present) their spread.
    kinds : by feature
        "imputed", "held-out" or "generated".
    scores, predicted_scores : by feature
        Held-out Pearson correlation, and the one predicted for a feature that was not measured; None where missing.
    """

    adata: AnnData
    kinds: dict[str, str]
    scores: dict[str, float | None]
    predicted_scores: dict[str, float | None]

    @property
    def summary(self) -> str:
        """Number of features of each kind: "3 imputed, 2 held-out"."""
        kinds = list(self.kinds.values())
        return ", ".join(f"{kinds.count(kind):,} {kind}" for kind in PREDICTION_KINDS if kind in kinds)

    def values(self, feature: str) -> NDArray[np.float32]:
        """Return the predicted values (cells,) of a feature."""
        return self._column(self.adata.X, feature)

    def spread(self, feature: str) -> NDArray[np.float32] | None:
        """Return their spread (cells,); None where the file has none."""
        return self._column(self.adata.layers["spread"], feature) if "spread" in self.adata.layers else None

    def _column(self, matrix: Any, feature: str) -> NDArray[np.float32]:
        column = matrix[:, [self.adata.var_names.get_loc(feature)]]
        return np.asarray(column.toarray() if sp.issparse(column) else column, dtype=np.float32).ravel()


def split_predicted(adata: AnnData, name: str) -> tuple[AnnData, PredictedFeatures | None]:
    """Separate the measured features of a file from those that a run predicted.

    Returns
    -------
    measured
        The AnnData itself when nothing in it is marked as predicted; else its other columns, possibly none.
    predicted
        None when nothing is marked as predicted.

    Raises
    ------
    DataError
        Predicted values are NaN or infinite, or a feature name occurs twice.
    """
    if "kind" not in adata.var:
        return adata, None
    marked = adata.var["kind"].astype(str).isin(PREDICTION_KINDS).to_numpy()
    if not marked.any():
        return adata, None
    if not adata.var_names.is_unique:
        duplicate = adata.var_names[adata.var_names.duplicated()][0]
        raise DataError(f"{name} names the feature {duplicate!r} twice. Drop one and save the file again.")
    predicted = adata[:, marked].copy()
    stored = predicted.X.data if sp.issparse(predicted.X) else predicted.X
    if not np.isfinite(stored).all():
        raise DataError(f"{name} holds predicted values that are NaN or infinite: the file is damaged. Write it again.")
    return adata[:, ~marked].copy(), PredictedFeatures(
        adata=predicted,
        kinds=dict(zip(predicted.var_names.astype(str), predicted.var["kind"].astype(str), strict=True)),
        scores=_first_column_values(predicted, _SCORE_COLUMNS),
        predicted_scores=_first_column_values(predicted, _PREDICTED_SCORE_COLUMNS),
    )


def _first_column_values(adata: AnnData, columns: tuple[str, ...]) -> dict[str, float | None]:
    """Values by feature of the first of some columns of var that exists; None for missing ones."""
    values: dict[str, float | None] = dict.fromkeys(map(str, adata.var_names))
    column = next((c for c in columns if c in adata.var), None)
    if column is not None:
        values |= {g: float(x) for g, x in zip(values, adata.var[column], strict=True) if np.isfinite(x)}
    return values
