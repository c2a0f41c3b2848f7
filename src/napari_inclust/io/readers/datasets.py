"""Data sets with one or several modalities, as the command line names them: `name=file+file`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...data.dataset import Dataset
from ...errors import DataError
from .anndata_files import read_modalities
from .dispatch import detect_format, read_reference, read_safely
from .guard import check_headers

if TYPE_CHECKING:
    from anndata import AnnData


def open_datasets(specifications: list[str]) -> list[Dataset]:
    """Open every data set; one without a name is named after its file, numbered where that name is taken.

    Parameters
    ----------
    specifications
        `PATH`, `NAME=PATH`, or several files of the same cells joined by `+`.

    Raises
    ------
    DataError
        A file that is missing or cannot be used, modalities without a cell in common.
    """
    datasets: list[Dataset] = []
    for text in specifications:
        paths = dataset_paths(text)
        base = text.rpartition("=")[0] or paths[0].stem
        taken = {dataset.name for dataset in datasets}
        numbered = (f"{base} {i}" for i in range(2, len(specifications) + 2))
        datasets.append(read_dataset(paths, next(name for name in (base, *numbered) if name not in taken)))
    return datasets


def dataset_paths(*specifications: str) -> list[Path]:
    """Return the files of data sets that are specified as for `open_datasets`."""
    return [Path(path) for text in specifications for path in text.rpartition("=")[2].split("+")]


def read_dataset(paths: list[Path], name: str) -> Dataset:
    """Read one data set from a `.h5mu` (all its modalities), from one file, or from files of the same cells.

    Raises
    ------
    DataError
        As `read_reference`; two files of one modality.
    """
    if len(paths) == 1 and paths[0].suffix == ".h5mu":
        file_format = detect_format(paths[0])
        return Dataset.from_modalities(
            read_safely(paths[0], _read_checked_modalities, file_format.name), name=name, paths=paths
        )
    parts = [Dataset.from_adata(read_reference(path).adata, name=name, path=path) for path in paths]
    if len(parts) == 1:
        return parts[0]
    seen: set[str] = set()
    for path, part in zip(paths, parts, strict=True):
        repeated = seen.intersection(part.modality_names)
        if repeated:
            raise DataError(
                f"{path} and another file of {name} both hold the modality {min(repeated)}. Give each modality once, "
                "or separate data sets."
            )
        seen |= set(part.modality_names)
    return Dataset.from_modalities({part.modality_names[0]: part.adata for part in parts}, name=name, paths=paths)


def _read_checked_modalities(path: Path) -> dict[str, AnnData]:
    """Read all modalities of a MuData file whose headers can be true."""
    check_headers(path)
    return read_modalities(path)
