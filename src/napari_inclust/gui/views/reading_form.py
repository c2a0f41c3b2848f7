"""How to read the files, where they do not say it themselves or hold several things."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QWidget

from ..widgets.common import PathField, choice, fill, form

_KINDS = [("find out", None), ("raw counts", "counts"), ("linear (per volume, intensity)", "linear"), ("log-normalised", "lognorm")]
_PLANES = [("as in the file (two axes)", None), ("x, y", "xy"), ("x, z", "xz"), ("y, z", "yz")]
_USUAL = ("the usual one", None)
_KNOWN = "known by its name"


class ReadingForm(QWidget):
    """Kinds of values, unit, plane, outlines, which table and coordinate system, and which columns of a table.

    Signals
    -------
    section_changed, reference_changed
        The file should be read again.
    """

    section_changed = Signal()
    reference_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.table = choice("Table of a SpatialData store, modality of a .h5mu file, or bin size of a Visium HD folder", [_USUAL])
        self.system = choice("Coordinate system of a SpatialData store in which the cells are placed", [_USUAL])
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
        self.columns = [
            choice(f"Column of the table that holds {what}, when it is not known by its name", [(_KNOWN, None)])
            for what in ("x", "y", "the names of the cells")
        ]
        self.outlines = PathField("Outlines", "Outlines of the cells in a file of their own: a label image (.tif, zarr) or polygons (.geojson, .parquet)")
        self._form = form(self)
        rows = {
            "Table": self.table,
            "Column of x": self.columns[0],
            "Column of y": self.columns[1],
            "Column of names": self.columns[2],
            "Coordinate system": self.system,
            "Section values": self.section_kind,
            "Reference values": self.reference_kind,
            "Pixel size": self.pixel,
            "Plane": self.plane,
            "Outlines": self.outlines,
        }
        for name, widget in rows.items():
            self._form.addRow(name, widget)
        for box in (self.table, self.system, self.section_kind, self.plane):
            box.activated.connect(lambda *_: self.section_changed.emit())
        for box in self.columns:
            box.activated.connect(self._column_chosen)
        self.pixel.valueChanged.connect(lambda *_: self.section_changed.emit())
        self.outlines.chosen.connect(lambda *_: self.section_changed.emit())
        self.outlines.line.editingFinished.connect(self._cleared)
        self.reference_kind.activated.connect(lambda *_: self.reference_changed.emit())
        self._outlined = ""
        self.offer([], [], [])

    def section_options(self) -> dict[str, Any]:
        """As for `io.readers.dispatch.read_section`: only what was chosen."""
        self._outlined = self.outlines.path()
        chosen = {
            "values": self.section_kind.currentData(),
            "pixel_size": self.pixel.value() or None,
            "plane": self.plane.currentData(),
            "table": self.table.currentData(),
            "system": self.system.currentData(),
            "columns": self._columns() or None,
            "segmentation": self._outlined or None,
        }
        return {name: value for name, value in chosen.items() if value is not None}

    def offer(self, tables: list[str], systems: list[str], columns: list[str]) -> bool:
        """What there is to choose from in the section; whether there is a choice at all."""
        for box in self.columns:
            _offer(box, _KNOWN, columns)
            self._form.setRowVisible(box, bool(columns))
        for box, names in ((self.table, tables), (self.system, systems)):
            _offer(box, _USUAL[0], names)
            self._form.setRowVisible(box, len(names) > 1)
        return max(len(tables), len(systems), len(columns)) > 1

    def forget(self) -> None:
        """Another section: what was chosen of the one before does not hold for it."""
        self.show_options({})

    def show_options(self, options: dict[str, Any]) -> None:
        """What a section was read with, silently; as `section_options` gives it."""
        columns = [*options.get("columns", []), "", "", ""][:3]
        chosen = [(self.table, _USUAL[0], options.get("table")), (self.system, _USUAL[0], options.get("system"))]
        chosen += [(box, _KNOWN, name or None) for box, name in zip(self.columns, columns, strict=True)]
        for box, nothing, value in chosen:
            fill(box, [(nothing, None), *([] if value is None else [(value, value)])], value)
        fill(self.section_kind, _KINDS, options.get("values"))
        fill(self.plane, _PLANES, options.get("plane"))
        self.pixel.blockSignals(True)
        self.pixel.setValue(options.get("pixel_size") or 0)
        self.pixel.blockSignals(False)
        self._outlined = options.get("segmentation") or ""
        self.outlines.show_path(self._outlined)

    def _columns(self) -> list[str]:
        """Those with x, y and names, "" for what is known by its name; nothing when all are."""
        x, y, names = (box.currentData() or "" for box in self.columns)
        return [x, y, names] if (x and y) or names else []

    def _column_chosen(self, *_: Any) -> None:
        """Read again when both places are chosen, or neither."""
        x, y, _ = (box.currentData() for box in self.columns)
        if (x is None) == (y is None):
            self.section_changed.emit()

    def _cleared(self) -> None:
        """An emptied field means: without these outlines."""
        if not self.outlines.path() and self._outlined:
            self.section_changed.emit()


def _offer(box: QComboBox, nothing: str, names: list[str]) -> None:
    """Names to choose from; what is chosen stays, also before the names are known."""
    chosen = box.currentData()
    there = names if chosen is None or chosen in names else [*names, chosen]
    fill(box, [(nothing, None), *((name, name) for name in there)], chosen)
