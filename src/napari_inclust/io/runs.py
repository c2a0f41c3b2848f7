"""Saved runs with the data that they were trained on."""

from __future__ import annotations

from pathlib import Path

from ..core import store
from ..core.run import Run
from ..core.section import Reference, Section
from ..errors import RunError
from .read import read_reference, read_section


def load_run(path: str | Path, section: Section | None = None, reference: Reference | None = None) -> Run:
    """Open a saved run; its data are opened from where they were, unless given.

    Raises
    ------
    RunError
        A run that is damaged, of another version, without its data, or of other data.
    DataError
        Data that cannot be read.
    """
    data = store.describe(path)["provenance"]["data"]
    for side, given in (("section", section), ("reference", reference)):
        if given is None and data[side]["path"] is None:
            raise RunError(f"{path} was trained on a {side} that was never a file ({data[side]['name']}). Give it: load_run(path, {side}=...).")
    kinds = {side: data[side]["values"] for side in data}
    section = section or read_section(data["section"]["path"], values=_declared(kinds["section"]), flatten=True, **data["section"].get("choices", {}))
    reference = reference or read_reference(data["reference"]["path"], values=_declared(kinds["reference"]))
    return store.load(path, section, reference)


def _declared(values: dict[str, object]) -> str | None:
    return str(values["kind"]) if values["declared"] else None
