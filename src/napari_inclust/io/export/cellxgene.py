"""A `.h5ad` that CELLxGENE Annotate opens: its documented requirements, met and checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...errors import DataError
from ..writers.anndata_files import write_anndata
from ..writers.atomic import atomic_output, open_store, to_storable
from .result import ExportData

if TYPE_CHECKING:
    from anndata import AnnData


def write_cellxgene(path: Path, result: ExportData) -> None:
    """Write the cells with coordinates as the embedding "spatial", groups as categories, and imputed genes named so.

    Raises
    ------
    DataError
        A result that CELLxGENE Annotate would not open, with the reasons.
    OutputError
        The disk is full or the place cannot be written.
    """
    adata = prepare_for_viewer(result)
    problems = find_problems(adata)
    if problems:
        raise DataError(f"{result.name} cannot be shown by CELLxGENE: {'; '.join(problems)}.")
    with atomic_output(path) as part, open_store(part, path) as (store, write_context):
        write_anndata(store, write_context, adata)


def prepare_for_viewer(result: ExportData) -> AnnData:
    """Copy the cells in the form that CELLxGENE and Vitessce draw, without the problems of `find_problems`.

    Their y axis points up, that of napari down: `obsm["X_spatial"]` has (x, -y), so that the tissue has the same
    orientation; `obsm["spatial"]` has the micrometres as they are. `ExportData.ungroupable_columns` are left out.
    """
    import anndata
    import scipy.sparse as sp

    given = result.adata
    obs = pd.DataFrame(index=given.obs_names.astype(str))
    colours: dict[str, Any] = {}
    for name, column in given.obs.drop(columns=result.ungroupable_columns).items():
        if pd.api.types.is_bool_dtype(column) or not pd.api.types.is_numeric_dtype(column):
            obs[str(name)] = column.astype(object).where(column.notna(), "unknown").astype(str).astype("category")
            palette = given.uns.get(f"{name}_colors")
            if palette is not None and len(palette) == len(obs[str(name)].cat.categories):
                colours[f"{name}_colors"] = np.asarray(palette, dtype=object)
        else:
            obs[str(name)] = column.astype(np.float32 if pd.api.types.is_float_dtype(column) else np.int32)
    var = given.var.set_axis([result.gene_label(gene) for gene in given.var_names])
    x = sp.csc_matrix(given.X, dtype=np.float32) if sp.issparse(given.X) else np.asarray(given.X, dtype=np.float32)
    uns = (
        {"title": result.name}
        | colours
        | to_storable({k: given.uns[k] for k in ("value_type", "inclust") if k in given.uns})
    )
    embeddings = {k: np.asarray(v, dtype=np.float32) for k, v in given.obsm.items() if k.startswith("X_")}
    coordinates = (
        {} if result.xy is None else {"spatial": result.xy, "X_spatial": (result.xy * (1, -1)).astype(np.float32)}
    )
    return anndata.AnnData(x, obs=obs, var=var, uns=uns, obsm=embeddings | coordinates)


def find_problems(adata: AnnData) -> list[str]:
    """List what keeps CELLxGENE Annotate from opening the cells, by its documented requirements.

    Values in X (float32); at least one embedding in obsm named `X_*`, cells x 2 or more, not all NaN and without
    infinite numbers; unique names of cells and genes; text in obs as categories; colours in uns for existing
    categories, one each, as matplotlib reads them.
    """
    from matplotlib.colors import is_color_like

    problems = []
    if adata.X is None or adata.X.dtype != np.float32:
        problems.append(f"X holds {'nothing' if adata.X is None else adata.X.dtype}, expected float32")
    for what, index in (("cells", adata.obs_names), ("genes", adata.var_names)):
        if not index.is_unique:
            problems.append(f"the names of {what} are not unique")
    embeddings = {k: np.asarray(v) for k, v in adata.obsm.items() if k.startswith("X_")}
    if not embeddings:
        problems.append("obsm has no embedding named X_*")
    for name, values in embeddings.items():
        if values.ndim != 2 or values.shape[1] < 2 or values.dtype.kind != "f":
            problems.append(f"obsm[{name!r}] is {values.shape} {values.dtype}, expected numbers, cells x 2")
        elif np.isinf(values).any() or np.isnan(values).all():
            problems.append(f"obsm[{name!r}] has infinite values, or none at all")
    for name, column in adata.obs.items():
        if not isinstance(column.dtype, pd.CategoricalDtype) and column.dtype.kind not in "fi":
            problems.append(f"obs[{name!r}] is {column.dtype}, expected categories or numbers")
    for key, value in adata.uns.items():
        if key.endswith("_colors"):
            column = adata.obs.get(key.removesuffix("_colors"))
            if column is None or len(column.cat.categories) != len(value) or not all(is_color_like(c) for c in value):
                problems.append(f"uns[{key!r}] does not give one colour to each category")
    return problems
