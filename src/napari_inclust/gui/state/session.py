"""What is open and what is chosen: the state that every dock observes. No widgets here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from ...errors import InclustError
from ...paint.compare import difference, swiped
from ...paint.values import MEASURED, CellTypes, CellValues
from .gene_rows import GeneTable
from .gene_source import GeneSource, fits
from .look import Look

if TYPE_CHECKING:
    from ...data.measured import Measured
    from ...data.panel import Panel
    from ...data.section import Reference, Section
    from ...imputation.run import Run
    from .generated import Made

IMPUTED, BOTH, SWIPE, DIFFERENCE = "imputed", "side by side", "swipe", "difference"
VIEWS = (MEASURED, IMPUTED, BOTH, SWIPE, DIFFERENCE)
_RECENT = 20
_INLINE = 0.06  # seconds: a gene that is imputed faster is imputed at once, a slower one in a thread


class Session(GeneSource):
    """Files, run and choices of one viewer.

    Signals carry nothing but what changed; observers read the attributes. `gene_recalled`: the gene that is painted was chosen again.
    """

    data_changed = Signal()
    run_changed = Signal()
    gene_changed = Signal()
    gene_recalled = Signal()
    look_changed = Signal()
    stars_changed = Signal()
    types_changed = Signal()
    foreseen_changed = Signal()
    blend_changed = Signal()
    sets_changed = Signal()
    told = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.reference: Reference | None = None
        self.panel: Panel | None = None
        self.panel_problem = ""
        self.labels: str | None = None
        self.batch: str | None = None
        self.types: CellTypes | None = None
        self.runs: list[Run] = []
        self.gene: str | None = None
        self.view = MEASURED
        self.look = Look(self.look_changed)
        self.divide = 0.5  # where the swipe changes from measured to imputed, as a share of the section's width
        self.score: CellValues | None = None  # of a gene set, painted in place of a gene
        self.gene_sets: dict[str, tuple[str, ...]] = {}
        self.stars: set[str] = set()
        self.recent: list[str] = []
        self.blend: dict[str, CellValues] = {}  # by channel: "red", "green", "blue"
        self._inline = False
        self._awaited: str | None = None  # channel of the blend for the gene that is being imputed

    # data
    def open_section(self, section: Section, measured: Measured | None = None) -> None:
        """Another section: the run and the gene of the one before are dropped.

        Parameters
        ----------
        measured
            Its log-normalised values by gene when they were made already (in the reading thread).
        """
        self.section, self._measured = section, measured
        self.run, self.gene, self.score, self.generated, self.view = None, None, None, None, MEASURED
        self.look.forget()
        self.blend = {}
        self.types = None
        self._align()
        self.data_changed()
        self.run_changed()
        self.gene_changed()

    def open_reference(self, reference: Reference, labels: str | None = None) -> None:
        """Another reference, with the column that holds its cell types."""
        self.reference, self.labels = reference, labels
        self._align()
        self.data_changed()

    def close_section(self) -> None:
        """Forget the section (a file that was refused takes the place of one that was open)."""
        self.section = self._measured = self.run = self.gene = self.score = self.types = self.generated = None
        self.blend = {}
        self._align()
        self.data_changed()
        self.run_changed()
        self.gene_changed()

    def close_reference(self) -> None:
        """Forget the reference."""
        self.reference = self.labels = None
        self._align()
        self.data_changed()

    def _align(self) -> None:
        self.panel, self.panel_problem = None, ""
        if self.section is None or self.reference is None:
            return
        from ...data.panel import align

        try:
            self.panel = align(self.section, self.reference)
        except InclustError as error:
            self.panel_problem = str(error)

    def set_types(self, types: CellTypes | None) -> None:
        """Colour the cells by other categories."""
        self.types = types
        self.types_changed()

    def set_run(self, run: Run) -> None:
        """A finished run: it is kept in the history, and its genes can be painted."""
        self.runs.append(run)
        self.choose_run(run)

    def choose_run(self, run: Run, known: Sequence[CellValues] = ()) -> None:
        """Paint from another run of this session; one of another section is refused, and told.

        Parameters
        ----------
        known
            Genes that it imputed already.
        """
        if not fits(run, self.section):
            self.told(f"That run was trained on {run.section.name}, which is not open now. Open it first (Data, Opened), then choose the run again.")
            return
        if run is not self.run:
            self.foreseen = None
        self.run = run
        self._forget(known)
        self._inline = False
        self.run_changed()
        if self.gene is None and run.genes:  # a finished run paints at once
            self.choose(run.panel.reference_only[0] if run.panel.reference_only else str(run.scores["pcc"].idxmax()))
        else:
            self.gene_changed()

    def set_generated(self, made: Made) -> None:
        """Features of another modality for the cells of the section; the best of them is painted."""
        self.generated = made
        self.run_changed()
        self.choose(made.best)

    def foresee(self, table: Any) -> None:
        """What the run's own scores let foresee of the genes that were not measured."""
        self.foreseen = table
        self.foreseen_changed()

    @property
    def obstacle(self) -> str:
        """Why training cannot start yet; empty when it can."""
        if self.section is None:
            return "Open a section first (Data)."
        if self.reference is None:
            return "Open a reference first (Data)."
        return self.panel_problem

    # genes
    def genes(self) -> GeneTable:
        """Genes that can be painted now: measured ones, with a run those that it imputes, predictions of the section's file, and what was generated."""
        table = GeneTable.of(self.section, self.run, self.foreseen)
        if self.section is not None and self.section.predicted is not None:
            table = table.plus(self.section.predicted.kinds, self.section.predicted.scores)
        if self.generated is not None:
            made = self.generated.values
            table = table.plus({name: v.kind for name, v in made.items()}, {name: v.score for name, v in made.items()})
        return table

    def choose(self, gene: str | None) -> None:
        """Paint a gene."""
        if gene == self.gene and self.score is None:
            self.gene_recalled()
            return
        self.gene, self.score, self._awaited = gene, None, None
        if gene is not None:
            self.recent = [gene, *[g for g in self.recent if g != gene]][:_RECENT]
        self.gene_changed()

    def show_score(self, score: CellValues) -> None:
        """Paint the score of a gene set in place of a gene."""
        self.gene, self.score = None, score
        self.gene_changed()

    def add_sets(self, sets: dict[str, tuple[str, ...]]) -> None:
        """More gene sets, by name; one of the same name is replaced."""
        self.gene_sets |= sets
        self.sets_changed()

    def set_divide(self, divide: float) -> None:
        """Move the line between measured and imputed."""
        self.divide = divide
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
            self.set_divide(1.0 if self.divide == 0 else 0.0)
        else:
            self.set_view(MEASURED if self.view == IMPUTED else IMPUTED)

    def star(self, gene: str) -> None:
        """Star a gene, or take its star away."""
        self.stars ^= {gene}
        self.stars_changed()

    def views_of(self, gene: str | None) -> dict[str, str]:
        """For each view why a gene cannot be shown so; empty when it can."""
        if self.section is None or gene is None:
            return dict.fromkeys(VIEWS, "Choose a gene first.")
        measured = "" if gene in set(self.section.genes) else f"{gene} was not measured in this section."
        if self.is_made(gene) or self.is_stored(gene):
            imputed = ""
        elif self.run is None:
            imputed = "Train first (Train): nothing is imputed yet."
        elif gene in set(self.run.panel.shared) or gene in set(self.run.panel.reference_only):
            imputed = ""
        else:
            imputed = f"The reference lacks {gene}, so it cannot be imputed."
        return {MEASURED: measured, IMPUTED: imputed} | dict.fromkeys((BOTH, SWIPE, DIFFERENCE), measured or imputed)

    @property
    def effective_view(self) -> str | None:
        """The view that is shown: the chosen one, or what the gene has instead; None without a gene."""
        cannot = self.views_of(self.gene)
        return self.view if not cannot[self.view] else next((v for v in (MEASURED, IMPUTED) if not cannot[v]), None)

    @property
    def must_wait(self) -> bool:
        """Whether the chosen gene has to be imputed first, and that is too slow to do at once."""
        if self.is_made(self.gene) or self.is_stored(self.gene):
            return False
        return self.effective_view not in (None, MEASURED) and self.gene not in self._kept and not self._inline

    def keep(self, run: Any, found: CellValues, seconds: float) -> None:
        """A gene that was imputed in a thread."""
        if run is not self.run:
            return
        self._inline = seconds < _INLINE
        self._store(found)
        if found.name == self.gene:
            awaited = self._awaited
            self.gene_changed()
            if awaited is not None:
                self.put(awaited)

    def shown(self) -> list[CellValues]:
        """What is to be painted: one, or measured and imputed side by side."""
        gene, view = self.gene, self.effective_view
        if gene is None or view is None:
            return [] if self.score is None else [self.score]
        pair = [self._of_section(gene)] if view != IMPUTED else []
        pair += [self._of_run(gene)] if view != MEASURED else []
        if view == DIFFERENCE:
            return [difference(*pair)]
        pair = pair if self.look.log else [p.linear() for p in pair]
        return [swiped(*pair, self._left())] if view == SWIPE else pair

    @property
    def line(self) -> float | None:
        """Where the line between measured and imputed is, in micrometres; None: there is none."""
        if self.section is None or self.effective_view != SWIPE:
            return None
        x = self.section.xy[:, 0]
        return float(x.min() + self.divide * (x.max() - x.min()))

    def move_line(self, x: float) -> None:
        """Move the line to a place in micrometres, at most to the ends of the section."""
        assert self.section is not None
        low, high = float(self.section.xy[:, 0].min()), float(self.section.xy[:, 0].max())
        self.set_divide(min(1.0, max(0.0, (x - low) / max(high - low, 1e-9))))

    def _left(self) -> Any:
        """(cells,) which are left of the line."""
        assert self.section is not None
        x = self.section.xy[:, 0]
        return x <= self.line if self.divide > 0 else x < x.min()

    def put(self, channel: str) -> None:
        """The gene that is shown into a channel of the blend, or out of it when it is there already; one that is still being imputed once it is there."""
        self._awaited = channel if self.must_wait else None
        shown = [] if self.must_wait else self.shown()
        if len(shown) != 1:
            return
        now = self.blend.get(channel)
        same = now is not None and (now.name, now.kind) == (shown[0].name, shown[0].kind)
        self.blend = {c: v for c, v in self.blend.items() if c != channel} | ({} if same else {channel: shown[0]})
        self.blend_changed()
