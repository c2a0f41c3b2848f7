"""Metadata of settings: help, limits, units and choices on dataclass fields, for forms and command-line options."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..errors import ConfigError


def setting(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    unit: str = "",
) -> Any:
    """Declare a field of a settings dataclass.

    Parameters
    ----------
    default
        Its value unless given; None for a setting that is optional.
    help
        What it is, for tooltips and the command line.
    low, high
        Smallest and largest value of a number, or of each entry of a tuple.
    choices
        The values that a text may have.
    unit
        Of the value.
    """
    metadata = {"help": help, "low": low, "high": high, "choices": choices, "unit": unit}
    return dataclasses.field(default=default, metadata=metadata)


def check_settings(settings: Any) -> None:
    """Check every field of a settings dataclass against its choices and range; None is an optional one left out.

    Raises
    ------
    ConfigError
        A value that is not among the choices or out of its range, with both.
    """
    for field in dataclasses.fields(settings):
        value, choices = getattr(settings, field.name), field.metadata["choices"]
        low, high, unit = (field.metadata[key] for key in ("low", "high", "unit"))
        for item in value if isinstance(value, tuple) else () if value is None else (value,):
            if choices and item not in choices:
                raise ConfigError(f"{field.name} is {item!r}; expected one of {', '.join(choices)}.")
            if low is not None and not (isinstance(item, (int, float)) and low <= item <= high):
                expected = f"a number from {low:g} to {high:g}{' ' + unit if unit else ''}"
                raise ConfigError(f"{field.name} is {item!r}; expected {expected}.")
