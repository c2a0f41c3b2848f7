"""Cells as GeoJSON for QuPath: File > Import objects. One cell object each, with its class and the values as measurements."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..writers.atomic import as_output_error, atomic_output
from .result import ExportData


def write_qupath(
    path: Path, result: ExportData, genes: Sequence[str], *, group: str | None = None, pixel_size: float = 1.0
) -> None:
    """A FeatureCollection as QuPath reads and writes it (0.4 and newer); coordinates in pixels of the image.

    Parameters
    ----------
    genes
        Measurements of each cell, besides numeric columns of ours in obs; imputed ones are named so.
    group
        Column of obs that becomes the class.
    pixel_size
        Micrometres per pixel of the image that QuPath shows.

    Raises
    ------
    DataError
        No such column.
    OutputError
        The disk is full or the place cannot be written.
    """
    import shapely

    adata, classes = result.adata, result.group_column(group)
    colours = (
        {}
        if classes is None
        else {name: [int(c[i : i + 2], 16) for i in (1, 3, 5)] for name, c in result.group_colours(classes).items()}
    )
    x = adata[:, list(genes)].X
    values = np.asarray(x.toarray() if hasattr(x, "toarray") else x, dtype=np.float64)
    numbers = {result.gene_label(gene): values[:, i] for i, gene in enumerate(genes)}
    numbers |= {
        str(c): adata.obs[c].to_numpy(dtype=np.float64)
        for c in adata.obs
        if str(c) == "inclust_trust" or str(c).endswith("_confidence")
    }
    with atomic_output(path) as part, as_output_error(path), open(part, "w", encoding="utf-8") as file:
        file.write('{"type": "FeatureCollection", "features": [')
        for i, (cell, polygon) in enumerate(zip(adata.obs_names, result.cell_polygons(), strict=True)):
            shape = shapely.transform(polygon, lambda at: at / pixel_size)
            measured = {name: float(column[i]) for name, column in numbers.items() if np.isfinite(column[i])}
            said = {"objectType": "cell", "name": str(cell), "measurements": measured}
            if classes is not None and isinstance(classes.iloc[i], str):
                said["classification"] = {"name": classes.iloc[i], "color": colours[classes.iloc[i]]}
            ident = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{result.name}/{cell}"))
            feature = {
                "type": "Feature",
                "id": ident,
                "geometry": json.loads(shapely.to_geojson(shape)),
                "properties": said,
            }
            file.write((",\n" if i else "\n") + json.dumps(feature, ensure_ascii=False))
        file.write("\n]}\n")
