"""Imputed genes as plain tables, CSV or Parquet: one row a cell, and beside it a table of the genes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...errors import OutputError
from .atomic import as_output_error, replacing

if TYPE_CHECKING:
    from .imputation import Imputation

_ROWS = 4096  # cells held in memory at once


def gene_table(path: Path) -> Path:
    """Where the table of the genes is: `imputed.csv` has `imputed.genes.csv`."""
    return path.with_name(f"{path.stem}.genes{path.suffix}")


def write_tables(path: Path, found: Imputation, progress: Callable[[int], None]) -> None:
    """Cells in rows: name, place in micrometres, what is said of the cell, and a column a gene named `Sox2_imputed` or `Gad1_held_out`.

    The second table (`gene_table`) has one row a gene: imputed, kind, score, foreseen, moran, moran_flag, spread. Parquet carries the provenance in its metadata, under "inclust".

    Raises
    ------
    OutputError
        The disk is full or the place cannot be written.
    """
    beside = gene_table(path)
    if beside.is_dir():
        raise OutputError(f"{beside} is a folder, where the table of the genes is due. Choose another name.")
    with replacing(beside) as genes, replacing(path) as part, as_output_error(path):
        widths = []
        with open(part.with_name("values"), "w+b") as scratch:  # gene by gene on the disk, then cell by cell into the table
            for block in found.blocks(progress):
                scratch.write(np.ascontiguousarray(block.values, dtype=np.float32).tobytes())
                widths.append(block.values.shape[1])
            var = found.var
            columns = [f"{gene}_{kind.replace('-', '_')}" for gene, kind in zip(var.index, var["kind"].astype(str), strict=True)]
            rows = _rows(scratch, found, widths, columns)
            (_csv if path.suffix == ".csv" else _parquet)(part, rows, found.provenance)
        if path.suffix == ".csv":
            var.to_csv(genes, float_format="%.6g")
        else:
            var.to_parquet(genes)


def _rows(scratch: Any, found: Imputation, widths: list[int], columns: list[str]) -> Iterator[pd.DataFrame]:
    """The table, some cells at a time."""
    n, xy = found.section.n_cells, found.section.xy
    about = pd.DataFrame({"x_um": xy[:, 0], "y_um": xy[:, 1]}, index=pd.Index(found.section.adata.obs_names, name="cell")).assign(**found.cells)
    for start in range(0, n, _ROWS):
        stop, parts, offset = min(start + _ROWS, n), [], 0
        for width in widths:
            scratch.seek(offset + 4 * start * width)
            parts.append(np.frombuffer(scratch.read(4 * (stop - start) * width), dtype=np.float32).reshape(-1, width))
            offset += 4 * n * width
        values = pd.DataFrame(np.concatenate(parts, 1), index=about.index[start:stop], columns=columns)
        yield pd.concat([about.iloc[start:stop], values], axis=1)


def _csv(path: Path, rows: Iterator[pd.DataFrame], provenance: dict[str, Any]) -> None:
    for i, table in enumerate(rows):
        table.to_csv(path, mode="a" if i else "w", header=not i, float_format="%.8g")


def _parquet(path: Path, rows: Iterator[pd.DataFrame], provenance: dict[str, Any]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    writer = None
    said = json.dumps(provenance, default=lambda value: value.tolist() if hasattr(value, "tolist") else str(value)).encode()
    try:
        for frame in rows:
            table = pa.Table.from_pandas(frame)
            table = table.replace_schema_metadata(table.schema.metadata | {b"inclust": said})
            writer = writer or parquet.ParquetWriter(path, table.schema)
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()
