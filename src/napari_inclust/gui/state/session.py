"""What is open and what is chosen: the state that every dock observes. No widgets here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from ...errors import InclustError
from ...paint.compare import subtract_measured, swipe_values
from ...paint.values import MEASURED, CellCategories, CellValues
from .gene_rows import GeneTable
from .gene_source import GeneValueSource, run_matches_section
from .look import Look

if TYPE_CHECKING:
    from ...data.measured import MeasuredExpression
    from ...data.panel import Panel
    from ...data.section import Reference, Section
    from ...imputation.run import Run
    from .generated import GeneratedFeatures

IMPUTED, MEASURED_AND_IMPUTED, SWIPE, DIFFERENCE = "imputed", "side by side", "swipe", "difference"
VIEWS = (MEASURED, IMPUTED, MEASURED_AND_IMPUTED, SWIPE, DIFFERENCE)
_MAX_RECENT = 20
_MAX_INLINE_SECONDS = 0.06  # seconds: a gene that is imputed faster is imputed at once, a slower one in a thread


class Session(GeneValueSource):
    """Files, run and choices of one viewer.

    Signals carry nothing but what changed; observers read the attributes. `gene_recalled`: the gene that is painted was chosen again.
    """

    data_changed = Signal()
    run_changed = Signal()
    gene_changed = Signal()
    gene_reselected = Signal()
    look_changed = Signal()
    starred_genes_changed = Signal()
    cell_categories_changed = Signal()
    predicted_scores_changed = Signal()
    blend_changed = Signal()
    gene_sets_changed = Signal()
    message_emitted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.reference: Reference | None = None
        self.panel: Panel | None = None
        self.panel_error = ""
        self.labels_key: str | None = None
        self.batch_key: str | None = None
        self.cell_categories: CellCategories | None = None
        self.runs: list[Run] = []
        self.gene: str | None = None
        self.view = MEASURED
        self.look = Look(self.look_changed)
        self.divider_fraction = (
            0.5  # where the swipe changes from measured to imputed, as a share of the section's width
        )
        self.gene_set_score: CellValues | None = None  # of a gene set, painted in place of a gene
        self.gene_sets: dict[str, tuple[str, ...]] = {}
        self.starred_genes: set[str] = set()
        self.recent_genes: list[str] = []
        self.blend: dict[str, CellValues] = {}  # by channel: "red", "green", "blue"
        self._imputes_inline = False
        self._pending_blend_channel: str | None = None  # channel of the blend for the gene that is being imputed

    # data
    def open_section(self, section: Section, measured: MeasuredExpression | None = None) -> None:
        """Another section: the run and the gene of the one before are dropped.

        Parameters
        ----------
        measured
            Its log-normalised values by gene when they were made already (in the reading thread).
        """
        self.section, self._measured = section, measured
        self.run, self.gene, self.gene_set_score, self.generated, self.view = None, None, None, None, MEASURED
        self.look.clear_manual()
        self.blend = {}
        self.cell_categories = None
        self._align_panel()
        self.data_changed()
        self.run_changed()
        self.gene_changed()

    def open_reference(self, reference: Reference, labels_key: str | None = None) -> None:
        """Another reference, with the column that holds its cell types."""
        self.reference, self.labels_key = reference, labels_key
        self._align_panel()
        self.data_changed()

    def close_section(self) -> None:
        """Forget the section (a file that was refused takes the place of one that was open)."""
        self.section = self._measured = self.run = self.gene = self.gene_set_score = self.cell_categories = (
            self.generated
        ) = None
        self.blend = {}
        self._align_panel()
        self.data_changed()
        self.run_changed()
        self.gene_changed()

    def close_reference(self) -> None:
        """Forget the reference."""
        self.reference = self.labels_key = None
        self._align_panel()
        self.data_changed()

    def _align_panel(self) -> None:
        self.panel, self.panel_error = None, ""
        if self.section is None or self.reference is None:
            return
        from ...data.panel import align

        try:
            self.panel = align(self.section, self.reference)
        except InclustError as error:
            self.panel_error = str(error)

    def set_cell_categories(self, categories: CellCategories | None) -> None:
        """Colour the cells by other categories."""
        self.cell_categories = categories
        self.cell_categories_changed()

    def add_run(self, run: Run) -> None:
        """A finished run: it is kept in the history, and its genes can be painted."""
        self.runs.append(run)
        self.select_run(run)

    def select_run(self, run: Run, imputed: Sequence[CellValues] = ()) -> None:
        """Paint from another run of this session; one of another section is refused, and told.

        Parameters
        ----------
        known
            Genes that it imputed already.
        """
        if not run_matches_section(run, self.section):
            self.message_emitted(
                f"That run was trained on {run.section.name}, which is not open now. Open it first (Data, Opened), then choose the run again."
            )
            return
        if run is not self.run:
            self.predicted_scores = None
        self.run = run
        self._reset_cache(imputed)
        self._imputes_inline = False
        self.run_changed()
        if self.gene is None and run.genes:  # a finished run paints at once
            self.select_gene(
                run.panel.reference_only[0] if run.panel.reference_only else str(run.scores["pcc"].idxmax())
            )
        else:
            self.gene_changed()

    def set_generated(self, generated: GeneratedFeatures) -> None:
        """Features of another modality for the cells of the section; the best of them is painted."""
        self.generated = generated
        self.run_changed()
        self.select_gene(generated.best_feature)

    def set_predicted_scores(self, table: Any) -> None:
        """What the run's own scores let foresee of the genes that were not measured."""
        self.predicted_scores = table
        self.predicted_scores_changed()

    @property
    def training_obstacle(self) -> str:
        """Why training cannot start yet; empty when it can."""
        if self.section is None:
            return "Open a section first (Data)."
        if self.reference is None:
            return "Open a reference first (Data)."
        return self.panel_error

    # genes
    def gene_table(self) -> GeneTable:
        """Genes that can be painted now: measured ones, with a run those that it imputes, predictions of the section's file, and what was generated."""
        table = GeneTable.from_run(self.section, self.run, self.predicted_scores)
        if self.section is not None and self.section.predicted is not None:
            table = table.with_features(self.section.predicted.kinds, self.section.predicted.scores)
        if self.generated is not None:
            made = self.generated.values_by_feature
            table = table.with_features(
                {name: v.kind for name, v in made.items()}, {name: v.score for name, v in made.items()}
            )
        return table

    def select_gene(self, gene: str | None) -> None:
        """Paint a gene."""
        if gene == self.gene and self.gene_set_score is None:
            self.gene_reselected()
            return
        self.gene, self.gene_set_score, self._pending_blend_channel = gene, None, None
        if gene is not None:
            self.recent_genes = [gene, *[g for g in self.recent_genes if g != gene]][:_MAX_RECENT]
        self.gene_changed()

    def show_gene_set_score(self, score: CellValues) -> None:
        """Paint the score of a gene set in place of a gene."""
        self.gene, self.gene_set_score = None, score
        self.gene_changed()

    def add_gene_sets(self, gene_sets: dict[str, tuple[str, ...]]) -> None:
        """More gene sets, by name; one of the same name is replaced."""
        self.gene_sets |= gene_sets
        self.gene_sets_changed()

    def set_divider_fraction(self, fraction: float) -> None:
        """Move the line between measured and imputed."""
        self.divider_fraction = fraction
        if self.effective_view == SWIPE:
            self.gene_changed()

    def set_log(self, log: bool) -> None:
        """Log-normalised values, or normalised counts."""
        self.look.log = log
        self.gene_changed()

    def set_view(self, view: str) -> None:
        """Measured, imputed or side by side; what a gene lacks is replaced by what it has."""
        if view != self.view:
            self.view = view
            self.gene_changed()

    def toggle_view(self) -> None:
        """Measured to imputed and back; in the swipe with equal limits."""
        if self.effective_view == SWIPE:
            self.set_divider_fraction(1.0 if self.divider_fraction == 0 else 0.0)
        else:
            self.set_view(MEASURED if self.view == IMPUTED else IMPUTED)

    def toggle_star(self, gene: str) -> None:
        """Star a gene, or take its star away."""
        self.starred_genes ^= {gene}
        self.starred_genes_changed()

    def view_obstacles(self, gene: str | None) -> dict[str, str]:
        """For each view why a gene cannot be shown so; empty when it can."""
        if self.section is None or gene is None:
            return dict.fromkeys(VIEWS, "Choose a gene first.")
        measured = "" if gene in set(self.section.genes) else f"{gene} was not measured in this section."
        if self.is_generated(gene) or self.is_stored_prediction(gene):
            imputed = ""
        elif self.run is None:
            imputed = "Train first (Train): nothing is imputed yet."
        elif gene in set(self.run.panel.shared) or gene in set(self.run.panel.reference_only):
            imputed = ""
        else:
            imputed = f"The reference lacks {gene}, so it cannot be imputed."
        return {MEASURED: measured, IMPUTED: imputed} | dict.fromkeys(
            (MEASURED_AND_IMPUTED, SWIPE, DIFFERENCE), measured or imputed
        )

    @property
    def effective_view(self) -> str | None:
        """The view that is shown: the chosen one, or what the gene has instead; None without a gene."""
        cannot = self.view_obstacles(self.gene)
        return self.view if not cannot[self.view] else next((v for v in (MEASURED, IMPUTED) if not cannot[v]), None)

    @property
    def needs_imputation(self) -> bool:
        """Whether the chosen gene has to be imputed first, and that is too slow to do at once."""
        if self.is_generated(self.gene) or self.is_stored_prediction(self.gene):
            return False
        return (
            self.effective_view not in (None, MEASURED)
            and self.gene not in self._imputed_cache
            and not self._imputes_inline
        )

    def add_imputed(self, run: Any, imputed: CellValues, seconds: float) -> None:
        """A gene that was imputed in a thread."""
        if run is not self.run:
            return
        self._imputes_inline = seconds < _MAX_INLINE_SECONDS
        self._cache_imputed(imputed)
        if imputed.name == self.gene:
            awaited = self._pending_blend_channel
            self.gene_changed()
            if awaited is not None:
                self.toggle_blend_channel(awaited)

    def displayed_values(self) -> list[CellValues]:
        """What is to be painted: one, or measured and imputed side by side."""
        gene, view = self.gene, self.effective_view
        if gene is None or view is None:
            return [] if self.gene_set_score is None else [self.gene_set_score]
        pair = [self._measured_values(gene)] if view != IMPUTED else []
        pair += [self._imputed_values(gene)] if view != MEASURED else []
        if view == DIFFERENCE:
            return [subtract_measured(*pair)]
        pair = pair if self.look.log else [p.to_linear() for p in pair]
        return [swipe_values(*pair, self._left_of_divider())] if view == SWIPE else pair

    @property
    def divider_x(self) -> float | None:
        """Where the line between measured and imputed is, in micrometres; None: there is none."""
        if self.section is None or self.effective_view != SWIPE:
            return None
        x = self.section.xy[:, 0]
        return float(x.min() + self.divider_fraction * (x.max() - x.min()))

    def move_divider(self, x: float) -> None:
        """Move the line to a place in micrometres, at most to the ends of the section."""
        assert self.section is not None
        low, high = float(self.section.xy[:, 0].min()), float(self.section.xy[:, 0].max())
        self.set_divider_fraction(min(1.0, max(0.0, (x - low) / max(high - low, 1e-9))))

    def _left_of_divider(self) -> Any:
        """(cells,) which are left of the line."""
        assert self.section is not None
        x = self.section.xy[:, 0]
        return x <= self.divider_x if self.divider_fraction > 0 else x < x.min()

    def toggle_blend_channel(self, channel: str) -> None:
        """The gene that is shown into a channel of the blend, or out of it when it is there already; one that is still being imputed once it is there."""
        self._pending_blend_channel = channel if self.needs_imputation else None
        shown = [] if self.needs_imputation else self.displayed_values()
        if len(shown) != 1:
            return
        now = self.blend.get(channel)
        same = now is not None and (now.name, now.kind) == (shown[0].name, shown[0].kind)
        self.blend = {c: v for c, v in self.blend.items() if c != channel} | ({} if same else {channel: shown[0]})
        self.blend_changed()
