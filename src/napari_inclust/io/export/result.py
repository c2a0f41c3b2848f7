"""A result as other tools need it: cells with places, outlines, groups with colours, and values that say that they are imputed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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
GROUP_COLUMNS = ("domain", "inclust_type")  # columns of obs, likewise
MAX_GROUPS = 500
_DISC_CORNERS = 16  # of a disc


@dataclass(frozen=True, eq=False)
class ExportData:
    """Cells that `impute`, `domains` or a task wrote, or any others.

    Attributes
    ----------
    xy : (cells, 2) float64 or None
        Micrometres; None for cells without places.
    raster
        Cell i is i + 1, with its affine to (y, x) in micrometres; None: places only.
    """

    adata: AnnData
    name: str
    xy: NDArray[np.float64] | None
    raster: Raster | None = None

    def group_column(self, name: str | None) -> pd.Series[Any] | None:
        """The column of obs to show as groups: the one asked for, the domains, the predicted types, or the first that groups the cells; as categories.

        Raises
        ------
        DataError
            No such column, or one with more than 500 values.
        """
        obs = self.adata.obs
        if name is not None and name not in obs:
            raise DataError(f"{self.name} has no column {name!r} in obs; it has {', '.join(map(str, obs)) or 'none'}.")
        chosen = name or next((g for g in (*GROUP_COLUMNS, *obs) if g in obs and _is_group_column(obs[g])), None)
        if chosen is None:
            return None
        column = obs[chosen].astype("category")
        if len(column.cat.categories) > MAX_GROUPS:
            raise DataError(
                f"obs[{chosen!r}] of {self.name} has {len(column.cat.categories)} values; expected groups, at most {MAX_GROUPS}. Choose another --group."
            )
        column = column.cat.rename_categories(column.cat.categories.astype(str))
        column.name = chosen
        return column

    @property
    def ungroupable_columns(self) -> list[str]:
        """Columns of text that name single cells rather than groups: more than 500 values, too many for a list."""
        obs = self.adata.obs
        return [str(c) for c in obs if not pd.api.types.is_numeric_dtype(obs[c]) and obs[c].nunique() > MAX_GROUPS]

    def group_colours(self, column: pd.Series[Any]) -> dict[str, str]:
        """#rrggbb of each category: those of the file where it has one each."""
        import matplotlib.colors

        names = list(column.cat.categories)
        given = self.adata.uns.get(f"{column.name}_colors")
        kept = (
            [matplotlib.colors.to_hex(str(c)) for c in given]
            if given is not None and len(given) == len(names)
            else [palette_colour(i) for i in range(len(names))]
        )
        return dict(zip(names, kept, strict=True))

    def gene_label(self, gene: str) -> str:
        """A gene's name with what its values are, when they are predictions: "Sox2 (imputed)"."""
        kind = str(self.adata.var.loc[gene, "kind"]) if "kind" in self.adata.var else ""
        return f"{gene} ({kind})" if kind in PREDICTION_KINDS else gene

    @property
    def description(self) -> str:
        """What the values are, for a description."""
        kinds = set(self.adata.var["kind"].astype(str)) & set(PREDICTION_KINDS) if "kind" in self.adata.var else set()
        return (
            f"{' and '.join(sorted(kinds))} by napari-inclust: predictions, not measurements"
            if kinds
            else "made by napari-inclust"
        )

    def coordinates(self) -> NDArray[np.float64]:
        """(cells, 2) micrometres.

        Raises
        ------
        DataError
            Cells without places.
        """
        if self.xy is None:
            raise DataError(
                f"the cells of {self.name} have no places (obsm['spatial']), so they cannot be drawn on a tissue. Export them for cellxgene."
            )
        return self.xy

    def cell_polygons(self) -> list[Any]:
        """A shapely polygon (x, y in micrometres) for each cell: its outline in the raster, else a disc of the size of the cells' spacing."""
        import shapely

        xy, drawn = self.coordinates(), {} if self.raster is None else trace_outlines(*self.raster)
        near = _median_spacing(xy)
        angle = np.linspace(0, 2 * np.pi, _DISC_CORNERS, endpoint=False)
        disc = 0.4 * near * np.c_[np.cos(angle), np.sin(angle)]
        return [drawn[i] if i in drawn else shapely.Polygon(place + disc) for i, place in enumerate(xy)]


def open_result(
    path: Path, *, table: str | None = None, outlines: Path | None = None, pixel_size: float | None = None
) -> ExportData:
    """A file that `impute`, `domains` or a task wrote.

    Parameters
    ----------
    table
        Of a SpatialData store; default: ours.
    outlines
        The section that the result was made from, for the outlines of its cells: matched by name.
    pixel_size
        Micrometres per unit of the coordinates, when they are pixels.

    Raises
    ------
    DataError
        A file that cannot be read, without values, with places that cannot be used, or a section of other cells.
    """
    kind = detect_format(path)
    tables = available_options(path).tables if table is None else []
    asked = ReadOptions(table=table or next((t for t in RESULT_TABLES if t in tables), None), pixel_size=pixel_size)
    opened = load_cells(kind, path, asked)
    adata, raster = opened.adata, opened.raster
    if adata.X is None or adata.n_vars == 0:
        raise DataError(
            f"{path} holds cells without values (an integrated data set?): there is nothing to export. Open it with scanpy, such as obsm['X_inclust']."
        )
    xy = None
    if "spatial" in adata.obsm:
        flat = (0, 1) if np.asarray(adata.obsm["spatial"]).shape[1:] == (3,) else None
        xy, _ = coordinates_in_micrometres(
            adata, path.stem, pixel_size=None if opened.unit_note else pixel_size, plane=flat
        )
    if outlines is not None:
        section = read_section(outlines, flatten=True)
        if section.raster is None or section.raster_transform is None:
            raise DataError(f"{outlines} has no outlines of its cells. Leave --outlines out: cells are then discs.")
        rows = adata.obs_names.get_indexer(section.adata.obs_names)
        if (rows < 0).all():
            raise DataError(
                f"no cell of {outlines} is in {path} (such as {section.adata.obs_names[0]}). Give the section that it was made from."
            )
        raster = np.concatenate([[0], rows + 1])[section.raster].astype(np.int32), section.raster_transform
    return ExportData(adata, path.stem, xy, raster)


def trace_outlines(raster: NDArray[np.int32], transform: NDArray[np.float64]) -> dict[int, Any]:
    """Row of each cell in a raster and the outline of its largest part: a valid shapely polygon (x, y) in micrometres."""
    import shapely
    from scipy.ndimage import find_objects
    from skimage.measure import find_contours

    found = {}
    for row, window in enumerate(find_objects(raster)):
        if window is None:
            continue
        lines = find_contours(np.pad(raster[window] == row + 1, 1).astype(np.float32), 0.5)
        row_at, column_at = max(lines, key=len).T
        y, x, _ = transform @ [row_at + window[0].start - 1, column_at + window[1].start - 1, np.ones(len(row_at))]
        polygon = shapely.make_valid(shapely.Polygon(np.c_[x, y]))
        found[row] = max(shapely.get_parts(polygon), key=shapely.area)
    return found


def _is_group_column(column: pd.Series[Any]) -> bool:
    """Whether a column says of cells which group they are in."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    return not (is_numeric_dtype(column) or is_bool_dtype(column)) and 1 < column.nunique() <= min(
        MAX_GROUPS, max(2, len(column) // 2)
    )


def _median_spacing(xy: NDArray[np.float64]) -> float:
    """Median distance to the nearest other cell, in micrometres."""
    from scipy.spatial import cKDTree

    if len(xy) < 2:
        return 10.0
    return float(np.median(cKDTree(xy).query(xy, k=2)[0][:, 1])) or 10.0
