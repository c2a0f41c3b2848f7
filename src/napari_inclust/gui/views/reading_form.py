"""The form of the reading options: what the files leave open or hold several of."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QWidget

from ...io.readers.options import ReadOptions
from ..widgets.common import PathField, create_combo_box, set_items
from ..widgets.form import ChoiceBox, add_rows, build_fields, show_values
from ..widgets.form_layout import FormLayout

_VALUES = {
    None: "detect",
    "counts": "raw counts",
    "linear": "linear (per volume, intensity)",
    "lognorm": "log-normalised",
}
_PLANES = {None: "as in the file (two axes)", "xy": "x, y", "xz": "x, z", "yz": "y, z"}
_DEFAULT_CHOICE = "default"
_AUTOMATIC_COLUMN = "detect by its name"
_COLUMNS = {"Column of x": "x", "Column of y": "y", "Column of names": "the names of the cells"}


class ReadOptionsForm(QWidget):
    """Fields of `ReadOptions` for the section, and the kind of values of the reference.

    Attributes
    ----------
    section_changed, reference_changed
        Signals: the file has to be read again.
    """

    section_changed = Signal()
    reference_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._fields = build_fields(
            ReadOptions,
            ("table", "system", "values", "pixel_size", "plane"),
            table={"titles": {None: _DEFAULT_CHOICE}},
            system={"titles": {None: _DEFAULT_CHOICE}},
            values={"titles": _VALUES},
            pixel_size={"empty": "as in the file", "decimals": 4, "step": 1},
            plane={"titles": _PLANES},
        )
        self._reference_field = build_fields(ReadOptions, ("values",), values={"titles": _VALUES})["values"]
        self._reference_field.tooltip = (self._fields["values"].tooltip or "").replace("section", "reference")
        self.reference_values = self._reference_field.native
        self.table, self.coordinate_system, self.section_values, self.pixel_size, self.plane = (
            field.native for field in self._fields.values()
        )
        self.pixel_size.setKeyboardTracking(False)  # the file is read once the number is complete
        self.columns = [
            create_combo_box(
                f"Column of the table that holds {content}, when it cannot be detected by its name",
                [(_AUTOMATIC_COLUMN, None)],
            )
            for content in _COLUMNS.values()
        ]
        self.outlines = PathField(
            "Outlines",
            "Outlines of the cells in a separate file: a label image (.tif, zarr) or polygons (.geojson, .parquet)",
        )
        self._outlines_path = ""
        self._lay_out()

        for field in self._fields.values():
            field.changed.connect(self._emit_section_changed)
        self._reference_field.changed.connect(self._emit_reference_changed)
        for box in self.columns:
            box.activated.connect(self._on_column_chosen)
        self.outlines.path_chosen.connect(self._emit_section_changed)
        self.outlines.line_edit.editingFinished.connect(self._on_outlines_edited)
        self.set_choices([], [], [])

    def _lay_out(self) -> None:
        fields, self._form = self._fields, FormLayout(self)
        add_rows(self._form, {"Table": fields["table"]})
        for title, box in zip(_COLUMNS, self.columns, strict=True):
            self._form.addRow(title, box)
        add_rows(
            self._form,
            {
                "Coordinate system": fields["system"],
                "Section values": fields["values"],
                "Reference values": self._reference_field,
                "Pixel size": fields["pixel_size"],
                "Plane": fields["plane"],
            },
        )
        self._form.addRow("Outlines", self.outlines)

    def section_options(self) -> dict[str, Any]:
        """Return the options that are set, as keyword arguments of `io.readers.dispatch.read_section`."""
        self._outlines_path = self.outlines.path()
        chosen = {name: field.value for name, field in self._fields.items()}
        chosen |= {"columns": self._chosen_columns() or None, "segmentation": self._outlines_path or None}
        return {name: value for name, value in chosen.items() if value is not None}

    def set_choices(self, tables: list[str], systems: list[str], columns: list[str]) -> bool:
        """Offer what the section holds, keeping what is chosen.

        Returns
        -------
        Whether there is more than one of anything.
        """
        for box in self.columns:
            chosen = box.currentData()
            set_items(box, _items(_AUTOMATIC_COLUMN, columns, chosen), chosen)
            self._form.setRowVisible(box, bool(columns))
        for name, names in (("table", tables), ("system", systems)):
            self._offer(name, names, self._fields[name].value)
            self._form.setRowVisible(self._fields[name].native, len(names) > 1)
        return max(len(tables), len(systems), len(columns)) > 1

    def reset(self) -> None:
        """Discard what was chosen for the previous section."""
        self.show_options({})

    def show_options(self, options: dict[str, Any]) -> None:
        """Show the options with which a section was read, without emitting signals; as from `section_options`."""
        columns = [*options.get("columns", []), "", "", ""][:3]
        for box, name in zip(self.columns, columns, strict=True):
            set_items(box, _items(_AUTOMATIC_COLUMN, [], name or None), name or None)
        for choice in ("table", "system"):
            self._offer(choice, [], options.get(choice))
        others = {name: self._fields[name] for name in ("values", "pixel_size", "plane")}
        show_values(others, {name: options.get(name) for name in others})
        self._outlines_path = options.get("segmentation") or ""
        with QSignalBlocker(self.outlines):
            self.outlines.show_path(self._outlines_path)

    def _offer(self, name: str, names: list[str], chosen: str | None) -> None:
        field = self._fields[name]
        assert isinstance(field, ChoiceBox)
        field.set_items(_items(_DEFAULT_CHOICE, names, chosen), chosen)

    def _chosen_columns(self) -> list[str]:
        """Names of the columns of x, y and names, "" where they are detected; empty when all are."""
        x, y, names = (box.currentData() or "" for box in self.columns)
        return [x, y, names] if (x and y) or names else []

    def _on_column_chosen(self, *_: Any) -> None:
        """Ask to read again once both x and y are chosen, or neither."""
        x, y, _names = (box.currentData() for box in self.columns)
        if (x is None) == (y is None):
            self.section_changed.emit()

    def _on_outlines_edited(self) -> None:
        """Ask to read again without outlines once the field is emptied."""
        if not self.outlines.path() and self._outlines_path:
            self.section_changed.emit()

    def _emit_section_changed(self, *_: Any) -> None:
        self.section_changed.emit()

    def _emit_reference_changed(self, *_: Any) -> None:
        self.reference_changed.emit()


def _items(default: str, names: list[str], chosen: str | None) -> list[tuple[str, Any]]:
    """Items of a chooser: the default, the names, and what is chosen even before the names are known."""
    known = names if chosen is None or chosen in names else [*names, chosen]
    return [(default, None), *((name, name) for name in known)]
