"""Where the values of a gene come from: the section, the run, its file, or what was generated."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...paint.values import CellValues

if TYPE_CHECKING:
    from ...data.measured import Measured
    from ...data.section import Section
    from ...imputation.run import Run
    from .generated import Made

_KEPT_BYTES = 256 * 2**20  # of genes imputed before


class GeneSource:
    """Measured and imputed values over the cells of the open section.

    Attributes
    ----------
    generated
        Features of a modality that the section lacks.
    foreseen
        Table of the run: predicted_pcc and reason of each unmeasured gene.
    """

    def __init__(self) -> None:
        self.section: Section | None = None
        self.run: Run | None = None
        self.generated: Made | None = None
        self.foreseen: Any = None
        self._measured: Measured | None = None
        self._kept: OrderedDict[str, CellValues] = OrderedDict()  # genes that the run imputed

    def values_of(self, gene: str, *, imputed: bool) -> CellValues:
        """Measured or imputed values of a gene, whatever is shown; may be called in a thread."""
        return self._of_run(gene) if imputed else self._of_section(gene)

    def _store(self, found: CellValues) -> None:
        """Keep a gene that the run imputed, as long as there is room."""
        self._kept[found.name] = found
        while len(self._kept) * 2 * found.values.nbytes > _KEPT_BYTES and len(self._kept) > 1:
            self._kept.popitem(last=False)

    def _forget(self, known: Sequence[CellValues] = ()) -> None:
        """Keep only these: another run imputes other values."""
        self._kept = OrderedDict((values.name, values) for values in known)

    def _of_section(self, gene: str) -> CellValues:
        assert self.section is not None
        run = self.run  # once: this is called in a thread, too
        values = run.measured(gene) if run is not None and gene in run.panel.genes else None
        if values is None:
            values = self._genes().column(self.section.genes.index(gene))
        return CellValues(gene, values)

    def measured(self) -> Any:
        """(cells, genes) CSC of the section's log-normalised values."""
        return self._genes().matrix()

    def _genes(self) -> Measured:
        assert self.section is not None
        if self._measured is None:
            self._measured = log_measured(self.section)
        return self._measured

    def is_made(self, gene: str | None) -> bool:
        """Whether it is a generated feature."""
        return self.generated is not None and gene in self.generated.values

    def is_stored(self, gene: str | None) -> bool:
        """Whether the section's file holds predictions of a gene that the run does not give."""
        stored = None if self.section is None else self.section.predicted
        return stored is not None and gene in stored.kinds and (self.run is None or gene not in self.run.panel.genes)

    def _of_run(self, gene: str) -> CellValues:
        if self.generated is not None and self.is_made(gene):
            return self.generated.values[gene]
        if self.section is not None and self.section.predicted is not None and self.is_stored(gene):
            stored = self.section.predicted
            return CellValues(gene, stored.values(gene), stored.kinds[gene], stored.spread(gene), stored.scores[gene], foreseen=stored.foreseen[gene])
        kept = self._kept.get(gene)
        found = imputed_values(self.run, gene) if kept is None else kept
        if found.score is None and self.foreseen is not None and gene in self.foreseen.index:
            found = replace(found, foreseen=float(self.foreseen.loc[gene, "predicted_pcc"]))
        return found


def fits(run: Run, section: Section | None) -> bool:
    """Whether a run was trained on a section, or on the same file when it was open before."""
    mine = run.section
    if section is None or mine is section:
        return section is not None
    return mine.path is not None and mine.path == section.path and mine.adata.obs_names.equals(section.adata.obs_names)


def imputed_values(run: Any, gene: str) -> CellValues:
    """One gene as the run imputes it."""
    return as_values(run.impute(gene))


def as_values(imputed: Any) -> CellValues:
    """What a run imputes, for painting."""
    return CellValues(imputed.gene, imputed.values, imputed.kind, imputed.spread, imputed.score)


def log_measured(section: Section) -> Measured:
    """The section's log-normalised values by gene."""
    from ...data.measured import Measured

    return Measured(section.matrix, section.values.kind)
