"""Gene sets: pasted or from GMT files, painted by their mean z-score."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtWidgets import QFileDialog, QLineEdit, QTextEdit, QVBoxLayout, QWidget

from ...data.gene_sets import Matched, match, mean_z, parse_genes, read_gmt
from ...errors import InclustError
from ...paint.values import CellValues
from ..state.error_text import told
from ..state.session import Session
from ..viewer_context import Workbench
from ..widgets.common import Links, Message, button, choice, fill
from ..widgets.flow import Flow, Fold
from ..workers.latest_only import Later

_NAMED = 6  # missing genes named


class GeneSets(Fold):
    """Choose or paste a set, and paint its score.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__("Gene set", "Score of several genes: the mean of their z-scores")
        self._session, self._scene = bench.session, bench.scene
        self.sets = choice("Gene sets of this session", [("pasted list", None)])
        self.file = button("GMT…", "Read gene sets from a GMT file: a set a line, with name, description and genes separated by tabs")
        self.name = QLineEdit()
        self.name.setPlaceholderText("name of the set")
        self.name.setToolTip("What the score is called")
        self.text = QTextEdit()
        self.text.setAcceptRichText(False)
        self.text.setPlaceholderText("Sox2, Gad1, Slc17a6 …")
        self.text.setToolTip("Genes of the set, separated by spaces, commas or lines; case is not regarded where it is unique")
        self.paint = button(
            "Paint score", "Mean z-score over the genes: measured values where the section has them, else imputed ones (then the score is marked as imputed)"
        )
        self.message = Message()
        inner = QWidget()
        box = QVBoxLayout(inner)
        box.setContentsMargins(0, 0, 0, 0)
        box.addLayout(Flow(self.sets, self.file))
        box.addWidget(self.text)
        box.addLayout(Flow(self.name, self.paint))
        box.addWidget(self.message)
        self.addWidget(inner)
        self.text.setMaximumHeight(4 * self.fontMetrics().height() + 12)

        me = weakref.ref(self)
        self._later = later = Later(lambda error: me() is not None and me()._failed(error))  # type: ignore[func-returns-value, union-attr]
        self.destroyed.connect(lambda: later.close())
        links = Links(self)
        links.to(bench.session.sets_changed, self._fill)
        links.to(bench.session.data_changed, self._later.forget)
        self.sets.activated.connect(self._chosen)
        self.file.clicked.connect(self._open)
        self.paint.clicked.connect(self._paint)
        self._fill()

    def _fill(self) -> None:
        now = self.sets.currentData()
        fill(self.sets, [("pasted list", None), *((f"{n} ({len(g)} genes)", n) for n, g in self._session.gene_sets.items())], now)

    def _chosen(self, *_: Any) -> None:
        name = self.sets.currentData()
        if name is not None:
            self.name.setText(name)
            self.text.setPlainText(", ".join(self._session.gene_sets[name]))

    def _open(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open gene sets", "", "Gene sets (*.gmt *.txt);;All files (*)")
        if path:
            self.read(path)

    def read(self, path: str) -> None:
        """Take the sets of a GMT file, and choose its first."""
        try:
            sets = read_gmt(path)
        except InclustError as error:
            self._say(str(error), wrong=True)
            return
        self._session.add_sets(sets)
        self.sets.setCurrentIndex(self.sets.findData(next(iter(sets))))
        self._chosen()
        self._say(f"{len(sets):,} gene sets read.")

    def _paint(self) -> None:
        s, genes = self._session, parse_genes(self.text.toPlainText())
        if s.section is None:
            self._say("Open a section first (Data).", wrong=True)
            return
        if not genes:
            self._say("The set is empty: paste some genes, or read a GMT file.", wrong=True)
            return
        known = match(genes, s.genes().names.tolist())
        if not known.found:
            self._say(f"None of the {len(genes)} genes is measured or can be imputed. Check the names: this section has e.g. {s.genes().names[0]}.", wrong=True)
            return
        name = self.name.text().strip() or "gene set"
        s.add_sets({name: genes})
        self.sets.setCurrentIndex(self.sets.findData(name))
        self._say(f"Scoring {len(known.found)} genes …")
        me, session = weakref.ref(self), s
        self._later.ask(lambda: score_of(session, name, known), lambda score: me() is not None and me()._scored(score, known))  # type: ignore[func-returns-value, union-attr]

    def _scored(self, score: CellValues, known: Matched) -> None:
        missing = f" Not found: {', '.join(known.missing[:_NAMED])}{' …' if len(known.missing) > _NAMED else ''}." if known.missing else ""
        self._say(f"{score.title}.{missing}")
        self._session.show_score(score)
        self._scene.bring("genes")

    def _say(self, text: str, *, wrong: bool = False) -> None:
        self.message.say(text, wrong=wrong)

    def _failed(self, error: Exception) -> None:
        self._say(told(error, "The set could not be scored"), wrong=True)


def score_of(session: Session, name: str, known: Matched) -> CellValues:
    """Score of a gene set over the cells, marked as imputed when any of its genes is."""
    assert session.section is not None
    measured = set(session.section.genes)
    imputed = [g for g in known.found if g not in measured]

    def columns() -> Iterator[NDArray[np.float32]]:
        for gene in known.found:
            yield session.values_of(gene, imputed=gene not in measured).values

    many = f"{len(known.found)} genes"
    kind = f"score of {many}, imputed ({len(imputed)} of them)" if imputed else f"score of {many}, measured"
    return CellValues(f"{name} (set)", mean_z(columns()), kind, unit="mean z", centred=True)
