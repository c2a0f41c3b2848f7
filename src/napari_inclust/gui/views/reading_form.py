"""How to read the files, where they do not say it themselves or hold several things."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QWidget

from ..widgets.common import PathField, create_combo_box, create_form, set_items

_VALUE_KINDS = [
    ("find out", None),
    ("raw counts", "counts"),
    ("linear (per volume, intensity)", "linear"),
    ("log-normalised", "lognorm"),
]
_PLANES = [("as in the file (two axes)", None), ("x, y", "xy"), ("x, z", "xz"), ("y, z", "yz")]
_DEFAULT_ITEM = ("the usual one", None)
_AUTOMATIC_COLUMN = "known by its name"


class ReadOptionsForm(QWidget):
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
        self.table = create_combo_box(
            "Table of a SpatialData store, modality of a .h5mu file, or bin size of a Visium HD folder", [_DEFAULT_ITEM]
        )
        self.coordinate_system = create_combo_box(
            "Coordinate system of a SpatialData store in which the cells are placed", [_DEFAULT_ITEM]
        )
        self.section_values = create_combo_box(
            "What the numbers of the section are, when it cannot be told from them", _VALUE_KINDS
        )
        self.reference_values = create_combo_box(
            "What the numbers of the reference are, when it cannot be told from them", _VALUE_KINDS
        )
        self.pixel_size = QDoubleSpinBox()
        self.pixel_size.setRange(0, 1000)
        self.pixel_size.setDecimals(4)
        self.pixel_size.setSuffix(" µm per unit")
        self.pixel_size.setSpecialValueText("as in the file")
        self.pixel_size.setToolTip("Micrometres per unit of the coordinates, when they are pixels; 0: as the file says")
        self.pixel_size.setKeyboardTracking(False)
        self.plane = create_combo_box("Which two axes to paint, when the coordinates are three-dimensional", _PLANES)
        self.columns = [
            create_combo_box(
                f"Column of the table that holds {what}, when it is not known by its name", [(_AUTOMATIC_COLUMN, None)]
            )
            for what in ("x", "y", "the names of the cells")
        ]
        self.outlines = PathField(
            "Outlines",
            "Outlines of the cells in a file of their own: a label image (.tif, zarr) or polygons (.geojson, .parquet)",
        )
        self._form = create_form(self)
        rows = {
            "Table": self.table,
            "Column of x": self.columns[0],
            "Column of y": self.columns[1],
            "Column of names": self.columns[2],
            "Coordinate system": self.coordinate_system,
            "Section values": self.section_values,
            "Reference values": self.reference_values,
            "Pixel size": self.pixel_size,
            "Plane": self.plane,
            "Outlines": self.outlines,
        }
        for name, widget in rows.items():
            self._form.addRow(name, widget)
        for box in (self.table, self.coordinate_system, self.section_values, self.plane):
            box.activated.connect(lambda *_: self.section_changed.emit())
        for box in self.columns:
            box.activated.connect(self._on_column_chosen)
        self.pixel_size.valueChanged.connect(lambda *_: self.section_changed.emit())
        self.outlines.path_chosen.connect(lambda *_: self.section_changed.emit())
        self.outlines.line_edit.editingFinished.connect(self._on_outlines_edited)
        self.reference_values.activated.connect(lambda *_: self.reference_changed.emit())
        self._outlines_path = ""
        self.set_choices([], [], [])

    def section_options(self) -> dict[str, Any]:
        """As for `io.readers.dispatch.read_section`: only what was chosen."""
        self._outlines_path = self.outlines.path()
        chosen = {
            "values": self.section_values.currentData(),
            "pixel_size": self.pixel_size.value() or None,
            "plane": self.plane.currentData(),
            "table": self.table.currentData(),
            "system": self.coordinate_system.currentData(),
            "columns": self._chosen_columns() or None,
            "segmentation": self._outlines_path or None,
        }
        return {name: value for name, value in chosen.items() if value is not None}

    def set_choices(self, tables: list[str], systems: list[str], columns: list[str]) -> bool:
        """What there is to choose from in the section; whether there is a choice at all."""
        for box in self.columns:
            _set_names(box, _AUTOMATIC_COLUMN, columns)
            self._form.setRowVisible(box, bool(columns))
        for box, names in ((self.table, tables), (self.coordinate_system, systems)):
            _set_names(box, _DEFAULT_ITEM[0], names)
            self._form.setRowVisible(box, len(names) > 1)
        return max(len(tables), len(systems), len(columns)) > 1

    def reset(self) -> None:
        """Another section: what was chosen of the one before does not hold for it."""
        self.show_options({})

    def show_options(self, options: dict[str, Any]) -> None:
        """What a section was read with, silently; as `section_options` gives it."""
        columns = [*options.get("columns", []), "", "", ""][:3]
        chosen = [
            (self.table, _DEFAULT_ITEM[0], options.get("table")),
            (self.coordinate_system, _DEFAULT_ITEM[0], options.get("system")),
        ]
        chosen += [(box, _AUTOMATIC_COLUMN, name or None) for box, name in zip(self.columns, columns, strict=True)]
        for box, nothing, value in chosen:
            set_items(box, [(nothing, None), *([] if value is None else [(value, value)])], value)
        set_items(self.section_values, _VALUE_KINDS, options.get("values"))
        set_items(self.plane, _PLANES, options.get("plane"))
        self.pixel_size.blockSignals(True)
        self.pixel_size.setValue(options.get("pixel_size") or 0)
        self.pixel_size.blockSignals(False)
        self._outlines_path = options.get("segmentation") or ""
        self.outlines.show_path(self._outlines_path)

    def _chosen_columns(self) -> list[str]:
        """Those with x, y and names, "" for what is known by its name; nothing when all are."""
        x, y, names = (box.currentData() or "" for box in self.columns)
        return [x, y, names] if (x and y) or names else []

    def _on_column_chosen(self, *_: Any) -> None:
        """Read again when both places are chosen, or neither."""
        x, y, _ = (box.currentData() for box in self.columns)
        if (x is None) == (y is None):
            self.section_changed.emit()

    def _on_outlines_edited(self) -> None:
        """An emptied field means: without these outlines."""
        if not self.outlines.path() and self._outlines_path:
            self.section_changed.emit()


def _set_names(box: QComboBox, default_text: str, names: list[str]) -> None:
    """Names to choose from; what is chosen stays, also before the names are known."""
    chosen = box.currentData()
    there = names if chosen is None or chosen in names else [*names, chosen]
    set_items(box, [(default_text, None), *((name, name) for name in there)], chosen)
