"""What is open and what is chosen: the state that every dock observes. No widgets here."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from ...errors import InclustError
from ...paint.compare import subtract_measured, swipe_values
from ...paint.values import MEASURED, CellCategories, CellValues
from .columns import categories_from_column, guess_cell_type_column
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

    Signals carry no data: observers read the attributes. All attributes are set before the first signal is emitted.

    Signals
    -------
    section_closing
        Another section will be opened, or none: layers of the open one are to be removed.
    section_changed, reference_changed
        Other data, or none.
    runs_changed, run_selected
        The list of runs; the one that is painted.
    generated_changed
        Features of another modality.
    gene_selected, gene_reselected
        Another gene (or the score of a gene set, or none); the same one again.
    view_changed, divider_moved
        Measured, imputed or both; the line of the swipe.
    cell_categories_changed, blend_changed, starred_genes_changed, gene_sets_changed, predicted_scores_changed
        The attribute of that name.
    message_emitted(text)
        An error for the user.
    """

    section_closing = Signal()
    section_changed = Signal()
    reference_changed = Signal()
    runs_changed = Signal()
    run_selected = Signal()
    generated_changed = Signal()
    gene_selected = Signal()
    gene_reselected = Signal()
    view_changed = Signal()
    divider_moved = Signal()
    cell_categories_changed = Signal()
    blend_changed = Signal()
    starred_genes_changed = Signal()
    gene_sets_changed = Signal()
    predicted_scores_changed = Signal()
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
        self.look = Look()
        self.divider_fraction = 0.5  # where the swipe changes from measured to imputed, of the section's width
        self.gene_set_score: CellValues | None = None  # of a gene set, painted in place of a gene
        self.gene_sets: dict[str, tuple[str, ...]] = {}
        self.starred_genes: frozenset[str] = frozenset()
        self.recent_genes: list[str] = []
        self.blend: dict[str, CellValues] = {}  # by channel: "red", "green", "blue"
        self._imputes_inline = False

    def _update(self, *, again: frozenset[str] = frozenset(), **values: Any) -> None:
        """Set attributes, then emit one signal for each meaning that changed, or that is to be shown `again`."""
        if values.get("run", self.run) is not self.run:  # it imputes other values
            values = {"_imputed_cache": OrderedDict(), "_imputes_inline": False, "predicted_scores": None} | values
        changed = {name for name, value in values.items() if differs(getattr(self, name), value)} | again
        if "section" in changed and self.section is not None:
            self.section_closing()
        for name, value in values.items():
            setattr(self, name, value)
        if {"section", "reference"} & changed:
            self._align_panel()
        if "section" in changed:
            self.section_changed()
        if {"reference", "labels_key"} & changed:
            self.reference_changed()
        if "runs" in changed:
            self.runs_changed()
        if "run" in changed:
            self.run_selected()
        if "generated" in changed:
            self.generated_changed()
        if "cell_categories" in changed:
            self.cell_categories_changed()
        if {"section", "gene", "gene_set_score"} & changed:
            self.gene_selected()
        if "view" in changed:
            self.view_changed()
        if "divider_fraction" in changed:
            self.divider_moved()
        if "predicted_scores" in changed:
            self.predicted_scores_changed()
        if "blend" in changed:
            self.blend_changed()
        if "starred_genes" in changed:
            self.starred_genes_changed()
        if "gene_sets" in changed:
            self.gene_sets_changed()

    def report(self, message: str) -> None:
        """Show an error to the user."""
        self.message_emitted(message)

    # data
    def open_section(self, section: Section, measured: MeasuredExpression | None = None) -> None:
        """Open another section; run and gene of the previous one are dropped. Its cell types are painted, or a gene.

        Parameters
        ----------
        section
            The cells.
        measured
            Its log-normalised values by gene, when the reading thread has computed them.
        """
        key, gene = guess_cell_type_column(section.adata.obs), None
        if key is None:
            gene = (
                section.genes[0]
                if section.genes
                else next(iter(section.predicted.kinds))
                if section.predicted
                else None
            )
        self._set_section(section, measured, None if key is None else categories_from_column(section, key), gene)

    def close_section(self) -> None:
        """Forget the section: the file that replaces it was refused."""
        self._set_section(None, None, None, None)

    def _set_section(
        self,
        section: Section | None,
        measured: MeasuredExpression | None,
        categories: CellCategories | None,
        gene: str | None,
    ) -> None:
        self.look.clear_manual()
        self._update(
            section=section,
            _measured=measured,
            run=None,
            generated=None,
            cell_categories=categories,
            view=MEASURED,
            blend={} if self.blend else self.blend,
            **self._gene_choice(gene),
        )

    def open_reference(self, reference: Reference, labels_key: str | None = None) -> None:
        """Open another reference, with the column that holds its cell types."""
        self._update(reference=reference, labels_key=labels_key)

    def close_reference(self) -> None:
        """Forget the reference."""
        self._update(reference=None, labels_key=None)

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
        """Colour the cells by other categories; by the same ones again after their layer was removed."""
        self._update(again=frozenset({"cell_categories"}), cell_categories=categories)

    def add_run(self, run: Run) -> None:
        """Add a finished run to the history, and paint from it."""
        self._update(runs=[*self.runs, run])
        self.select_run(run)

    def select_run(self, run: Run) -> None:
        """Paint from another run of this session; report an error when it is of another section."""
        if not run_matches_section(run, self.section):
            self.report(
                f"That run was trained on {run.section.name}, which is not open now. "
                "Open it first (Data, Opened), then choose the run again."
            )
            return
        gene = self.gene
        if gene is None and run.genes:  # a finished run paints at once
            gene = run.panel.reference_only[0] if run.panel.reference_only else str(run.scores["pcc"].idxmax())
        self._update(run=run, **self._gene_choice(gene) if gene != self.gene else {})

    def set_generated(self, generated: GeneratedFeatures) -> None:
        """Add features of another modality for the cells of the section, and paint the best of them."""
        self._update(generated=generated, **self._gene_choice(generated.best_feature))

    def set_predicted_scores(self, table: Any) -> None:
        """Set the scores that the run predicts for genes that were not measured."""
        self._update(predicted_scores=table)

    def restore(self, *, imputed: Sequence[CellValues] = (), **values: Any) -> None:
        """Set attributes of a saved session; each signal is emitted once.

        Parameters
        ----------
        imputed
            Genes that `run` has imputed already.
        values
            Attributes by name: `runs`, `run`, `gene`, `view`, ...
        """
        if imputed:
            values["_imputed_cache"] = OrderedDict((v.name, v) for v in imputed)
        self._update(**values)

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
        """Return the genes that can be painted: measured, imputed and generated ones, and predictions of the file."""
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
        else:
            self._update(**self._gene_choice(gene))

    def _gene_choice(self, gene: str | None) -> dict[str, Any]:
        recent = (
            self.recent_genes if gene is None else [gene, *(g for g in self.recent_genes if g != gene)][:_MAX_RECENT]
        )
        return {"gene": gene, "gene_set_score": None, "recent_genes": recent}

    def show_gene_set_score(self, score: CellValues) -> None:
        """Paint the score of a gene set in place of a gene."""
        self._update(gene=None, gene_set_score=score)

    def add_gene_sets(self, gene_sets: dict[str, tuple[str, ...]]) -> None:
        """Add gene sets by name; one of the same name is replaced."""
        self._update(gene_sets=self.gene_sets | gene_sets)

    def set_divider_fraction(self, fraction: float) -> None:
        """Move the line between measured and imputed."""
        self._update(divider_fraction=fraction)

    def set_view(self, view: str) -> None:
        """Choose measured, imputed or both; what a gene lacks is replaced by what it has."""
        self._update(view=view)

    def toggle_view(self) -> None:
        """Switch between measured and imputed; in the swipe, move the line from one end to the other."""
        if self.effective_view == SWIPE:
            self.set_divider_fraction(1.0 if self.divider_fraction == 0 else 0.0)
        else:
            self.set_view(MEASURED if self.view == IMPUTED else IMPUTED)

    def toggle_star(self, gene: str) -> None:
        """Star a gene, or remove its star."""
        self._update(starred_genes=self.starred_genes ^ {gene})

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
        """Whether the chosen gene has to be imputed in a thread first."""
        if self.is_generated(self.gene) or self.is_stored_prediction(self.gene):
            return False
        return (
            self.effective_view not in (None, MEASURED)
            and self.gene not in self._imputed_cache
            and not self._imputes_inline
        )

    def add_imputed(self, imputed: CellValues, seconds: float) -> None:
        """Keep a gene that the run imputed in a thread, in this time."""
        self._imputes_inline = seconds < _MAX_INLINE_SECONDS
        self._cache_imputed(imputed)

    def displayed_values(self) -> list[CellValues]:
        """Values that are to be painted: of one gene, or measured and imputed ones side by side."""
        gene, view = self.gene, self.effective_view
        if gene is None or view is None:
            return [] if self.gene_set_score is None else [self.gene_set_score]
        pair = [self._measured_values(gene)] if view != IMPUTED else []
        pair += [self._imputed_values(gene)] if view != MEASURED else []
        if view == DIFFERENCE:
            return [subtract_measured(*pair)]
        pair = pair if self.look.log else [p.to_linear() for p in pair]
        return [swipe_values(pair[0], pair[1], self._left_of_divider())] if view == SWIPE else pair

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
        x, line = self.section.xy[:, 0], self.divider_x
        return x <= line if line is not None and self.divider_fraction > 0 else x < x.min()

    def toggle_blend_channel(self, channel: str, values: CellValues) -> None:
        """Put values into a channel of the blend, or remove them when they are there already."""
        now = self.blend.get(channel)
        same = now is not None and (now.name, now.kind) == (values.name, values.kind)
        self._update(blend={c: v for c, v in self.blend.items() if c != channel} | ({} if same else {channel: values}))


def differs(old: Any, new: Any) -> bool:
    """Whether an attribute changes: arrays and objects by identity, plain values by value."""
    return old is not new and not (isinstance(old, str | float | frozenset) and old == new)
