"""Transferred types in a file: the target as it was, with what was found of each cell. Complete or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from .atomic import as_output_error, atomic_output, to_storable

if TYPE_CHECKING:
    from anndata import AnnData

    from ...multimodal.label_transfer import TransferredLabels
    from ...multimodal.novel_types import NovelTypes
    from ...training.trained import Trained


def annotate_types(
    trained: Trained, target: str, transferred: TransferredLabels, new_types: NovelTypes | None = None
) -> AnnData:
    """A copy of the target with obs `inclust_type` ("unknown" where none is given), `inclust_type_best` (the most probable class all the same),
    `inclust_type_probability`, `inclust_unlike` (stranger than the references' types), `inclust_unlike_p`, `inclust_new_type`; all probabilities in
    `obsm["inclust_type_probability"]`, the latent in `obsm["X_inclust"]`, and in `uns["inclust"]` what was promised, the new types and their markers."""
    made = trained.dataset(target).adata.copy()
    add_type_columns(made, transferred)
    made.obsm["inclust_type_probability"] = transferred.probabilities.astype("float32")
    made.obsm["X_inclust"] = trained.latent(target)
    about: dict[str, Any] = {
        "classes": list(transferred.class_names), "error": transferred.error_rate, "threshold": transferred.probability_threshold, "temperature": transferred.temperature,
        "held_out_cells": transferred.n_held_out, "held_out_accuracy": transferred.held_out_accuracy,
    }  # fmt: skip
    if transferred.novelty is not None:
        made.obs["inclust_unlike"] = transferred.novelty.is_novel
        made.obs["inclust_unlike_p"] = transferred.novelty.p_value
        about["unlike_beyond"] = transferred.novelty.thresholds.tolist()
    made.uns["inclust"] = {"transfer": about}
    if new_types is not None:
        made.obs["inclust_new_type"] = new_types.type_names
        made.uns["inclust"] |= {
            "new_types": new_types.table,
            "new_type_markers": new_types.markers.set_index(new_types.markers.index.astype(str)),
        }
    return made


def add_type_columns(adata: AnnData, transferred: TransferredLabels) -> None:
    """The columns of obs that say the type of each cell: `inclust_type`, `inclust_type_best` and `inclust_type_probability`."""
    adata.obs["inclust_type"] = transferred.assigned_types
    adata.obs["inclust_type_best"] = pd.Categorical(
        transferred.most_probable_types.astype(object), list(transferred.class_names)
    )
    adata.obs["inclust_type_probability"] = transferred.probabilities.max(1)


def annotate_clusters(trained: Trained, target: str) -> AnnData:
    """A copy of the target with obs `inclust_cluster` and `inclust_cluster_probability`, and the latent in `obsm["X_inclust"]`."""
    from ...multimodal.label_transfer import predict_clusters

    made = trained.dataset(target).adata.copy()
    names, probability = predict_clusters(trained, target)
    made.obs["inclust_cluster"] = pd.Categorical(names.astype(object))
    made.obs["inclust_cluster_probability"] = probability
    made.obsm["X_inclust"] = trained.latent(target)
    return made


def write_types(
    path: Path, adata: AnnData, trained: Trained, *, command: str, score: Mapping[str, float] | None = None
) -> None:
    """Write what `with_types` or `with_clusters` made, with its provenance."""
    adata.uns["inclust"] = to_storable(
        {**trained.provenance, "command": command, **adata.uns.get("inclust", {}), "score": score}
    )
    with atomic_output(path) as part, as_output_error(path):
        adata.write_h5ad(part)
