"""The form of the training settings."""

from __future__ import annotations

import dataclasses

from qtpy.QtWidgets import QLabel, QWidget

from ...training.config import Config
from ..widgets.form import add_rows, build_fields, changed_values, show_values
from ..widgets.form_layout import FormLayout

_MINIMUM_WIDTH = 110  # pixels of a field
_GROUPS = {  # by the first setting of each
    "members": "Training",
    "latent": "Network",
    "kl_weights": "Loss",
    "mask_input": "Masks and noise",
    "scale": "Reading out",
}


class ConfigForm(QWidget):
    """One field for each setting of `Config`, except the name of the preset.

    Parameters
    ----------
    config
        Settings that are shown first.

    Attributes
    ----------
    controls
        The Qt widgets, by the name of the setting.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self._base_config = config
        self._fields = build_fields(config, [f.name for f in dataclasses.fields(Config) if f.name != "name"])
        self.controls = {name: field.native for name, field in self._fields.items()}
        rows = FormLayout(self)
        for name, field in self._fields.items():
            if name in _GROUPS:
                rows.addRow(QLabel(f"<b>{_GROUPS[name]}</b>"))
            field.native.setMinimumWidth(_MINIMUM_WIDTH)
            add_rows(rows, {name: field})

    def show_config(self, config: Config) -> None:
        """Show other settings."""
        self._base_config = config
        show_values(self._fields, config)

    def config(self) -> Config:
        """Return the settings as the fields show them.

        Raises
        ------
        ConfigError
            A value that is out of range.
        """
        return self._base_config.replace(**changed_values(self._fields, self._base_config))
