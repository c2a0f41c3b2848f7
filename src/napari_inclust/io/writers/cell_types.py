"""Transferred types and clusters in a file: the target data set with more columns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from .anndata_files import write_h5ad
from .atomic import to_storable

if TYPE_CHECKING:
    from anndata import AnnData

    from ...multimodal.label_transfer import TransferredLabels
    from ...multimodal.novel_types import NovelTypes
    from ...training.trained import Trained


def annotate_types(
    trained: Trained, target: str, transferred: TransferredLabels, new_types: NovelTypes | None = None
) -> AnnData:
    """Return a copy of the target with its transferred types.

    In obs `inclust_type` ("unknown" where none is assigned), `inclust_type_best` (the most probable class, also of
    those), `inclust_type_probability`, `inclust_unlike` (unlike all types of the references), `inclust_unlike_p`,
    `inclust_new_type`; all probabilities in `obsm["inclust_type_probability"]`, the latent in `obsm["X_inclust"]`, and
    in `uns["inclust"]` the error rate and thresholds, the new types and their markers.
    """
    cells = trained.dataset(target).adata.copy()
    add_type_columns(cells, transferred)
    cells.obsm["inclust_type_probability"] = transferred.probabilities.astype("float32")
    cells.obsm["X_inclust"] = trained.latent(target)
    summary: dict[str, Any] = {
        "classes": list(transferred.class_names),
        "error": transferred.error_rate,
        "threshold": transferred.probability_threshold,
        "temperature": transferred.temperature,
        "held_out_cells": transferred.n_held_out,
        "held_out_accuracy": transferred.held_out_accuracy,
    }
    if transferred.novelty is not None:
        cells.obs["inclust_unlike"] = transferred.novelty.is_novel
        cells.obs["inclust_unlike_p"] = transferred.novelty.p_value
        summary["unlike_beyond"] = transferred.novelty.thresholds.tolist()
    cells.uns["inclust"] = {"transfer": summary}
    if new_types is not None:
        cells.obs["inclust_new_type"] = new_types.type_names
        cells.uns["inclust"] |= {
            "new_types": new_types.table,
            "new_type_markers": new_types.markers.set_index(new_types.markers.index.astype(str)),
        }
    return cells


def add_type_columns(adata: AnnData, transferred: TransferredLabels) -> None:
    """Add the type of each cell to obs: `inclust_type`, `inclust_type_best` and `inclust_type_probability`."""
    adata.obs["inclust_type"] = transferred.assigned_types
    adata.obs["inclust_type_best"] = pd.Categorical(
        transferred.most_probable_types.astype(object), list(transferred.class_names)
    )
    adata.obs["inclust_type_probability"] = transferred.probabilities.max(1)


def annotate_clusters(trained: Trained, target: str) -> AnnData:
    """Return a copy of the target with its clusters.

    In obs `inclust_cluster` and `inclust_cluster_probability`; the latent in `obsm["X_inclust"]`.
    """
    from ...multimodal.label_transfer import predict_clusters

    cells = trained.dataset(target).adata.copy()
    names, probability = predict_clusters(trained, target)
    cells.obs["inclust_cluster"] = pd.Categorical(names.astype(object))
    cells.obs["inclust_cluster_probability"] = probability
    cells.obsm["X_inclust"] = trained.latent(target)
    return cells


def write_types(
    path: Path, adata: AnnData, trained: Trained, *, command: str, score: Mapping[str, float] | None = None
) -> None:
    """Write the result of `annotate_types` or `annotate_clusters` with its provenance.

    Raises
    ------
    OutputError
        The disk is full or the place cannot be written.
    """
    adata.uns["inclust"] = to_storable(
        {**trained.provenance, "command": command, **adata.uns.get("inclust", {}), "score": score}
    )
    write_h5ad(path, adata)
