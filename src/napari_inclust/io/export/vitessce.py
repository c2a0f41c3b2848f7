"""A folder for Vitessce: the cells as AnnData zarr, and the view config that points to them."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from ...errors import OutputError
from ..writers.anndata_files import write_anndata
from ..writers.atomic import as_output_error, atomic_output, open_store
from ..writers.geojson import to_rgb
from .cellxgene import prepare_for_viewer
from .result import ExportData

SCHEMA_VERSION = "1.0.16"  # of the view config
CONFIG_FILE, CELLS_STORE = "config.json", "cells.zarr"
TISSUE_VIEW_SCOPES = (
    "embeddingType",
    "embeddingObsRadiusMode",
    "embeddingObsRadius",
)  # of the tissue view alone
TISSUE_VIEW_WIDTH = 750.0  # approximate pixels, for the radius of the cells: the default of one pixel is hardly visible


def write_vitessce(
    folder: Path, result: ExportData, *, group: str | None = None, url: str = "http://localhost:8000"
) -> None:
    """Write `config.json` and `cells.zarr` in a new folder, to be served at `url`.

    Raises
    ------
    OutputError
        The folder exists, the disk is full or the place cannot be written.
    """
    import zarr

    if folder.exists():
        raise OutputError(f"{folder} exists already. Choose a new folder.")
    result.coordinates()
    adata, chosen = prepare_for_viewer(result), result.group_column(group)
    sets = [str(c) for c in adata.obs if isinstance(adata.obs[c].dtype, pd.CategoricalDtype)]
    with atomic_output(folder) as part, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zarr's, that its second format lacks string types
        with as_output_error(folder):
            part.mkdir()
        dense = not hasattr(adata.X, "toarray")
        chunks = {"chunks": (min(adata.n_obs, 8192), min(adata.n_vars, 16))} if dense else {}
        with open_store(part / CELLS_STORE, folder, zarr_format=2) as (store, write_context):
            write_anndata(store, write_context, adata, matrix_settings=chunks)
            with write_context():
                zarr.consolidate_metadata(store.store)
        colours = {} if chosen is None else result.group_colours(chosen)
        config = view_config(
            result.name,
            result.description,
            f"{url.rstrip('/')}/{CELLS_STORE}",
            sets if chosen is None else [str(chosen.name), *(s for s in sets if s != chosen.name)],
            list(adata.var_names),
            {} if chosen is None else {(str(chosen.name), name): colour for name, colour in colours.items()},
            adata.n_obs,
        )
        with as_output_error(folder):
            (part / CONFIG_FILE).write_text(json.dumps(config, indent=1, ensure_ascii=False), encoding="utf-8")


def view_config(
    name: str,
    description: str,
    url: str,
    group_columns: list[str],
    genes: list[str],
    group_colours: dict[tuple[str, str], str],
    n_cells: int,
) -> dict[str, Any]:
    """Return the view config: cells on the tissue, their groups and the genes.

    Parameters
    ----------
    url
        Of the cells.
    group_columns
        Columns of obs that are listed as sets.
    group_colours
        #rrggbb by (column, group) of the groups that colour the cells; when empty, the first gene does.
    """
    options = {
        "obsFeatureMatrix": {"path": "X"},
        "obsEmbedding": [{"path": "obsm/X_spatial", "dims": [0, 1], "embeddingType": "tissue"}],
        "obsSets": [{"name": s, "path": f"obs/{s}"} for s in group_columns],
    }
    colouring = (
        {
            "obsColorEncoding": "cellSetSelection",
            "obsSetSelection": [list(path) for path in group_colours],
            "obsSetColor": [{"path": list(path), "color": to_rgb(colour)} for path, colour in group_colours.items()],
        }
        if group_colours
        else {"obsColorEncoding": "geneSelection", "featureSelection": genes[:1] or None}
    )
    scopes = dict.fromkeys(("dataset", *colouring), "A")
    components = {"scatterplot": (0, 0, 8, 12), "obsSets": (8, 0, 4, 6), "featureList": (8, 6, 4, 6)}
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
            for c, (x, y, w, h) in components.items()
        ],
        "initStrategy": "auto",
    }
