"""Gene sets: read from GMT or a pasted list, matched to the genes at hand, scored by the mean of their z-scores."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError


@dataclass(frozen=True)
class GeneSetMatch:
    """Genes of a set among those at hand.

    Attributes
    ----------
    found
        Names as they are at hand, in the order of the set.
    missing
        Names of the set that are not at hand.
    """

    matched: tuple[str, ...]
    missing: tuple[str, ...]


def parse_genes(text: str) -> tuple[str, ...]:
    """Names in a text, separated by spaces, commas, semicolons or lines, each once; a feature such as "CD8 (protein)" is one name."""
    return tuple(dict.fromkeys(re.findall(r"[^\s,;]+(?: \([^)]+\))?", text)))


def read_gmt(path: str | Path) -> dict[str, tuple[str, ...]]:
    """Gene sets of a GMT file: a set a line, with name, description and genes separated by tabs.

    Raises
    ------
    DataError
        A file that cannot be read, or a line without genes.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path} cannot be read as GMT ({error}). Expected a text file with one gene set a line."
        ) from error
    sets: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        name, *rest = (part.strip() for part in line.split("\t"))
        genes = tuple(dict.fromkeys(g for g in rest[1:] if g))
        if not genes or not name:
            raise DataError(
                f"line {number} of {path} is no gene set. Expected a name, a description and at least one gene, separated by tabs."
            )
        sets[name] = genes
    if not sets:
        raise DataError(
            f"{path} holds no gene set. Expected one a line: a name, a description and genes, separated by tabs."
        )
    return sets


def match_genes(genes: Sequence[str], available: Iterable[str]) -> GeneSetMatch:
    """Find the genes of a set: by their exact names, else without regard to case where that is unique.

    Parameters
    ----------
    at_hand
        Names of the genes that there are values of.
    """
    names = set(available)
    by_case: dict[str, list[str]] = {}
    for name in names:
        by_case.setdefault(name.lower(), []).append(name)
    found: dict[str, None] = {}
    missing = []
    for gene in genes:
        alike = [gene] if gene in names else by_case.get(gene.lower(), [])
        if len(alike) == 1:
            found[alike[0]] = None
        else:
            missing.append(gene)
    return GeneSetMatch(tuple(found), tuple(missing))


def mean_z_score(columns: Iterable[NDArray[np.floating[Any]]]) -> NDArray[np.float32]:
    """Mean over genes of each gene's z-score over the cells; a gene that is the same everywhere says nothing and is left out.

    Parameters
    ----------
    columns : each (cells,)
        Log-normalised values of one gene; they are taken one at a time.

    Returns
    -------
    (cells,)

    Raises
    ------
    DataError
        No gene differs between cells.
    """
    total, n = None, 0
    for values in columns:
        sd = float(np.std(values, dtype=np.float64))
        if sd > 1e-9:
            z = (values - np.mean(values, dtype=np.float64)) / sd
            total, n = z if total is None else total + z, n + 1
    if total is None:
        raise DataError("no gene of the set differs between cells, so the set has no score. Choose another set.")
    return np.asarray(total / n, dtype=np.float32)
