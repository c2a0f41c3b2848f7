"""Inputs of the search for domains, checked: coordinates, section codes, numbers of domains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..data.obs import obs_column
from ..data.section import Section
from ..errors import ConfigError, DataError
from ..spatial.neighbors import FloatArray, IntArray

if TYPE_CHECKING:
    from anndata import AnnData

MIN_CELLS = 20


def section_with_coordinates(data: Section | AnnData) -> tuple[Section, FloatArray, list[str]]:
    """Return the section, its coordinates (cells, 2 or 3), and notes for the user."""
    section = data if isinstance(data, Section) else None
    raw = np.asarray((data.adata if isinstance(data, Section) else data).obsm.get("spatial", np.zeros((0, 2))))
    is_3d = raw.ndim == 2 and raw.shape[1] == 3
    if not isinstance(data, Section):
        section = Section.from_adata(data, plane=(0, 1) if is_3d else None)
    assert section is not None
    if not is_3d or (isinstance(data, Section) and not section.unit_note.startswith("three-dimensional")):
        return section, section.xy, []
    raw = raw.astype(np.float64)
    if not np.isfinite(raw).all():
        raise DataError(
            f"{int((~np.isfinite(raw)).any(1).sum())} cells of {section.name} have NaN or infinite coordinates. "
            "Remove them or give them positions."
        )
    extent = float(np.ptp(raw[:, 0]))
    scale = float(np.ptp(section.xy[:, 0])) / extent if extent else 1.0
    return section, raw * scale, ["the coordinates are three-dimensional: neighbours are counted in all three."]


def section_codes(section: Section, key: str | None) -> tuple[IntArray, int]:
    """Return the code of each cell's section (cells,), by a column of obs, and the number of sections."""
    if key is None:
        return np.zeros(section.n_cells, dtype=np.intp), 1
    names, codes = np.unique(obs_column(section, key), return_inverse=True)
    return codes.astype(np.intp), len(names)


def check_n_domains(n_domains: int | Sequence[int] | None, n_cells: int) -> list[int] | None:
    """Return the numbers of domains as a list; None where none is given.

    Raises
    ------
    ConfigError
        An empty list, or a number below 1 or above that of the cells.
    DataError
        Too few cells.
    """
    numbers = None
    if n_domains is not None:
        numbers = [int(k) for k in ([n_domains] if isinstance(n_domains, (int, np.integer)) else n_domains)]
    if numbers == []:
        raise ConfigError("no number of domains was given; give at least one, or None for the most stable.")
    for k in numbers or []:
        if not 1 <= k <= n_cells:
            raise ConfigError(f"{k} domains of {n_cells} cells are not possible; give a number from 1 to {n_cells}.")
    if n_cells < MIN_CELLS and numbers != [1]:
        raise DataError(f"{n_cells} cells are too few to find domains among; at least {MIN_CELLS} are needed.")
    return numbers
