"""A form for `Config`, built from its own fields: help, unit, range and choices are not written twice."""

from __future__ import annotations

import dataclasses
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QLabel, QLineEdit, QSpinBox, QWidget

from ...errors import ConfigError
from ...training.config import Config
from ..widgets.common import create_form

_GROUP_TITLES = {
    "members": "Training",
    "latent": "Network",
    "kl_weights": "Loss",
    "mask_input": "Masks and noise",
    "scale": "Reading out",
}


class ConfigForm(QWidget):
    """One control a setting.

    Parameters
    ----------
    config
        What it shows first.
    """

    changed = Signal()

    def __init__(self, config: Config) -> None:
        super().__init__()
        rows = create_form(self)
        self.controls: dict[str, QWidget] = {}
        for f in dataclasses.fields(Config):
            if f.name == "name":
                continue
            control = _create_control(getattr(config, f.name), f.metadata)
            control.setToolTip(f.metadata["help"])
            control.setAccessibleName(f.name)
            control.setMinimumWidth(110)
            self.controls[f.name] = control
            if f.name in _GROUP_TITLES:
                rows.addRow(QLabel(f"<b>{_GROUP_TITLES[f.name]}</b>"))
            rows.addRow(f.name.replace("_", " "), control)
            rows.labelForField(control).setToolTip(f.metadata["help"])
            _changed_signal(control).connect(self._emit_changed)
        self._base_config = config

    def show_config(self, config: Config) -> None:
        """Show other settings."""
        self._base_config = config
        for name, control in self.controls.items():
            control.blockSignals(True)
            _set_value(control, getattr(config, name))
            control.blockSignals(False)

    def config(self) -> Config:
        """The settings as they stand.

        Raises
        ------
        ConfigError
            A value that is out of range.
        """
        changes: dict[str, Any] = {}
        for name, control in self.controls.items():
            value = _get_value(control, getattr(self._base_config, name), name)
            if value != getattr(self._base_config, name):
                changes[name] = value
        return self._base_config.replace(**changes)

    def _emit_changed(self, *_: Any) -> None:
        self.changed.emit()


def _create_control(value: Any, metadata: Any) -> QWidget:
    if isinstance(value, bool):
        box = QCheckBox()
        box.setChecked(value)
        return box
    if isinstance(value, (int, float)):
        spin: Any = QDoubleSpinBox() if isinstance(value, float) else QSpinBox()
        if isinstance(value, float):
            spin.setDecimals(6)
            spin.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        low, high = metadata["low"], metadata["high"]
        spin.setRange(low if isinstance(value, float) else int(low), high if isinstance(value, float) else int(high))
        spin.setSuffix(f" {metadata['unit']}" if metadata["unit"] else "")
        spin.setValue(value)
        return spin  # type: ignore[no-any-return]
    if isinstance(value, str) and metadata["choices"]:
        combo = QComboBox()
        combo.addItems(list(metadata["choices"]))
        combo.setCurrentText(value)
        return combo
    line = QLineEdit()
    _set_value(line, value)
    return line


def _set_value(control: QWidget, value: Any) -> None:
    if isinstance(control, QCheckBox):
        control.setChecked(value)
    elif isinstance(control, (QSpinBox, QDoubleSpinBox)):
        control.setValue(value)
    elif isinstance(control, QComboBox):
        control.setCurrentText(value)
    elif isinstance(control, QLineEdit):
        control.setText(", ".join(map(str, value)) if isinstance(value, tuple) else str(value))


def _get_value(control: QWidget, current: Any, name: str) -> Any:
    if isinstance(control, QCheckBox):
        return control.isChecked()
    if isinstance(control, QDoubleSpinBox):
        return current if abs(control.value() - current) < 5e-7 else control.value()
    if isinstance(control, QSpinBox):
        return control.value()
    if isinstance(control, QComboBox):
        return control.currentText()
    assert isinstance(control, QLineEdit)
    if not isinstance(current, tuple):
        return control.text()
    parts = [p.strip() for p in control.text().split(",") if p.strip()]
    try:
        return tuple(type(current[0])(p) for p in parts)
    except ValueError:
        raise ConfigError(
            f"{name} is {control.text()!r}; expected values like {', '.join(map(str, current))}."
        ) from None


def _changed_signal(control: QWidget) -> Any:
    if isinstance(control, QCheckBox):
        return control.toggled
    if isinstance(control, QComboBox):
        return control.currentTextChanged
    return control.textChanged if isinstance(control, QLineEdit) else control.valueChanged  # type: ignore[attr-defined]
