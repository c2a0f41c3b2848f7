"""Plain tables: cells x genes as CSV, TSV or Parquet, with the coordinates in the same table or in a second one."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...data.predicted import PREDICTION_KINDS
from ...errors import DataError

if TYPE_CHECKING:
    from anndata import AnnData

TABLE_SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")
# columns with x, y and the names of the cells; the third, or all, may be left out; "" is one that is known by its name
ColumnChoice = Sequence[str]
_MAX_COLUMNS, _MAX_HEADER_LENGTH = 2000, 2**24
_COORDINATE_NAME_PATTERN = re.compile(r"(^|[\W_])[xy]([\W_\d]|$)|cent|coord|posi?(tion)?([^a-z]|$)|pixel|pxl", re.I)
_TRANSCRIPT_COLUMNS = {"gene", "target", "feature_name"}  # of tables of transcripts
_MIN_CELL_TABLE_COLUMNS = 12  # x, y and ten genes: a table with fewer and a column of genes is one of transcripts
COORDINATE_COLUMNS = (
    ("x", "y"),
    ("center_x", "center_y"),
    ("x_centroid", "y_centroid"),
    ("centroid_x", "centroid_y"),
    ("x_um", "y_um"),
    ("spatial_x", "spatial_y"),
)


def is_table(path: Path) -> bool:
    """Whether a path has the suffix of a table."""
    return path.name.lower().endswith(TABLE_SUFFIXES)


def is_table_folder(path: Path) -> bool:
    """Whether a path is a folder with two tables."""
    return path.is_dir() and len(_table_files(path)) == 2


def read_table_folder(path: Path, chosen_columns: ColumnChoice = ()) -> AnnData:
    """Read a folder with two tables: values (cells x genes), and cells with x and y.

    Parameters
    ----------
    chosen_columns
        Columns with x, y and (third, if given) the names of the cells, when they are not known by their names
        (`COORDINATE_COLUMNS`).

    Raises
    ------
    DataError
        Neither table has coordinates, cells of one table are missing in the other, or values are not numbers.
    """
    first, second = (_read_frame(p, chosen_columns) for p in _table_files(path))
    if coordinate_columns(second, chosen_columns) is None:
        first, second = second, first
    if coordinate_columns(second, chosen_columns) is None:
        raise DataError(missing_coordinates_message(path, chosen_columns))
    absent = ~first.index.isin(second.index)
    if absent.any():
        raise DataError(
            f"{int(absent.sum())} of {len(first)} cells of the table of values in {path} have no place in the other "
            f"(such as {first.index[absent][0]}; that one has names like "
            f"{second.index[0] if len(second) else 'none'}). If another "
            "column holds the names of the cells, choose it: --columns X,Y,NAMES."
        )
    return _to_adata(first, second.loc[first.index], path, chosen_columns)


def read_table(path: Path, chosen_columns: ColumnChoice = ()) -> AnnData:
    """Read one table: genes are columns of numbers; coordinates and columns of text describe the cells.

    In a table that this package wrote (`writers.tables`), columns such as `Sox2_imputed` are the genes, and all others
    describe the cells.

    Parameters
    ----------
    chosen_columns
        As for `read_table_folder`.

    Raises
    ------
    DataError
        Molecules instead of cells, missing columns, or coordinates that are not numbers.
    """
    _check_not_transcripts(path)
    table = _read_frame(path, chosen_columns)
    xy_columns = coordinate_columns(table, chosen_columns) or ()
    if _coordinates_chosen(chosen_columns) and not xy_columns:
        raise DataError(missing_coordinates_message(path, chosen_columns))
    predicted = [c for c in table if _prediction_kind(str(c)) is not None]
    if predicted:
        descriptive = [c for c in table if c not in predicted]
    else:
        descriptive = [c for c in table if c in xy_columns or not pd.api.types.is_numeric_dtype(table[c])]
    adata = _to_adata(table.drop(columns=descriptive), table[descriptive], path, chosen_columns)
    if predicted:
        kinds = [_prediction_kind(str(c)) or "" for c in predicted]
        adata.var_names = pd.Index(
            [str(c)[: -len(kind) - 1] for c, kind in zip(predicted, kinds, strict=True)], dtype=object
        )
        adata.var["kind"] = kinds
    return adata


def _check_not_transcripts(path: Path) -> None:
    """Refuse a table of molecules."""
    header = _read_header(path)
    gene = next((name for name in header if name.lower() in _TRANSCRIPT_COLUMNS), None)
    if gene is not None and len(header) < _MIN_CELL_TABLE_COLUMNS:
        raise DataError(
            f"{path} has a row a molecule (with its gene in {gene!r}), not a row a cell. Expected cells x genes: give "
            "the table of counts."
        )


def _prediction_kind(column: str) -> str | None:
    """Return the kind of prediction that a column name says, "held-out" for `Gad1_held_out`; None for other names."""
    return next((kind for kind in PREDICTION_KINDS if column.endswith("_" + kind.replace("-", "_"))), None)


def coordinate_columns(table: pd.DataFrame, chosen_columns: ColumnChoice = ()) -> tuple[str, str] | None:
    """Find the columns with x and y: those chosen, else by their usual names; None when there are none."""
    if _coordinates_chosen(chosen_columns):
        return (
            (chosen_columns[0], chosen_columns[1])
            if {chosen_columns[0], chosen_columns[1]} <= set(map(str, table))
            else None
        )
    lower = {str(c).lower(): str(c) for c in table}
    return next(((lower[x], lower[y]) for x, y in COORDINATE_COLUMNS if x in lower and y in lower), None)


def has_coordinates(path: Path) -> bool:
    """Whether the header of a table names columns with coordinates; the rest is not read."""
    return coordinate_columns(pd.DataFrame(columns=_read_header(path))) is not None


def column_names(path: Path) -> list[str]:
    """List the columns of a table, or of both of a pair, from their headers.

    Those whose names suggest coordinates come first; at most 2,000.
    """
    headers = sorted((_read_header(p) for p in ([path] if path.is_file() else _table_files(path))), key=len)
    names = dict.fromkeys(
        name for header in headers for name in header if not name.startswith(("Unnamed: ", "__index_level_"))
    )
    return sorted(names, key=lambda name: _COORDINATE_NAME_PATTERN.search(name) is None)[:_MAX_COLUMNS]


def missing_coordinates_message(path: Path, chosen_columns: ColumnChoice = ()) -> str:
    """Return the error message for tables without coordinates, with the columns that they have."""
    names = column_names(path)
    listed = f"It has {', '.join(names[:6])}{', ...' if len(names) > 6 else ''}"
    if _coordinates_chosen(chosen_columns):
        return f"{path} has no columns {' and '.join(chosen_columns[:2])} in one table. {listed}."
    usual = " or ".join(", ".join(p) for p in COORDINATE_COLUMNS[:3])
    return (
        f"{path} has no columns that are known as the places of the cells (such as {usual}). {listed}: choose those "
        "with x and y, --columns X,Y."
    )


def _coordinates_chosen(chosen_columns: ColumnChoice) -> bool:
    return any(chosen_columns[:2])


def _read_header(path: Path) -> list[str]:
    """Read the names of the columns; empty for a file that is no table."""
    import pyarrow.parquet

    try:
        if path.suffix == ".parquet":
            return list(map(str, pyarrow.parquet.read_schema(path).names))
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig") as file:
            names = pd.read_csv(io.StringIO(file.readline(_MAX_HEADER_LENGTH)), sep=_separator(path), nrows=0).columns
    except (OSError, ValueError, EOFError, zlib.error):
        return []
    return [str(name) for name in names]


def _separator(path: Path) -> str:
    return "\t" if ".tsv" in path.name.lower() else ","


def _table_files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if is_table(p))


def _read_frame(path: Path, chosen_columns: ColumnChoice) -> pd.DataFrame:
    """Read a table, indexed by the names of its cells: the chosen column, else the first unless it has coordinates."""
    header = _read_header(path)
    named = chosen_columns[2] if len(chosen_columns) == 3 and chosen_columns[2] in header else None
    if path.suffix == ".parquet":
        table = pd.read_parquet(path)
        first = table.columns[0]
        if named in table:
            table = table.set_index(named)
        elif (
            isinstance(table.index, pd.RangeIndex)
            and not pd.api.types.is_float_dtype(table[first])
            and table[first].is_unique
        ):
            table = table.set_index(first)
    else:
        xy_columns = coordinate_columns(pd.DataFrame(columns=header), chosen_columns)
        no_names = xy_columns is not None and header[0] in xy_columns
        table = pd.read_csv(path, sep=_separator(path), index_col=named or (False if no_names else 0))
    table.index = pd.Index(table.index.astype(str), dtype=object)
    return table


def join_tables(values: pd.DataFrame, cells: pd.DataFrame, xy_columns: tuple[str, str], path: Path) -> AnnData:
    """Join a table of values and one of cells with micrometres, as instruments write them, by the names of the cells.

    Raises
    ------
    DataError
        Cells of the table of values that the other lacks.
    """
    values.index, cells.index = to_str_index(values.index), to_str_index(cells.index)
    missing = values.index[~values.index.isin(cells.index)]
    if len(missing):
        raise DataError(
            f"{len(missing)} of {len(values)} cells of {path} are in the table of values but not in the table of cells "
            f"(such as {missing[0]})."
        )
    adata = _build_adata(values, cells.loc[values.index], xy_columns)
    adata.uns["spatial_unit"] = "micrometre"
    return adata


def to_str_index(values: pd.Series | pd.Index) -> pd.Index:
    """Convert names to text; bytes are decoded."""
    return pd.Index([v.decode() if isinstance(v, bytes) else str(v) for v in values], dtype=object)


def _to_adata(values: pd.DataFrame, cells: pd.DataFrame, path: Path, chosen_columns: ColumnChoice) -> AnnData:
    """Check that values and coordinates are numbers, and combine them."""
    text_columns = [str(c) for c in values if not pd.api.types.is_numeric_dtype(values[c])]
    if text_columns:
        raise DataError(
            f"the table of values {path} has columns that are not numbers: {', '.join(text_columns[:5])}. Expected "
            "cells x genes."
        )
    xy_columns = coordinate_columns(cells, chosen_columns)
    wrong = next((c for c in xy_columns or () if not pd.api.types.is_numeric_dtype(cells[c])), None)
    if wrong is not None:
        raise DataError(
            f"the column {wrong!r} of {path} holds no numbers (such as {cells[wrong].iloc[0]!r}); expected the places "
            "of the cells."
        )
    adata = _build_adata(values, cells, xy_columns)
    if xy_columns == ("x_um", "y_um"):
        adata.uns["spatial_unit"] = "micrometre"
    return adata


def _build_adata(values: pd.DataFrame, cells: pd.DataFrame, xy_columns: tuple[str, str] | None) -> AnnData:
    """Combine values (cells, genes) and a table of the same cells, whose coordinates go to `obsm["spatial"]`."""
    import anndata
    import scipy.sparse as sp

    adata = anndata.AnnData(
        sp.csr_matrix(values.to_numpy(dtype=np.float32)),
        obs=cells.drop(columns=list(xy_columns or ())),
        var=pd.DataFrame(index=to_str_index(values.columns)),
    )
    if xy_columns:
        adata.obsm["spatial"] = cells[list(xy_columns)].to_numpy(dtype=np.float64)
    return adata
