"""Export: files of the results of a run, and saved runs to load."""

from __future__ import annotations

from collections.abc import Callable

from napari.utils.notifications import show_info
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from ..controllers.saving import ExportController
from ..viewer_context import ViewerContext
from ..widgets.common import MessageLabel, SignalConnections, create_button, enable_unless
from ..widgets.form import add_rows, build_fields
from ..widgets.form_layout import FormLayout

_GROUP_TITLES = {
    "imputed": "imputed: not measured in the section",
    "all": "all genes (measured ones as held-out predictions)",
    "starred": "starred genes",
    "shown": "the gene that is shown",
}
_FILE_FILTER = (
    "AnnData (*.h5ad);;AnnData zarr (*.zarr);;SpatialData zarr (*.sdata.zarr);;MuData (*.h5mu);;CSV (*.csv);;"
    "Parquet (*.parquet)"
)


class ExportDock(QWidget):
    """Buttons that write the results of a run to files, and one that loads a run.

    Parameters
    ----------
    context
        The context of the viewer.
    """

    def __init__(self, context: ViewerContext) -> None:
        super().__init__()
        self._session, self._saving = context.session, context.export_controller
        self._fields = build_fields(ExportController.select_genes, group={"titles": _GROUP_TITLES})
        self.gene_choice = self._fields["group"].native
        self.save_genes = create_button(
            "Save imputed genes…",
            "Values, spread and scores of cells x genes, marked as imputed: AnnData (.h5ad, .zarr), SpatialData "
            "(.sdata.zarr), MuData, or tables (CSV, Parquet)",
        )
        self.add_to_store = create_button(
            "Add to the store",
            "A new table beside those of the store that the section came from; nothing there is replaced",
        )
        self.save_scores = create_button(
            "Save scores…", "CSV: held-out scores of all shared genes, beside the baselines"
        )
        self.save_run = create_button("Save run…", "The trained network with its settings (.inclust), without the data")
        self.load_run = create_button(
            "Load run…",
            "A saved run (.inclust), onto the open section and reference, or with the files that it was trained on",
        )
        self.save_generated = create_button(
            "Save generated…",
            "All generated features of the section's cells (.h5ad), marked as generated, with score and spread of each",
        )
        self.cancel = create_button("Cancel", "Stop writing; nothing half-written stays")
        self.progress_bar = QProgressBar()
        self.progress_bar.setToolTip("Genes written of those chosen")
        self.message = MessageLabel()
        rows = FormLayout()
        add_rows(rows, self._fields, {"group": "Genes"})
        box = QVBoxLayout(self)
        box.addLayout(rows)
        for row in (
            (self.save_genes,),
            (self.add_to_store,),
            (self.save_generated,),
            (self.save_scores,),
            (self.save_run, self.load_run),
        ):
            line = QHBoxLayout()
            for b in row:
                line.addWidget(b)
            box.addLayout(line)
        box.addWidget(self.progress_bar)
        box.addWidget(self.cancel)
        box.addWidget(self.message)
        box.addStretch(1)
        self._progress_timer = QTimer(self)
        self._progress_timer.setInterval(100)
        self._progress_timer.timeout.connect(self._show_progress)

        links = SignalConnections(self)
        s = context.session
        for signal in (s.section_changed, s.reference_changed, s.run_selected, s.generated_changed):
            links.connect(signal, self._refresh)
        links.connect(context.export_controller.status_changed, self._on_saving_changed)
        self.save_genes.clicked.connect(self._save_genes)
        self.add_to_store.clicked.connect(self._add_to_store)
        self.save_scores.clicked.connect(
            lambda: self._ask_path("scores.csv", "CSV (*.csv)", self._saving.export_scores)
        )
        self.save_run.clicked.connect(
            lambda: self._ask_path("run.inclust", "inClust run (*.inclust)", self._saving.export_run)
        )
        self.save_generated.clicked.connect(
            lambda: self._ask_path("generated.h5ad", "AnnData (*.h5ad)", self._saving.export_generated)
        )
        self.load_run.clicked.connect(self._load_run)
        self.cancel.clicked.connect(self._saving.cancel)
        self._refresh()

    def chosen_genes(self) -> list[str]:
        """Return the names of the genes to write, without those that the reference lacks."""
        return self._saving.select_genes(self._fields["group"].value)

    def _save_genes(self) -> None:
        if genes := self._require_genes():
            self._ask_path("imputed.h5ad", _FILE_FILTER, lambda path: self._saving.export_genes(path, genes))

    def _add_to_store(self) -> None:
        if genes := self._require_genes():
            self._saving.export_to_source_store(genes)

    def _require_genes(self) -> list[str]:
        """Return the chosen genes, with an error message if there are none."""
        genes = self.chosen_genes()
        if not genes:
            self.message.show_message(
                "No gene of this choice can be imputed: star genes, or choose another group.", is_error=True
            )
        return genes

    def _ask_path(self, name: str, kinds: str, write: Callable[[str], None]) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save", name, kinds)
        if path:
            write(path)

    def _load_run(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Load a run", "", "inClust run (*.inclust)")
        if path:
            self._saving.load_run(path)

    def _on_saving_changed(self) -> None:
        saving = self._saving
        self.message.show_message(saving.busy + " …" if saving.running else saving.message, is_error=saving.is_error)
        if saving.message and not saving.is_error and not saving.running:
            show_info(saving.message)
        self._refresh()

    def _show_progress(self) -> None:
        self.progress_bar.setRange(0, self._saving.n_total)
        self.progress_bar.setValue(self._saving.n_written)

    def _refresh(self) -> None:
        running = self._saving.running
        (self._progress_timer.start if running else self._progress_timer.stop)()
        self.progress_bar.setVisible(running)
        self.cancel.setVisible(running)
        reason = (
            "Something is being written."
            if running
            else ""
            if self._session.run is not None
            else "There is no run yet: train first (Train)."
        )
        for b in (self.save_genes, self.save_scores, self.save_run):
            enable_unless(b, reason)
        store = self._saving.source_store
        enable_unless(
            self.add_to_store,
            reason or ("" if store is not None else "The section is not from a SpatialData store (.zarr)."),
        )
        enable_unless(self.load_run, "Something is being written." if running else "")
        nothing = (
            ""
            if self._session.generated is not None
            else "Nothing was generated yet (Train, with a task that generates)."
        )
        enable_unless(self.save_generated, "Something is being written." if running else nothing)
