"""Imputed genes as plain tables, CSV or Parquet: one of the cells, and one of the genes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...errors import OutputError
from .atomic import as_output_error, atomic_output

if TYPE_CHECKING:
    from .imputation import ImputedOutput

_ROWS_PER_CHUNK = 4096  # cells in memory at once


def gene_table_path(path: Path) -> Path:
    """Return the path of the table of the genes: `imputed.genes.csv` for `imputed.csv`."""
    return path.with_name(f"{path.stem}.genes{path.suffix}")


def write_tables(path: Path, imputed: ImputedOutput, progress: Callable[[int], None]) -> None:
    """Write the table of the cells: name, coordinates in micrometres, the added columns, and one column for each gene.

    Genes are named `Sox2_imputed` or `Gad1_held_out`. The second table (`gene_table_path`) has one row for each gene:
    imputed, kind, score, foreseen, moran, moran_flag, predicted_score, spread. Parquet carries the provenance in its
    metadata, under "inclust".

    Raises
    ------
    OutputError
        The disk is full or the place cannot be written.
    """
    gene_table = gene_table_path(path)
    if gene_table.is_dir():
        raise OutputError(f"{gene_table} is a folder, but the table of the genes has this name. Choose another name.")
    with atomic_output(gene_table) as genes, atomic_output(path) as part, as_output_error(path):
        widths = []
        # genes are written to a scratch file one after the other, and read from there cell by cell
        with open(part.with_name("values"), "w+b") as scratch:
            for block in imputed.gene_chunks(progress):
                scratch.write(np.ascontiguousarray(block.values, dtype=np.float32).tobytes())
                widths.append(block.values.shape[1])
            var = imputed.var
            columns = [
                f"{gene}_{kind.replace('-', '_')}"
                for gene, kind in zip(var.index, var["kind"].astype(str), strict=True)
            ]
            rows = _row_chunks(scratch, imputed, widths, columns)
            (_write_csv if path.suffix == ".csv" else _write_parquet)(part, rows, imputed.provenance)
        if path.suffix == ".csv":
            var.to_csv(genes, float_format="%.6g")
        else:
            var.to_parquet(genes)


def _row_chunks(scratch: Any, imputed: ImputedOutput, widths: list[int], columns: list[str]) -> Iterator[pd.DataFrame]:
    """Yield the table, some cells at a time."""
    n, xy = imputed.section.n_cells, imputed.section.xy
    cells = pd.DataFrame(
        {"x_um": xy[:, 0], "y_um": xy[:, 1]}, index=pd.Index(imputed.section.adata.obs_names, name="cell")
    ).assign(**imputed.obs_columns)
    for start in range(0, n, _ROWS_PER_CHUNK):
        stop, parts, offset = min(start + _ROWS_PER_CHUNK, n), [], 0
        for width in widths:
            scratch.seek(offset + 4 * start * width)
            parts.append(np.frombuffer(scratch.read(4 * (stop - start) * width), dtype=np.float32).reshape(-1, width))
            offset += 4 * n * width
        values = pd.DataFrame(np.concatenate(parts, 1), index=cells.index[start:stop], columns=columns)
        yield pd.concat([cells.iloc[start:stop], values], axis=1)


def _write_csv(path: Path, rows: Iterator[pd.DataFrame], provenance: dict[str, Any]) -> None:
    for i, table in enumerate(rows):
        table.to_csv(path, mode="a" if i else "w", header=not i, float_format="%.8g")


def _write_parquet(path: Path, rows: Iterator[pd.DataFrame], provenance: dict[str, Any]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    writer = None
    metadata = json.dumps(
        provenance, default=lambda value: value.tolist() if hasattr(value, "tolist") else str(value)
    ).encode()
    try:
        for frame in rows:
            table = pa.Table.from_pandas(frame)
            table = table.replace_schema_metadata(table.schema.metadata | {b"inclust": metadata})
            writer = writer or parquet.ParquetWriter(path, table.schema)
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()
