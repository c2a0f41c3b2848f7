"""A data set written again with more columns: everything else of it stays."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .atomic import atomic_output, open_store, to_storable

if TYPE_CHECKING:
    from anndata import AnnData


def write_annotated(path: Path, adata: AnnData, obs: dict[str, Any], uns: dict[str, Any]) -> None:
    """The cells with columns added to `obs` and entries to `uns` (replaced where they exist); `adata` itself is not changed.

    Parameters
    ----------
    path
        `.h5ad` or `.zarr`; replaced only when complete.

    Raises
    ------
    OutputError
        The disk is full or the place cannot be written.
    """
    from anndata.io import write_elem

    packed = {"compression": "gzip", "compression_opts": 1} if path.suffix == ".h5ad" else {}
    with atomic_output(path) as part, open_store(part, path) as (store, writing), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # anndata's notes on column types of the caller's obs
        with writing():
            store.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
            write_elem(store, "obs", adata.obs.assign(**obs))
            write_elem(store, "uns", dict(adata.uns) | to_storable(uns))
        for name in ("X", "var", "layers", "obsm", "varm", "obsp", "varp", "raw"):
            value = getattr(adata, name)
            if value is None:
                continue
            with writing():
                write_elem(store, name, value if name in ("X", "var", "raw") else dict(value), dataset_kwargs=packed)
