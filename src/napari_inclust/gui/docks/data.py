"""Data: the choice of the section and the reference, and a summary of both."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QGroupBox, QPushButton, QVBoxLayout, QWidget

from ...data.panel import control_probes
from ..controllers.loading import DEMO, REFERENCE, SECTION
from ..state.columns import categorical_columns, guess_batch_column
from ..state.layer_source import SpatialDataLayer
from ..viewer_context import ViewerContext
from ..views.additional_sections import AdditionalSectionsList
from ..views.reading_form import ReadOptionsForm
from ..views.tissue_box import TissueImageBox
from ..widgets.common import (
    MessageLabel,
    PathField,
    SignalConnections,
    WrappedLabel,
    create_combo_box,
    enable_unless,
    set_items,
)
from ..widgets.flow import Collapsible
from ..widgets.form_layout import FormLayout


class DataDock(QWidget):
    """The files of the section and the reference, how they are read, and what they hold.

    Parameters
    ----------
    context
        The context of the viewer.
    """

    def __init__(self, context: ViewerContext) -> None:
        super().__init__()
        self._session, self._loading, self._tissue = (
            context.session,
            context.loading_controller,
            context.image_controller,
        )
        self.section = PathField(
            "Section",
            "The tissue: an .h5ad file with centroids in obsm['spatial'], a SpatialData or AnnData .zarr, a table, "
            "or an output folder of MERSCOPE, Xenium, CosMx or Visium",
        )
        self.reference = PathField(
            "Reference",
            "scRNA-seq of the same tissue with all genes: .h5ad, .h5mu, .loom, a 10x file or folder, a table",
        )
        self.demo = QPushButton("Open the demo")
        self.demo.setToolTip(
            "A real MERFISH section of the mouse hypothalamus and its scRNA-seq reference (5,000 cells, in the package)"
        )
        self.labels = create_combo_box(
            "Column of the reference that holds cell types: helps the network, and colours nothing", [("none", None)]
        )
        self.batch = create_combo_box(
            "Column of either file that holds batches (animals, samples): their differences are taken out",
            [("none", None)],
        )
        self.sections = create_combo_box(
            "Sections of this session: choose one to open it again; the one that is open is trained and painted",
            [("none", None)],
        )
        self.sections.setPlaceholderText("choose one")
        self.layers = create_combo_box("A section that napari-spatialdata shows in this window", [("none", None)])
        self.read_options = ReadOptionsForm()
        self.tissue_images = TissueImageBox(context.image_controller)
        self.additional_sections_list = AdditionalSectionsList(context)
        self.summary = WrappedLabel()
        self.question, self.message = MessageLabel(), MessageLabel()
        self._shown_path = ""  # of the section whose options are shown
        self._layer_source: SpatialDataLayer | None = None  # of a section from a layer of another plugin
        self._lay_out()

        links = SignalConnections(self)
        links.connect(context.image_controller.spatialdata_layers_changed, self._refresh_layers)
        links.connect(context.session.section_changed, self._refresh)
        links.connect(context.session.reference_changed, self._refresh)
        links.connect(context.loading_controller.loading_changed, self._refresh)
        self.section.path_chosen.connect(self._open_new_section)
        self.reference.path_chosen.connect(self._read_reference)
        self.demo.clicked.connect(self._loading.load_demo)
        self.sections.activated.connect(self._reopen_section)
        self.layers.activated.connect(self._open_layer_section)
        self.read_options.section_changed.connect(self._reread_section)
        self.read_options.reference_changed.connect(self._read_reference)
        self.labels.activated.connect(self._choose_keys)
        self.batch.activated.connect(self._choose_keys)
        self._refresh_layers()
        self._refresh()

    def _lay_out(self) -> None:
        files, keys = QWidget(), QWidget()
        rows = self._file_rows = FormLayout(files)
        rows.addRow("Section", self.section)
        rows.addRow("Opened", self.sections)
        rows.addRow("From a layer", self.layers)
        rows.addRow("Reference", self.reference)
        rows.addRow("", self.demo)
        rows = FormLayout(keys)
        rows.addRow("Cell types", self.labels)
        rows.addRow("Batches", self.batch)
        self.read_options_box = Collapsible(
            "How to read the files",
            "Table, columns, coordinate system, kinds of values, pixel size, plane, outlines: only needed when the "
            "files do not say so",
        )
        self.read_options_box.addWidget(self.read_options)
        self.summary_box = QGroupBox("Found")
        QVBoxLayout(self.summary_box).addWidget(self.summary)
        box = QVBoxLayout(self)
        for part in (
            files,
            self.read_options_box,
            self.question,
            self.message,
            keys,
            self.additional_sections_list,
            self.tissue_images,
            self.summary_box,
        ):
            box.addWidget(part)
        box.addStretch(1)

    def _open_new_section(self, *_: Any) -> None:
        self.read_options.reset()
        self._layer_source = None
        self._reread_section()

    def _reread_section(self) -> None:
        """Read the section again with the chosen options."""
        if self._layer_source is not None:
            self._loading.load_section_from_layer(self._layer_source, **self.read_options.section_options())
        elif self.section.path() not in ("", DEMO):
            self._loading.load_section(self.section.path(), **self.read_options.section_options())

    def _reopen_section(self, *_: Any) -> None:
        path = self.sections.currentData()
        if path is not None and path != self.section.path():
            self._layer_source = None
            self._loading.load_section(path, **self._loading.opened_sections[path])

    def _open_layer_section(self, *_: Any) -> None:
        source = self.layers.currentData()
        if source is not None:
            self.read_options.reset()
            self._layer_source = source
            self._reread_section()

    def _read_reference(self, *_: Any) -> None:
        if self.reference.path() not in ("", DEMO):
            self._loading.load_reference(self.reference.path(), values=self.read_options.reference_values.currentData())

    def _choose_keys(self, *_: Any) -> None:
        self._session.labels_key = self.labels.currentData()
        self._session.batch_key = self.batch.currentData()

    def _refresh(self, *_: Any) -> None:
        s, loading = self._session, self._loading
        for side, field in ((SECTION, self.section), (REFERENCE, self.reference)):
            if loading.paths.get(side):
                field.show_path(loading.paths[side])
        if (path := loading.paths.get(SECTION, "")) != self._shown_path:
            self._shown_path = path
            if path in loading.opened_sections:  # opened before: show the options of that time
                self.read_options.show_options(loading.opened_sections[path])
        offered = self.read_options.set_choices(*loading.section_choices)
        # expand where one of the options answers what the file leaves open
        if SECTION in loading.error_messages and (offered or "above" in loading.error_messages[SECTION]):
            self.read_options_box.expand()
        if loading.unit_question and loading.unit_question != self.question.text():
            self.read_options_box.expand()
        self.question.show_message(loading.unit_question)
        set_items(self.sections, [(Path(p).name, p) for p in loading.opened_sections], loading.paths.get(SECTION))
        if loading.paths.get(SECTION) not in loading.opened_sections:  # refused, or the demo
            self.sections.setCurrentIndex(-1)
        self._file_rows.setRowVisible(self.sections, len(loading.opened_sections) > 1)
        busy = [f"Reading {loading.busy[side]} …" for side in (SECTION, REFERENCE) if side in loading.busy]
        wrong = [*loading.error_messages.values(), *([s.panel_error] if s.panel_error else [])]
        self.message.show_message("\n".join(wrong or busy), is_error=bool(wrong))
        ref = categorical_columns(s.reference.adata.obs) if s.reference is not None else []
        sec = categorical_columns(s.section.adata.obs) if s.section is not None else []
        set_items(self.labels, [("none", None), *((n, n) for n in ref)], s.labels_key)
        set_items(self.batch, [("none", None), *((n, n) for n in dict.fromkeys([*sec, *ref]))], s.batch_key)
        for box, on, data, where in (
            (self.labels, ref, s.reference, "reference"),
            (self.batch, sec or ref, s.section or s.reference, "files"),
        ):
            enable_unless(box, "" if on else "There is no column to choose from.")
            box.setItemText(0, "none" if on or data is None else f"none in the {where}")
        self.summary.setText(_summary_html(s))
        self.summary_box.setVisible(s.section is not None or s.reference is not None)

    def _refresh_layers(self) -> None:
        """Layers of other plugins that hold a section."""
        sources = self._tissue.spatialdata_layers()
        set_items(self.layers, [("none", None), *((s.name, s) for s in sources)], self._layer_source)
        self._file_rows.setRowVisible(self.layers, bool(sources))


def _breakable_html(name: str) -> str:
    """Return a name as HTML that may break after the characters that join its parts, so that it fits into the dock."""
    return re.sub(r"([_.-])", "\\1&#8203;", escape(name))


def _summary_html(session: Any) -> str:
    """Return a table of what the files hold."""
    rows: list[tuple[str, str]] = []
    for name, data in (("Section", session.section), ("Reference", session.reference)):
        if data is not None:
            genes = len(data.genes) - len(control_probes(data.genes))
            size = f"{data.n_cells:,} cells, {genes:,} genes"
            values = f"{escape(str(data.values))}, from {data.values_source}"
            rows.append((name, f"<b>{_breakable_html(data.name)}</b>: {size}<br>{values}"))
    if session.section is not None:
        rows.append(("Unit", escape(session.section.unit_note)))
        if session.section.predicted is not None:
            rows.append(
                (
                    "Predicted",
                    f"{session.section.predicted.summary} by an earlier run: shown as predicted, never trained on",
                )
            )
    if session.panel is not None:
        rows.append(("Shared", f"<b>{session.panel.n_shared:,}</b> genes"))
        rows.append(("To impute", f"<b>{session.panel.n_reference_only:,}</b> genes"))
        rows.extend(("Note", escape(note)) for note in session.panel.notes)
    if (
        session.section is not None
        and (key := guess_batch_column(session.section.adata.obs)) is not None
        and session.batch_key is None
    ):
        rows.append(("Hint", f"{escape(key)} may hold batches: choose it above if their differences are technical."))
    return (
        "<table>"
        + "".join(f"<tr><td style='padding-right:10px'>{a}</td><td>{b}</td></tr>" for a, b in rows)
        + "</table>"
    )
