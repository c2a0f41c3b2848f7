"""Groups of cells for Xenium Explorer, to upload in its panel of cells: a CSV with the columns cell_id, group and color."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ...errors import DataError
from ..writers.atomic import as_output_error, atomic_output
from .result import ExportData


def write_cell_groups(path: Path, result: ExportData, *, group: str | None = None) -> None:
    """One row a cell that has a group. Cells have the names of the instrument's own output, as the Explorer knows them.

    Raises
    ------
    DataError
        No column of groups.
    OutputError
        The disk is full or the place cannot be written.
    """
    column = result.group_column(group)
    if column is None:
        raise DataError(
            f"{result.name} has no column of groups in obs: neither domains nor types. Run `inclust domains`, or impute with --labels."
        )
    table = pd.DataFrame(
        {"cell_id": result.adata.obs_names.astype(str), "group": column.to_numpy(dtype=object)}
    ).dropna()
    table["color"] = table["group"].map(result.group_colours(column))
    with atomic_output(path) as part, as_output_error(path):
        table.to_csv(part, index=False)
