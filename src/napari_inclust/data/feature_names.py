"""Feature names: Ensembl ids and symbols, and one name for each feature whatever the data sets call it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from .dataset import Dataset

FeatureNames = tuple[str, ...]
SYMBOL_COLUMNS = (
    "gene_symbol",
    "gene_symbols",
    "gene_name",
    "gene_names",
    "symbol",
    "feature_name",
    "gene_short_name",
    "gene",
)
ENSEMBL_COLUMNS = ("gene_ids", "gene_id", "ensembl_id", "ensembl", "ensembl_gene_id", "feature_id")
_ENSEMBL_GENE_ID = re.compile(r"^ENS[A-Z]*G\d{6,}(\.\d+)?$")
_ANTIBODY_TAG = re.compile(r"[_-]TotalSeq-?[A-D]?$", re.IGNORECASE)


def are_ensembl_ids(names: Sequence[str]) -> bool:
    """Return whether more than half of the names are Ensembl gene ids."""
    return 2 * sum(bool(_ENSEMBL_GENE_ID.match(n)) for n in names) > max(1, len(names))


def strip_version(ensembl_id: str) -> str:
    """Return an Ensembl id without its version: "ENSG00000141510.18" is "ENSG00000141510"."""
    return ensembl_id.split(".")[0]


def names_in_var(var: pd.DataFrame, *, ids: bool) -> tuple[str, FeatureNames] | None:
    """Return the first column of `var` with Ensembl ids (else symbols) and its names; None where there is none."""
    for column in ENSEMBL_COLUMNS if ids else SYMBOL_COLUMNS:
        if column in var:
            names = tuple(strip_version(str(v)) if ids else str(v) for v in var[column])
            if are_ensembl_ids(names) == ids:
                return column, names
    return None


def unique_positions(names: Iterable[str]) -> dict[str, int]:
    """Return the position of each name that occurs once."""
    names = list(names)
    duplicates = duplicate_names(names)
    return {name: i for i, name in enumerate(names) if name not in duplicates}


def duplicate_names(names: Iterable[str]) -> set[str]:
    """Return the names that occur more than once."""
    return {name for name, count in Counter(names).items() if count > 1}


def harmonise_feature_names(datasets: Mapping[str, Dataset], block: str) -> tuple[dict[str, FeatureNames], list[str]]:
    """Make the names of a block's features agree between data sets.

    Names are matched exactly; ids with symbols by columns of `var` when the data sets differ in that; then ignoring
    case and the tags that vendors append to antibodies. The spelling is that of the first data set. A name that would
    become equal to another of its data set is left as it is.

    Returns
    -------
    Names by data set, and notes for the user.
    """
    names = {name: data.modality(block).features for name, data in datasets.items()}
    if len(names) < 2:
        return names, []
    names, notes = _harmonise_ids_and_symbols(datasets, block, names)
    spelling: dict[str, str] = {}
    for dataset, own in names.items():
        known = set(spelling.values())
        renamed = [f if f in known else spelling.get(_matching_key(f), f) for f in own]
        clashes = duplicate_names(renamed)
        renamed = [f if n in clashes else n for f, n in zip(own, renamed, strict=True)]
        changed = [f"{f} = {n}" for f, n in zip(own, renamed, strict=True) if f != n]
        if changed:
            notes.append(
                f"{dataset}: {len(changed)} feature{'s' if len(changed) > 1 else ''} of {block} matched by a similar "
                f"name ({', '.join(changed[:3])})."
            )
        names[dataset] = tuple(renamed)
        for n in names[dataset]:
            spelling.setdefault(_matching_key(n), n)
    return names, notes


def _matching_key(name: str) -> str:
    return _ANTIBODY_TAG.sub("", name).lower()


def _harmonise_ids_and_symbols(
    datasets: Mapping[str, Dataset], block: str, names: dict[str, FeatureNames]
) -> tuple[dict[str, FeatureNames], list[str]]:
    """Strip the versions of ids; of data sets with ids and others with symbols, translate those whose `var` allows."""
    with_ids = {dataset for dataset, own in names.items() if are_ensembl_ids(own)}
    names = {dataset: _strip_versions(own) if dataset in with_ids else own for dataset, own in names.items()}
    if not with_ids or len(with_ids) == len(names):
        return names, []
    for to_ids in (False, True):
        columns = {
            dataset: _translate(datasets[dataset], block, to_ids)
            for dataset in names
            if (dataset in with_ids) != to_ids
        }
        translated = {dataset: pair for dataset, pair in columns.items() if pair is not None}
        if len(translated) == len(columns):
            kind = "Ensembl ids" if to_ids else "symbols"
            return names | {dataset: new for dataset, (_, new) in translated.items()}, [
                f"features of {block} matched by the {kind} in var[{column!r}] of {dataset}."
                for dataset, (column, _) in translated.items()
            ]
    return names, []


def _strip_versions(ids: FeatureNames) -> FeatureNames:
    stripped = tuple(map(strip_version, ids))
    return ids if duplicate_names(stripped) else stripped


def _translate(data: Dataset, block: str, to_ids: bool) -> tuple[str, FeatureNames] | None:
    """Names of the other kind for a block that X or raw holds, and their column; a name that is not unique stays."""
    features = data.modality(block).features
    for var in (data.adata.var, *((data.adata.raw.var,) if data.adata.raw is not None else ())):
        if tuple(map(str, var.index)) == features and (pair := names_in_var(var, ids=to_ids)):
            column, names = pair
            duplicates = duplicate_names(names)
            return column, tuple(f if n in duplicates else n for f, n in zip(features, names, strict=True))
    return None
