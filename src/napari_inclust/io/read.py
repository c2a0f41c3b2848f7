"""Open a file as a `Section` (cells with places) or a `Reference` (cells with all genes)."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.section import Reference, Section
from ..errors import DataError

if TYPE_CHECKING:
    from anndata import AnnData

SUFFIXES = (".h5ad",)


def read_section(path: str | Path, *, values: str | None = None, pixel_size: float | None = None, plane: str | None = None, flatten: bool = False) -> Section:
    """Open a tissue section.

    Parameters
    ----------
    path
        An `.h5ad` file with `obsm["spatial"]`.
    values
        "counts", "linear" or "lognorm", when detection should not decide.
    pixel_size
        Micrometres per unit of the coordinates, when they are pixels.
    plane
        "xy", "xz" or "yz" for three-dimensional coordinates.
    flatten
        Take x and y of three-dimensional coordinates when no plane is given, and say so in `unit_note`; otherwise they are refused.

    Raises
    ------
    DataError
        A file that is missing, truncated, not AnnData or empty, or values and coordinates that cannot be used.
    """
    return _section(read_adata(Path(path)), Path(path), values=values, pixel_size=pixel_size, plane=plane, flatten=flatten)


def read_reference(path: str | Path, *, values: str | None = None) -> Reference:
    """Open a reference (`.h5ad`). Raises as `read_section`."""
    path = Path(path)
    return Reference.from_adata(read_adata(path), name=path.stem, path=path, values=values)


def read_any(path: str | Path, *, values: str | None = None, pixel_size: float | None = None, plane: str | None = None) -> Reference:
    """Open a file as a section when its cells have places, as a reference when they have none."""
    path = Path(path)
    adata = read_adata(path)
    if "spatial" not in adata.obsm:
        return Reference.from_adata(adata, name=path.stem, path=path, values=values)
    return _section(adata, path, values=values, pixel_size=pixel_size, plane=plane, flatten=True)


def _section(adata: AnnData, path: Path, *, values: str | None, pixel_size: float | None, plane: str | None, flatten: bool) -> Section:
    if plane not in (None, "xy", "xz", "yz"):
        raise DataError(f"unknown plane {plane!r}; expected xy, xz or yz.")
    solid = getattr(adata.obsm.get("spatial"), "shape", ())[1:] == (3,)
    flattened = solid and plane is None and flatten
    axes = ("xyz".index(plane[0]), "xyz".index(plane[1])) if plane else (0, 1) if flattened else None
    section = Section.from_adata(adata, name=path.stem, path=path, values=values, pixel_size=pixel_size, plane=axes)
    return replace(section, unit_note=f"three-dimensional, drawn in the plane xy; {section.unit_note}") if flattened else section


def read_adata(path: Path) -> AnnData:
    """The AnnData of a file, with one clear error for everything that can be wrong with the file itself."""
    import anndata

    if not path.exists():
        raise DataError(f"no file {path}. Check the name.")
    if path.suffix not in SUFFIXES or path.is_dir():
        raise DataError(f"{path} is not a file that can be opened here; expected an AnnData file ({', '.join(SUFFIXES)}).")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # anndata's notes on old files and non-unique names: checked and told by Reference.from_adata
            return anndata.read_h5ad(path)
    except PermissionError:
        raise DataError(f"no permission to read {path}.") from None
    except Exception as error:  # h5py and anndata raise many kinds on a damaged file; all mean the same to the user
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{path} cannot be read as AnnData: it is truncated, damaged or another kind of file ({reason}). Write it again with adata.write_h5ad()."
        ) from error
