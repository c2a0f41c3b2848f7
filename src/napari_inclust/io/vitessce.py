"""A folder for Vitessce: the cells as AnnData zarr, and the view config that points to them."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import OutputError
from .cellxgene import prepared
from .result import Result
from .write import as_output_error, opened, replacing

SCHEMA = "1.0.16"  # of the view config
CONFIG, CELLS = "config.json", "cells.zarr"


def write_vitessce(folder: Path, result: Result, *, group: str | None = None, url: str = "http://localhost:8000") -> None:
    """`config.json` and `cells.zarr` in a new folder, to be served as it is at `url`.

    Raises
    ------
    OutputError
        The folder exists, the disk is full or the place cannot be written.
    """
    import zarr
    from anndata.io import write_elem

    if folder.exists():
        raise OutputError(f"{folder} exists already. Choose a new folder.")
    result.places()
    adata, chosen = prepared(result), result.group(group)
    sets = [str(c) for c in adata.obs if isinstance(adata.obs[c].dtype, pd.CategoricalDtype)]
    with replacing(folder) as part, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zarr's, that its second format lacks string types
        with as_output_error(folder):
            part.mkdir()
        with opened(part / CELLS, folder, zarr_format=2) as (store, writing), writing():
            store.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
            write_elem(store, "X", adata.X, dataset_kwargs={} if hasattr(adata.X, "toarray") else {"chunks": (min(adata.n_obs, 8192), min(adata.n_vars, 16))})
            for name in ("obs", "var"):
                write_elem(store, name, getattr(adata, name))
            for name in ("layers", "obsm", "varm", "obsp", "varp", "uns"):
                write_elem(store, name, dict(getattr(adata, name)))
            zarr.consolidate_metadata(store.store)
        with as_output_error(folder):
            first = [] if chosen is None else [str(chosen.name)]
            said = config(
                result.name, result.said, f"{url.rstrip('/')}/{CELLS}", [*first, *(s for s in sets if s not in first)], list(adata.var_names), bool(first)
            )
            (part / CONFIG).write_text(json.dumps(said, indent=1, ensure_ascii=False), encoding="utf-8")


def config(name: str, said: str, url: str, sets: list[str], genes: list[str], by_group: bool) -> dict[str, Any]:
    """The view config: cells on the tissue, their groups and the genes, coloured by the first group or else the first gene."""
    options = {
        "obsFeatureMatrix": {"path": "X"},
        "obsEmbedding": [{"path": "obsm/X_spatial", "dims": [0, 1], "embeddingType": "tissue"}],
        "obsSets": [{"name": s, "path": f"obs/{s}"} for s in sets],
    }
    scopes = dict.fromkeys(("dataset", "obsColorEncoding", "featureSelection"), "A")
    places = {"scatterplot": (0, 0, 8, 12), "obsSets": (8, 0, 4, 6), "featureList": (8, 6, 4, 6)}
    return {
        "version": SCHEMA,
        "name": name,
        "description": said,
        "datasets": [
            {
                "uid": "A",
                "name": name,
                "files": [{"fileType": "anndata.zarr", "url": url, "options": options, "coordinationValues": {"obsType": "cell", "featureType": "gene"}}],
            }
        ],
        "coordinationSpace": {
            "dataset": {"A": "A"},
            "embeddingType": {"A": "tissue"},
            "obsColorEncoding": {"A": "cellSetSelection" if by_group else "geneSelection"},
            "featureSelection": {"A": genes[:1] or None},
        },
        "layout": [
            {"component": c, "coordinationScopes": scopes | ({"embeddingType": "A"} if c == "scatterplot" else {}), "x": x, "y": y, "w": w, "h": h}
            for c, (x, y, w, h) in places.items()
        ],
        "initStrategy": "auto",
    }
