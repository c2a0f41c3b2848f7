"""Forms built with magicgui from the dataclass or function that they edit: type, help, range, choices and unit."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator, Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, TypedDict, Union, get_args, get_origin, get_type_hints

from magicgui.backends._qtpy.widgets import QBaseRangedWidget
from magicgui.widgets import CheckBox, ComboBox, FloatSpinBox, LineEdit
from magicgui.widgets.bases import RangedWidget, ValueWidget
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QSpinBox

from ...errors import ConfigError
from .common import style_combo_box
from .form_layout import FormLayout

_DECIMALS = 6  # of a number unless the form says otherwise: magicgui's two would show a learning rate of 0.0001 as 0
_TOLERANCE = 5e-7  # half of the last decimal: a smaller difference comes from rounding in the field
Fields = dict[str, ValueWidget[Any]]


class FieldStyle(TypedDict, total=False):
    """How one field is shown, beyond what its description says.

    Attributes
    ----------
    titles
        Texts of the choices by value, in order; a value that is not named is not offered.
    empty
        Text of a number at its lowest value, which stands for None if the field is optional.
    decimals
        Decimals of a number with a fraction.
    step
        Step of the arrows of a number; by default it follows the size of a number with a fraction.
    text
        Text beside a check box.
    """

    titles: Mapping[Any, str]
    empty: str
    decimals: int
    step: float
    text: str


class _QtSpinBox(QBaseRangedWidget):
    """A QSpinBox as backend: that of magicgui's own `SpinBox` cannot show a unit."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(QSpinBox, **kwargs)

    def _pre_set_hook(self, value: float) -> int:
        return int(value)

    def _mgui_set_value(self, value: float) -> None:
        super()._mgui_set_value(int(value))


class IntBox(RangedWidget[int]):
    """A whole number with a unit.

    Given to magicgui as `widget_type` and not registered for `int`: that would replace the widget in other plugins too.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget_type=_QtSpinBox, **kwargs)


class FloatBox(FloatSpinBox):
    """A number with as many decimals as its field needs, or None at its lowest value.

    Parameters
    ----------
    decimals
        Set before the value, which is rounded to them.
    optional
        Whether the lowest value stands for None.
    """

    def __init__(self, *, value: float | None, decimals: int, optional: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.native.setDecimals(decimals)
        self._optional = optional
        self.set_value(value)

    def get_value(self) -> Any:
        """Return the number as float, or None."""
        value = float(super().get_value())
        return None if self._optional and value <= self.min else value

    def set_value(self, value: float | None) -> None:
        """Show a number, or None."""
        super().set_value(self.min if value is None else value)


class ChoiceBox(ComboBox):
    """One of several values, of which None may be one.

    Parameters
    ----------
    items
        (text, value) of each.
    """

    null_value: Any = object()  # magicgui reports no change to its null value, which is None by default

    def __init__(self, *, items: Sequence[tuple[str, Any]], **kwargs: Any) -> None:
        self._items = items
        super().__init__(choices=lambda _: self._items, **kwargs)  # asked again whenever the parent changes

    def set_items(self, items: Sequence[tuple[str, Any]], value: Any) -> None:
        """Offer other (text, value) items and show one of them, or the first, without emitting signals."""
        self._items = items
        with QSignalBlocker(self.native), self.changed.blocked():
            self.reset_choices()
            self.value = value if value in self.choices else self.choices[0]


class TupleEdit(LineEdit):
    """Values of one type, separated by commas."""

    def __init__(self, *, value: Any, **kwargs: Any) -> None:
        self._example: tuple[Any, ...] = value
        super().__init__(value=value, **kwargs)

    def get_value(self) -> Any:
        """Return the values as a tuple.

        Raises
        ------
        ConfigError
            A text that is not of the type of the values.
        """
        text = str(super().get_value())
        try:
            return tuple(type(self._example[0])(part.strip()) for part in text.split(",") if part.strip())
        except ValueError:
            expected = ", ".join(map(str, self._example))
            raise ConfigError(f"{self.name} is {text!r}; expected values like {expected}.") from None

    def set_value(self, value: tuple[Any, ...]) -> None:
        """Show values."""
        self._example = value or self._example
        super().set_value(", ".join(map(str, value)))


@dataclasses.dataclass(frozen=True)
class _Description:
    """A setting: a field of a dataclass or a parameter of a function."""

    name: str
    type: Any
    default: Any
    metadata: Mapping[str, Any]

    @property
    def optional(self) -> bool:
        return NoneType in get_args(self.type)

    @property
    def value_type(self) -> Any:
        """The type without None."""
        if get_origin(self.type) not in (Union, UnionType):
            return self.type
        return next(kind for kind in get_args(self.type) if kind is not NoneType)


def build_fields(described: Any, names: Sequence[str] = (), **styles: FieldStyle) -> Fields:
    """Build one magicgui widget for each setting of a dataclass or function.

    Parameters
    ----------
    described
        A dataclass, an instance of one, whose values are shown, or a function. Fields are described by
        `utils.settings.setting`, parameters by `Annotated[type, {"help": ..., "low": ..., "high": ..., "unit": ...}]`.
    names
        Settings to build, in order; all by default.
    **styles
        How single settings are shown.
    """
    known = {description.name: description for description in _describe(described)}
    return {name: _create_widget(known[name], styles.get(name, FieldStyle())) for name in names or known}


def show_values(fields: Fields, values: Any) -> None:
    """Show the attributes of an object, or the items of a mapping, without emitting signals."""
    for name, field in fields.items():
        with QSignalBlocker(field.native):
            field.value = values[name] if isinstance(values, Mapping) else getattr(values, name)


def changed_values(fields: Fields, base: Any) -> dict[str, Any]:
    """Return the values that differ from the attributes of an object by more than rounding.

    Raises
    ------
    ConfigError
        A text that is not of the type of its setting.
    """
    out = {}
    for name, field in fields.items():
        value, before = field.value, getattr(base, name)
        rounded = isinstance(value, float) and before is not None and abs(value - before) < _TOLERANCE
        if value != before and not rounded:
            out[name] = value
    return out


def add_rows(layout: FormLayout, fields: Fields, titles: Mapping[str, str] | None = None) -> None:
    """Add a row for each field, titled by its name unless another title is given; the title has the field's tooltip."""
    for name, field in fields.items():
        layout.addRow((titles or {}).get(name, name.replace("_", " ")), field.native)
        layout.labelForField(field.native).setToolTip(field.tooltip or "")


def _describe(described: Any) -> Iterator[_Description]:
    if dataclasses.is_dataclass(described):
        hints = get_type_hints(described if isinstance(described, type) else type(described))
        for field in dataclasses.fields(described):
            default = field.default if isinstance(described, type) else getattr(described, field.name)
            yield _Description(field.name, hints[field.name], default, field.metadata)
        return
    for name, hint in get_type_hints(described, include_extras=True).items():
        if get_origin(hint) is Annotated:
            kind, metadata = get_args(hint)
            yield _Description(name, kind, inspect.signature(described).parameters[name].default, metadata)


def _create_widget(description: _Description, style: FieldStyle) -> ValueWidget[Any]:
    metadata, value = description.metadata, description.default
    low, high = metadata.get("low"), metadata.get("high")
    choices: Sequence[Any] = metadata.get("choices") or ()
    common = {"name": description.name, "tooltip": metadata["help"], "value": value}
    widget: ValueWidget[Any]
    if get_origin(description.value_type) is tuple:
        widget = TupleEdit(**common)
    elif choices or "titles" in style:
        titles = style.get("titles") or {choice: str(choice) for choice in choices}
        widget = ChoiceBox(items=[(text, choice) for choice, text in titles.items()], **common)
        style_combo_box(widget.native)
    elif description.value_type is bool:
        widget = CheckBox(**common)
        widget.native.setText(style.get("text", ""))
    elif description.value_type is int:
        widget = IntBox(min=low, max=high, step=style.get("step", 1), **common)
    elif description.value_type is float:
        extra: dict[str, Any] = {"step": style["step"]} if "step" in style else {}
        decimals = style.get("decimals", _DECIMALS)
        widget = FloatBox(min=low, max=high, decimals=decimals, optional=description.optional, **extra, **common)
    else:
        widget = LineEdit(**common)
    if isinstance(widget, RangedWidget):
        widget.native.setSuffix(f" {metadata['unit']}" if metadata.get("unit") else "")
        widget.native.setSpecialValueText(style.get("empty", ""))
    widget.native.setAccessibleName(description.name)
    return widget
