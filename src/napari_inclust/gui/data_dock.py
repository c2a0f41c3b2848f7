"""Data: choose the section and the reference, see what they are."""

from __future__ import annotations

from html import escape
from typing import Any

from qtpy.QtWidgets import QDoubleSpinBox, QFormLayout, QGroupBox, QPushButton, QVBoxLayout, QWidget
from superqt import QCollapsible

from .bench import Workbench
from .columns import categories, likely_batch
from .legend import Legend
from .loading import DEMO, REFERENCE, SECTION
from .scene import types_of
from .widgets import Links, Message, PathField, Wrapped, choice, fill

_KINDS = [("find out", None), ("raw counts", "counts"), ("linear (per volume, intensity)", "linear"), ("log-normalised", "lognorm")]
_PLANES = [("as in the file (two axes)", None), ("x, y", "xy"), ("x, z", "xz"), ("y, z", "yz")]


class DataDock(QWidget):
    """Files in, with what they hold.

    Parameters
    ----------
    bench
        The workbench of the viewer.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._session, self._loading = bench.session, bench.loading
        self.section = PathField(
            "Section",
            "The tissue: an .h5ad file with centroids in obsm['spatial'], a SpatialData or AnnData .zarr, or an output folder of MERSCOPE, Xenium or CosMx",
        )
        self.reference = PathField("Reference", "scRNA-seq of the same tissue with all genes: .h5ad, .h5mu, .loom, a 10x file or folder, a table")
        self.demo = QPushButton("Open the demo")
        self.demo.setToolTip("A real MERFISH section of the mouse hypothalamus and its scRNA-seq reference (5,000 cells, in the package)")
        self.labels = choice("Column of the reference that holds cell types: helps the network, and colours nothing", [("none", None)])
        self.batch = choice("Column of either file that holds batches (animals, samples): their differences are taken out", [("none", None)])
        self.colour = choice("Column of the section by which the cells are coloured", [("none", None)])
        self.section_kind = choice("What the numbers of the section are, when it cannot be told from them", _KINDS)
        self.reference_kind = choice("What the numbers of the reference are, when it cannot be told from them", _KINDS)
        self.pixel = QDoubleSpinBox()
        self.pixel.setRange(0, 1000)
        self.pixel.setDecimals(4)
        self.pixel.setSuffix(" µm per unit")
        self.pixel.setSpecialValueText("as in the file")
        self.pixel.setToolTip("Micrometres per unit of the coordinates, when they are pixels; 0: as the file says")
        self.pixel.setKeyboardTracking(False)
        self.plane = choice("Which two axes to paint, when the coordinates are three-dimensional", _PLANES)
        self.legend = Legend()
        self.summary = Wrapped()
        self.message = Message()
        self._lay_out()

        links = Links(self)
        links.to(bench.session.data_changed, self._show)
        links.to(bench.session.types_changed, self._show_colour)
        links.to(bench.loading.changed, self._show)
        self.section.chosen.connect(self._read_section)
        self.reference.chosen.connect(self._read_reference)
        self.demo.clicked.connect(self._loading.demo)
        self.section_kind.activated.connect(self._read_section)
        self.pixel.valueChanged.connect(self._read_section)
        self.plane.activated.connect(self._read_section)
        self.reference_kind.activated.connect(self._read_reference)
        self.labels.activated.connect(self._choose_keys)
        self.batch.activated.connect(self._choose_keys)
        self.colour.activated.connect(self._choose_colour)
        self.legend.hidden.connect(bench.scene.hide_types)
        self._show()

    def _lay_out(self) -> None:
        files, keys, options = QWidget(), QWidget(), QWidget()
        form = QFormLayout(files)
        form.addRow("Section", self.section)
        form.addRow("Reference", self.reference)
        form.addRow("", self.demo)
        form = QFormLayout(keys)
        form.addRow("Cell types", self.labels)
        form.addRow("Batches", self.batch)
        form.addRow("Colour cells by", self.colour)
        form = QFormLayout(options)
        form.addRow("Section values", self.section_kind)
        form.addRow("Reference values", self.reference_kind)
        form.addRow("Pixel size", self.pixel)
        form.addRow("Plane", self.plane)
        for w in (files, keys, options):
            w.layout().setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
            w.layout().setContentsMargins(0, 0, 0, 0)
        more = QCollapsible("How to read the files")
        more.setToolTip("Kinds of values, pixel size, plane: only needed when the files do not say so")
        more.addWidget(options)
        self.found = QGroupBox("Found")
        QVBoxLayout(self.found).addWidget(self.summary)
        box = QVBoxLayout(self)
        for part in (files, more, self.message, keys, self.legend, self.found):
            box.addWidget(part)
        box.addStretch(1)

    def _read_section(self, *_: Any) -> None:
        if self.section.path() not in ("", DEMO):
            pixel = self.pixel.value() or None
            self._loading.section(self.section.path(), values=self.section_kind.currentData(), pixel_size=pixel, plane=self.plane.currentData())

    def _read_reference(self, *_: Any) -> None:
        if self.reference.path() not in ("", DEMO):
            self._loading.reference(self.reference.path(), values=self.reference_kind.currentData())

    def _choose_keys(self, *_: Any) -> None:
        self._session.labels = self.labels.currentData()
        self._session.batch = self.batch.currentData()

    def _choose_colour(self, *_: Any) -> None:
        key = self.colour.currentData()
        if key is not None and self._session.section is not None:
            self._session.set_types(types_of(self._session.section, key))

    def _show(self, *_: Any) -> None:
        s, loading = self._session, self._loading
        for side, field in ((SECTION, self.section), (REFERENCE, self.reference)):
            if loading.path.get(side):
                field.show_path(loading.path[side])
        busy = [f"Reading {loading.busy[side]} …" for side in (SECTION, REFERENCE) if side in loading.busy]
        wrong = [*loading.problem.values(), *([s.panel_problem] if s.panel_problem else [])]
        self.message.say("\n".join(wrong or busy), wrong=bool(wrong))
        ref = categories(s.reference.adata.obs) if s.reference is not None else []
        sec = categories(s.section.adata.obs) if s.section is not None else []
        fill(self.labels, [("none", None), *((n, n) for n in ref)], s.labels)
        fill(self.batch, [("none", None), *((n, n) for n in dict.fromkeys([*sec, *ref]))], s.batch)
        for box, on, why in ((self.labels, ref, "the reference has"), (self.batch, sec or ref, "the files have")):
            box.setEnabled(bool(on))
            box.setItemText(0, "none" if on else f"none: {why} no such column")
        self._show_colour()
        self.summary.setText(_summary(s))
        self.found.setVisible(s.section is not None or s.reference is not None)

    def _show_colour(self) -> None:
        s = self._session
        names = categories(s.section.adata.obs) if s.section is not None else []
        fill(self.colour, [(n, n) for n in names] or [("none", None)], s.types.name if s.types is not None else None)
        self.colour.setEnabled(bool(names))
        self.legend.show_types(s.types)


def _summary(s: Any) -> str:
    """What the files hold, as a table."""
    rows: list[tuple[str, str]] = []
    for name, data in (("Section", s.section), ("Reference", s.reference)):
        if data is not None:
            rows.append(
                (name, f"<b>{escape(data.name)}</b>: {data.n_cells:,} cells, {len(data.genes):,} genes<br>{escape(str(data.values))}, from {data.source}")
            )
    if s.section is not None:
        rows.append(("Unit", escape(s.section.unit_note)))
    if s.panel is not None:
        rows.append(("Shared", f"<b>{s.panel.n_shared:,}</b> genes"))
        rows.append(("To impute", f"<b>{s.panel.n_reference_only:,}</b> genes"))
        rows.extend(("Note", escape(note)) for note in s.panel.notes)
    if s.section is not None and (key := likely_batch(s.section.adata.obs)) is not None and s.batch is None:
        rows.append(("Hint", f"{escape(key)} may hold batches: choose it above if their differences are technical."))
    return "<table>" + "".join(f"<tr><td style='padding-right:10px'>{a}</td><td>{b}</td></tr>" for a, b in rows) + "</table>"
