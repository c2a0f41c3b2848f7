"""A form for `Config`, built from its own fields: help, unit, range and choices are not written twice."""

from __future__ import annotations

import dataclasses
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QLabel, QLineEdit, QSpinBox, QWidget

from ...errors import ConfigError
from ...training.config import Config
from ..widgets.common import form

_GROUPS = {"members": "Training", "latent": "Network", "kl_weights": "Loss", "mask_input": "Masks and noise", "scale": "Reading out"}


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
        rows = form(self)
        self.controls: dict[str, QWidget] = {}
        for f in dataclasses.fields(Config):
            if f.name == "name":
                continue
            control = _control(getattr(config, f.name), f.metadata)
            control.setToolTip(f.metadata["help"])
            control.setAccessibleName(f.name)
            control.setMinimumWidth(110)
            self.controls[f.name] = control
            if f.name in _GROUPS:
                rows.addRow(QLabel(f"<b>{_GROUPS[f.name]}</b>"))
            rows.addRow(f.name.replace("_", " "), control)
            rows.labelForField(control).setToolTip(f.metadata["help"])
            _signal(control).connect(self._changed)
        self._base = config

    def show_config(self, config: Config) -> None:
        """Show other settings."""
        self._base = config
        for name, control in self.controls.items():
            control.blockSignals(True)
            _show(control, getattr(config, name))
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
            value = _read(control, getattr(self._base, name), name)
            if value != getattr(self._base, name):
                changes[name] = value
        return self._base.replace(**changes)

    def _changed(self, *_: Any) -> None:
        self.changed.emit()


def _control(value: Any, meta: Any) -> QWidget:
    if isinstance(value, bool):
        box = QCheckBox()
        box.setChecked(value)
        return box
    if isinstance(value, (int, float)):
        spin: Any = QDoubleSpinBox() if isinstance(value, float) else QSpinBox()
        if isinstance(value, float):
            spin.setDecimals(6)
            spin.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        low, high = meta["low"], meta["high"]
        spin.setRange(low if isinstance(value, float) else int(low), high if isinstance(value, float) else int(high))
        spin.setSuffix(f" {meta['unit']}" if meta["unit"] else "")
        spin.setValue(value)
        return spin  # type: ignore[no-any-return]
    if isinstance(value, str) and meta["choices"]:
        combo = QComboBox()
        combo.addItems(list(meta["choices"]))
        combo.setCurrentText(value)
        return combo
    line = QLineEdit()
    _show(line, value)
    return line


def _show(control: QWidget, value: Any) -> None:
    if isinstance(control, QCheckBox):
        control.setChecked(value)
    elif isinstance(control, (QSpinBox, QDoubleSpinBox)):
        control.setValue(value)
    elif isinstance(control, QComboBox):
        control.setCurrentText(value)
    elif isinstance(control, QLineEdit):
        control.setText(", ".join(map(str, value)) if isinstance(value, tuple) else str(value))


def _read(control: QWidget, like: Any, name: str) -> Any:
    if isinstance(control, QCheckBox):
        return control.isChecked()
    if isinstance(control, QDoubleSpinBox):
        return like if abs(control.value() - like) < 5e-7 else control.value()
    if isinstance(control, QSpinBox):
        return control.value()
    if isinstance(control, QComboBox):
        return control.currentText()
    assert isinstance(control, QLineEdit)
    if not isinstance(like, tuple):
        return control.text()
    parts = [p.strip() for p in control.text().split(",") if p.strip()]
    try:
        return tuple(type(like[0])(p) for p in parts)
    except ValueError:
        raise ConfigError(f"{name} is {control.text()!r}; expected values like {', '.join(map(str, like))}.") from None


def _signal(control: QWidget) -> Any:
    if isinstance(control, QCheckBox):
        return control.toggled
    if isinstance(control, QComboBox):
        return control.currentTextChanged
    return control.textChanged if isinstance(control, QLineEdit) else control.valueChanged  # type: ignore[attr-defined]
