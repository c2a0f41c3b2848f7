"""Tissue images under the cells and molecules over them."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QFileDialog, QGroupBox, QVBoxLayout

from ..controllers.tissue import ImageController
from ..widgets.common import (
    MessageLabel,
    SignalConnections,
    create_button,
    create_combo_box,
    enable_unless,
    set_items,
    show_value,
)
from ..widgets.flow import FlowLayout
from ..widgets.form_layout import FormLayout
from ..widgets.tick_list import TickList

_IMAGE_FILTER = "Images (*.tif *.tiff *.btf *.qptiff *.png *.jpg *.jpeg);;All files (*)"


class TissueImageBox(QGroupBox):
    """Channels to tick, their plane, images to add, and the molecules of the gene.

    Parameters
    ----------
    tissue
        Finds and shows the images of the section.
    """

    def __init__(self, tissue: ImageController) -> None:
        super().__init__("Tissue images")
        self._tissue = tissue
        self._listed_images: list[Any] = []
        self.channels = TickList()
        self.channels.setToolTip(
            "Ticked channels are drawn under the cells and added up. Select the gene's layer and lower its opacity to "
            "see them through it"
        )
        self.channels.setAccessibleName("Channels")
        self.plane = create_combo_box("Plane of the images, counted from the glass", [("0", 0)])
        self.pixel_size = QDoubleSpinBox()
        self.pixel_size.setRange(0, 1000)
        self.pixel_size.setDecimals(4)
        self.pixel_size.setSuffix(" µm per pixel")
        self.pixel_size.setSpecialValueText("as in the file")
        self.pixel_size.setToolTip("Micrometres per pixel of an image that is added; 0: as in its file")
        self.add_image = create_button(
            "Add image…", "An image of the same tissue (TIFF, OME-TIFF, PNG, JPEG) whose first pixel is at the origin"
        )
        self.add_zarr = create_button("Add zarr…", "The same from a zarr or OME-zarr folder")
        self.molecules = QCheckBox("Molecules of the gene")
        self.molecules.setToolTip(
            "Each transcript of the painted gene as a point; at most 20,000 at once, a larger share of them the more "
            "you zoom in"
        )
        self.message = MessageLabel()
        rows = self._form = FormLayout()
        QVBoxLayout(self).addLayout(rows)
        rows.addRow(self.channels)
        rows.addRow("Plane (z)", self.plane)
        rows.addRow(FlowLayout(self.add_image, self.add_zarr))
        rows.addRow("Pixel size", self.pixel_size)
        rows.addRow(self.molecules)
        rows.addRow(self.message)
        SignalConnections(self).connect(tissue.images_changed, self._refresh)
        self.channels.itemChanged.connect(self._show_ticked)
        self.plane.activated.connect(self._show_ticked)
        self.add_image.clicked.connect(self._add_file)
        self.add_zarr.clicked.connect(self._add_folder)
        self.molecules.toggled.connect(tissue.show_molecules)
        self._refresh()

    def ticked_channels(self) -> tuple[str, ...]:
        """Return the names of the channels that are ticked."""
        rows = zip(self.channels.rows(), self.channels.ticks(), strict=True)
        return tuple(row.text() for row, ticked in rows if ticked)

    def _show_ticked(self, *_: Any) -> None:
        self._tissue.show_channels(self.ticked_channels(), self.plane.currentData())

    def _add_file(self) -> None:
        self._add_image(QFileDialog.getOpenFileName(self, "Add an image", "", _IMAGE_FILTER)[0])

    def _add_folder(self) -> None:
        self._add_image(QFileDialog.getExistingDirectory(self, "Add a zarr image"))

    def _add_image(self, path: str) -> None:
        if path:
            self._tissue.add_image(path, self.pixel_size.value() or None)

    def _refresh(self) -> None:
        t = self._tissue
        if t.images is not self._listed_images:
            self._listed_images = t.images
            self._fill_channels()
            set_items(
                self.plane,
                [(str(z), z) for z in t.planes] or [("0", None)],
                t.plane if t.plane in t.planes else self.plane.currentData(),
            )
        self._form.setRowVisible(self.plane, len(t.planes) > 1)
        self.channels.setVisible(bool(t.images))
        opened = "" if t.has_section else "Open a section first."
        for control in (self.add_image, self.add_zarr):
            enable_unless(control, opened)
        enable_unless(
            self.molecules, "" if t.has_molecules else "No table of transcripts was found beside this section."
        )
        show_value(self.molecules, t.molecules_shown)
        nothing = "" if t.images or not t.has_section else "No images were found beside this section."
        self.message.show_message(t.error_message or t.busy or nothing, is_error=bool(t.error_message))

    def _fill_channels(self) -> None:
        with QSignalBlocker(self.channels):
            self.channels.clear()
            for name in self._tissue.channels:
                image = next(image for image in self._tissue.images if image.name == name)
                tip = f"{image.shape[0]:,} x {image.shape[1]:,} pixels of {image.pixel_size:.4g} µm"
                self.channels.add_row(name, ticked=name in self._tissue.shown_channels, tip=tip)
        self.channels.fit_height()
