"""Saved runs with the data that they were trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...data.section import Reference, Section
from ...errors import RunError
from ...imputation.query_mapping import PretrainedModel
from ...imputation.run import Run
from ..readers.dispatch import read_reference, read_section
from . import imputation_archive


def load_run(path: str | Path, section: Section | None = None, reference: Reference | None = None) -> Run:
    """Open a saved run; its data are opened from where they were, unless given.

    Raises
    ------
    RunError
        A run that is damaged, of another version, without its data, or of other data.
    DataError
        Data that cannot be read.
    """
    data = imputation_archive.read_metadata(path)["provenance"]["data"]
    for side, given in (("section", section), ("reference", reference)):
        if given is None and data[side]["path"] is None:
            raise RunError(
                f"{path} was trained on a {side} that was never a file ({data[side]['name']}). Give it: load_run(path, {side}=...)."
            )
    declared = _declared_kind(data["section"]["values"])
    section = section or read_section(
        data["section"]["path"], values=declared, flatten=True, **data["section"].get("choices", {})
    )
    return imputation_archive.load(path, section, reference or _read_saved_reference(data))


def open_mapping_source(path: str | Path, reference: Reference | None = None) -> tuple[PretrainedModel, Reference]:
    """What mapping needs of a saved run: its networks, and the reference cells that it was trained on. The reference is opened from where it was, unless given.

    Raises
    ------
    RunError
        A run that is damaged, of another version, without its reference, or of another one.
    DataError
        A reference that cannot be read.
    """
    data = imputation_archive.read_metadata(path)["provenance"]["data"]
    if reference is None and data["reference"]["path"] is None:
        raise RunError(
            f"{path} was trained on a reference that was never a file ({data['reference']['name']}). Give it: open_source(path, reference)."
        )
    return imputation_archive.load_pretrained(path, reference or _read_saved_reference(data))


def _read_saved_reference(data: dict[str, Any]) -> Reference:
    return read_reference(data["reference"]["path"], values=_declared_kind(data["reference"]["values"]))


def _declared_kind(values: dict[str, object]) -> str | None:
    return str(values["kind"]) if values["declared"] else None
