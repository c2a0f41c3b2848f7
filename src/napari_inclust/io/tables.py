"""Plain tables: cells x genes as CSV, TSV or Parquet, with the places in the same table or in a second one beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..core.predicted import KINDS
from ..errors import DataError

if TYPE_CHECKING:
    from anndata import AnnData

SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")
PLACES = (("x", "y"), ("center_x", "center_y"), ("x_centroid", "y_centroid"), ("centroid_x", "centroid_y"), ("x_um", "y_um"), ("spatial_x", "spatial_y"))


def is_table(path: Path) -> bool:
    return path.name.lower().endswith(SUFFIXES)


def is_table_folder(path: Path) -> bool:
    return path.is_dir() and len(_tables(path)) == 2


def read_table_folder(path: Path) -> AnnData:
    """A folder with two tables: values (cells x genes), and cells with x and y."""
    first, second = (_read(p) for p in _tables(path))
    if places(second) is None:
        first, second = second, first
    found = places(second)
    if found is None:
        raise DataError(f"neither table in {path} has columns for the places of the cells; expected such as {' or '.join(', '.join(p) for p in PLACES[:3])}.")
    absent = ~first.index.isin(second.index)
    if absent.any():
        raise DataError(
            f"{int(absent.sum())} of {len(first)} cells of the table of values in {path} have no place in the other (such as {first.index[absent][0]})."
        )
    return _adata(first, second.loc[first.index], path)


def read_table(path: Path) -> AnnData:
    """One table: genes as number columns; columns of places and text columns describe the cells.

    In a table that this package wrote (`tables_out`), columns such as `Sox2_imputed` are the genes, and all others describe the cells.
    """
    table = _read(path)
    found = places(table) or ()
    predicted = [c for c in table if _kind(str(c)) is not None]
    describes = [c for c in table if (c not in predicted if predicted else c in found or not pd.api.types.is_numeric_dtype(table[c]))]
    adata = _adata(table.drop(columns=describes), table[describes], path)
    if predicted:
        kinds = [_kind(str(c)) or "" for c in predicted]
        adata.var_names = pd.Index([str(c)[: -len(kind) - 1] for c, kind in zip(predicted, kinds, strict=True)], dtype=object)
        adata.var["kind"] = kinds
    return adata


def _kind(column: str) -> str | None:
    """ "held-out" for `Gad1_held_out`; None for a column that is not named as a prediction."""
    return next((kind for kind in KINDS if column.endswith("_" + kind.replace("-", "_"))), None)


def places(table: pd.DataFrame) -> tuple[str, str] | None:
    """The columns with x and y, by their usual names."""
    lower = {str(c).lower(): str(c) for c in table}
    return next(((lower[x], lower[y]) for x, y in PLACES if x in lower and y in lower), None)


def has_places(path: Path) -> bool:
    """Whether the header of a table names columns with places; the rest of it is not read."""
    import pyarrow.parquet

    try:
        names = pyarrow.parquet.read_schema(path).names if path.suffix == ".parquet" else pd.read_csv(path, sep=_separator(path), nrows=0).columns
    except (OSError, ValueError):  # no table after all
        return False
    return places(pd.DataFrame(columns=list(names))) is not None


def _separator(path: Path) -> str:
    return "\t" if ".tsv" in path.name.lower() else ","


def _tables(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if is_table(p))


def _read(path: Path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        table = pd.read_parquet(path)
        first = table.columns[0]
        if isinstance(table.index, pd.RangeIndex) and not pd.api.types.is_float_dtype(table[first]) and table[first].is_unique:
            table = table.set_index(first)
    else:
        table = pd.read_csv(path, sep=_separator(path), index_col=0)
    table.index = pd.Index(table.index.astype(str), dtype=object)
    return table


def _adata(values: pd.DataFrame, cells: pd.DataFrame, path: Path) -> AnnData:
    import anndata
    import scipy.sparse as sp

    words = [str(c) for c in values if not pd.api.types.is_numeric_dtype(values[c])]
    if words:
        raise DataError(f"the table of values {path} has columns that are not numbers: {', '.join(words[:5])}. Expected cells x genes.")
    names = pd.Index([str(c) for c in values.columns], dtype=object)
    found = places(cells)
    adata = anndata.AnnData(sp.csr_matrix(values.to_numpy(dtype=np.float32)), obs=cells.drop(columns=list(found or ())), var=pd.DataFrame(index=names))
    if found:
        adata.obsm["spatial"] = cells[list(found)].to_numpy(dtype=np.float64)
        if found == ("x_um", "y_um"):
            adata.uns["spatial_unit"] = "micrometre"
    return adata
