"""Data: choose the section and the reference, see what they are."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QGroupBox, QPushButton, QVBoxLayout, QWidget

from ...data.panel import control_probes
from ..controllers.loading import DEMO, REFERENCE, SECTION
from ..state.columns import categories, likely_batch
from ..state.layer_source import LayerSource
from ..viewer_context import Workbench
from ..views.reading_form import ReadingForm
from ..views.side_by_side_list import BesideList
from ..views.tissue_box import TissueBox
from ..widgets.common import Links, Message, PathField, Wrapped, allow, choice, fill, form
from ..widgets.flow import Fold


class DataDock(QWidget):
    """Files in, with what they hold.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._session, self._loading, self._tissue = bench.session, bench.loading, bench.tissue
        self.section = PathField(
            "Section",
            "The tissue: an .h5ad file with centroids in obsm['spatial'], a SpatialData or AnnData .zarr, a table, "
            "or an output folder of MERSCOPE, Xenium, CosMx or Visium",
        )
        self.reference = PathField("Reference", "scRNA-seq of the same tissue with all genes: .h5ad, .h5mu, .loom, a 10x file or folder, a table")
        self.demo = QPushButton("Open the demo")
        self.demo.setToolTip("A real MERFISH section of the mouse hypothalamus and its scRNA-seq reference (5,000 cells, in the package)")
        self.labels = choice("Column of the reference that holds cell types: helps the network, and colours nothing", [("none", None)])
        self.batch = choice("Column of either file that holds batches (animals, samples): their differences are taken out", [("none", None)])
        self.sections = choice("Sections of this session: choose one to open it again; the one that is open is trained and painted", [("none", None)])
        self.sections.setPlaceholderText("choose one")
        self.layers = choice("A section that napari-spatialdata shows in this window", [("none", None)])
        self.reading = ReadingForm()
        self.tissue = TissueBox(bench.tissue)
        self.beside = BesideList(bench)
        self.summary = Wrapped()
        self.question, self.message = Message(), Message()
        self._path = ""  # of the section whose options are shown
        self._source: LayerSource | None = None  # behind the section, when it comes from a layer
        self._lay_out()

        links = Links(self)
        links.to(bench.tissue.layers_changed, self._show_layers)
        links.to(bench.session.data_changed, self._show)
        links.to(bench.loading.changed, self._show)
        self.section.chosen.connect(self._read_new)
        self.reference.chosen.connect(self._read_reference)
        self.demo.clicked.connect(self._loading.demo)
        self.sections.activated.connect(self._reopen)
        self.layers.activated.connect(self._read_layer)
        self.reading.section_changed.connect(self._read_again)
        self.reading.reference_changed.connect(self._read_reference)
        self.labels.activated.connect(self._choose_keys)
        self.batch.activated.connect(self._choose_keys)
        self._show_layers()
        self._show()

    def _lay_out(self) -> None:
        files, keys = QWidget(), QWidget()
        rows = self._files = form(files)
        rows.addRow("Section", self.section)
        rows.addRow("Opened", self.sections)
        rows.addRow("From a layer", self.layers)
        rows.addRow("Reference", self.reference)
        rows.addRow("", self.demo)
        rows = form(keys)
        rows.addRow("Cell types", self.labels)
        rows.addRow("Batches", self.batch)
        self.more = Fold(
            "How to read the files",
            "Table, columns, coordinate system, kinds of values, pixel size, plane, outlines: only needed when the files do not say so",
        )
        self.more.addWidget(self.reading)
        self.found = QGroupBox("Found")
        QVBoxLayout(self.found).addWidget(self.summary)
        box = QVBoxLayout(self)
        for part in (files, self.more, self.question, self.message, keys, self.beside, self.tissue, self.found):
            box.addWidget(part)
        box.addStretch(1)

    def _read_new(self, *_: Any) -> None:
        self.reading.forget()
        self._source = None
        self._read_again()

    def _read_again(self) -> None:
        """The section with what is chosen now."""
        if self._source is not None:
            self._loading.section_of(self._source, **self.reading.section_options())
        elif self.section.path() not in ("", DEMO):
            self._loading.section(self.section.path(), **self.reading.section_options())

    def _reopen(self, *_: Any) -> None:
        path = self.sections.currentData()
        if path is not None and path != self.section.path():
            self._source = None
            self._loading.section(path, **self._loading.sections[path])

    def _read_layer(self, *_: Any) -> None:
        source = self.layers.currentData()
        if source is not None:
            self.reading.forget()
            self._source = source
            self._read_again()

    def _read_reference(self, *_: Any) -> None:
        if self.reference.path() not in ("", DEMO):
            self._loading.reference(self.reference.path(), values=self.reading.reference_kind.currentData())

    def _choose_keys(self, *_: Any) -> None:
        self._session.labels = self.labels.currentData()
        self._session.batch = self.batch.currentData()

    def _show(self, *_: Any) -> None:
        s, loading = self._session, self._loading
        for side, field in ((SECTION, self.section), (REFERENCE, self.reference)):
            if loading.path.get(side):
                field.show_path(loading.path[side])
        if (path := loading.path.get(SECTION, "")) != self._path:
            self._path = path
            if path in loading.sections:  # opened before: with what was chosen then
                self.reading.show_options(loading.sections[path])
        offered = self.reading.offer(*loading.choices)
        if SECTION in loading.problem and (offered or "above" in loading.problem[SECTION]):  # a control says what the file does not
            self.more.expand()
        if loading.question and loading.question != self.question.text():
            self.more.expand()
        self.question.say(loading.question)
        fill(self.sections, [(Path(p).name, p) for p in loading.sections], loading.path.get(SECTION))
        if loading.path.get(SECTION) not in loading.sections:  # refused, or the demo
            self.sections.setCurrentIndex(-1)
        self._files.setRowVisible(self.sections, len(loading.sections) > 1)
        busy = [f"Reading {loading.busy[side]} …" for side in (SECTION, REFERENCE) if side in loading.busy]
        wrong = [*loading.problem.values(), *([s.panel_problem] if s.panel_problem else [])]
        self.message.say("\n".join(wrong or busy), wrong=bool(wrong))
        ref = categories(s.reference.adata.obs) if s.reference is not None else []
        sec = categories(s.section.adata.obs) if s.section is not None else []
        fill(self.labels, [("none", None), *((n, n) for n in ref)], s.labels)
        fill(self.batch, [("none", None), *((n, n) for n in dict.fromkeys([*sec, *ref]))], s.batch)
        for box, on, data, where in ((self.labels, ref, s.reference, "reference"), (self.batch, sec or ref, s.section or s.reference, "files")):
            allow(box, "" if on else "There is no column to choose from.")
            box.setItemText(0, "none" if on or data is None else f"none in the {where}")
        self.summary.setText(_summary(s))
        self.found.setVisible(s.section is not None or s.reference is not None)

    def _show_layers(self) -> None:
        """Layers of other plugins that hold a section."""
        sources = self._tissue.sources()
        fill(self.layers, [("none", None), *((s.name, s) for s in sources)], self._source)
        self._files.setRowVisible(self.layers, bool(sources))


def _breaking(name: str) -> str:
    """A name as HTML that may break after what joins its parts: a long one would make the table wider than the dock."""
    return re.sub(r"([_.-])", "\\1&#8203;", escape(name))


def _summary(s: Any) -> str:
    """What the files hold, as a table."""
    rows: list[tuple[str, str]] = []
    for name, data in (("Section", s.section), ("Reference", s.reference)):
        if data is not None:
            genes = len(data.genes) - len(control_probes(data.genes))
            rows.append((name, f"<b>{_breaking(data.name)}</b>: {data.n_cells:,} cells, {genes:,} genes<br>{escape(str(data.values))}, from {data.source}"))
    if s.section is not None:
        rows.append(("Unit", escape(s.section.unit_note)))
        if s.section.predicted is not None:
            rows.append(("Predicted", f"{s.section.predicted.said} by an earlier run: shown as that, never trained on"))
    if s.panel is not None:
        rows.append(("Shared", f"<b>{s.panel.n_shared:,}</b> genes"))
        rows.append(("To impute", f"<b>{s.panel.n_reference_only:,}</b> genes"))
        rows.extend(("Note", escape(note)) for note in s.panel.notes)
    if s.section is not None and (key := likely_batch(s.section.adata.obs)) is not None and s.batch is None:
        rows.append(("Hint", f"{escape(key)} may hold batches: choose it above if their differences are technical."))
    return "<table>" + "".join(f"<tr><td style='padding-right:10px'>{a}</td><td>{b}</td></tr>" for a, b in rows) + "</table>"
