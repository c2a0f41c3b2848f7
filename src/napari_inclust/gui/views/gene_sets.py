"""Gene sets: pasted or from GMT files, painted by their mean z-score."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtWidgets import QFileDialog, QLineEdit, QTextEdit, QVBoxLayout, QWidget

from ...data.gene_sets import GeneSetMatch, match_genes, mean_z_score, parse_genes, read_gmt
from ...errors import InclustError
from ...paint.values import CellValues
from ..state.session import Session
from ..state.status import error_message
from ..viewer_context import ViewerContext
from ..widgets.common import MessageLabel, SignalConnections, create_button, create_combo_box, set_items, weak_method
from ..widgets.flow import Collapsible, FlowLayout
from ..workers.latest_only import LatestOnly

_MAX_MISSING_NAMED = 6  # missing genes named


class GeneSetForm(Collapsible):
    """A gene set, chosen or pasted, and the button that paints its score.

    Parameters
    ----------
    context
        The context of the viewer.
    """

    def __init__(self, context: ViewerContext) -> None:
        super().__init__("Gene set", "Score of several genes: the mean of their z-scores")
        self._session, self._scene = context.session, context.canvas_controller
        self.gene_set_choice = create_combo_box("Gene sets of this session", [("pasted list", None)])
        self.open_gmt = create_button(
            "GMT…", "Read gene sets from a GMT file: a set a line, with name, description and genes separated by tabs"
        )
        self.score_name = QLineEdit()
        self.score_name.setPlaceholderText("name of the set")
        self.score_name.setToolTip("Name of the score")
        self.gene_text = QTextEdit()
        self.gene_text.setAcceptRichText(False)
        self.gene_text.setPlaceholderText("Sox2, Gad1, Slc17a6 …")
        self.gene_text.setToolTip(
            "Genes of the set, separated by spaces, commas or lines; case is ignored where the name is unique "
            "without it"
        )
        self.paint_score = create_button(
            "Paint score",
            "Mean z-score over the genes: measured values where the section has them, else imputed ones (then the "
            "score is marked as imputed)",
        )
        self.message = MessageLabel()
        inner = QWidget()
        box = QVBoxLayout(inner)
        box.setContentsMargins(0, 0, 0, 0)
        box.addLayout(FlowLayout(self.gene_set_choice, self.open_gmt))
        box.addWidget(self.gene_text)
        box.addLayout(FlowLayout(self.score_name, self.paint_score))
        box.addWidget(self.message)
        self.addWidget(inner)
        self.gene_text.setMaximumHeight(4 * self.fontMetrics().height() + 12)

        self._latest_only = latest_only = LatestOnly(weak_method(self._show_error))
        self.destroyed.connect(lambda: latest_only.close())
        links = SignalConnections(self)
        links.connect(context.session.gene_sets_changed, self._refresh_sets)
        links.connect(context.session.section_changed, self._latest_only.discard)
        self.gene_set_choice.activated.connect(self._show_chosen_set)
        self.open_gmt.clicked.connect(self._open_gmt)
        self.paint_score.clicked.connect(self._compute_score)
        self._refresh_sets()

    def _refresh_sets(self) -> None:
        now = self.gene_set_choice.currentData()
        set_items(
            self.gene_set_choice,
            [("pasted list", None), *((f"{n} ({len(g)} genes)", n) for n, g in self._session.gene_sets.items())],
            now,
        )

    def _show_chosen_set(self, *_: Any) -> None:
        name = self.gene_set_choice.currentData()
        if name is not None:
            self.score_name.setText(name)
            self.gene_text.setPlainText(", ".join(self._session.gene_sets[name]))

    def _open_gmt(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open gene sets", "", "Gene sets (*.gmt *.txt);;All files (*)")
        if path:
            self.load_gmt(path)

    def load_gmt(self, path: str) -> None:
        """Add the sets of a GMT file and choose the first."""
        try:
            sets = read_gmt(path)
        except InclustError as error:
            self._show_message(str(error), is_error=True)
            return
        self._session.add_gene_sets(sets)
        self.gene_set_choice.setCurrentIndex(self.gene_set_choice.findData(next(iter(sets))))
        self._show_chosen_set()
        self._show_message(f"{len(sets):,} gene sets read.")

    def _compute_score(self) -> None:
        s, genes = self._session, parse_genes(self.gene_text.toPlainText())
        if s.section is None:
            self._show_message("Open a section first (Data).", is_error=True)
            return
        if not genes:
            self._show_message("The set is empty: paste some genes, or read a GMT file.", is_error=True)
            return
        known = match_genes(genes, s.gene_table().names.tolist())
        if not known.matched:
            text = (
                f"None of the {len(genes)} genes is measured or can be imputed. Check the names: this section has e.g. "
            )
            self._show_message(f"{text}{s.gene_table().names[0]}.", is_error=True)
            return
        name = self.score_name.text().strip() or "gene set"
        s.add_gene_sets({name: genes})
        self.gene_set_choice.setCurrentIndex(self.gene_set_choice.findData(name))
        self._show_message(f"Scoring {len(known.matched)} genes …")
        show_score = weak_method(self._show_score)
        self._latest_only.submit(lambda: gene_set_score(s, name, known), lambda score: show_score(score, known))

    def _show_score(self, score: CellValues, matched: GeneSetMatch) -> None:
        missing = ", ".join(matched.missing[:_MAX_MISSING_NAMED])
        more = " …" if len(matched.missing) > _MAX_MISSING_NAMED else ""
        self._show_message(f"{score.title}." + (f" Not found: {missing}{more}." if missing else ""))
        self._session.show_gene_set_score(score)
        self._scene.bring_to_front("genes")

    def _show_message(self, text: str, *, is_error: bool = False) -> None:
        self.message.show_message(text, is_error=is_error)

    def _show_error(self, error: Exception) -> None:
        self._show_message(error_message(error, "The set could not be scored"), is_error=True)


def gene_set_score(session: Session, name: str, matched: GeneSetMatch) -> CellValues:
    """Compute the score of a gene set over the cells, marked as imputed if any of its genes is."""
    assert session.section is not None
    measured = set(session.section.genes)
    imputed = [g for g in matched.matched if g not in measured]

    def columns() -> Iterator[NDArray[np.float32]]:
        for gene in matched.matched:
            yield session.values_of(gene, imputed=gene not in measured).values

    genes = f"{len(matched.matched)} genes"
    kind = f"score of {genes}, imputed ({len(imputed)} of them)" if imputed else f"score of {genes}, measured"
    return CellValues(f"{name} (set)", mean_z_score(columns()), kind, unit="mean z", centred=True)
