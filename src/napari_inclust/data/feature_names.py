"""One name for each feature of a block, whatever the data sets call it: Ensembl ids or symbols, upper or lower case, tags of antibodies."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .panel import ENSEMBL_COLUMNS, SYMBOL_COLUMNS, ensembl_fraction

if TYPE_CHECKING:
    from .dataset import Dataset

FeatureNames = tuple[str, ...]
_ANTIBODY_TAG = re.compile(r"[_-]TotalSeq-?[A-D]?$", re.IGNORECASE)


def harmonise_feature_names(datasets: Mapping[str, Dataset], block: str) -> tuple[dict[str, FeatureNames], list[str]]:
    """Names of a block's features in each data set, made to agree, and what a user should know of it.

    Names are matched as they are; ids and symbols by columns of `var` when the data sets differ in that; then without regard to case and to the tags that
    vendors put on antibodies. The spelling is that of the first data set. What would make two features of one data set the same stays as it was.
    """
    names = {data: s.modality(block).features for data, s in datasets.items()}
    if len(names) < 2:
        return names, []
    names, notes = _harmonise_ids_and_symbols(datasets, block, names)
    spelling: dict[str, str] = {}
    for data, own in names.items():
        renamed = []
        known = set(spelling.values())
        for f in own:
            first = f if f in known else spelling.get(_matching_key(f), f)
            renamed.append(first)
        clash = _duplicates(renamed)
        renamed = [f if n in clash else n for f, n in zip(own, renamed, strict=True)]
        changed = [f"{f} = {n}" for f, n in zip(own, renamed, strict=True) if f != n]
        if changed:
            notes.append(
                f"{data}: {len(changed)} feature{'s' if len(changed) > 1 else ''} of {block} matched by a like name ({', '.join(changed[:3])})."
            )
        names[data] = tuple(renamed)
        for n in names[data]:
            spelling.setdefault(_matching_key(n), n)
    return names, notes


def _matching_key(name: str) -> str:
    return _ANTIBODY_TAG.sub("", name).lower()


def _harmonise_ids_and_symbols(
    datasets: Mapping[str, Dataset], block: str, names: dict[str, FeatureNames]
) -> tuple[dict[str, FeatureNames], list[str]]:
    """Ids without their versions; where some data sets have ids and others symbols, those are translated whose `var` knows the other kind."""
    ids = {data for data, own in names.items() if ensembl_fraction(own) > 0.5}
    names = {data: _strip_ensembl_version(own) if data in ids else own for data, own in names.items()}
    if not ids or len(ids) == len(names):
        return names, []
    for with_ids, columns in ((True, SYMBOL_COLUMNS), (False, ENSEMBL_COLUMNS)):
        found = {
            data: _find_name_column(datasets[data], block, columns, columns is ENSEMBL_COLUMNS)
            for data in names
            if (data in ids) == with_ids
        }
        if all(found.values()):
            what = "symbols" if columns is SYMBOL_COLUMNS else "Ensembl ids"
            translated = {data: pair[1] for data, pair in found.items() if pair is not None}
            return names | translated, [
                f"features of {block} matched by the {what} in var[{pair[0]!r}] of {data}."
                for data, pair in found.items()
                if pair
            ]
    return names, []


def _strip_ensembl_version(ids: FeatureNames) -> FeatureNames:
    bare = tuple(n.split(".")[0] for n in ids)
    return ids if _duplicates(bare) else bare


def _find_name_column(
    data: Dataset, block: str, candidates: Sequence[str], want_ids: bool
) -> tuple[str, FeatureNames] | None:
    """A column of `var` with the other kind of names, for the modality that X holds."""
    features = data.modality(block).features
    for var in (data.adata.var, *((data.adata.raw.var,) if data.adata.raw is not None else ())):
        if tuple(map(str, var.index)) != features:
            continue
        for name in candidates:
            if name in var:
                column = tuple(str(v).split(".")[0] if want_ids else str(v) for v in var[name])
                if (ensembl_fraction(column) > 0.5) == want_ids:
                    twice = _duplicates(column)
                    return name, tuple(f if c in twice else c for f, c in zip(features, column, strict=True))
    return None


def _duplicates(names: Sequence[str]) -> set[str]:
    return {n for n, count in Counter(names).items() if count > 1}
