"""What is open and what is chosen: the state that every dock observes. No widgets here."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from ..errors import InclustError
from ..paint.limits import Limits, Manual, Percentile, anchored
from ..paint.values import MEASURED, CellTypes, CellValues

if TYPE_CHECKING:
    from ..core.panel import Panel
    from ..core.run import Run
    from ..core.section import Reference, Section

IMPUTED, BOTH = "imputed", "side by side"
VIEWS = (MEASURED, IMPUTED, BOTH)
_RECENT = 20
_INLINE = 0.06  # seconds: a gene that is imputed faster is imputed at once, a slower one in a thread
_KEPT_BYTES = 256 * 2**20  # of genes imputed before


@dataclass(frozen=True, eq=False)
class GeneTable:
    """All genes that can be painted, for the table of the Genes dock.

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
    """

    names: NDArray[np.str_]
    imputed: NDArray[np.bool_]
    scores: NDArray[np.float32]
    foreseen: NDArray[np.float32] | None = None
    reasons: NDArray[np.object_] | None = None
    baselines: dict[str, NDArray[np.float32]] = field(default_factory=dict)


class Session:
    """Files, run and choices of one viewer.

    Signals carry nothing but what changed; observers read the attributes.
    """

    data_changed = Signal()
    run_changed = Signal()
    gene_changed = Signal()
    look_changed = Signal()
    stars_changed = Signal()
    types_changed = Signal()
    foreseen_changed = Signal()
    blend_changed = Signal()
    told = Signal(str)

    def __init__(self) -> None:
        self.section: Section | None = None
        self.reference: Reference | None = None
        self.panel: Panel | None = None
        self.panel_problem = ""
        self.labels: str | None = None
        self.batch: str | None = None
        self.types: CellTypes | None = None
        self.run: Run | None = None
        self.runs: list[Run] = []
        self.gene: str | None = None
        self.view = MEASURED
        self.policy: Limits = Percentile()
        self.manual: dict[str, Manual] = {}
        self.colormap = "viridis"
        self.stars: set[str] = set()
        self.recent: list[str] = []
        self.blend: dict[str, CellValues] = {}  # by channel: "red", "green", "blue"
        self.foreseen: Any = None  # table of the run: predicted_pcc and reason of each unmeasured gene
        self._measured: Any = None  # (cells, genes) CSC, log-normalised
        self._kept: OrderedDict[str, CellValues] = OrderedDict()  # genes that the run imputed
        self._inline = False

    # data
    def open_section(self, section: Section, measured: Any = None) -> None:
        """Another section: the run and the gene of the one before are dropped.

        Parameters
        ----------
        measured : (cells, genes) CSC, optional
            Its log-normalised values when they were made already (in the reading thread).
        """
        self.section, self._measured = section, measured
        self.run, self.gene, self.view = None, None, MEASURED
        self.manual.clear()
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
        self.section = self._measured = self.run = self.gene = self.types = None
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
        from ..core.panel import align

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

    def choose_run(self, run: Run) -> None:
        """Paint from another run of this session."""
        if run is not self.run:
            self.foreseen = None
        self.run = run
        self._kept.clear()
        self._inline = False
        self.run_changed()
        if self.gene is None and run.genes:  # a finished run paints at once
            self.choose(run.panel.reference_only[0] if run.panel.reference_only else str(run.scores["pcc"].idxmax()))
        else:
            self.gene_changed()

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
        """Genes that can be painted now: measured ones, and with a run those that it imputes."""
        if self.section is None:
            return GeneTable(np.empty(0, dtype=np.str_), np.empty(0, dtype=bool), np.empty(0, dtype=np.float32))
        if self.run is None:
            names = np.array(self.section.genes, dtype=np.str_)
            return GeneTable(names, np.zeros(len(names), dtype=bool), np.full(len(names), np.nan, dtype=np.float32))
        panel = self.run.panel
        rest = [g for g in self.section.genes if g not in set(panel.genes)]  # controls: measured, never imputed
        names = np.array([*panel.genes, *rest], dtype=np.str_)
        imputed = np.zeros(len(names), dtype=bool)
        imputed[panel.n_shared + panel.n_target_only : len(panel.genes)] = True
        scores = np.full(len(names), np.nan, dtype=np.float32)
        shared = list(panel.shared)
        scores[: panel.n_shared] = self.run.scores["pcc"].reindex(shared).to_numpy(dtype=np.float32)
        baselines = {}
        for name in ("knn", "type_mean"):
            baselines[name] = np.full(len(names), np.nan, dtype=np.float32)
            if f"pcc_{name}" in self.run.scores:
                baselines[name][: panel.n_shared] = self.run.scores[f"pcc_{name}"].reindex(shared).to_numpy(dtype=np.float32)
        if self.foreseen is None:
            return GeneTable(names, imputed, scores, baselines=baselines)
        table = self.foreseen.reindex(names)
        return GeneTable(
            names, imputed, scores, table["predicted_pcc"].to_numpy(dtype=np.float32), table["reason"].fillna("").to_numpy(dtype=object), baselines
        )

    def choose(self, gene: str | None) -> None:
        """Paint a gene."""
        if gene == self.gene:
            return
        self.gene = gene
        if gene is not None:
            self.recent = [gene, *[g for g in self.recent if g != gene]][:_RECENT]
        self.gene_changed()

    def set_view(self, view: str) -> None:
        """Measured, imputed or side by side; what a gene lacks is replaced by what it has."""
        if view != self.view:
            self.view = view
            self.gene_changed()

    def toggle_view(self) -> None:
        """Measured to imputed and back."""
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
        if self.run is None:
            imputed = "Train first (Train): nothing is imputed yet."
        elif gene in set(self.run.panel.shared) or gene in set(self.run.panel.reference_only):
            imputed = ""
        else:
            imputed = f"The reference lacks {gene}, so it cannot be imputed."
        return {MEASURED: measured, IMPUTED: imputed, BOTH: measured or imputed}

    @property
    def effective_view(self) -> str | None:
        """The view that is shown: the chosen one, or what the gene has instead; None without a gene."""
        cannot = self.views_of(self.gene)
        return self.view if not cannot[self.view] else next((v for v in (MEASURED, IMPUTED) if not cannot[v]), None)

    @property
    def must_wait(self) -> bool:
        """Whether the chosen gene has to be imputed first, and that is too slow to do at once."""
        return self.effective_view in (IMPUTED, BOTH) and self.gene not in self._kept and not self._inline

    def keep(self, run: Any, found: CellValues, seconds: float) -> None:
        """A gene that was imputed in a thread."""
        if run is not self.run:
            return
        self._inline = seconds < _INLINE
        self._kept[found.name] = found
        while len(self._kept) * 2 * found.values.nbytes > _KEPT_BYTES and len(self._kept) > 1:
            self._kept.popitem(last=False)
        if found.name == self.gene:
            self.gene_changed()

    def shown(self) -> list[CellValues]:
        """What is to be painted: one, or measured and imputed side by side."""
        gene, view = self.gene, self.effective_view
        if gene is None or view is None:
            return []
        kinds = {MEASURED: [self._of_section], IMPUTED: [self._of_run], BOTH: [self._of_section, self._of_run]}
        return [get(gene) for get in kinds[view]]

    def put(self, channel: str) -> None:
        """The gene that is shown into a channel of the blend, or out of it when it is there already."""
        shown = [] if self.must_wait else self.shown()
        if len(shown) != 1:
            return
        now = self.blend.get(channel)
        same = now is not None and (now.name, now.kind) == (shown[0].name, shown[0].kind)
        self.blend = {c: v for c, v in self.blend.items() if c != channel} | ({} if same else {channel: shown[0]})
        self.blend_changed()

    def limits(self, shown: list[CellValues]) -> list[tuple[float, float]]:
        """Colour limits of each, by hand where the user moved them."""
        return [self.manual[p.name].get_limits(p.values) if p.name in self.manual else anchored(self.policy, p.values) for p in shown]

    def set_policy(self, policy: Limits) -> None:
        """Another way to find colour limits; limits set by hand are kept for their genes."""
        self.policy = policy
        self.look_changed()

    def set_manual(self, gene: str, low: float, high: float) -> None:
        """Limits of one gene by hand, kept for it."""
        self.manual[gene] = Manual(low, high)
        self.look_changed()

    def reset_limits(self, gene: str) -> None:
        """Back to the policy for one gene."""
        self.manual.pop(gene, None)
        self.look_changed()

    def set_colormap(self, name: str) -> None:
        """Another colormap for the genes."""
        self.colormap = name
        self.look_changed()

    def _of_section(self, gene: str) -> CellValues:
        assert self.section is not None
        values = self.run.measured(gene) if self.run is not None and gene in self.run.panel.genes else None
        if values is None:
            if self._measured is None:
                self._measured = log_measured(self.section)
            values = self._measured[:, self.section.genes.index(gene)].toarray().ravel()
        return CellValues(gene, values)

    def _of_run(self, gene: str) -> CellValues:
        found = self._kept[gene] if gene in self._kept else imputed_values(self.run, gene)
        if found.score is None and self.foreseen is not None and gene in self.foreseen.index:
            found = replace(found, foreseen=float(self.foreseen.loc[gene, "predicted_pcc"]))
        return found


def imputed_values(run: Any, gene: str) -> CellValues:
    """One gene as the run imputes it."""
    return as_values(run.impute(gene))


def as_values(imputed: Any) -> CellValues:
    """What a run imputes, for painting."""
    return CellValues(imputed.gene, imputed.values, imputed.kind, imputed.spread, imputed.score)


def log_measured(section: Section) -> Any:
    """(cells, genes) CSC of log-normalised values: one column is then read in microseconds."""
    from ..core.values import lognormalise

    return lognormalise(section.matrix, section.values.kind).tocsc()
