"""Gene sets: read from GMT or text, matched to the available genes, scored by the mean z-score of their genes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .feature_names import unique_positions


@dataclass(frozen=True)
class GeneSetMatch:
    """Genes of a set that are available.

    Attributes
    ----------
    matched
        Names as available, in the order of the set.
    missing
        Names of the set that are not available.
    """

    matched: tuple[str, ...]
    missing: tuple[str, ...]


def parse_genes(text: str) -> tuple[str, ...]:
    """Parse names separated by spaces, commas, semicolons or line breaks, each kept once.

    A feature such as "CD8 (protein)" is one name.
    """
    return tuple(dict.fromkeys(re.findall(r"[^\s,;]+(?: \([^)]+\))?", text)))


def read_gmt(path: str | Path) -> dict[str, tuple[str, ...]]:
    """Read the gene sets of a GMT file: one set a line, with name, description and genes separated by tabs.

    Raises
    ------
    DataError
        The file cannot be read, or a line has no genes.
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
                f"line {number} of {path} is no gene set. Expected a name, a description and at least one gene, "
                "separated by tabs."
            )
        sets[name] = genes
    if not sets:
        raise DataError(
            f"{path} holds no gene set. Expected one a line: a name, a description and genes, separated by tabs."
        )
    return sets


def match_genes(genes: Sequence[str], available: Iterable[str]) -> GeneSetMatch:
    """Match the genes of a set: by their exact names, else ignoring case where that is unambiguous.

    Parameters
    ----------
    genes
        Names of the set.
    available
        Names of the genes with values.
    """
    exact = dict.fromkeys(available)
    names = list(exact)
    by_lowercase = unique_positions(name.lower() for name in names)
    matched: dict[str, None] = {}
    missing = []
    for gene in genes:
        if gene in exact:
            matched[gene] = None
        elif (position := by_lowercase.get(gene.lower())) is not None:
            matched[names[position]] = None
        else:
            missing.append(gene)
    return GeneSetMatch(tuple(matched), tuple(missing))


def mean_z_score(columns: Iterable[NDArray[np.floating[Any]]]) -> NDArray[np.float32]:
    """Average the genes' z-scores over the cells: (cells,) float32; constant genes are left out.

    Parameters
    ----------
    columns : each (cells,)
        Log-normalised values of one gene; consumed one at a time.

    Raises
    ------
    DataError
        Every gene is constant.
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
