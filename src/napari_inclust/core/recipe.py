"""What a plan was asked for, in names alone: with the data it is the plan again. The content of a PLAN.toml and of a saved plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from ..errors import ConfigError
from .plan import Arrow


@dataclass(frozen=True)
class Recipe:
    """The arguments of `compose.compose` beside the data; see there."""

    task: str
    arrows: tuple[Arrow, ...] | None = None
    covariates: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    spare: int = 0
    likelihoods: Mapping[str, str] = field(default_factory=dict)
    keep: tuple[str, ...] = ()
    members: int = 1
    decode_as: str | None = None

    @property
    def options(self) -> dict[str, Any]:
        """Keyword arguments of `compose.compose`."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "task"}

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON and TOML; what is not set is left out."""
        out: dict[str, Any] = {"task": self.task}
        for name, value in self.options.items():
            if name == "arrows" and value is not None:
                out[name] = [{"data": a.data, "inputs": list(a.inputs), "outputs": list(a.outputs)} for a in value]
            elif value or name == "members":
                out[name] = dict(value) if isinstance(value, Mapping) else list(value) if isinstance(value, tuple) else value
        return out

    @classmethod
    def from_dict(cls, given: Mapping[str, Any], where: str = "the plan") -> Recipe:
        """A recipe from what was written.

        Raises
        ------
        ConfigError
            An entry that is missing, unknown or of the wrong kind.
        """
        known = [f.name for f in fields(cls)]
        for name in given:
            if name not in known:
                raise ConfigError(f"{where} has an entry {name!r}; expected {', '.join(known)}.")
        if not isinstance(given.get("task"), str):
            raise ConfigError(f'{where} names no task; expected a line like task = "integrate".')
        checked = {name: _checked(name, value, where) for name, value in given.items()}
        return cls(**checked)


def _checked(name: str, value: Any, where: str) -> Any:
    if name in ("task", "decode_as"):
        ok, form, out = isinstance(value, str), "a text", value
    elif name in ("spare", "members"):
        ok, form, out = isinstance(value, int) and not isinstance(value, bool) and value >= (name == "members"), "a whole number", value
    elif name in ("covariates", "keep"):
        ok, form = _texts(value), "a list of texts"
        out = tuple(value) if ok else ()
    elif name in ("labels", "likelihoods"):
        ok, form = isinstance(value, dict) and _texts(list(value.values())), "a table of texts"
        out = value
    else:
        ok, form = isinstance(value, list) and all(_is_arrow(a) for a in value), 'tables like data = "pbmc", inputs = ["rna"], outputs = ["rna", "protein"]'
        out = tuple(Arrow(a["data"], tuple(a["inputs"]), tuple(a["outputs"])) for a in value) if ok else ()
    if not ok:
        raise ConfigError(f"{name} of {where} is {value!r}; expected {form}.")
    return out


def _is_arrow(given: Any) -> bool:
    return (
        isinstance(given, dict)
        and set(given) == {"data", "inputs", "outputs"}
        and isinstance(given["data"], str)
        and all(map(_texts, (given["inputs"], given["outputs"])))
    )


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) for v in value)
