"""The data of an imputation: a section (cells with coordinates) and a reference (cells with all genes)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..errors import DataError
from . import normalize as val
from .dataset import Dataset, Modality, fingerprint
from .measured_values import MeasuredValues
from .predicted import PredictedFeatures

if TYPE_CHECKING:
    from anndata import AnnData

MICROMETRES_PER_UNIT = {"micrometre": 1.0, "nanometre": 1e-3, "millimetre": 1e3}
PIXEL_SIZE_KEY = "spatial_pixel_size"  # key in uns of our files: micrometres per unit of obsm["spatial"]
CELL_SPACING = (2.0, 40.0)  # micrometres between the centres of neighbouring cells in tissue
_UNIT_NOT_STATED, _UNIT_IN_PIXELS = "unit not stated in the file", "distances are in pixels"  # in unit notes
_SPACING_SAMPLE_CELLS = 2000  # cells whose nearest neighbour is searched


@dataclass(frozen=True)
class Subsample:
    """How the cells of a reference were drawn from its file; enough to draw them again.

    Attributes
    ----------
    cells
        Number of cells in the file.
    most
        Number of cells drawn.
    labels
        Column of `obs` by whose types the draw was balanced, if any.
    seed
        Of the draw.
    """

    cells: int
    most: int
    labels: str | None
    seed: int

    def __str__(self) -> str:
        """Describe the draw in words."""
        by = f", by type ({self.labels})" if self.labels else ""
        return f"{self.most:,} of {self.cells:,} cells drawn for training{by}, seed {self.seed}"


@dataclass(frozen=True, eq=False, kw_only=True)
class Reference(Dataset):
    """Cells of the reference (scRNA-seq): one modality of all genes, without coordinates.

    Attributes
    ----------
    adata
        The caller's object, never changed; a copy without predictions of a run where it holds some.
    values
        What the values are.
    values_source
        Their place in `adata`: "X", "layers/counts" or "raw".
    subsample
        How the cells were drawn, when they are not all of the file.
    """

    values: val.ValueInfo
    values_source: str
    subsample: Subsample | None = None

    @classmethod
    def from_adata(  # type: ignore[override]  # its one modality has no name to choose, its values may be declared
        cls, adata: AnnData, *, name: str = "reference", path: Path | None = None, values: str | None = None
    ) -> Reference:
        """Check an AnnData and detect what its values are.

        Parameters
        ----------
        values
            What the values are, when detection should not decide ("counts", "linear", "lognorm").

        Raises
        ------
        DataError
            Empty, duplicate gene or cell names, NaN, infinite or negative values; or all of it was predicted by a run.
        """
        return cls(**_dataset_fields(MeasuredValues.from_adata(adata, name, values), name, path))

    @property
    def path(self) -> Path | None:
        """File that it was read from."""
        return self.paths[0] if self.paths else None

    @property
    def matrix(self) -> sp.csr_matrix:
        """(cells, genes) CSR float32: the values as stored."""
        return self.modalities[0].matrix

    @property
    def genes(self) -> list[str]:
        """Names of the measured genes."""
        return list(self.modalities[0].features)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the values, gene and cell names: changes when the data change."""
        return fingerprint(self.matrix, self.genes, self.adata.obs_names)

    @property
    def provenance(self) -> dict[str, Any]:
        """Plain values that say which data these are, for saved results."""
        return {
            "path": str(self.path) if self.path else None,
            "name": self.name,
            "cells": self.n_cells,
            "values": asdict(self.values),
            "source": self.values_source,
            "fingerprint": self.fingerprint,
            "drawn": asdict(self.subsample) if self.subsample is not None else None,
            "choices": {},
        }


@dataclass(frozen=True, eq=False, kw_only=True)
class Section(Reference):
    """Cells of one tissue section: a panel of genes, with coordinates.

    Attributes
    ----------
    xy : (cells, 2) float64
        Cell centroids in micrometres.
    unit_note
        How the unit of the coordinates was determined.
    raster : (rows, columns) int, optional
        Segmentation: 0 is background, i + 1 is row i of `adata`.
    raster_transform : (3, 3)
        Raster (row, column) to micrometres (y, x), homogeneous.
    read_options
        Options with which its file was read (table, coordinate system, pixel size, ...), by name; enough to read it
        again.
    predicted
        Features of its file that a run imputed or generated. They are none of its genes, and not in `adata`.
    """

    xy: NDArray[np.float64]
    unit_note: str = ""
    raster: NDArray[np.integer[Any]] | None = None
    raster_transform: NDArray[np.float64] | None = None
    read_options: dict[str, Any] = field(default_factory=dict)
    predicted: PredictedFeatures | None = None

    @classmethod
    def from_adata(  # type: ignore[override]  # as of `Reference`
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
            Micrometres per unit of `obsm["spatial"]`; needed when the file says that its unit is a pixel and positions
            matter.
        plane
            Which two of three coordinate columns to use.

        Raises
        ------
        DataError
            As `Reference.from_adata`; also missing, NaN or three-dimensional coordinates.
        """
        measured = MeasuredValues.from_adata(adata, name, values, may_be_empty=True)
        xy, note = coordinates_in_micrometres(adata, name, pixel_size=pixel_size, plane=plane)
        return cls(**_dataset_fields(measured, name, path), xy=xy, unit_note=note, predicted=measured.predicted)

    @property
    def in_pixels(self) -> bool:
        """Whether `xy` holds pixels of unknown size instead of micrometres."""
        return _UNIT_IN_PIXELS in self.unit_note

    @property
    def unit_known(self) -> bool:
        """Whether `xy` is known to be micrometres, by the file or by a pixel size that was given."""
        return not (self.in_pixels or _UNIT_NOT_STATED in self.unit_note)

    def with_raster(self, raster: NDArray[np.integer[Any]], transform: NDArray[np.float64]) -> Section:
        """Add a segmentation raster."""
        return replace(self, raster=raster, raster_transform=transform)

    def subset(self, rows: NDArray[Any], name: str | None = None) -> Self:
        """Select some of the cells; the raster, which has all of them, is left out."""
        predicted = None if self.predicted is None else replace(self.predicted, adata=self.predicted.adata[rows])
        return replace(
            super().subset(rows, name), xy=self.xy[rows], raster=None, raster_transform=None, predicted=predicted
        )

    @property
    def provenance(self) -> dict[str, Any]:
        """Plain values that say which data these are and how they were read, for saved results."""
        return {**super().provenance, "choices": self.read_options}


def _dataset_fields(measured: MeasuredValues, name: str, path: Path | None) -> dict[str, Any]:
    """Keyword arguments of a `Reference`."""
    kind = measured.values.kind
    genes = Modality("rna", tuple(measured.genes), measured.matrix, "none" if kind == "lognorm" else "library", kind)
    return {
        "name": name,
        "adata": measured.adata,
        "modalities": (genes,),
        "paths": (path,) if path else (),
        "values": measured.values,
        "values_source": measured.source,
    }


def coordinates_in_micrometres(
    adata: AnnData, name: str, *, pixel_size: float | None = None, plane: tuple[int, int] | None = None
) -> tuple[NDArray[np.float64], str]:
    """Read centroids in micrometres, with a sentence on how their unit was determined.

    Raises
    ------
    DataError
        Coordinates that are missing, not numeric, NaN, infinite, or three-dimensional without a `plane`.
    """
    if "spatial" not in adata.obsm:
        have = ", ".join(adata.obsm) or "nothing"
        raise DataError(
            f"{name} has no cell positions: obsm['spatial'] is missing (obsm holds {have}). Put cell centroids in "
            "micrometres, shape cells x 2, there. If this is the reference: the section comes first, the reference "
            "second."
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
                f"the coordinates of {name} are three-dimensional (x, y, z); a tissue image needs two. "
                "Choose a plane: --plane xy (or xz, yz)."
            )
        xy = xy[:, list(plane)]
    not_finite = int((~np.isfinite(xy)).any(1).sum())
    if not_finite:
        raise DataError(
            f"{not_finite} of {len(xy)} cells of {name} have NaN or infinite coordinates. "
            "Remove these cells or give them positions."
        )
    stated_unit = str(adata.uns.get("spatial_unit", "")).lower()
    stored_scale = adata.uns.get(PIXEL_SIZE_KEY)
    by = "as given" if pixel_size is not None else "as the file says"
    scale = pixel_size if pixel_size is not None else None if stored_scale is None else float(stored_scale)
    if scale is not None:
        if not 0 < scale < np.inf:
            raise DataError(f"the pixel size must be above 0 micrometres, found {scale}.")
        return xy * scale, f"{scale:g} um per unit, {by}"
    for unit, micrometres in MICROMETRES_PER_UNIT.items():
        if stated_unit.startswith(unit):
            return xy * micrometres, f"the file says {unit}"
    if stated_unit.startswith("pixel"):
        return xy, f"the file says pixels, and no pixel size is known: {_UNIT_IN_PIXELS}"
    return xy, f"{_UNIT_NOT_STATED}: taken as micrometres"


def unit_warning(section: Section) -> str:
    """Describe what is uncertain about the unit of the coordinates; empty when it is known.

    The distance to the nearest cell is no proof, only a hint: cells of a tissue are some micrometres apart.
    """
    if section.unit_known:
        return ""
    if section.in_pixels:
        return (
            f"The places of {section.name} are in pixels of unknown size: distances and the scale bar are in pixels. "
            "Give the pixel size (--pixel-size)."
        )
    request = "Give the pixel size (--pixel-size; 1 if they are micrometres)."
    assumption = f"{section.name} does not say the unit of its places; they are taken as micrometres"
    median, regular = _nearest_neighbour_distance(section)
    if median == 0 or regular:
        return f"{assumption}. {request}"
    low, high = CELL_SPACING
    doubt = (
        f" while cells are {low:g} to {high:g} um apart: they look like {'pixels' if median > high else 'another unit'}"
        if not low <= median <= high
        else ""
    )
    return f"{assumption}. Neighbouring cells are {median:.3g} apart{doubt or ', which fits'}. {request}"


def _nearest_neighbour_distance(section: Section) -> tuple[float, bool]:
    """Median distance to the nearest other position, and whether most are equal, as in a grid of spots; 0 if none."""
    from scipy.spatial import cKDTree

    sample = section.xy[:: max(1, section.n_cells // _SPACING_SAMPLE_CELLS)]
    distance = cKDTree(section.xy).query(sample, k=min(2, section.n_cells))[0].reshape(len(sample), -1)[:, -1]
    distance = distance[distance > 0]
    if not len(distance):
        return 0.0, False
    median = float(np.median(distance))
    return median, bool((np.abs(distance / median - 1) < 0.1).mean() > 0.9)
