"""Saved plans with the data that they were trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...data.dataset import Dataset, with_distinct_modalities
from ...errors import RunError
from ...training.trained import Trained
from ..readers.datasets import read_dataset
from . import trained_archive


def load_trained(path: str | Path, sets: Sequence[Dataset] | None = None) -> Trained:
    """Open a saved plan; its data are opened from where they were, unless given.

    Raises
    ------
    RunError
        A plan that is damaged, of another version, without its data, or of other data.
    DataError
        Data that cannot be read.
    """
    if sets is None:
        about = trained_archive.read_metadata(path)
        data = about["provenance"]["data"]
        never = [name for name, was in data.items() if not was["files"]]
        if never:
            raise RunError(
                f"{path} was trained on {never[0]}, which was never a file. Give the data: load_trained(path, sets)."
            )
        sets = [read_dataset([Path(f) for f in was["files"]], name) for name, was in data.items()]
        sets = with_distinct_modalities(sets) if about["recipe"]["task"] == "separate" else sets
    return trained_archive.load(path, sets)
