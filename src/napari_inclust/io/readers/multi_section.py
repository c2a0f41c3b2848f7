"""Several sections as one, and the imputed genes of one of them, read from the file of all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from ...data.section import Section
from ...errors import DataError


def concatenate_sections(sections: dict[str, Section], section_column: str) -> Section:
    """Combine sections: the cells of all, and the genes that all measure.

    Parameters
    ----------
    sections
        By name.
    section_column
        Column of obs with the name of the section of each cell.

    Raises
    ------
    DataError
        Values of different kinds, or too few genes in common.
    """
    import anndata

    kinds = {name: section.values.kind for name, section in sections.items()}
    if len(set(kinds.values())) > 1:
        listed = ", ".join(f"{name}: {kind}" for name, kind in kinds.items())
        raise DataError(
            f"the sections have values of different kinds ({listed}): one model cannot take both. Leave --shared out, "
            "or give --values."
        )
    first, *others = (section.genes for section in sections.values())
    shared = set(first).intersection(*others)
    common = pd.Index([gene for gene in first if gene in shared])
    if common.empty:
        raise DataError("the sections have no gene in common, so they cannot share a model. Leave --shared out.")
    matrix = sp.vstack(
        [section.matrix[:, pd.Index(section.genes).get_indexer(common)] for section in sections.values()], format="csr"
    )
    cells = [f"{name}:{cell}" for name, section in sections.items() for cell in section.adata.obs_names]
    names = pd.Categorical(
        np.repeat(list(sections), [section.n_cells for section in sections.values()]), categories=list(sections)
    )
    adata = anndata.AnnData(
        matrix, obs=pd.DataFrame({section_column: names}, index=cells), var=pd.DataFrame(index=common.astype(object))
    )
    adata.obsm["spatial"] = np.concatenate([section.xy for section in sections.values()])
    adata.uns["spatial_unit"] = "micrometre"
    return Section.from_adata(adata, name=" + ".join(sections), values=next(iter(kinds.values())))


class StoredPredictions:
    """A `Predictor` that reads the rows of one section from an AnnData zarr of all.

    Parameters
    ----------
    section
        Whose cells `rows` are, in its order.
    provenance
        Of the run.
    path
        Written by `write_imputed`.
    rows : (cells,) int
        In the file.
    var
        Of the file.
    """

    def __init__(
        self, section: Section, provenance: dict[str, Any], path: Path, rows: NDArray[np.intp], var: pd.DataFrame
    ) -> None:
        self.section, self.provenance = section, provenance
        self._path, self._rows, self._var = path, rows, var

    def chunks(
        self, genes: Sequence[str], size: int
    ) -> Iterator[tuple[list[str], Any, Any, list[str], list[float | None]]]:
        """As `Run.chunks`."""
        import zarr

        store, rows = zarr.open_group(self._path, mode="r"), slice(int(self._rows[0]), int(self._rows[-1]) + 1)
        columns = self._var.index.get_indexer(pd.Index(genes))
        for start in range(0, len(columns), size):
            part = columns[start : start + size]
            arrays: list[Any] = [store["X"], store["layers/spread"]]
            values, spread = (np.asarray(array.oindex[rows, part], dtype=np.float32) for array in arrays)
            var = self._var.iloc[part]
            scores = [None if np.isnan(score) else float(score) for score in var["score"]]
            yield list(var.index), values, spread, list(var["kind"].astype(str)), scores
