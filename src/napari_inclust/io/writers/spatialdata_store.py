"""Results as SpatialData: new elements of the store that they came from, never over what is there, or a store of their own; complete or not at all."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import OutputError
from .atomic import as_output_error, atomic_output, open_store
from .hdf5_sink import defer_interrupts
from .imputation import fill

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from .imputation import ImputedOutput

LOCK_TIMEOUT = 60.0  # seconds for another process that is writing the index
_CELLS_ELEMENT, _REGION_COLUMN, _INSTANCE_COLUMN = (
    "cells",
    "inclust_element",
    "inclust_instance",
)  # of such a store: its shapes or labels, and the columns that point to them
_ATTRIBUTE_KEYS = ("region", "region_key", "instance_key")
_TABLE_VERSION = {2: "0.1", 3: "0.2"}  # of the table format of SpatialData, by the zarr format of the store


def check_new_element(store: Path, element_type: str, name: str, *, option: str = "--table-name") -> None:
    """Refuse a new element that could not be written at its end.

    Parameters
    ----------
    kind
        "tables" or "shapes".
    option
        Of the command line, that gives it another name.

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
            f"{store} has {element_type}/{name} already; nothing there is ever replaced. Choose another name with {option}, "
            f'or delete it first: spatialdata.read_zarr(...).delete_element_from_disk("{name}").'
        )


def add_imputed_table(store: Path, imputed: ImputedOutput, name: str, progress: Callable[[int], None]) -> None:
    """Imputed genes as a new table, which annotates the same shapes or labels as the section's own table.

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
            f"{store} is a SpatialData store, but the section is not from it: its cells cannot be matched. Write to another file."
        )
    _write_imputed_table(store, imputed, _table_attributes(imputed.section.adata), name, progress)


def write_spatialdata(path: Path, imputed: ImputedOutput, name: str, progress: Callable[[int], None]) -> None:
    """A new store: the cells as labels where the section has outlines, else as circles, in micrometres, and the imputed genes as the table of them.

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
                made = spatialdata.SpatialData(shapes={_CELLS_ELEMENT: _cell_circles(section.xy)})
            else:
                made = spatialdata.SpatialData(
                    labels={_CELLS_ELEMENT: _cell_labels(section.raster, section.raster_transform)}
                )
            made.write(part)
        _write_imputed_table(part, imputed, attributes, name, progress, columns)


def _write_imputed_table(
    store: Path,
    imputed: ImputedOutput,
    attributes: dict[str, Any],
    name: str,
    progress: Callable[[int], None],
    extra_obs: Mapping[str, Any] | None = None,
) -> None:
    """Imputed genes as a table of the elements that the attributes name, with more columns of `obs` when they are given."""

    with (
        _new_element(store, "tables", name) as (part, zarr_format),
        open_store(part, store, zarr_format=zarr_format) as (group, writing),
    ):
        fill(group, writing, imputed, imputed.uns | {"spatialdata_attrs": attributes}, progress, extra_obs)
        with writing():
            _write_table_attributes(group, attributes, zarr_format)


def _cell_circles(xy: NDArray[np.float64]) -> Any:
    """Cells as shapes, numbered from 1: half as wide as most are apart from their nearest."""
    import numpy as np
    from scipy.spatial import KDTree
    from spatialdata.models import ShapesModel

    apart = KDTree(xy).query(xy, k=[2])[0] if len(xy) > 1 else np.ones(1)
    radius = float(np.median(apart)) / 2 or 1.0
    return ShapesModel.parse(xy, geometry=0, radius=radius, index=np.arange(1, len(xy) + 1))


def _cell_labels(raster: NDArray[np.integer[Any]], transform: NDArray[np.float64]) -> Any:
    """Cells as a label image, numbered from 1, with its place in micrometres."""
    import numpy as np
    from spatialdata.models import Labels2DModel
    from spatialdata.transformations import Affine

    corner = np.array(
        [[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]]
    )  # SpatialData's pixel begins at its number, ours has its centre there
    place = Affine(transform @ corner, input_axes=("y", "x"), output_axes=("y", "x"))
    return Labels2DModel.parse(np.asarray(raster, dtype=np.int32), dims=("y", "x"), transformations={"global": place})


def add_table(store: Path, adata: Any, name: str) -> None:
    """An AnnData as a new table. Raises as `add_imputed`."""
    from anndata.io import write_elem

    attributes = _table_attributes(adata)
    with (
        _new_element(store, "tables", name) as (part, zarr_format),
        open_store(part, store, zarr_format=zarr_format) as (group, writing),
        writing(),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # anndata's notes on column types of the caller's obs
            group.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
            for part_name in ("X", "obs", "var"):
                write_elem(group, part_name, getattr(adata, part_name))
            for part_name in ("layers", "obsm", "varm", "obsp", "varp"):
                write_elem(group, part_name, dict(getattr(adata, part_name)))
            write_elem(group, "uns", dict(adata.uns) | {"spatialdata_attrs": attributes})
        _write_table_attributes(group, attributes, zarr_format)


def add_shapes(store: Path, shapes: Any, name: str) -> None:
    """A GeoDataFrame of SpatialData's shapes model as a new element. Raises as `add_imputed`."""
    import spatialdata

    with (
        _new_element(store, "shapes", name) as (part, zarr_format),
        defer_interrupts(),
        as_output_error(store),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # zarr's, of parquet files inside
        from spatialdata._io.format import SpatialDataContainerFormatV01, SpatialDataContainerFormatV02

        of = SpatialDataContainerFormatV01() if zarr_format == 2 else SpatialDataContainerFormatV02()
        whole = part.with_name("whole.zarr")
        spatialdata.SpatialData(shapes={name: shapes}).write(whole, sdata_formats=of)
        (whole / "shapes" / name).rename(part)


@contextmanager
def _new_element(store: Path, element_type: str, name: str) -> Iterator[tuple[Path, int]]:
    """A path for the new element outside the store and the zarr format; the element is moved into the store and entered in its index at the end."""
    check_new_element(store, element_type, name)
    zarr_format = 3 if (store / "zarr.json").is_file() else 2
    target = store / element_type / name
    made = not target.parent.exists()
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
        if made:
            shutil.rmtree(target.parent, ignore_errors=True)
        raise


def _ensure_group(folder: Path, zarr_format: int) -> None:
    """The group of all elements of a kind, when the store had none."""
    if not folder.exists():
        import zarr

        zarr.open_group(folder, mode="w", zarr_format=3 if zarr_format == 3 else 2)


def _update_index(store: Path) -> None:
    """Write the index of the store anew, when it has one (consolidated metadata); where that fails the old one stays."""
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
                f"{store} is being written to by another process ({lock.pid or 'unknown'}) since {since}. Try again when it has ended; "
                f"if it is gone (on another machine, switched off), delete {lock.lock_file}."
            ) from None
    try:
        yield
    finally:
        lock.release()


def _table_attributes(adata: Any) -> dict[str, Any]:
    """What the table annotates: only regions that its cells are in."""
    given = adata.uns["spatialdata_attrs"]
    regions: Sequence[str] = [given["region"]] if isinstance(given["region"], str) else list(given["region"])
    there = set(adata.obs[given["region_key"]].astype(str))
    kept = [region for region in regions if region in there]
    return {
        "region": kept[0] if len(kept) == 1 else kept,
        "region_key": given["region_key"],
        "instance_key": given["instance_key"],
    }


def _write_table_attributes(group: Any, attributes: dict[str, Any], zarr_format: int) -> None:
    """The attributes by which SpatialData knows a table."""
    group.attrs.update(
        {"spatialdata-encoding-type": "ngff:regions_table", "version": _TABLE_VERSION[zarr_format]}
        | {k: attributes[k] for k in _ATTRIBUTE_KEYS}
    )
