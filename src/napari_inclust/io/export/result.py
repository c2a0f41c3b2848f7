"""A result as other tools need it: cells with coordinates, outlines and coloured groups, imputed genes named so."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...data.obs import groups_cells
from ...data.predicted import PREDICTION_KINDS
from ...data.section import coordinates_in_micrometres
from ...errors import DataError
from ...spatial_domains.edit import palette_colour
from ..readers.dispatch import available_options, detect_format, load_cells, read_section
from ..readers.options import ReadOptions
from ..readers.outlines import Raster

if TYPE_CHECKING:
    from anndata import AnnData

RESULT_TABLES = ("inclust_imputed", "inclust_domain")  # of a SpatialData store, looked for in this order
GROUP_COLUMNS = ("domain", "inclust_type")  # columns of obs, looked for in this order
MAX_GROUPS = 500
_DISC_CORNERS = 16


@dataclass(frozen=True, eq=False)
class ExportData:
    """Cells of a file that `impute`, `domains` or a task wrote, or of any other.

    Attributes
    ----------
    xy : (cells, 2) float64 or None
        Micrometres; None for cells without coordinates.
    raster
        Labels, i + 1 for cell i, and their affine to (y, x) in micrometres; None for centroids only.
    """

    adata: AnnData
    name: str
    xy: NDArray[np.float64] | None
    raster: Raster | None = None

    def group_column(self, name: str | None) -> pd.Series[Any] | None:
        """Return the column of obs to show as groups, as categories of text.

        The one given, else the domains, the predicted types, or the first that groups the cells.

        Raises
        ------
        DataError
            No such column, or one with more than 500 values.
        """
        obs = self.adata.obs
        if name is not None and name not in obs:
            raise DataError(f"{self.name} has no column {name!r} in obs; it has {', '.join(map(str, obs)) or 'none'}.")
        candidates = (c for c in (*GROUP_COLUMNS, *obs) if c in obs and groups_cells(obs[c], MAX_GROUPS))
        chosen = name or next(candidates, None)
        if chosen is None:
            return None
        column: pd.Series[Any] = obs[chosen].astype("category")
        if len(column.cat.categories) > MAX_GROUPS:
            raise DataError(
                f"obs[{chosen!r}] of {self.name} has {len(column.cat.categories)} values; expected groups, at most "
                f"{MAX_GROUPS}. Choose another --group."
            )
        column = column.cat.rename_categories(list(column.cat.categories.astype(str)))
        column.name = chosen
        return column

    @property
    def ungroupable_columns(self) -> list[str]:
        """Columns of text that name single cells rather than groups: those with more than 500 values."""
        obs = self.adata.obs
        return [str(c) for c in obs if not pd.api.types.is_numeric_dtype(obs[c]) and obs[c].nunique() > MAX_GROUPS]

    def group_colours(self, column: pd.Series[Any]) -> dict[str, str]:
        """Return #rrggbb of each category: those of the file when it has one for each."""
        import matplotlib.colors

        names = list(column.cat.categories)
        given = self.adata.uns.get(f"{column.name}_colors")
        colours = (
            [matplotlib.colors.to_hex(str(c)) for c in given]
            if given is not None and len(given) == len(names)
            else [palette_colour(i) for i in range(len(names))]
        )
        return dict(zip(names, colours, strict=True))

    def gene_label(self, gene: str) -> str:
        """Return the name of a gene, with the kind of its values when they are predictions: "Sox2 (imputed)"."""
        kind = str(self.adata.var.loc[gene, "kind"]) if "kind" in self.adata.var else ""
        return f"{gene} ({kind})" if kind in PREDICTION_KINDS else gene

    @property
    def description(self) -> str:
        """Description of the values."""
        kinds = set(self.adata.var["kind"].astype(str)) & set(PREDICTION_KINDS) if "kind" in self.adata.var else set()
        return (
            f"{' and '.join(sorted(kinds))} by napari-inclust: predictions, not measurements"
            if kinds
            else "made by napari-inclust"
        )

    def coordinates(self) -> NDArray[np.float64]:
        """Return the coordinates, (cells, 2) in micrometres.

        Raises
        ------
        DataError
            Cells without coordinates.
        """
        if self.xy is None:
            raise DataError(
                f"the cells of {self.name} have no places (obsm['spatial']), so they cannot be drawn on a tissue. "
                "Export them for cellxgene."
            )
        return self.xy

    def cell_polygons(self) -> list[Any]:
        """Return a shapely polygon (x, y in micrometres) for each cell: its outline in the raster, else a disc.

        The size of the discs follows from the spacing of the cells.
        """
        import shapely

        xy, outlines = self.coordinates(), {} if self.raster is None else trace_outlines(*self.raster)
        spacing = _median_spacing(xy)
        angle = np.linspace(0, 2 * np.pi, _DISC_CORNERS, endpoint=False)
        disc = 0.4 * spacing * np.c_[np.cos(angle), np.sin(angle)]
        return [outlines[i] if i in outlines else shapely.Polygon(centre + disc) for i, centre in enumerate(xy)]


def open_result(
    path: Path, *, table: str | None = None, outlines: Path | None = None, pixel_size: float | None = None
) -> ExportData:
    """Open a file that `impute`, `domains` or a task wrote.

    Parameters
    ----------
    table
        Of a SpatialData store; default: one that this package wrote.
    outlines
        The section of the result, for the outlines of its cells, which are matched by name.
    pixel_size
        Micrometres per unit of the coordinates, when they are pixels.

    Raises
    ------
    DataError
        A file that cannot be read or has no values, coordinates that cannot be used, or a section of other cells.
    """
    file_format = detect_format(path)
    tables = available_options(path).tables if table is None else []
    options = ReadOptions(table=table or next((t for t in RESULT_TABLES if t in tables), None), pixel_size=pixel_size)
    loaded = load_cells(file_format, path, options)
    adata, raster = loaded.adata, loaded.raster
    if adata.X is None or adata.n_vars == 0:
        raise DataError(
            f"{path} holds cells without values (an integrated data set?): there is nothing to export. Open it with "
            "scanpy, such as obsm['X_inclust']."
        )
    xy = None
    if "spatial" in adata.obsm:
        flat = (0, 1) if np.asarray(adata.obsm["spatial"]).shape[1:] == (3,) else None
        xy, _ = coordinates_in_micrometres(
            adata, path.stem, pixel_size=None if loaded.unit_note else pixel_size, plane=flat
        )
    if outlines is not None:
        section = read_section(outlines, flatten=True)
        if section.raster is None or section.raster_transform is None:
            raise DataError(f"{outlines} has no outlines of its cells. Leave --outlines out: cells are then discs.")
        rows = adata.obs_names.get_indexer(section.adata.obs_names)
        if (rows < 0).all():
            raise DataError(
                f"no cell of {outlines} is in {path} (such as {section.adata.obs_names[0]}). Give the section that it "
                "was made from."
            )
        raster = np.concatenate([[0], rows + 1])[section.raster].astype(np.int32), section.raster_transform
    return ExportData(adata, path.stem, xy, raster)


def trace_outlines(raster: NDArray[np.int32], transform: NDArray[np.float64]) -> dict[int, Any]:
    """Trace the outline of the largest part of each cell in a raster.

    Returns
    -------
    row of the cell -> valid shapely polygon
        (x, y) in micrometres.
    """
    import shapely
    from scipy.ndimage import find_objects
    from skimage.measure import find_contours

    outlines = {}
    for row, window in enumerate(find_objects(raster)):
        if window is None:
            continue
        lines = find_contours(np.pad(raster[window] == row + 1, 1).astype(np.float32), 0.5)
        rows, columns = max(lines, key=len).T
        y, x, _ = transform @ [rows + window[0].start - 1, columns + window[1].start - 1, np.ones(len(rows))]
        polygon = shapely.make_valid(shapely.Polygon(np.c_[x, y]))
        outlines[row] = max(shapely.get_parts(polygon), key=shapely.area)
    return outlines


def _median_spacing(xy: NDArray[np.float64]) -> float:
    """Return the median distance to the nearest other cell, in micrometres."""
    from scipy.spatial import cKDTree

    if len(xy) < 2:
        return 10.0
    return float(np.median(cKDTree(xy).query(xy, k=2)[0][:, 1])) or 10.0
