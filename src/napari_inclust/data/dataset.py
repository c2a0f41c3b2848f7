"""One data set with one or several modalities of the same cells: what every task but the main job starts from."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from ..errors import DataError
from . import normalize as val
from .section import Reference, fingerprint

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
    matrix : (cells, features) CSR float32
        Values before normalisation; log-normalised ones were taken back to the linear scale.
    normalise
        "library" (divided by the cell's total, then log1p), "clr" (by the cell's geometric mean of value + 1, then log1p: centred log-ratio, for proteins),
        "binary" (open or closed, for peaks) or "none" (log1p of the values as they are).
    """

    name: str
    features: tuple[str, ...]
    matrix: sp.csr_matrix
    normalisation: str

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
            twice = pd.Index(names)
            raise DataError(
                f"{name} of {dataset_name} names {twice[twice.duplicated()][0]!r} twice. Make the names unique."
            )
        val.check_values(matrix, f"{name} of {dataset_name}")
        normalise = next(
            (how for how, words in _NORMALISATION_KEYWORDS if any(w in name.lower() for w in words)), "library"
        )
        if normalise != "binary" and (value_kind or val.detect_value_kind(matrix).kind) == "lognorm":
            matrix, normalise = matrix.copy(), "none"
            matrix.data = np.expm1(matrix.data)
        return cls(name, names, matrix, normalise)

    @property
    def size_factors(self) -> NDArray[np.float64]:
        """(cells,) what each cell is divided by."""
        if self.normalisation == "library":
            return val.library_size(self.matrix)
        if self.normalisation == "clr":
            logs = self.matrix.copy()
            logs.data = np.log1p(logs.data)
            geometric: NDArray[np.float64] = np.exp(np.asarray(logs.mean(1), dtype=np.float64).ravel())
            return geometric
        return np.ones(self.matrix.shape[0])

    @property
    def linear_values(self) -> sp.csr_matrix:
        """(cells, features) what is divided by `size` and then logged: the values, or ones where something is open."""
        if self.normalisation != "binary":
            return self.matrix
        out = self.matrix.copy()
        out.data = np.ones_like(out.data)
        return out


@dataclass(frozen=True, eq=False)
class Dataset:
    """Cells with their modalities.

    Attributes
    ----------
    adata
        Where the cells came from: its obs and obsm go into results.
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
        """The values of an AnnData as one modality (named, or told from the features: "rna" or "atac"), and proteins in obsm beside it.

        Raises
        ------
        DataError
            As `section.Reference`; proteins without names.
        """
        base = Reference.from_adata(adata, name=name, path=path)
        named = modality or ("atac" if _are_peaks(base.genes) else "rna")
        found = [Modality.from_matrix(named, base.matrix, base.genes, dataset_name=name, value_kind=base.values.kind)]
        key = next((k for k in PROTEIN_OBSM_KEYS if k in adata.obsm), None)
        if key is not None:
            found.append(Modality.from_matrix("protein", *_protein_matrix(adata, key, name), dataset_name=name))
        return cls(name, adata, tuple(found), (path,) if path else ())

    @classmethod
    def from_modalities(cls, modalities: Mapping[str, AnnData], *, name: str, paths: Sequence[Path] = ()) -> Dataset:
        """Several AnnData of the same cells, by modality: a MuData's `mod`, or files that were made together. Cells that not all of them have are left out.

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
                f"the modalities of {name} have no cell in common ({examples}): paired modalities need the same cell names."
            )
        found: list[Modality] = []
        first: AnnData | None = None
        for modality, whole in modalities.items():
            adata = whole if list(whole.obs_names) == common else whole[common].copy()
            first = adata if first is None else first
            found += cls.from_adata(adata, name=name, modality=modality).modalities
        assert first is not None
        return cls(name, first, tuple(found), tuple(paths))

    @property
    def n_cells(self) -> int:
        return int(self.adata.n_obs)

    @property
    def obs(self) -> pd.DataFrame:
        obs: pd.DataFrame = self.adata.obs
        return obs

    @property
    def modality_names(self) -> tuple[str, ...]:
        return tuple(m.name for m in self.modalities)

    def modality(self, name: str) -> Modality:
        """A modality by its name.

        Raises
        ------
        DataError
            No such modality.
        """
        for m in self.modalities:
            if m.name == name:
                return m
        raise DataError(f"{self.name} does not measure {name!r} (it has {', '.join(self.modality_names)}).")

    def without_modalities(self, *names: str) -> Dataset:
        """The same cells with some modalities left out."""
        return Dataset(self.name, self.adata, tuple(m for m in self.modalities if m.name not in names), self.paths)

    def subset(self, rows: NDArray[Any], name: str | None = None) -> Dataset:
        """Some of the cells, under another name if given."""
        kept = tuple(Modality(m.name, m.features, m.matrix[rows], m.normalisation) for m in self.modalities)
        return Dataset(name or self.name, self.adata[rows], kept, self.paths)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the fingerprints of the modalities."""
        h = hashlib.sha256()
        for m in self.modalities:
            h.update(f"{m.name}:{fingerprint(m.matrix, list(m.features), self.adata.obs_names)}".encode())
        return h.hexdigest()


def with_distinct_modalities(datasets: Sequence[Dataset]) -> list[Dataset]:
    """The same data sets, sharing no modality: one that several have is named after each (`SET: MODALITY`)."""
    blocks = [b for s in datasets for b in s.modality_names]
    return [
        Dataset(
            s.name,
            s.adata,
            tuple(replace(m, name=f"{s.name}: {m.name}") if blocks.count(m.name) > 1 else m for m in s.modalities),
            s.paths,
        )
        for s in datasets
    ]


def _are_peaks(names: Sequence[str]) -> bool:
    some = list(names[:: max(1, len(names) // 50)])
    return sum(bool(_PEAK_NAME.match(n)) for n in some) > 0.8 * len(some)


def _protein_matrix(adata: AnnData, key: str, name: str) -> tuple[Any, list[str]]:
    values = adata.obsm[key]
    if isinstance(values, pd.DataFrame):
        return values.to_numpy(), [str(c) for c in values.columns]
    for place in (f"{key}_names", "protein_names"):
        if place in adata.uns:
            return values, [str(n) for n in adata.uns[place]]
    raise DataError(
        f"obsm[{key!r}] of {name} has no names: store a DataFrame there, or the names in uns['protein_names']."
    )
