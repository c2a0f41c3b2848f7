"""AnnData as files: into an open store, as `.h5ad`, or a data set written again with more columns."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .atomic import WriteContext, as_output_error, atomic_output, open_store, to_storable

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

ANNDATA_ENCODING = {"encoding-type": "anndata", "encoding-version": "0.1.0"}  # attributes of the group


def write_anndata(
    store: Any,
    write_context: WriteContext,
    adata: AnnData,
    *,
    obs: pd.DataFrame | None = None,
    uns: Mapping[str, Any] | None = None,
    array_settings: Mapping[str, Any] | None = None,
    matrix_settings: Mapping[str, Any] | None = None,
) -> None:
    """Write all elements of an AnnData, which is not changed, to an empty HDF5 file or zarr group.

    Parameters
    ----------
    store, write_context
        From `open_store`.
    obs, uns
        Instead of those of `adata`.
    array_settings, matrix_settings
        Settings of the stored arrays, such as compression, of everything but obs and uns; and those of X in addition.
    """
    from anndata.io import write_elem

    settings = dict(array_settings or {})
    mappings = ("layers", "obsm", "varm", "obsp", "varp")
    arrays = {
        "X": adata.X,
        "var": adata.var,
        **{name: dict(getattr(adata, name)) for name in mappings},
        "raw": adata.raw,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # anndata's notes on column types of the caller's obs
        with write_context():
            store.attrs.update(ANNDATA_ENCODING)
            write_elem(store, "obs", adata.obs if obs is None else obs)
            write_elem(store, "uns", dict(adata.uns if uns is None else uns))
        for name, value in arrays.items():
            if value is not None:
                with write_context():
                    extra = dict(matrix_settings or {}) if name == "X" else {}
                    write_elem(store, name, value, dataset_kwargs=settings | extra)


def write_annotated(path: Path, adata: AnnData, obs: dict[str, Any], uns: dict[str, Any]) -> None:
    """Write cells with columns added to `obs` and entries to `uns`, replaced where they exist; `adata` is not changed.

    Parameters
    ----------
    path
        `.h5ad` or `.zarr`; replaced only when complete.

    Raises
    ------
    OutputError
        The disk is full or the place cannot be written.
    """
    packed = {"compression": "gzip", "compression_opts": 1} if path.suffix == ".h5ad" else {}
    with atomic_output(path) as part, open_store(part, path) as (store, write_context):
        write_anndata(
            store,
            write_context,
            adata,
            obs=adata.obs.assign(**obs),
            uns=dict(adata.uns) | to_storable(uns),
            array_settings=packed,
        )


def write_h5ad(path: Path, adata: AnnData) -> None:
    """Write a `.h5ad` as AnnData does; replaced only when complete.

    Raises
    ------
    OutputError
        The disk is full or the place cannot be written.
    """
    with atomic_output(path) as part, as_output_error(path):
        adata.write_h5ad(part)
