"""Tissue images and molecules: which are shown under and over the cells."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QFileDialog, QGroupBox, QListWidgetItem, QVBoxLayout

from ..controllers.tissue import Tissue
from ..widgets.common import Links, Message, allow, button, choice, fill, form
from ..widgets.flow import Flow
from ..widgets.tick_list import TickList

_FILES = "Images (*.tif *.tiff *.btf *.qptiff *.png *.jpg *.jpeg);;All files (*)"
_ROWS = 5  # of the list


class TissueBox(QGroupBox):
    """A list of channels with ticks, the plane, a picture of one's own, and molecules.

    Parameters
    ----------
    tissue
        What is there, and shows it.
    """

    def __init__(self, tissue: Tissue) -> None:
        super().__init__("Tissue images")
        self._tissue = tissue
        self._known: list[Any] = []
        self.channels = TickList()
        self.channels.setToolTip("Ticked channels are drawn under the cells and added up. Select the gene's layer and lower its opacity to see them through it")
        self.channels.setAccessibleName("Channels")
        self.plane = choice("Plane of the images, counted from the glass", [("0", 0)])
        self.pixel = QDoubleSpinBox()
        self.pixel.setRange(0, 1000)
        self.pixel.setDecimals(4)
        self.pixel.setSuffix(" µm per pixel")
        self.pixel.setSpecialValueText("as in the file")
        self.pixel.setToolTip("Micrometres per pixel of a picture that is added; 0: as its file says")
        self.add = button("Add image…", "A picture of the same tissue (TIFF, OME-TIFF, PNG, JPEG) whose first pixel is at the origin")
        self.folder = button("Add zarr…", "The same from a zarr or OME-zarr folder")
        self.molecules = QCheckBox("Molecules of the gene")
        self.molecules.setToolTip("Each transcript of the painted gene as a point; at most 20,000 at once, more of them the closer you look")
        self.message = Message()
        rows = self._form = form()
        QVBoxLayout(self).addLayout(rows)
        rows.addRow(self.channels)
        rows.addRow("Plane (z)", self.plane)
        rows.addRow(Flow(self.add, self.folder))
        rows.addRow("Pixel size", self.pixel)
        rows.addRow(self.molecules)
        rows.addRow(self.message)
        Links(self).to(tissue.changed, self._show)
        self.channels.itemChanged.connect(self._choose)
        self.plane.activated.connect(self._choose)
        self.add.clicked.connect(self._add_file)
        self.folder.clicked.connect(self._add_folder)
        self.molecules.toggled.connect(tissue.show_molecules)
        self._show()

    def ticked(self) -> tuple[str, ...]:
        """Names of the channels that are ticked."""
        items = (self.channels.item(i) for i in range(self.channels.count()))
        return tuple(item.text() for item in items if item.checkState() == Qt.CheckState.Checked)

    def _choose(self, *_: Any) -> None:
        self._tissue.show(self.ticked(), self.plane.currentData())

    def _add_file(self) -> None:
        self._take(QFileDialog.getOpenFileName(self, "Add an image", "", _FILES)[0])

    def _add_folder(self) -> None:
        self._take(QFileDialog.getExistingDirectory(self, "Add a zarr image"))

    def _take(self, path: str) -> None:
        if path:
            self._tissue.add(path, self.pixel.value() or None)

    def _show(self) -> None:
        t = self._tissue
        if t.images is not self._known:
            self._known = t.images
            self._list()
            fill(self.plane, [(str(z), z) for z in t.planes] or [("0", None)], t.z if t.z in t.planes else self.plane.currentData())
        self._form.setRowVisible(self.plane, len(t.planes) > 1)
        self.channels.setVisible(bool(t.images))
        opened = "" if t.opened else "Open a section first."
        for control in (self.add, self.folder):
            allow(control, opened)
        allow(self.molecules, "" if t.has_molecules else "No table of transcripts lies with this section.")
        self.molecules.blockSignals(True)
        self.molecules.setChecked(t.molecules_on)
        self.molecules.blockSignals(False)
        nothing = "" if t.images or not t.opened else "No images lie with this section."
        self.message.say(t.problem or t.busy or nothing, wrong=bool(t.problem))

    def _list(self) -> None:
        self.channels.blockSignals(True)
        self.channels.clear()
        for name in self._tissue.names:
            item = QListWidgetItem(name)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked if name in self._tissue.shown else Qt.CheckState.Unchecked)
            first = next(image for image in self._tissue.images if image.name == name)
            item.setToolTip(f"{first.shape[0]:,} x {first.shape[1]:,} pixels of {first.pixel:.4g} µm")
            self.channels.addItem(item)
        height = self.channels.sizeHintForRow(0) if self.channels.count() else 0
        self.channels.setFixedHeight(height * min(_ROWS, self.channels.count()) + 2 * self.channels.frameWidth() + 2)
        self.channels.blockSignals(False)
