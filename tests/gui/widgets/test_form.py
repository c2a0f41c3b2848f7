"""Fields of a dataclass or function: their widgets, ranges, units and values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QLineEdit, QSpinBox, QWidget

from napari_inclust.errors import ConfigError
from napari_inclust.gui.widgets.form import add_rows, build_fields, changed_values, show_values
from napari_inclust.gui.widgets.form_layout import FormLayout
from napari_inclust.training.config import Config
from napari_inclust.utils.settings import setting


@dataclass(frozen=True)
class Options:
    cells: int = setting(3, "Number of cells", low=1, high=2**31 - 1, unit="cells")
    rate: float = setting(1e-4, "Rate", low=0.0, high=1.0)
    radius: float | None = setting(None, "Radius", low=0.0, high=50.0, unit="µm")
    kind: str | None = setting(None, "Kind", choices=("a", "b"))
    log: bool = setting(True, "Logarithm")
    widths: tuple[int, ...] = setting((8, 4), "Widths", low=1, high=9)
    name: str = setting("x", "Name")


@pytest.fixture
def fields(qtbot: Any) -> Any:
    return build_fields(
        Options, kind={"titles": {None: "any", "a": "A", "b": "B"}}, radius={"empty": "automatic"}, log={"text": "log"}
    )


def test_every_setting_has_a_widget_of_its_type_with_help_and_unit(fields: Any) -> None:
    kinds = [QSpinBox, QDoubleSpinBox, QDoubleSpinBox, QComboBox, QCheckBox, QLineEdit, QLineEdit]
    assert [type(field.native) for field in fields.values()] == kinds
    assert {name: field.value for name, field in fields.items()} == vars(Options())
    assert [field.tooltip for field in fields.values()][:2] == ["Number of cells", "Rate"]
    assert (fields["cells"].native.text(), fields["radius"].native.text()) == ("3 cells", "automatic")
    assert fields["cells"].native.maximum() == 2**31 - 1
    assert fields["log"].native.text() == "log"


def test_changes_are_read_and_rounding_is_no_change(fields: Any) -> None:
    base = Options(rate=1 / 3)
    show_values(fields, base)
    assert changed_values(fields, base) == {}
    fields["radius"].native.setValue(12.5)
    fields["kind"].native.setCurrentIndex(2)
    fields["widths"].native.setText("2, 3,5")
    assert changed_values(fields, base) == {"radius": 12.5, "kind": "b", "widths": (2, 3, 5)}
    fields["widths"].native.setText("many")
    with pytest.raises(ConfigError, match=r"widths is 'many'; expected values like 8, 4\."):
        changed_values(fields, base)


def test_values_are_shown_silently_and_changes_by_the_user_are_reported(fields: Any) -> None:
    seen: list[Any] = []
    for field in fields.values():
        field.changed.connect(seen.append)
    show_values(fields, Options(7, 0.5, 2.0, "a", False, (1,), "y"))
    assert seen == []
    fields["kind"].native.setCurrentIndex(0)
    fields["cells"].native.setValue(8)
    assert seen == [None, 8]


def test_items_that_are_set_later_stay_when_the_widget_is_laid_out(fields: Any, qtbot: Any) -> None:
    kind, seen = fields["kind"], []
    kind.changed.connect(seen.append)
    kind.set_items([("default", None), ("table", "t")], "t")
    form = QWidget()
    qtbot.addWidget(form)
    layout = FormLayout(form)
    add_rows(layout, fields, {"kind": "Table"})
    assert (kind.value, kind.native.count(), seen) == ("t", 2, [])
    assert layout.labelForField(kind.native).text() == "Table"
    kind.set_items([("default", None)], "t")
    assert kind.value is None


def test_parameters_of_a_function_are_fields_too(qtbot: Any) -> None:
    def write(path: str, group: Annotated[str, {"help": "Which", "choices": ("all", "some")}] = "some") -> None: ...

    fields = build_fields(write)
    assert {name: field.value for name, field in fields.items()} == {"group": "some"}


def test_all_settings_of_training_survive_their_form(qtbot: Any) -> None:
    for name in ("fast", "as-published"):
        config = Config.preset(name)
        assert changed_values(build_fields(config), config) == {}
