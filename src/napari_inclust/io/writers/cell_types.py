"""Transferred types in a file: the target as it was, with what was found of each cell. Complete or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from .atomic import as_output_error, replacing, storable

if TYPE_CHECKING:
    from anndata import AnnData

    from ...multimodal.label_transfer import Transferred
    from ...multimodal.novel_types import NewTypes
    from ...training.trained import Trained


def with_types(trained: Trained, target: str, found: Transferred, new: NewTypes | None = None) -> AnnData:
    """A copy of the target with obs `inclust_type` ("unknown" where none is given), `inclust_type_best` (the most probable class all the same),
    `inclust_type_probability`, `inclust_unlike` (stranger than the references' types), `inclust_unlike_p`, `inclust_new_type`; all probabilities in
    `obsm["inclust_type_probability"]`, the latent in `obsm["X_inclust"]`, and in `uns["inclust"]` what was promised, the new types and their markers."""
    made = trained.data(target).adata.copy()
    put_types(made, found)
    made.obsm["inclust_type_probability"] = found.probability.astype("float32")
    made.obsm["X_inclust"] = trained.latent(target)
    about: dict[str, Any] = {
        "classes": list(found.names), "error": found.error, "threshold": found.threshold, "temperature": found.temperature,
        "held_out_cells": found.held_out, "held_out_accuracy": found.held_out_accuracy,
    }  # fmt: skip
    if found.novelty is not None:
        made.obs["inclust_unlike"] = found.novelty.unlike
        made.obs["inclust_unlike_p"] = found.novelty.p
        about["unlike_beyond"] = found.novelty.halfway.tolist()
    made.uns["inclust"] = {"transfer": about}
    if new is not None:
        made.obs["inclust_new_type"] = new.types
        made.uns["inclust"] |= {"new_types": new.table, "new_type_markers": new.markers.set_index(new.markers.index.astype(str))}
    return made


def put_types(adata: AnnData, found: Transferred) -> None:
    """The columns of obs that say the type of each cell: `inclust_type`, `inclust_type_best` and `inclust_type_probability`."""
    adata.obs["inclust_type"] = found.types
    adata.obs["inclust_type_best"] = pd.Categorical(found.best.astype(object), list(found.names))
    adata.obs["inclust_type_probability"] = found.probability.max(1)


def with_clusters(trained: Trained, target: str) -> AnnData:
    """A copy of the target with obs `inclust_cluster` and `inclust_cluster_probability`, and the latent in `obsm["X_inclust"]`."""
    from ...multimodal.label_transfer import clusters

    made = trained.data(target).adata.copy()
    names, probability = clusters(trained, target)
    made.obs["inclust_cluster"] = pd.Categorical(names.astype(object))
    made.obs["inclust_cluster_probability"] = probability
    made.obsm["X_inclust"] = trained.latent(target)
    return made


def write_types(path: Path, made: AnnData, trained: Trained, *, command: str, score: Mapping[str, float] | None = None) -> None:
    """Write what `with_types` or `with_clusters` made, with its provenance."""
    made.uns["inclust"] = storable({**trained.provenance, "command": command, **made.uns.get("inclust", {}), "score": score})
    with replacing(path) as part, as_output_error(path):
        made.write_h5ad(part)
