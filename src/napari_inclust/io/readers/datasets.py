"""Data sets with one or several modalities, as the command line names them: `name=file+file`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...data.dataset import Dataset
from ...errors import DataError
from .dispatch import detect_format, read_reference, read_safely
from .guard import check_headers

if TYPE_CHECKING:
    from anndata import AnnData


def open_datasets(specifications: list[str]) -> list[Dataset]:
    """Open every data set; a name that is not given is that of the file, numbered where it is taken.

    Parameters
    ----------
    given
        `PATH`, `NAME=PATH`, or several files of the same cells joined by `+`.

    Raises
    ------
    DataError
        A file that is missing or cannot be used, modalities without a cell in common.
    """
    found: list[Dataset] = []
    for text in specifications:
        paths = dataset_paths(text)
        base = text.rpartition("=")[0] or paths[0].stem
        taken = {d.name for d in found}
        unique = next(n for n in (base, *(f"{base} {i}" for i in range(2, len(specifications) + 2))) if n not in taken)
        found.append(read_dataset(paths, unique))
    return found


def dataset_paths(*specifications: str) -> list[Path]:
    """The files of data sets as `open_datasets` takes them."""
    return [Path(path) for text in specifications for path in text.rpartition("=")[2].split("+")]


def read_dataset(paths: list[Path], name: str) -> Dataset:
    """One data set from a `.h5mu` (all its modalities), from one file, or from files of the same cells.

    Raises
    ------
    DataError
        As `read_reference`; two files of one modality.
    """
    if len(paths) == 1 and paths[0].suffix == ".h5mu":
        return Dataset.from_modalities(_read_modalities(paths[0]), name=name, paths=paths)
    sets = [Dataset.from_adata(read_reference(p).adata, name=name, path=p) for p in paths]
    if len(sets) == 1:
        return sets[0]
    by_modality: dict[str, Dataset] = {}
    for path, s in zip(paths, sets, strict=True):
        for block in s.modality_names:
            if block in by_modality:
                raise DataError(
                    f"{path} and another file of {name} both hold the modality {block}. Give each modality once, or separate data sets."
                )
            by_modality[block] = s
    return Dataset.from_modalities({s.modality_names[0]: s.adata for s in sets}, name=name, paths=paths)


def _read_modalities(path: Path) -> dict[str, AnnData]:
    import h5py
    from anndata.io import read_elem

    def read(path: Path) -> dict[str, AnnData]:
        check_headers(path)
        with h5py.File(path) as file:
            return {str(name): read_elem(file["mod"][name]) for name in file["mod"]}

    found: dict[str, AnnData] = read_safely(path, read, detect_format(path).name)
    return found
