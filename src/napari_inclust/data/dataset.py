"""Cells with one or several modalities, as all tasks use them; `section.Reference` and `section.Section` are kinds."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from ..errors import DataError
from . import normalize as val
from .measured_values import MeasuredValues

if TYPE_CHECKING:
    from anndata import AnnData

_NORMALISATION_KEYWORDS = (
    ("clr", ("protein", "adt", "prot", "antibody")),
    ("binary", ("atac", "peak", "chromatin", "accessib")),
)
_PEAK_NAME = re.compile(r"^(chr)?[\dXYMTxymt]+[:\-_]\d+[:\-_]\d+$")
PROTEIN_OBSM_KEYS = ("protein_counts", "protein_expression", "proteins", "adt", "ADT")


@dataclass(frozen=True, eq=False)
class Modality:
    """Features of one kind.

    Attributes
    ----------
    name
        "rna", "protein", "atac", ...
    features
        Names of the columns.
    matrix : (cells, features) CSR float32
        Values as stored.
    normalisation
        "library" (divided by the cell's total, then log1p), "clr" (by the cell's geometric mean of value + 1, then
        log1p: centred log-ratio, for proteins), "binary" (open or closed, for peaks) or "none" (log1p of the linear
        values as they are).
    kind
        What the stored values are.
    """

    name: str
    features: tuple[str, ...]
    matrix: sp.csr_matrix
    normalisation: str
    kind: val.ValueKind = "counts"

    @classmethod
    def from_matrix(
        cls,
        name: str,
        matrix: Any,
        features: Sequence[Any],
        *,
        dataset_name: str,
        value_kind: val.ValueKind | None = None,
    ) -> Modality:
        """Check values and choose how they are normalised by the modality's name.

        Raises
        ------
        DataError
            NaN, infinite or negative values; names that are missing or not unique.
        """
        matrix, names = val.as_csr(matrix), tuple(map(str, features))
        if matrix.shape[1] != len(names):
            raise DataError(f"{name} of {dataset_name} has {matrix.shape[1]} columns but {len(names)} names.")
        if len(set(names)) < len(names):
            index = pd.Index(names)
            raise DataError(
                f"{name} of {dataset_name} names {index[index.duplicated()][0]!r} twice. Make the names unique."
            )
        val.check_values(matrix, f"{name} of {dataset_name}")
        normalisation = next(
            (how for how, words in _NORMALISATION_KEYWORDS if any(w in name.lower() for w in words)), "library"
        )
        kind: val.ValueKind = "counts"
        if normalisation != "binary":
            kind = value_kind or val.detect_value_kind(matrix).kind
        return cls(name, names, matrix, "none" if kind == "lognorm" else normalisation, kind)

    @property
    def linear_values(self) -> sp.csr_matrix:
        """(cells, features) values on the linear scale: log-normalised ones are exponentiated."""
        if self.kind != "lognorm":
            return self.matrix
        out = self.matrix.copy()
        out.data = np.expm1(out.data)
        return out

    @property
    def unscaled_values(self) -> sp.csr_matrix:
        """(cells, features) values before division by `size_factors` and log1p; of peaks 1 where one is open."""
        if self.normalisation != "binary":
            return self.linear_values
        out = self.matrix.copy()
        out.data = np.ones_like(out.data)
        return out

    @property
    def size_factors(self) -> NDArray[np.float64]:
        """(cells,) what each cell's values are divided by."""
        if self.normalisation == "library":
            return val.library_size(self.matrix)
        if self.normalisation == "clr":
            logs = self.matrix.copy()
            logs.data = np.log1p(logs.data)
            geometric: NDArray[np.float64] = np.exp(np.asarray(logs.mean(1), dtype=np.float64).ravel())
            return geometric
        return np.ones(self.matrix.shape[0])

    def lognormalised(self) -> sp.csr_matrix:
        """(cells, features) CSR float32: log1p of the values scaled to the median size factor."""
        return val.lognormalise(self.unscaled_values, "linear", self.size_factors)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Cells with their modalities.

    Attributes
    ----------
    name
        In messages, plans and results.
    adata
        Source of the cells: its obs and obsm go into results. It is the caller's object and is never changed.
    modalities
        All over the same cells, in the same order.
    paths
        Files that it was read from.
    """

    name: str
    adata: AnnData
    modalities: tuple[Modality, ...]
    paths: tuple[Path, ...] = ()

    @classmethod
    def from_adata(cls, adata: AnnData, *, name: str, modality: str | None = None, path: Path | None = None) -> Dataset:
        """Read the values of an AnnData as one modality, and proteins in obsm as a second.

        Parameters
        ----------
        modality
            Name of the first; default "atac" where most features are named like peaks, else "rna".

        Raises
        ------
        DataError
            As `MeasuredValues.from_adata`; proteins without names.
        """
        base = MeasuredValues.from_adata(adata, name)
        main = modality or ("atac" if _are_peaks(base.genes) else "rna")
        modalities = [
            Modality.from_matrix(main, base.matrix, base.genes, dataset_name=name, value_kind=base.values.kind)
        ]
        key = next((k for k in PROTEIN_OBSM_KEYS if k in adata.obsm), None)
        if key is not None:
            modalities.append(Modality.from_matrix("protein", *_protein_matrix(adata, key, name), dataset_name=name))
        return Dataset(name, adata, tuple(modalities), (path,) if path else ())

    @classmethod
    def from_modalities(cls, modalities: Mapping[str, AnnData], *, name: str, paths: Sequence[Path] = ()) -> Dataset:
        """Join several AnnData of the same cells, by modality: a MuData's `mod`, or files of paired measurements.

        Cells that not all of them have are left out.

        Raises
        ------
        DataError
            No cell in common.
        """
        common = list(dict.fromkeys(next(iter(modalities.values())).obs_names))
        for other in list(modalities.values())[1:]:
            have = set(other.obs_names)
            common = [c for c in common if c in have]
        if not common:
            examples = ", ".join(f"{m} has {a.obs_names[0]}" for m, a in modalities.items())
            raise DataError(
                f"the modalities of {name} have no cell in common ({examples}): "
                "paired modalities need the same cell names."
            )
        parts = [
            Dataset.from_adata(
                adata if list(adata.obs_names) == common else adata[common].copy(), name=name, modality=modality
            )
            for modality, adata in modalities.items()
        ]
        return Dataset(name, parts[0].adata, tuple(m for part in parts for m in part.modalities), tuple(paths))

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return int(self.adata.n_obs)

    @property
    def obs(self) -> pd.DataFrame:
        """Annotations of the cells."""
        obs: pd.DataFrame = self.adata.obs
        return obs

    @property
    def modality_names(self) -> tuple[str, ...]:
        """Names of the modalities, in order."""
        return tuple(m.name for m in self.modalities)

    def modality(self, name: str) -> Modality:
        """Return a modality by its name.

        Raises
        ------
        DataError
            No such modality.
        """
        for m in self.modalities:
            if m.name == name:
                return m
        raise DataError(f"{self.name} does not measure {name!r} (it has {', '.join(self.modality_names)}).")

    def without_modalities(self, *names: str) -> Self:
        """Leave some modalities out."""
        return replace(self, modalities=tuple(m for m in self.modalities if m.name not in names))

    def subset(self, rows: NDArray[Any], name: str | None = None) -> Self:
        """Select some of the cells, under another name if given."""
        parts = tuple(replace(m, matrix=m.matrix[rows]) for m in self.modalities)
        return replace(self, name=name or self.name, adata=self.adata[rows], modalities=parts)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the fingerprints of the modalities: changes when the data change."""
        h = hashlib.sha256()
        for m in self.modalities:
            h.update(f"{m.name}:{fingerprint(m.linear_values, list(m.features), self.adata.obs_names)}".encode())
        return h.hexdigest()

    @property
    def provenance(self) -> dict[str, Any]:
        """Plain values that say which data these are, for saved results."""
        return {
            "files": [str(p) for p in self.paths],
            "cells": self.n_cells,
            "modalities": list(self.modality_names),
            "fingerprint": self.fingerprint,
        }


def with_distinct_modalities(datasets: Sequence[Dataset]) -> list[Dataset]:
    """Rename every modality that several data sets have after each of them (`SET: MODALITY`)."""
    names = [m for s in datasets for m in s.modality_names]
    return [
        replace(
            s,
            modalities=tuple(
                replace(m, name=f"{s.name}: {m.name}") if names.count(m.name) > 1 else m for m in s.modalities
            ),
        )
        for s in datasets
    ]


def fingerprint(matrix: sp.csr_matrix, genes: list[str], cells: Any) -> str:
    """SHA-256 over values, positions of the values, gene names and cell names."""
    h = hashlib.sha256()
    for part in (matrix.data, matrix.indices.astype(np.int32), matrix.indptr.astype(np.int64)):
        h.update(np.ascontiguousarray(part).tobytes())
    h.update("\n".join(genes).encode())
    h.update("\n".join(map(str, cells)).encode())
    return h.hexdigest()


def _are_peaks(names: Sequence[str]) -> bool:
    """Whether most of a sample of the names are genomic intervals."""
    sample = list(names[:: max(1, len(names) // 50)])
    return sum(bool(_PEAK_NAME.match(n)) for n in sample) > 0.8 * len(sample)


def _protein_matrix(adata: AnnData, key: str, name: str) -> tuple[Any, list[str]]:
    """Values and names of the proteins in an entry of obsm. Raises DataError."""
    values = adata.obsm[key]
    if isinstance(values, pd.DataFrame):
        return values.to_numpy(), [str(c) for c in values.columns]
    for names_key in (f"{key}_names", "protein_names"):
        if names_key in adata.uns:
            return values, [str(n) for n in adata.uns[names_key]]
    raise DataError(
        f"obsm[{key!r}] of {name} has no names: store a DataFrame there, or the names in uns['protein_names']."
    )
