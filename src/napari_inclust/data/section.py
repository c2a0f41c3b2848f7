"""The two data sets of the main job: a tissue section (cells with places) and a reference (cells with all genes)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..errors import DataError
from . import normalize as val
from .predicted import PredictedFeatures, split_predicted

if TYPE_CHECKING:
    from anndata import AnnData

MICROMETRES_PER_UNIT = {"micrometre": 1.0, "nanometre": 1e-3, "millimetre": 1e3}
_UNIT_NOT_STATED, _UNIT_IN_PIXELS = "unit not stated in the file", "distances are in pixels"  # in unit notes
PIXEL_SIZE_KEY = "spatial_pixel_size"  # in uns: micrometres per unit of obsm["spatial"], in files of ours whose section was read with one


@dataclass(frozen=True)
class Subsample:
    """How the cells of a reference were chosen from all of its file; enough to choose them again.

    Attributes
    ----------
    cells
        In the file.
    most
        That were kept.
    labels
        Column of `obs` whose types were kept in balance, if any.
    seed
        Of the draw.
    """

    cells: int
    most: int
    labels: str | None
    seed: int

    def __str__(self) -> str:
        by = f", by type ({self.labels})" if self.labels else ""
        return f"{self.most:,} of {self.cells:,} cells drawn for training{by}, seed {self.seed}"


@dataclass(frozen=True, eq=False)
class Reference:
    """Cells of the reference (scRNA-seq): all genes, no places.

    Attributes
    ----------
    adata
        The caller's object; it is never changed. Where it holds predictions of a run, a copy without them.
    matrix : (cells, genes) CSR float32
        The values used, from `source`.
    values
        What the values are.
    source
        Where they were found: "X", "layers/counts" or "raw".
    drawn
        How its cells were chosen, when they are not all of the file.
    """

    adata: AnnData
    name: str
    path: Path | None
    matrix: sp.csr_matrix
    values: val.ValueInfo
    values_source: str
    subsample: Subsample | None = field(default=None, kw_only=True)

    @classmethod
    def from_adata(
        cls, adata: AnnData, *, name: str = "reference", path: Path | None = None, values: str | None = None
    ) -> Reference:
        """Check an AnnData and say what its values are.

        Raises
        ------
        DataError
            Empty, duplicate gene or cell names, NaN, infinite or negative values; or all of it was predicted by a run.
        """
        measured, predicted = split_predicted(adata, name)
        if predicted is not None and measured.n_vars == 0:
            raise DataError(
                f"{name} holds no measured features, only predictions of a run ({predicted.summary}), which no training may see. Give what was measured."
            )
        return cls(measured, name, path, *_select_values(measured, name, values))

    @property
    def genes(self) -> list[str]:
        return [str(g) for g in (self.adata.raw.var_names if self.values_source == "raw" else self.adata.var_names)]

    @property
    def n_cells(self) -> int:
        return int(self.matrix.shape[0])

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the values, gene and cell names: changes when the data change."""
        return fingerprint(self.matrix, self.genes, self.adata.obs_names)


@dataclass(frozen=True, eq=False)
class Section(Reference):
    """Cells of one tissue section: a panel of genes, with places.

    Attributes
    ----------
    xy : (cells, 2) float64
        Cell centroids in micrometres.
    unit_note
        How the micrometres were found.
    raster : (rows, columns) int, optional
        Segmentation: 0 is background, i + 1 is row i of `adata`.
    raster_transform : (3, 3)
        Raster (row, column) to micrometres (y, x), homogeneous.
    choices
        What was chosen when its file was read (table, coordinate system, pixel size, ...), by name; enough to read it again.
    predicted
        Features of its file that a run imputed or generated. They are none of its genes, and not in `adata`.
    """

    xy: NDArray[np.float64]
    unit_note: str = ""
    raster: NDArray[np.integer[Any]] | None = None
    raster_transform: NDArray[np.float64] | None = None
    read_options: dict[str, Any] = field(default_factory=dict, kw_only=True)
    predicted: PredictedFeatures | None = field(default=None, kw_only=True)

    @classmethod
    def from_adata(
        cls,
        adata: AnnData,
        *,
        name: str = "section",
        path: Path | None = None,
        values: str | None = None,
        pixel_size: float | None = None,
        plane: tuple[int, int] | None = None,
    ) -> Section:
        """Check an AnnData with `obsm["spatial"]`.

        Parameters
        ----------
        values
            What the values are, when detection should not decide ("counts", "linear", "lognorm").
        pixel_size
            Micrometres per unit of `obsm["spatial"]`; needed when the file says that its unit is a pixel and positions matter.
        plane
            Which two of three coordinate columns to use.

        Raises
        ------
        DataError
            As `Reference.from_adata`; also missing, NaN or three-dimensional coordinates.
        """
        measured, predicted = split_predicted(adata, name)
        base = _select_values(measured, name, values, may_be_empty=predicted is not None)
        xy, note = coordinates_in_micrometres(adata, name, pixel_size=pixel_size, plane=plane)
        return cls(measured, name, path, *base, xy=xy, unit_note=note, predicted=predicted)

    @property
    def in_pixels(self) -> bool:
        """Whether `xy` holds pixels of unknown size instead of micrometres."""
        return _UNIT_IN_PIXELS in self.unit_note

    @property
    def unit_known(self) -> bool:
        """Whether `xy` is known to be micrometres, by the file or by a pixel size that was given."""
        return not (self.in_pixels or _UNIT_NOT_STATED in self.unit_note)

    def with_raster(self, raster: NDArray[np.integer[Any]], transform: NDArray[np.float64]) -> Section:
        """The same section with a segmentation raster."""
        return replace(self, raster=raster, raster_transform=transform)


def coordinates_in_micrometres(
    adata: AnnData, name: str, *, pixel_size: float | None = None, plane: tuple[int, int] | None = None
) -> tuple[NDArray[np.float64], str]:
    """Centroids in micrometres and a sentence on how they were found.

    Raises
    ------
    DataError
        Coordinates that are missing, not numeric, NaN, infinite, or three-dimensional without a `plane`.
    """
    if "spatial" not in adata.obsm:
        have = ", ".join(adata.obsm) or "nothing"
        raise DataError(
            f"{name} has no cell positions: obsm['spatial'] is missing (obsm holds {have}). Put cell centroids in micrometres, "
            "shape cells x 2, there. If this is the reference: the section comes first, the reference second."
        )
    try:
        xy = np.asarray(adata.obsm["spatial"], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"obsm['spatial'] of {name} is not numeric ({error}). Expected cells x 2 numbers.") from None
    if xy.ndim != 2 or xy.shape[1] not in (2, 3):
        raise DataError(f"obsm['spatial'] of {name} has shape {xy.shape}; expected ({adata.n_obs}, 2).")
    if xy.shape[1] == 3:
        if plane is None:
            raise DataError(
                f"the coordinates of {name} are three-dimensional (x, y, z); a tissue image needs two. Choose a plane: --plane xy (or xz, yz)."
            )
        xy = xy[:, list(plane)]
    wrong = int((~np.isfinite(xy)).any(1).sum())
    if wrong:
        raise DataError(
            f"{wrong} of {len(xy)} cells of {name} have NaN or infinite coordinates. Remove these cells or give them positions."
        )
    said = str(adata.uns.get("spatial_unit", "")).lower()
    stored = adata.uns.get(PIXEL_SIZE_KEY)
    by = "as given" if pixel_size is not None else "as the file says"
    scale = pixel_size if pixel_size is not None else None if stored is None else float(stored)
    if scale is not None:
        if not 0 < scale < np.inf:
            raise DataError(f"the pixel size must be above 0 micrometres, found {scale}.")
        return xy * scale, f"{scale:g} um per unit, {by}"
    for unit, micrometres in MICROMETRES_PER_UNIT.items():
        if said.startswith(unit):
            return xy * micrometres, f"the file says {unit}"
    if said.startswith("pixel"):
        return xy, f"the file says pixels, and no pixel size is known: {_UNIT_IN_PIXELS}"
    return xy, f"{_UNIT_NOT_STATED}: taken as micrometres"


def fingerprint(matrix: sp.csr_matrix, genes: list[str], cells: Any) -> str:
    """SHA-256 over values, positions of the values, gene names and cell names."""
    h = hashlib.sha256()
    for part in (matrix.data, matrix.indices.astype(np.int32), matrix.indptr.astype(np.int64)):
        h.update(np.ascontiguousarray(part).tobytes())
    h.update("\n".join(genes).encode())
    h.update("\n".join(map(str, cells)).encode())
    return h.hexdigest()


def _select_values(
    adata: AnnData, name: str, declared: str | None, *, may_be_empty: bool = False
) -> tuple[sp.csr_matrix, val.ValueInfo, str]:
    """Refuse what cannot be used, and find the values: X, or raw counts in layers or raw when X is not counts."""
    if adata.n_obs == 0 or (adata.n_vars == 0 and not may_be_empty):
        raise DataError(
            f"{name} is empty: {adata.n_obs} cells x {adata.n_vars} genes. Expected at least one cell and ten genes."
        )
    for what, index in (("gene", adata.var_names), ("cell", adata.obs_names)):
        if not index.is_unique:
            twice = list(dict.fromkeys(index[index.duplicated()]))
            more = f" and {len(twice) - 5} more" if len(twice) > 5 else ""
            fix = "Merge or drop them" if what == "gene" else "Call adata.obs_names_make_unique()"
            raise DataError(
                f"{name} has duplicate {what} names: {', '.join(map(str, twice[:5]))}{more}. {fix} and save the file again."
            )
    if adata.n_vars == 0:
        return sp.csr_matrix(adata.shape, dtype=np.float32), val.ValueInfo("lognorm"), "X"
    found: tuple[sp.csr_matrix, val.ValueInfo, str] | None = None
    for source, candidate in (
        ("X", adata.X),
        ("layers/counts", adata.layers.get("counts")),
        ("raw", None if adata.raw is None else adata.raw.X),
    ):
        if candidate is None:
            continue
        matrix = val.as_csr(candidate)
        try:
            val.check_values(matrix, f"{source} of {name}")
        except DataError:
            if found is None and source == "X" and (adata.layers.get("counts") is not None or adata.raw is not None):
                continue  # scaled data in X: the counts are elsewhere
            if found is None:
                raise
            continue
        values = val.detect_value_kind(matrix, declared)
        if source == "X" and (values.kind == "counts" or declared is not None):
            return matrix, values, source
        if values.kind == "counts" or found is None:
            found = (matrix, values, source)
            if values.kind == "counts":
                break
    if found is None:
        raise DataError(f"{name} holds no values: X is empty, and so are layers['counts'] and raw.")
    return found
