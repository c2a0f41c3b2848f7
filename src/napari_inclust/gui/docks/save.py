"""Save: results out, runs in; says where."""

from __future__ import annotations

from collections.abc import Callable

from napari.utils.notifications import show_info
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from ..viewer_context import Workbench
from ..widgets.common import Links, Message, allow, button, choice, form

_WHICH = [
    ("imputed: not measured in the section", "imputed"),
    ("all genes (measured ones as held-out predictions)", "all"),
    ("starred genes", "starred"),
    ("the gene that is shown", "shown"),
]
_KINDS = "AnnData (*.h5ad);;AnnData zarr (*.zarr);;SpatialData zarr (*.sdata.zarr);;MuData (*.h5mu);;CSV (*.csv);;Parquet (*.parquet)"


class SaveDock(QWidget):
    """Everything that a run gives, as files.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._session, self._saving = bench.session, bench.saving
        self.which = choice("Which genes are written", _WHICH)
        self.genes = button(
            "Save imputed genes…",
            "Values, spread and scores of cells x genes, marked as imputed: AnnData (.h5ad, .zarr), SpatialData (.sdata.zarr), MuData, or tables (CSV, Parquet)",
        )
        self.back = button("Add to the store", "A new table beside those of the store that the section came from; nothing there is replaced")
        self.scores = button("Save scores…", "CSV: held-out scores of all shared genes, beside the baselines")
        self.run = button("Save run…", "The trained network with its settings (.inclust), without the data")
        self.load = button("Load run…", "A saved run (.inclust), onto the open section and reference, or with the files that it was trained on")
        self.made = button("Save generated…", "All generated features of the section's cells (.h5ad), marked as generated, with score and spread of each")
        self.cancel = button("Cancel", "Stop writing; nothing half-written stays")
        self.bar = QProgressBar()
        self.bar.setToolTip("Genes written of those chosen")
        self.message = Message()
        rows = form()
        rows.addRow("Genes", self.which)
        box = QVBoxLayout(self)
        box.addLayout(rows)
        for row in ((self.genes,), (self.back,), (self.made,), (self.scores,), (self.run, self.load)):
            line = QHBoxLayout()
            for b in row:
                line.addWidget(b)
            box.addLayout(line)
        box.addWidget(self.bar)
        box.addWidget(self.cancel)
        box.addWidget(self.message)
        box.addStretch(1)
        self._look = QTimer(self)
        self._look.setInterval(100)
        self._look.timeout.connect(self._progress)

        links = Links(self)
        links.to(bench.session.run_changed, self._show)
        links.to(bench.session.data_changed, self._show)
        links.to(bench.saving.changed, self._saved)
        self.genes.clicked.connect(lambda: self._some() and self._ask("imputed.h5ad", _KINDS, lambda path: self._saving.genes(path, self.chosen())))
        self.back.clicked.connect(lambda: self._some() and self._saving.into_store(self.chosen()))
        self.scores.clicked.connect(lambda: self._ask("scores.csv", "CSV (*.csv)", self._saving.scores))
        self.run.clicked.connect(lambda: self._ask("run.inclust", "inClust run (*.inclust)", self._saving.run))
        self.made.clicked.connect(lambda: self._ask("generated.h5ad", "AnnData (*.h5ad)", self._saving.generated))
        self.load.clicked.connect(self._load)
        self.cancel.clicked.connect(self._saving.cancel)
        self._show()

    def chosen(self) -> list[str]:
        """Names of the genes to write; those that the reference lacks are left out."""
        run = self._session.run
        if run is None:
            return []
        imputable = [*run.panel.shared, *run.panel.reference_only]
        which = self.which.currentData()
        if which == "imputed":
            return list(run.panel.reference_only)
        if which == "all":
            return imputable
        wanted = self._session.stars if which == "starred" else {self._session.gene}
        return [g for g in imputable if g in wanted]

    def _some(self) -> bool:
        """Whether any gene is chosen; says so when none is."""
        if not self.chosen():
            self.message.say("No gene of this choice can be imputed: star genes, or choose another group.", wrong=True)
        return bool(self.chosen())

    def _ask(self, name: str, kinds: str, save: Callable[[str], None]) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save", name, kinds)
        if path:
            save(path)

    def _load(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Load a run", "", "inClust run (*.inclust)")
        if path:
            self._saving.load(path)

    def _saved(self) -> None:
        saving = self._saving
        self.message.say(saving.busy + " …" if saving.running else saving.message, wrong=saving.wrong)
        if saving.message and not saving.wrong and not saving.running:
            show_info(saving.message)
        self._show()

    def _progress(self) -> None:
        self.bar.setRange(0, self._saving.total)
        self.bar.setValue(self._saving.written)

    def _show(self) -> None:
        running = self._saving.running
        (self._look.start if running else self._look.stop)()
        self.bar.setVisible(running)
        self.cancel.setVisible(running)
        why = "Something is being written." if running else "" if self._session.run is not None else "There is no run yet: train first (Train)."
        for b in (self.genes, self.scores, self.run):
            allow(b, why)
        store = self._saving.store
        allow(self.back, why or ("" if store is not None else "The section is not from a SpatialData store (.zarr)."))
        allow(self.load, "Something is being written." if running else "")
        nothing = "" if self._session.generated is not None else "Nothing was generated yet (Train, with a task that generates)."
        allow(self.made, "Something is being written." if running else nothing)
