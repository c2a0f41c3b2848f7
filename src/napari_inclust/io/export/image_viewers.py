"""Files to import in image viewers: cells as GeoJSON for QuPath, groups of cells as CSV for Xenium Explorer."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...errors import DataError
from ..writers.atomic import as_output_error, atomic_output
from ..writers.geojson import make_classification, make_feature, write_feature_collection
from .result import ExportData


def write_qupath(
    path: Path, result: ExportData, genes: Sequence[str], *, group: str | None = None, pixel_size: float = 1.0
) -> None:
    """Write a FeatureCollection of cell objects as QuPath 0.4 and newer reads it (File > Import objects).

    Parameters
    ----------
    genes
        Measurements of each cell, besides numeric columns of ours in obs; imputed ones are named so.
    group
        Column of obs that becomes the class.
    pixel_size
        Micrometres per pixel of the image that QuPath shows: the file has coordinates in pixels.

    Raises
    ------
    DataError
        No such column.
    OutputError
        The disk is full or the place cannot be written.
    """
    write_feature_collection(path, _cell_features(result, genes, result.group_column(group), pixel_size))


def _cell_features(
    result: ExportData, genes: Sequence[str], classes: pd.Series[Any] | None, pixel_size: float
) -> Iterator[dict[str, Any]]:
    """Yield one feature for each cell."""
    import shapely

    adata = result.adata
    colours = {} if classes is None else result.group_colours(classes)
    x = adata[:, list(genes)].X
    values = np.asarray(x.toarray() if hasattr(x, "toarray") else x, dtype=np.float64)
    measurements = {result.gene_label(gene): values[:, i] for i, gene in enumerate(genes)}
    measurements |= {
        str(c): adata.obs[c].to_numpy(dtype=np.float64)
        for c in adata.obs
        if str(c) == "inclust_trust" or str(c).endswith("_confidence")
    }
    for i, (cell, polygon) in enumerate(zip(adata.obs_names, result.cell_polygons(), strict=True)):
        finite = {name: float(column[i]) for name, column in measurements.items() if np.isfinite(column[i])}
        properties: dict[str, Any] = {"objectType": "cell", "name": str(cell), "measurements": finite}
        if classes is not None and isinstance(classes.iloc[i], str):
            properties["classification"] = make_classification(classes.iloc[i], colours[classes.iloc[i]])
        outline = shapely.transform(polygon, lambda points: points / pixel_size)
        yield make_feature(outline, properties, id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{result.name}/{cell}")))


def write_cell_groups(path: Path, result: ExportData, *, group: str | None = None) -> None:
    """Write a CSV to upload in the cell panel of Xenium Explorer, with the columns cell_id, group and color.

    One row for each cell that has a group. The Explorer knows cells by the names in the output of the instrument.

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
            f"{result.name} has no column of groups in obs: neither domains nor types. Run `inclust domains`, or "
            "impute with --labels."
        )
    table = pd.DataFrame(
        {"cell_id": result.adata.obs_names.astype(str), "group": column.to_numpy(dtype=object)}
    ).dropna()
    table["color"] = table["group"].map(result.group_colours(column))
    with atomic_output(path) as part, as_output_error(path):
        table.to_csv(part, index=False)
