"""Where the values of a gene come from: the section, the run, its file, or what was generated."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...paint.values import IMPUTED, CellValues

if TYPE_CHECKING:
    from ...data.measured import MeasuredExpression
    from ...data.section import Section
    from ...imputation.run import Run
    from .generated import GeneratedFeatures

_MAX_CACHE_BYTES = 256 * 2**20  # of genes imputed before


class GeneValueSource:
    """Measured and imputed values over the cells of the open section.

    Attributes
    ----------
    generated
        Features of a modality that the section lacks.
    predicted_scores
        Table of the run: predicted_pcc and reason of each unmeasured gene.
    """

    def __init__(self) -> None:
        self.section: Section | None = None
        self.run: Run | None = None
        self.generated: GeneratedFeatures | None = None
        self.predicted_scores: Any = None
        self._measured: MeasuredExpression | None = None
        self._imputed_cache: OrderedDict[str, CellValues] = OrderedDict()  # genes that the run imputed

    def values_of(self, gene: str, *, imputed: bool) -> CellValues:
        """Measured or imputed values of a gene, whatever is shown; may be called in a thread."""
        return self._imputed_values(gene) if imputed else self._measured_values(gene)

    def _cache_imputed(self, imputed: CellValues) -> None:
        """Keep a gene that the run imputed, as long as there is room."""
        self._imputed_cache[imputed.name] = imputed
        while len(self._imputed_cache) * 2 * imputed.values.nbytes > _MAX_CACHE_BYTES and len(self._imputed_cache) > 1:
            self._imputed_cache.popitem(last=False)

    def _measured_values(self, gene: str) -> CellValues:
        assert self.section is not None
        run = self.run  # once: this is called in a thread, too
        values = run.measured(gene) if run is not None and gene in run.panel.genes else None
        if values is None:
            values = self._measured_genes().column(self.section.genes.index(gene))
        return CellValues(gene, values)

    def measured_matrix(self) -> Any:
        """(cells, genes) CSC of the section's log-normalised values."""
        return self._measured_genes().lognormalised()

    def _measured_genes(self) -> MeasuredExpression:
        assert self.section is not None
        if self._measured is None:
            self._measured = lognormalised_genes(self.section)
        return self._measured

    def is_generated(self, gene: str | None) -> bool:
        """Whether it is a generated feature."""
        return self.generated is not None and gene in self.generated.values_by_feature

    def is_stored_prediction(self, gene: str | None) -> bool:
        """Whether the section's file holds predictions of a gene that the run does not give."""
        stored = None if self.section is None else self.section.predicted
        return stored is not None and gene in stored.kinds and (self.run is None or gene not in self.run.panel.genes)

    def _imputed_values(self, gene: str) -> CellValues:
        if self.generated is not None and self.is_generated(gene):
            return self.generated.values_by_feature[gene]
        if self.section is not None and self.section.predicted is not None and self.is_stored_prediction(gene):
            stored = self.section.predicted
            return CellValues(
                gene,
                stored.values(gene),
                stored.kinds[gene],
                stored.spread(gene),
                stored.scores[gene],
                predicted_score=stored.predicted_scores[gene],
            )
        kept = self._imputed_cache.get(gene)
        found = impute_gene(self.run, gene) if kept is None else kept
        return self.with_predicted_score(found)

    def with_predicted_score(self, values: CellValues) -> CellValues:
        """Add the predicted score of a gene that the run imputes and that has no held-out score."""
        table = self.predicted_scores
        if table is None or values.kind != IMPUTED or values.score is not None or values.name not in table.index:
            return values
        if self.is_generated(values.name) or self.is_stored_prediction(values.name):
            return values
        return replace(values, predicted_score=float(table.loc[values.name, "predicted_pcc"]))


def run_matches_section(run: Run, section: Section | None) -> bool:
    """Whether a run was trained on a section, or on the same file when it was open before."""
    mine = run.section
    if section is None or mine is section:
        return section is not None
    return mine.path is not None and mine.path == section.path and mine.adata.obs_names.equals(section.adata.obs_names)


def impute_gene(run: Any, gene: str) -> CellValues:
    """One gene as the run imputes it."""
    return to_cell_values(run.impute(gene))


def to_cell_values(imputed: Any) -> CellValues:
    """Convert what a run imputes for painting."""
    return CellValues(imputed.gene, imputed.values, imputed.kind, imputed.spread, imputed.score)


def lognormalised_genes(section: Section) -> MeasuredExpression:
    """Return the section's log-normalised values by gene."""
    from ...data.measured import MeasuredExpression

    return MeasuredExpression(section.matrix, section.values.kind)
