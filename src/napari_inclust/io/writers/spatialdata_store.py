"""Results as SpatialData: new elements in the store of the section, which never replace others, or a new store."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import OutputError
from ..readers.spatialdata_zarr import annotated_regions
from .anndata_files import write_anndata
from .atomic import as_output_error, atomic_output, open_store
from .hdf5_sink import defer_interrupts
from .imputation import fill

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from .imputation import ImputedOutput

LOCK_TIMEOUT = 60.0  # seconds to wait for another process that writes the index
_CELLS_ELEMENT = "cells"  # shapes or labels of a new store
_REGION_COLUMN, _INSTANCE_COLUMN = "inclust_element", "inclust_instance"  # of its table: the element and its instance
_ATTRIBUTE_KEYS = ("region", "region_key", "instance_key")
_TABLE_VERSION = {2: "0.1", 3: "0.2"}  # of the table format of SpatialData, by the zarr format of the store


def check_new_element(store: Path, element_type: str, name: str, *, option: str = "--table-name") -> None:
    """Refuse, before any work is done, a new element that could not be written in the end.

    Parameters
    ----------
    element_type
        "tables" or "shapes".
    option
        Of the command line that gives it another name, for messages.

    Raises
    ------
    OutputError
        A read-only store, a name that cannot be one, or one that is taken.
    """
    if not name.strip() or not all(c.isalnum() or c in "_-." for c in name) or name.startswith((".", "__")):
        raise OutputError(
            f"{name!r} cannot be the name of an element of {store}; expected letters, digits, '_', '-' and '.'."
        )
    for folder in (store, store / element_type, store.absolute().parent):
        if folder.exists() and not os.access(folder, os.W_OK):
            raise OutputError(f"{folder} is read-only, so {store} cannot get a new table. Write to another file.")
    if (store / element_type / name).exists():
        raise OutputError(
            f"{store} has {element_type}/{name} already; nothing there is ever replaced. Choose another name with "
            f"{option}, "
            f'or delete it first: spatialdata.read_zarr(...).delete_element_from_disk("{name}").'
        )


def add_imputed_table(store: Path, imputed: ImputedOutput, name: str, progress: Callable[[int], None]) -> None:
    """Write imputed genes as a new table that annotates the same shapes or labels as the table of the section.

    Raises
    ------
    OutputError
        The store has a table of that name, is not the one of the section, or cannot be written.
    """
    source = imputed.section.path
    if (
        "spatialdata_attrs" not in imputed.section.adata.uns
        or source is None
        or not source.exists()
        or not source.samefile(store)
    ):
        raise OutputError(
            f"{store} is a SpatialData store, but the section is not from it: its cells cannot be matched. Write to "
            "another file."
        )
    _write_imputed_table(store, imputed, _table_attributes(imputed.section.adata), name, progress)


def write_spatialdata(path: Path, imputed: ImputedOutput, name: str, progress: Callable[[int], None]) -> None:
    """Write a new store with the cells and a table of imputed genes.

    The cells are labels where the section has outlines, else circles, in micrometres.

    Raises
    ------
    OutputError
        The disk is full or the place cannot be written.
    """
    import numpy as np
    import pandas as pd
    import spatialdata

    section = imputed.section
    columns = {
        _REGION_COLUMN: pd.Categorical([_CELLS_ELEMENT] * section.n_cells),
        _INSTANCE_COLUMN: np.arange(1, section.n_cells + 1),
    }
    attributes = {"region": _CELLS_ELEMENT, "region_key": _REGION_COLUMN, "instance_key": _INSTANCE_COLUMN}
    with atomic_output(path) as part:
        with defer_interrupts(), as_output_error(path), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # zarr's, of parquet files inside
            if section.raster is None or section.raster_transform is None:
                data = spatialdata.SpatialData(shapes={_CELLS_ELEMENT: _cell_circles(section.xy)})
            else:
                data = spatialdata.SpatialData(
                    labels={_CELLS_ELEMENT: _cell_labels(section.raster, section.raster_transform)}
                )
            data.write(part)
        _write_imputed_table(part, imputed, attributes, name, progress, columns)


def _write_imputed_table(
    store: Path,
    imputed: ImputedOutput,
    attributes: dict[str, Any],
    name: str,
    progress: Callable[[int], None],
    extra_obs: Mapping[str, Any] | None = None,
) -> None:
    """Write imputed genes as a table of the elements that the attributes name."""
    with (
        _new_element(store, "tables", name) as (part, zarr_format),
        open_store(part, store, zarr_format=zarr_format) as (group, write_context),
    ):
        fill(group, write_context, imputed, imputed.uns | {"spatialdata_attrs": attributes}, progress, extra_obs)
        with write_context():
            _write_table_attributes(group, attributes, zarr_format)


def _cell_circles(xy: NDArray[np.float64]) -> Any:
    """Draw cells as circles, numbered from 1, whose diameter is the median distance to the nearest cell."""
    import numpy as np
    from scipy.spatial import KDTree
    from spatialdata.models import ShapesModel

    nearest = KDTree(xy).query(xy, k=[2])[0] if len(xy) > 1 else np.ones(1)
    radius = float(np.median(nearest)) / 2 or 1.0
    return ShapesModel.parse(xy, geometry=0, radius=radius, index=np.arange(1, len(xy) + 1))


def _cell_labels(raster: NDArray[np.integer[Any]], transform: NDArray[np.float64]) -> Any:
    """Convert a raster to a label image, numbered from 1, with its affine to micrometres."""
    import numpy as np
    from spatialdata.models import Labels2DModel
    from spatialdata.transformations import Affine

    # integer coordinates are the corner of a pixel in SpatialData, and its centre in the raster
    corner = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]])
    affine = Affine(transform @ corner, input_axes=("y", "x"), output_axes=("y", "x"))
    return Labels2DModel.parse(np.asarray(raster, dtype=np.int32), dims=("y", "x"), transformations={"global": affine})


def add_table(store: Path, adata: Any, name: str) -> None:
    """Write an AnnData as a new table. Raises as `add_imputed_table`."""
    attributes = _table_attributes(adata)
    with (
        _new_element(store, "tables", name) as (part, zarr_format),
        open_store(part, store, zarr_format=zarr_format) as (group, write_context),
    ):
        write_anndata(group, write_context, adata, uns=dict(adata.uns) | {"spatialdata_attrs": attributes})
        with write_context():
            _write_table_attributes(group, attributes, zarr_format)


def add_shapes(store: Path, shapes: Any, name: str) -> None:
    """Write a GeoDataFrame of the shapes model of SpatialData as a new element. Raises as `add_imputed_table`."""
    import spatialdata

    with (
        _new_element(store, "shapes", name) as (part, zarr_format),
        defer_interrupts(),
        as_output_error(store),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # zarr's, of parquet files inside
        from spatialdata._io.format import SpatialDataContainerFormatV01, SpatialDataContainerFormatV02

        container = SpatialDataContainerFormatV01() if zarr_format == 2 else SpatialDataContainerFormatV02()
        whole = part.with_name("whole.zarr")
        spatialdata.SpatialData(shapes={name: shapes}).write(whole, sdata_formats=container)
        (whole / "shapes" / name).rename(part)


@contextmanager
def _new_element(store: Path, element_type: str, name: str) -> Iterator[tuple[Path, int]]:
    """Yield a path for a new element outside of the store, and the zarr format.

    When the block succeeds, the element is moved into the store and entered in its index.
    """
    check_new_element(store, element_type, name)
    zarr_format = 3 if (store / "zarr.json").is_file() else 2
    target = store / element_type / name
    new_folder = not target.parent.exists()
    try:
        with atomic_output(target, sibling=store, must_not_exist=True) as part:
            yield part, zarr_format
            with as_output_error(store):
                _ensure_group(target.parent, zarr_format)
        try:
            with _index_lock(store):
                _update_index(store)
        except BaseException:
            shutil.rmtree(target, ignore_errors=True)
            raise
    except BaseException:
        if new_folder:
            shutil.rmtree(target.parent, ignore_errors=True)
        raise


def _ensure_group(folder: Path, zarr_format: int) -> None:
    """Create the group of the elements of a type, when the store has none."""
    if not folder.exists():
        import zarr

        zarr.open_group(folder, mode="w", zarr_format=3 if zarr_format == 3 else 2)


def _update_index(store: Path) -> None:
    """Rewrite the index (consolidated metadata) of a store that has one; on failure the old one is restored."""
    import zarr

    index = next((p for p in (store / ".zmetadata", store / "zmetadata") if p.is_file()), None) or store / "zarr.json"
    if not index.is_file():
        return
    before = index.read_bytes()
    if index.name == "zarr.json" and b'"consolidated_metadata"' not in before:
        return
    try:
        with defer_interrupts(), as_output_error(store), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of parquet files inside, which are no zarr
            zarr.consolidate_metadata(store)
            if index.name == "zmetadata":
                (store / ".zmetadata").replace(index)
    except BaseException:
        index.write_bytes(before)
        raise


@contextmanager
def _index_lock(store: Path) -> Iterator[None]:
    """One process at a time writes the index: it lists what it finds, and a second one would list less.

    Raises
    ------
    OutputError
        Another process holds the lock for longer than writing an index takes, or left it behind on another machine.
    """
    from filelock import SoftFileLock, Timeout

    lock = SoftFileLock(store.absolute().with_name(f".{store.name}.lock"))
    with as_output_error(store):
        try:
            lock.acquire(timeout=LOCK_TIMEOUT)
        except Timeout:
            since = (
                datetime.fromtimestamp(os.stat(lock.lock_file).st_mtime)
                .astimezone()
                .isoformat(sep=" ", timespec="seconds")
            )
            raise OutputError(
                f"{store} is being written to by another process ({lock.pid or 'unknown'}) since {since}. Try again "
                f"when it has ended; if it is gone (on another machine, switched off), delete {lock.lock_file}."
            ) from None
    try:
        yield
    finally:
        lock.release()


def _table_attributes(adata: Any) -> dict[str, Any]:
    """Return the attributes of a table, with only the regions that its cells are in."""
    given = adata.uns["spatialdata_attrs"]
    occupied = set(adata.obs[given["region_key"]].astype(str))
    regions = [region for region in annotated_regions(given) if region in occupied]
    return {
        "region": regions[0] if len(regions) == 1 else regions,
        "region_key": given["region_key"],
        "instance_key": given["instance_key"],
    }


def _write_table_attributes(group: Any, attributes: dict[str, Any], zarr_format: int) -> None:
    """Write the attributes by which SpatialData recognises a table."""
    group.attrs.update(
        {"spatialdata-encoding-type": "ngff:regions_table", "version": _TABLE_VERSION[zarr_format]}
        | {k: attributes[k] for k in _ATTRIBUTE_KEYS}
    )
