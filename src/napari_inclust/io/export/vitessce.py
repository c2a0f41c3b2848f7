"""A folder for Vitessce: the cells as AnnData zarr, and the view config that points to them."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from ...errors import OutputError
from ..writers.atomic import as_output_error, atomic_output, open_store
from .cellxgene import prepare_for_viewer
from .result import ExportData

SCHEMA_VERSION = "1.0.16"  # of the view config
CONFIG_FILE, CELLS_STORE = "config.json", "cells.zarr"
TISSUE_VIEW_SCOPES = (
    "embeddingType",
    "embeddingObsRadiusMode",
    "embeddingObsRadius",
)  # what the view of the tissue alone has
TISSUE_VIEW_WIDTH = (
    750.0  # of that view in pixels, about: Vitessce's own radius of a cell is a pixel, hardly to be seen
)


def write_vitessce(
    folder: Path, result: ExportData, *, group: str | None = None, url: str = "http://localhost:8000"
) -> None:
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
    result.coordinates()
    adata, chosen = prepare_for_viewer(result), result.group_column(group)
    sets = [str(c) for c in adata.obs if isinstance(adata.obs[c].dtype, pd.CategoricalDtype)]
    with atomic_output(folder) as part, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zarr's, that its second format lacks string types
        with as_output_error(folder):
            part.mkdir()
        with open_store(part / CELLS_STORE, folder, zarr_format=2) as (store, writing), writing():
            store.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
            write_elem(
                store,
                "X",
                adata.X,
                dataset_kwargs={}
                if hasattr(adata.X, "toarray")
                else {"chunks": (min(adata.n_obs, 8192), min(adata.n_vars, 16))},
            )
            for name in ("obs", "var"):
                write_elem(store, name, getattr(adata, name))
            for name in ("layers", "obsm", "varm", "obsp", "varp", "uns"):
                write_elem(store, name, dict(getattr(adata, name)))
            zarr.consolidate_metadata(store.store)
        with as_output_error(folder):
            first = [] if chosen is None else [str(chosen.name)]
            shown = (
                {}
                if chosen is None
                else {(str(chosen.name), name): colour for name, colour in result.group_colours(chosen).items()}
            )
            files = f"{url.rstrip('/')}/{CELLS_STORE}"
            said = view_config(
                result.name,
                result.description,
                files,
                [*first, *(s for s in sets if s not in first)],
                list(adata.var_names),
                shown,
                adata.n_obs,
            )
            (part / CONFIG_FILE).write_text(json.dumps(said, indent=1, ensure_ascii=False), encoding="utf-8")


def view_config(
    name: str,
    description: str,
    url: str,
    group_columns: list[str],
    genes: list[str],
    group_colours: dict[tuple[str, str], str],
    n_cells: int,
) -> dict[str, Any]:
    """The view config: cells on the tissue, their groups and the genes, coloured by the groups that are `shown` ((column, group): #rrggbb), else by the first gene."""
    options = {
        "obsFeatureMatrix": {"path": "X"},
        "obsEmbedding": [{"path": "obsm/X_spatial", "dims": [0, 1], "embeddingType": "tissue"}],
        "obsSets": [{"name": s, "path": f"obs/{s}"} for s in group_columns],
    }
    colouring = (
        {
            "obsColorEncoding": "cellSetSelection",
            "obsSetSelection": [list(path) for path in group_colours],
            "obsSetColor": [
                {"path": list(path), "color": [int(colour[i : i + 2], 16) for i in (1, 3, 5)]}
                for path, colour in group_colours.items()
            ],
        }
        if group_colours
        else {"obsColorEncoding": "geneSelection", "featureSelection": genes[:1] or None}
    )
    scopes = dict.fromkeys(("dataset", *colouring), "A")
    places = {"scatterplot": (0, 0, 8, 12), "obsSets": (8, 0, 4, 6), "featureList": (8, 6, 4, 6)}
    return {
        "version": SCHEMA_VERSION,
        "name": name,
        "description": description,
        "datasets": [
            {
                "uid": "A",
                "name": name,
                "files": [
                    {
                        "fileType": "anndata.zarr",
                        "url": url,
                        "options": options,
                        "coordinationValues": {"obsType": "cell", "featureType": "gene"},
                    }
                ],
            }
        ],
        "coordinationSpace": {
            "dataset": {"A": "A"},
            "embeddingType": {"A": "tissue"},
            "embeddingObsRadiusMode": {"A": "manual"},
            "embeddingObsRadius": {"A": round(min(5.0, max(1.0, TISSUE_VIEW_WIDTH / 2.5 / n_cells**0.5)), 1)},
            **{name: {"A": value} for name, value in colouring.items()},
        },
        "layout": [
            {
                "component": c,
                "coordinationScopes": scopes | (dict.fromkeys(TISSUE_VIEW_SCOPES, "A") if c == "scatterplot" else {}),
                "x": x,
                "y": y,
                "w": w,
                "h": h,
            }
            for c, (x, y, w, h) in places.items()
        ],
        "initStrategy": "auto",
    }
