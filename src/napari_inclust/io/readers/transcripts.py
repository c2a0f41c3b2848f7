"""Molecules of chosen genes: the table on the disk is filtered, never loaded as a whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import cosmx, spatialdata_zarr, zarr_metadata
from .options import ReadOptions

if TYPE_CHECKING:
    import pyarrow.dataset as ds


@dataclass(frozen=True, eq=False)
class Transcripts:
    """A table with one row a molecule.

    Attributes
    ----------
    file_format
        "csv" or "parquet".
    gene_column, x_column, y_column
        Names of its columns.
    to_um : (3, 3)
        (x, y) of the table to micrometres (x, y).
    """

    file: Path
    file_format: str
    gene_column: str
    x_column: str
    y_column: str
    to_um: NDArray[np.float64] = field(default_factory=lambda: np.eye(3))

    def locations(self, genes: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Return the coordinates of the molecules of some genes.

        Parameters
        ----------
        genes
            As the file names them.

        Returns
        -------
        gene -> (molecules, 2)
            (x, y) in micrometres; an empty array for a gene without molecules.

        Raises
        ------
        DataError
            A file that is damaged, or without the columns that the instrument writes.
        """
        from .dispatch import read_safely

        table: Any = read_safely(self.file, lambda p: self._read_genes(list(genes)), "transcripts")
        names = np.asarray(table["gene"].to_pylist(), dtype=object)
        xy = np.c_[table["x"].to_numpy(), table["y"].to_numpy(), np.ones(len(names))] @ self.to_um.T
        return {gene: xy[names == gene, :2].astype(np.float32) for gene in genes}

    @property
    def n_molecules(self) -> int | None:
        """Number of molecules, where the metadata of the file has it (Parquet), else None."""
        return int(self._open_dataset().count_rows()) if self.file_format == "parquet" else None

    def _read_genes(self, genes: list[str]) -> Any:
        import pyarrow as pa
        import pyarrow.dataset as ds

        gene = ds.field(self.gene_column).cast(pa.string())
        return self._open_dataset().to_table(
            columns={"gene": gene, "x": ds.field(self.x_column), "y": ds.field(self.y_column)}, filter=gene.isin(genes)
        )

    def _open_dataset(self) -> ds.Dataset:
        import pyarrow.dataset as ds

        return ds.dataset(self.file, format=self.file_format)


def find_transcripts(path: Path, *, system: str | None = None, pixel_size: float | None = None) -> Transcripts | None:
    """Find the table of molecules of a section; None when it has none.

    Parameters
    ----------
    path
        A SpatialData zarr, or a MERSCOPE, Xenium or CosMx folder; other kinds have none.
    system, pixel_size
        As for `read_section`.

    Raises
    ------
    DataError
        As `detect_format`; a SpatialData store that is damaged.
    """
    from .dispatch import detect_format, read_safely

    find = _FINDERS.get(detect_format(path).name)
    if find is None:
        return None
    options = ReadOptions(system=system, pixel_size=pixel_size)
    return read_safely(path, lambda p: find(p, options), "transcripts")


def _find_merscope(path: Path, options: ReadOptions) -> Transcripts | None:
    file = path / "detected_transcripts.csv"
    return Transcripts(file, "csv", "gene", "global_x", "global_y") if file.is_file() else None


def _find_xenium(path: Path, options: ReadOptions) -> Transcripts | None:
    file = path / "transcripts.parquet"
    return Transcripts(file, "parquet", "feature_name", "x_location", "y_location") if file.is_file() else None


def _find_cosmx(path: Path, options: ReadOptions) -> Transcripts | None:
    file = min(path.glob("*tx_file.csv*"), default=None)
    scale = options.pixel_size or cosmx.DEFAULT_PIXEL_SIZE
    return (
        None
        if file is None
        else Transcripts(file, "csv", "target", "x_global_px", "y_global_px", np.diag([scale, scale, 1.0]))
    )


def _find_spatialdata(path: Path, options: ReadOptions) -> Transcripts | None:
    """Find the points element that names its genes and lies in the coordinate system of the cells."""
    from spatialdata.transformations import get_transformation

    if not zarr_metadata.element_names(path)["points"]:
        return None
    data = spatialdata_zarr.read_elements(path, ("points",))
    for name, element in data.points.items():
        gene = element.attrs.get("spatialdata_attrs", {}).get("feature_key")
        transforms = get_transformation(element, get_all=True)
        system = options.system or ("global" if "global" in transforms else next(iter(transforms)))
        if gene is not None and system in transforms:
            to_um = spatialdata_zarr.affine_to_micrometres(transforms, options, system)
            return Transcripts(path / "points" / name / "points.parquet", "parquet", gene, "x", "y", to_um)
    return None


_FINDERS: dict[str, Callable[[Path, ReadOptions], Transcripts | None]] = {
    "SpatialData": _find_spatialdata,
    "MERSCOPE folder": _find_merscope,
    "Xenium folder": _find_xenium,
    "CosMx folder": _find_cosmx,
}
