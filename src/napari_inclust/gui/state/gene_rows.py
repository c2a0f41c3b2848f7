"""All genes of a session as arrays: what the tables of genes show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ...data.section import Section
    from ...imputation.run import Run


@dataclass(frozen=True, eq=False)
class GeneTable:
    """All genes that can be painted.

    Attributes
    ----------
    names : (genes,) str
    imputed : (genes,) bool
    scores : (genes,) float32
        Held-out Pearson, NaN where there is none.
    predicted_scores : (genes,) float32, optional
        Predicted score (Pearson) of genes that were not measured, NaN where there is none.
    reasons : (genes,) str, optional
        Why a gene has no predicted score.
    moran : (genes,) float32, optional
        Moran's I of the imputed values.
    inflated : (genes,) bool, optional
        Whether it lies far above what imputing does to measured genes.
    baselines
        Held-out Pearson of "knn" and "type_mean", (genes,) each.
    added
        Kinds of the last rows, which come from neither section nor run: "generated", or "imputed" and "held-out" for
        predictions in the section's file.
    """

    names: NDArray[np.str_]
    is_imputed: NDArray[np.bool_]
    held_out_scores: NDArray[np.float32]
    predicted_scores: NDArray[np.float32] | None = None
    abstain_reasons: NDArray[np.object_] | None = None
    moran: NDArray[np.float32] | None = None
    moran_inflated: NDArray[np.bool_] | None = None
    baseline_scores: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    added_kinds: tuple[str, ...] = ()

    @classmethod
    def from_measured(cls, names: tuple[str, ...]) -> GeneTable:
        """Measured genes before any run."""
        return cls(
            np.array(names, dtype=np.str_),
            np.zeros(len(names), dtype=bool),
            np.full(len(names), np.nan, dtype=np.float32),
        )

    @classmethod
    def from_run(cls, section: Section | None, run: Run | None, predicted_scores: Any = None) -> GeneTable:
        """Genes that can be painted: measured ones, and with a run those that it imputes.

        Parameters
        ----------
        predicted_scores
            Table of the run: `predicted_pcc`, `reason`, `moran` and `moran_flag` of each unmeasured gene.
        """
        if section is None or run is None:
            return cls.from_measured(() if section is None else tuple(section.genes))
        panel = run.panel
        known = set(panel.genes)
        names = np.array(
            [*panel.genes, *(g for g in section.genes if g not in known)], dtype=np.str_
        )  # controls: measured, never imputed
        imputed = np.zeros(len(names), dtype=bool)
        imputed[panel.n_shared + panel.n_target_only : len(panel.genes)] = True
        scores = run.scores.reindex(list(panel.shared))

        def held_out(column: str) -> NDArray[np.float32]:
            out = np.full(len(names), np.nan, dtype=np.float32)
            if column in scores:
                out[: panel.n_shared] = scores[column]
            return out

        beside = {name: held_out(f"pcc_{name}") for name in ("knn", "type_mean")}
        if predicted_scores is None:
            return cls(names, imputed, held_out("pcc"), baseline_scores=beside)
        table = predicted_scores.reindex(names)
        reasons = table["reason"].fillna("").to_numpy(dtype=object)
        moran, inflated = table["moran"].to_numpy(dtype=np.float32), (table["moran_flag"] == True).to_numpy()  # noqa: E712 - missing is False
        return cls(
            names,
            imputed,
            held_out("pcc"),
            table["predicted_pcc"].to_numpy(dtype=np.float32),
            reasons,
            moran,
            inflated,
            beside,
        )

    def with_features(self, kinds: Mapping[str, str], scores: Mapping[str, float | None]) -> GeneTable:
        """Append features that come from neither section nor run, with kind and held-out Pearson; known ones stay."""
        known = set(self.names)
        new = [name for name in kinds if name not in known]
        if not new:
            return self
        nothing = np.full(len(new), np.nan, dtype=np.float32)
        given = np.array([np.nan if (score := scores[name]) is None else score for name in new], dtype=np.float32)
        return replace(
            self,
            names=np.concatenate([self.names, np.array(new, dtype=np.str_)]),
            is_imputed=np.concatenate([self.is_imputed, np.ones(len(new), dtype=bool)]),
            held_out_scores=np.concatenate([self.held_out_scores, given]),
            predicted_scores=None
            if self.predicted_scores is None
            else np.concatenate([self.predicted_scores, nothing]),
            abstain_reasons=None
            if self.abstain_reasons is None
            else np.concatenate([self.abstain_reasons, np.full(len(new), "", dtype=object)]),
            moran=None if self.moran is None else np.concatenate([self.moran, nothing]),
            moran_inflated=None
            if self.moran_inflated is None
            else np.concatenate([self.moran_inflated, np.zeros(len(new), dtype=bool)]),
            baseline_scores={name: np.concatenate([values, nothing]) for name, values in self.baseline_scores.items()},
            added_kinds=(*self.added_kinds, *(kinds[name] for name in new)),
        )

    def kind_of(self, row: int) -> str:
        """Measured, imputed, held-out or generated."""
        past = row - (len(self.names) - len(self.added_kinds))
        if past >= 0:
            return self.added_kinds[past]
        return "imputed" if self.is_imputed[row] else "measured"
