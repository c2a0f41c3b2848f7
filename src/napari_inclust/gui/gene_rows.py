"""All genes of a session as arrays: what the tables of genes show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ..core.run import Run
    from ..core.section import Section
    from ..paint.values import CellValues


@dataclass(frozen=True, eq=False)
class GeneTable:
    """All genes that can be painted.

    Attributes
    ----------
    names : (genes,) str
    imputed : (genes,) bool
    scores : (genes,) float32
        Held-out Pearson, NaN where there is none.
    foreseen : (genes,) float32, optional
        Foreseen Pearson of genes that were not measured, NaN where there is none.
    reasons : (genes,) str, optional
        Why nothing is foreseen of a gene.
    baselines
        Held-out Pearson of "knn" and "type_mean", (genes,) each.
    generated
        How many rows at the end are features of another modality, generated.
    """

    names: NDArray[np.str_]
    imputed: NDArray[np.bool_]
    scores: NDArray[np.float32]
    foreseen: NDArray[np.float32] | None = None
    reasons: NDArray[np.object_] | None = None
    baselines: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    generated: int = 0

    @classmethod
    def unscored(cls, names: tuple[str, ...]) -> GeneTable:
        """Measured genes before any run."""
        return cls(np.array(names, dtype=np.str_), np.zeros(len(names), dtype=bool), np.full(len(names), np.nan, dtype=np.float32))

    @classmethod
    def of(cls, section: Section | None, run: Run | None, foreseen: Any = None) -> GeneTable:
        """Genes that can be painted: measured ones, and with a run those that it imputes.

        Parameters
        ----------
        foreseen
            Table of the run: `predicted_pcc` and `reason` of each unmeasured gene.
        """
        if section is None or run is None:
            return cls.unscored(() if section is None else tuple(section.genes))
        panel = run.panel
        known = set(panel.genes)
        names = np.array([*panel.genes, *(g for g in section.genes if g not in known)], dtype=np.str_)  # controls: measured, never imputed
        imputed = np.zeros(len(names), dtype=bool)
        imputed[panel.n_shared + panel.n_target_only : len(panel.genes)] = True
        scores = run.scores.reindex(list(panel.shared))

        def held_out(column: str) -> NDArray[np.float32]:
            out = np.full(len(names), np.nan, dtype=np.float32)
            if column in scores:
                out[: panel.n_shared] = scores[column]
            return out

        beside = {name: held_out(f"pcc_{name}") for name in ("knn", "type_mean")}
        if foreseen is None:
            return cls(names, imputed, held_out("pcc"), baselines=beside)
        table = foreseen.reindex(names)
        reasons = table["reason"].fillna("").to_numpy(dtype=object)
        return cls(names, imputed, held_out("pcc"), table["predicted_pcc"].to_numpy(dtype=np.float32), reasons, beside)

    def plus(self, generated: Mapping[str, CellValues]) -> GeneTable:
        """The same with features that were generated."""
        n = len(generated)
        if not n:
            return self
        nothing = np.full(n, np.nan, dtype=np.float32)
        scores = np.array([np.nan if v.score is None else v.score for v in generated.values()], dtype=np.float32)
        return replace(
            self,
            names=np.concatenate([self.names, np.array(list(generated), dtype=np.str_)]),
            imputed=np.concatenate([self.imputed, np.ones(n, dtype=bool)]),
            scores=np.concatenate([self.scores, scores]),
            foreseen=None if self.foreseen is None else np.concatenate([self.foreseen, nothing]),
            reasons=None if self.reasons is None else np.concatenate([self.reasons, np.full(n, "", dtype=object)]),
            baselines={name: np.concatenate([values, nothing]) for name, values in self.baselines.items()},
            generated=n,
        )

    def kind(self, row: int) -> str:
        """Measured, imputed or generated."""
        if row >= len(self.names) - self.generated:
            return "generated"
        return "imputed" if self.imputed[row] else "measured"
